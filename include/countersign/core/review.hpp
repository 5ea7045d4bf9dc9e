#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "countersign/core/decide.hpp"
#include "countersign/core/people.hpp"

// Approvals of one's own request are looked at afterwards, where the rules ask for it.
namespace countersign::core {

// The people of a group who could review a request: the first could_approve_max, sorted by name.
struct Reviewers {
    GroupId group;
    std::vector<PersonId> people;
    std::size_t more = 0;  // so many further people could too
};
// For each group that has yet to review it. Whoever is away is left out; a group that was never read has
// none.
std::vector<Reviewers> reviewers(const Case& c, const Ruling& ruling, const Directory& directory);
// Says whether this very account could review it now.
bool could_review(const Case& c, const Ruling& ruling, const Directory& directory, const AccountId& account);

// What a request has to have in common with an overdue review for nobody to approve it who asks for it:
// one of the rules that ask for reviews.
bool blocks(const Case& unreviewed, const Applied& applied);

}  // namespace countersign::core
