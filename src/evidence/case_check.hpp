#pragma once
#include <optional>
#include <string>
#include <vector>

#include "countersign/app/audit.hpp"
#include "countersign/core/entry.hpp"

namespace countersign::evidence {

// What can be proven of a request from its records alone.
struct CheckedCase {
    std::optional<core::Case> c;          // in its words, where they are there; nullopt: not readable
    std::vector<app::LoggedLeaf> leaves;  // what the log must say of it, without indexes
    std::vector<std::string> bodies;      // of these
    std::vector<std::string> problems;
    bool erased = false;  // some of its words are
};
// Checks that words are those of the record, that its first entry tells of this request and these rules, and
// that the entries come to the states they were recorded with: every ruling is worked out again.
CheckedCase check_case(const app::RecordedCase& recorded);

// What is wrong between what a request says and what the log says of it; empty: nothing. `waits`: versions
// that need no place in the log yet.
std::vector<std::string> compare_leaves(const CheckedCase& checked,
                                        const std::vector<app::LoggedLeaf>& logged,
                                        const std::vector<std::int32_t>& waits);

}  // namespace countersign::evidence
