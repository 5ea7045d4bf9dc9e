#include "countersign/core/review.hpp"

#include <algorithm>

#include "core/eligibility.hpp"
#include "core/lists.hpp"

namespace countersign::core {
namespace {

bool may_review(const Standing& voter, const Review& review) {
    return !voter.behind && !voter.excluded && voter.unlinked.empty() &&
           voter.klass == AccountClass::member &&
           std::ranges::any_of(review.missing,
                               [&](const GroupId& group) { return contains(voter.groups, group); });
}

}  // namespace

std::vector<Reviewers> reviewers(const Case& c, const Ruling& ruling, const Directory& directory) {
    std::vector<Reviewers> all;
    if (!ruling.review) return all;
    const Behind behind{c.request, c.entries, directory};
    for (const GroupId& group : ruling.review->missing) {
        Reviewers one{group, {}, 0};
        for (const PersonId& person : directory.members(group).value_or(std::vector<PersonId>{})) {
            if (behind.includes(person) || directory.absence(person)) continue;
            if (one.people.size() < could_approve_max)
                one.people.push_back(person);
            else
                ++one.more;
        }
        all.push_back(std::move(one));
    }
    return all;
}

bool could_review(const Case& c, const Ruling& ruling, const Directory& directory, const AccountId& account) {
    if (!ruling.review || !ruling.review->open()) return false;
    const Behind behind{c.request, c.entries, directory};
    return may_review(standing_of(c, behind, directory, account), *ruling.review);
}

bool blocks(const Case& unreviewed, const Applied& applied) {
    const auto& theirs = unreviewed.applied->self_approval;
    const auto& own = applied.self_approval;
    if (!theirs || !theirs->review || !own || !own->review) return false;
    return std::ranges::any_of(
        own->review->rules, [&](const std::string& rule) { return contains(theirs->review->rules, rule); });
}

}  // namespace countersign::core
