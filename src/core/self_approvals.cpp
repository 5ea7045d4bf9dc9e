#include "core/self_approvals.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/lists.hpp"
#include "core/repeats.hpp"
#include "core/sentences.hpp"
#include "core/tally.hpp"
#include "countersign/base/text.hpp"

namespace countersign::core {
namespace {

constexpr std::size_t overdue_named_max = 3;

std::string nothing_to_review_sentence(const Case& c, const Ruling& ruling) {
    if (ruling.review) {
        const ReviewMark& last = ruling.review->given.back();
        return fmt::format("This request was already reviewed by {}.", person_text(last.person));
    }
    const auto& own = c.applied->self_approval;
    if (ruling.state == State::pending && own && own->review)
        return "There is nothing to review yet: it is reviewed once somebody behind it has approved it.";
    return "Nobody who is behind this request approved it by a rule that asks for a review, so there is none "
           "to give.";
}

}  // namespace

std::expected<Reviewed, Refusal> reviewed_by(const Case& c, const Ruling& ruling, const Cast& cast,
                                             const Standing& voter, Instant now) {
    auto refuse = [](Why why, std::string sentence) {
        return std::unexpected(Refusal{why, std::move(sentence)});
    };
    if (!ruling.review || !ruling.review->open())
        return refuse(Why::nothing_to_review, nothing_to_review_sentence(c, ruling));
    if (voter.behind)
        return refuse(Why::self_approval, "You are behind this request, so somebody else has to review it.");
    if (voter.excluded)
        return refuse(Why::excluded,
                      "This request names you as somebody whose word on it does not count, like the author "
                      "of a change, so somebody else has to review it.");
    const auto& missing = ruling.review->missing;
    if (std::ranges::none_of(missing, [&](const GroupId& group) { return contains(voter.groups, group); }))
        return refuse(Why::not_eligible,
                      fmt::format("Only members of {} can review this request; ask one of them.",
                                  group_names(missing)));
    if (!voter.unlinked.empty())
        return refuse(Why::unlinked, unlinked_sentence(voter.unlinked, voter.account));
    if (!readable(cast.reason))
        return refuse(Why::reason_required, "Say what you found, so that others can rely on it.");
    if (c.entries.size() >= case_entries_max)
        return refuse(Why::case_full, "This request has reached the number of entries it can record.");
    return Reviewed{now, voter, clipped(cast.reason), cast.via};
}

std::optional<Refusal> unreviewed(const Case& c, const Cast& cast, const Standing& voter) {
    const auto& own = c.applied->self_approval;
    if (cast.verdict != Verdict::approve || !voter.behind || !own || !own->review) return std::nullopt;
    if (!cast.overdue_reviews)
        return Refusal{Why::reviews_unknown,
                       "Whether earlier approvals of one's own request were reviewed is not known just now; "
                       "try again in a moment."};
    const auto& overdue = *cast.overdue_reviews;
    if (overdue.empty()) return std::nullopt;
    std::vector<std::string> numbers;
    for (std::int64_t number : overdue) {
        if (numbers.size() == overdue_named_max) {
            numbers.emplace_back("others");
            break;
        }
        numbers.push_back(fmt::format("#{}", number));
    }
    return Refusal{
        Why::reviews_overdue,
        fmt::format("What was approved by somebody behind it under the same rule was not reviewed "
                    "in time: {}. Until somebody of {} does, with {}, others have to approve this "
                    "request.",
                    join(numbers, ", "), group_names(own->review->by),
                    command_text(cast.account, fmt::format("review {} what they found", overdue.front())))};
}

std::optional<Instant> review_due(const Case& c, const Ruling& ruling) {
    const bool awaited = ruling.review && ruling.review->open() && !ruling.review->overdue;
    if (!awaited || c.entries.size() >= case_entries_max) return std::nullopt;
    return ruling.review->due;
}

bool may_approve_own(const SelfApproval& own, const Standing& standing) {
    return contains(own.allow, standing.person) || std::ranges::any_of(own.groups, [&](const GroupId& group) {
               return contains(standing.groups, group);
           });
}

// ---- as a tally reads them

// Others look at it afterwards where somebody behind the request was needed for this quorum.
void Tally::open_review(Instant at) {
    if (!applied_.self_approval || !applied_.self_approval->review) return;
    const bool own = std::ranges::any_of(
        marks_, [&](const Mark& mark) { return mark.counted_for != nullptr && excluded(*mark.standing); });
    const ReviewTerms& terms = *applied_.self_approval->review;
    if (own) review_ = Review{terms.by, at + terms.within, false, {}};
}

void Tally::on(const Reviewed& entry) {
    const Standing& voter = entry.voter;
    if (!review_ || !able(voter) || excluded(voter) || voter.excluded) return;
    ReviewMark mark{voter.person, voter.account, entry.via, entry.at, entry.reason, {}};
    std::erase_if(review_->missing, [&](const GroupId& group) {
        if (!contains(voter.groups, group)) return false;
        mark.groups.push_back(group);
        return true;
    });
    if (!mark.groups.empty()) review_->given.push_back(std::move(mark));
}

void Tally::on(const ReviewOverdue&) {
    if (review_ && review_->open()) review_->overdue = true;
}

}  // namespace countersign::core
