#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "countersign/core/entry.hpp"
#include "countersign/core/lowering.hpp"

namespace countersign::wire {

// A dialog asks for this before a vote counts. Its texts are hostile.
struct ReasonAsked {
    core::Verdict verdict;
    std::int64_t number = 0;    // of the request
    std::string about;          // the request in a few words
    std::string resource = {};  // whose name is to be typed; empty: none is
    bool needs_reason = true;
    bool own = false;                           // they are behind it, and the policy lets them approve it
    std::string wrong = {};                     // with what was sent before; empty: nothing was
    std::vector<core::Lowerable> numbers = {};  // one input for each, of the verdict `lower`
};

}  // namespace countersign::wire
