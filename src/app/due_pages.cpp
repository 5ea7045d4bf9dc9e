#include "app/due_pages.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "countersign/app/requests.hpp"

// Pending requests in the order in which they expire, page by page.
namespace countersign::app {

bool comes_after(const PendingRequest& one, core::Instant expires_at, std::int64_t number) {
    return std::pair{one.expires_at, one.number} > std::pair{expires_at, number};
}

// A request that is decided by now still says where the next page begins.
Later<std::size_t> Requests::first_after(const std::vector<PendingRequest>& all, std::int64_t number,
                                         Deadline deadline) {
    auto known = std::ranges::find(all, number, &PendingRequest::number);
    if (known != all.end()) co_return static_cast<std::size_t>(known - all.begin()) + 1;
    auto gone = co_await read_number(number, deadline);
    if (!gone) co_return pass(gone);
    const auto& request = *(*gone)->c.request;
    auto first = std::ranges::find_if(
        all, [&](const PendingRequest& one) { return comes_after(one, request.expires_at, number); });
    co_return static_cast<std::size_t>(first - all.begin());
}

// Most requests that somebody has no say in are told by the groups they ask for, without being read.
bool Requests::may_concern(const PendingRequest& pending, const DueFilter& filter,
                           const core::Directory& directory) {
    const auto* groups = parts_.roster.remembered(pending.id);
    if (!filter.approver || groups == nullptr) return true;
    // Whoever stands in for somebody may have a say by that person's groups.
    if (!directory.named_instead(*filter.approver).empty()) return true;
    return std::ranges::any_of(
        *groups, [&](const core::GroupId& group) { return directory.eligible(*filter.approver, group); });
}

Later<DuePage> Requests::due_page(DueFilter filter, Deadline deadline) {
    auto all = co_await parts_.cases.pending(deadline);
    if (!all) co_return pass(all);
    DuePage page{.cases = {}, .next_after = {}, .pending = all->size()};
    std::size_t at = 0;
    if (filter.after) {
        auto first = co_await first_after(*all, *filter.after, deadline);
        if (!first) co_return pass(first);
        at = *first;
    }
    std::int64_t looked_at = filter.after.value_or(0);
    while (at < all->size()) {
        auto directory = parts_.roster.snapshot();
        std::vector<core::RequestId> chunk;
        const std::size_t began = at;
        for (; at < all->size() && chunk.size() < due_chunk_max; ++at)
            if (may_concern((*all)[at], filter, *directory)) chunk.push_back((*all)[at].id);
        auto read = co_await parts_.cases.read_all(std::move(chunk), deadline);
        if (!read) co_return pass(read);
        std::map<core::RequestId, core::Case> cases;
        for (auto& c : *read) {
            parts_.roster.remember(c.request->id, c.applied);
            cases.emplace(c.request->id, std::move(c));
        }
        for (std::size_t i = began; i < at; ++i) {
            auto found = cases.find((*all)[i].id);
            if (found == cases.end()) continue;
            auto now = with_ruling(std::move(found->second));
            const bool wanted =
                core::open(now->ruling.state) &&
                (!filter.approver || core::could_approve(now->c, now->ruling, *directory, *filter.approver));
            if (!wanted) continue;
            if (page.cases.size() == filter.limit) {
                page.next_after = page.cases.back()->c.request->number;
                co_return page;
            }
            page.cases.push_back(std::move(now));
        }
        looked_at = (*all)[at - 1].number;
        if (at < all->size() && runtime_.now() >= filter.look_until) {
            page.next_after = looked_at;
            co_return page;
        }
    }
    co_return page;
}

}  // namespace countersign::app
