#include "app/requests_votes.hpp"

#include <algorithm>
#include <utility>

#include "countersign/core/review.hpp"

// What has to be known for a vote to be judged.
namespace countersign::app {
namespace {

constexpr std::size_t reviews_read_at_once = 200;
constexpr std::size_t reviews_read_max = 2'000;

}  // namespace

bool unasked(const CaseNow& now, const core::Directory& directory) {
    return std::ranges::any_of(core::humans_behind(now.c.request), [&](const auto& human) {
        return directory.presence(human) == core::Directory::Presence::unasked;
    });
}

// Makes the facts behind this vote, and behind the votes that would count beside it, young enough.
Later<Done> Requests::refresh_voters(core::AccountId voter, CasePtr now, Deadline deadline) {
    auto groups = core::all_groups_of(now->c.applied);
    auto refreshed = co_await parts_.roster.ensure(voter, groups, deadline);
    // Whom the voter may stand in for, too.
    std::vector<core::AccountId> away;
    auto directory = parts_.roster.snapshot();
    for (const auto* absence : directory->named_instead(voter)) away.push_back(absence->account);
    for (auto& account : away) {
        auto also = co_await parts_.roster.ensure(directory->full(account), groups, deadline);
        if (!also) refreshed = pass(also);
    }
    for (const auto& mark : now->ruling.votes) {
        auto also = co_await parts_.roster.ensure(mark.account, groups, deadline);
        if (!also) refreshed = pass(also);
    }
    co_return refreshed;
}

Later<Done> Requests::know_voter(core::RequestId request, core::AccountId voter, Deadline deadline) {
    auto met = co_await meet(request, deadline);
    if (!met) co_return pass(met);
    std::vector<core::GroupId> groups;
    if (const auto* known = parts_.roster.remembered(request)) groups = *known;
    auto people = co_await parts_.people.ensure(deadline);
    if (!people) co_return pass(people);
    Deadline patience{std::min(deadline.at, runtime_.now() + directory_patience)};
    if (!parts_.roster.fresh(voter, groups, runtime_.now()))
        co_await parts_.roster.ensure(voter, groups, patience);
    co_return Done{};
}

Later<Answer> Requests::cast(core::RequestId request, core::Cast cast, Origin origin, Deadline deadline) {
    auto known = co_await know_voter(request, cast.account, deadline);
    if (!known) co_return pass(known);
    Deadline patience{std::min(deadline.at, runtime_.now() + directory_patience)};
    auto answer = co_await append(request, cast, origin, deadline);
    if (answer && answer->refusal && answer->refusal->why == core::Why::directory_stale) {
        // Somebody else's facts may be the old ones: those of the votes that would count beside this one.
        auto fresh = co_await refresh_voters(cast.account, answer->now, patience);
        if (fresh) answer = co_await append(request, cast, origin, deadline);
    }
    if (answer && answer->refusal && answer->refusal->why == core::Why::unlinked &&
        unasked(*answer->now, *parts_.roster.snapshot())) {
        auto asked = co_await ask_about_humans(answer->now->c.request, patience);
        if (asked) answer = co_await append(request, cast, origin, deadline);
    }
    if (answer && answer->refusal && answer->refusal->why == core::Why::reviews_unknown) {
        auto overdue = co_await overdue_reviews(answer->now, deadline);
        if (!overdue) co_return pass(overdue);
        cast.overdue_reviews = std::move(*overdue);
        answer = co_await append(request, std::move(cast), origin, deadline);
    }
    co_return answer;
}

Later<std::vector<std::int64_t>> Requests::overdue_reviews(CasePtr now, Deadline deadline) {
    std::vector<std::int64_t> numbers;
    ListFilter filter;
    filter.review_due_by = runtime_.now();
    filter.limit = reviews_read_at_once;
    for (std::size_t read = 0; read < reviews_read_max; read += reviews_read_at_once) {
        auto page = co_await parts_.cases.list(filter, deadline);
        if (!page) co_return pass(page);
        for (const core::Case& c : page->cases)
            if (core::blocks(c, now->c.applied)) numbers.push_back(c.request->number);
        if (!numbers.empty() || !page->next_before) co_return numbers;
        filter.before_number = page->next_before;
    }
    // So many are overdue that those of these rules may be among the rest.
    co_return fail(Trouble::unavailable,
                   "too many approvals of one's own request were not reviewed in time: have them reviewed");
}

}  // namespace countersign::app
