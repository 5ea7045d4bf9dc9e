#include "countersign/app/followers.hpp"

#include <algorithm>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "countersign/base/log.hpp"

namespace countersign::app {
namespace {

constexpr core::Duration follower_patience{std::chrono::seconds{5}};  // for one call to the database
constexpr std::size_t versions_per_query_max = 1'000;
constexpr std::size_t due_per_query_max = 256;
constexpr std::size_t judged_per_page_max = 200;
constexpr std::size_t redrawn_per_page_max = 100;

// Who is in the policy's groups, without those who are away and those of whom it is known that they can never
// vote: where this is the same, cards name the same people. That one more account is looked up for the first
// time changes nothing, but whether anybody, and whether everybody, of a group was.
std::string approvers_of(const core::Directory& directory) {
    std::string all;
    for (const auto& group : directory.policy().groups) {
        all += group.name.text() + "\n";
        auto members = directory.members(group.name);
        if (!members) continue;
        bool some = false;
        bool every = true;
        for (const auto& person : *members) {
            const auto* absence = directory.absence(person);
            all += person.text() + (absence ? "-" : "+");
            if (absence && absence->instead) all += absence->instead->text();
            bool known = false;
            for (const auto& account : directory.accounts_of(person)) {
                const auto* user = directory.user(account);
                if (user == nullptr) continue;
                known = true;
                if (user->klass != core::AccountClass::member && user->klass != core::AccountClass::unknown)
                    all += '!';
            }
            some = some || known;
            every = every && known;
            all += '\n';
        }
        all += every ? "all\n" : some ? "some\n" : "none\n";
    }
    return all;
}

bool knows_every_group(const core::Directory& directory) {
    // An on-call service that cannot be asked must not keep cards from being drawn anew.
    return std::ranges::all_of(directory.policy().groups, [&](const core::GroupRecord& group) {
        return directory.members(group.name, 1).has_value() || directory.on_call_read_at(group.name);
    });
}

}  // namespace

rt::asio::awaitable<void> Scheduler::run() {
    for (;;) {
        auto due = co_await cases_.due(runtime_.now(), due_per_query_max, runtime_.within(follower_patience));
        bool moved = false;
        if (due) {
            for (auto request : *due) {
                auto ticked = co_await requests_.tick(request, runtime_.within(follower_patience));
                if (!ticked)
                    log::warn("app", "time cannot move {}: {}", request.text(), ticked.error().detail);
                else
                    moved = true;
            }
        }
        if (moved && due->size() == due_per_query_max) continue;
        auto cancelled = co_await runtime_.timers.sleep_until(runtime_.now() + runtime_.limits.poll);
        if (cancelled) co_return;
    }
}

Later<Done> ReplicaFollower::look_at_all() {
    auto watched = waiters_.watched();
    std::unordered_map<core::RequestId, std::int32_t> seen(watched.begin(), watched.end());
    for (std::size_t from = 0; from < watched.size(); from += versions_per_query_max) {
        std::vector<core::RequestId> ids;
        for (auto i = from; i < std::min(from + versions_per_query_max, watched.size()); ++i)
            ids.push_back(watched[i].first);
        auto versions = co_await cases_.versions(std::move(ids), runtime_.within(follower_patience));
        if (!versions) co_return pass(versions);
        for (const auto& [id, version] : *versions) {
            if (seen[id] >= version) continue;
            auto read = co_await read_case(cases_, id, runtime_.within(follower_patience));
            if (read) waiters_.changed(std::move(*read));
        }
    }
    co_return Done{};
}

// What the log has grown by.
Later<Done> ReplicaFollower::look_at_touched(std::int64_t from, std::int64_t to) {
    auto touched = co_await log_.events().touched(from, to, runtime_.within(follower_patience));
    if (!touched) co_return pass(touched);
    for (const auto& [id, version] : *touched) {
        auto seen = waiters_.seen(id);
        if (!seen || *seen >= version) continue;
        auto read = co_await read_case(cases_, id, runtime_.within(follower_patience));
        if (read) waiters_.changed(std::move(*read));
    }
    co_return Done{};
}

rt::asio::awaitable<void> ReplicaFollower::run() {
    std::int64_t seen = log_.size();
    auto poll_at = runtime_.now() + runtime_.limits.poll;
    for (;;) {
        co_await log_.grown().wait_until(runtime_.timers, poll_at);
        auto size = log_.size();
        bool poll = runtime_.now() >= poll_at;
        // What this process did itself has woken its waiters already.
        bool worth_it = log_.others() && waiters_.size() > 0;
        bool in_reach = seen > 0 && size - seen <= static_cast<std::int64_t>(EventLog::batch_max);
        if (poll && waiters_.size() > 0)
            co_await look_at_all();
        else if (!poll && worth_it && in_reach && size > seen)
            co_await look_at_touched(seen, size);
        if (poll) poll_at = runtime_.now() + runtime_.limits.poll;
        seen = size;
    }
}

// Every pending request that the newest links say something new about.
Later<Done> PeopleFollower::judge_open_requests() {
    ListFilter filter;
    filter.states = {core::State::pending};
    filter.limit = judged_per_page_max;
    for (;;) {
        auto page = co_await requests_.list(filter, runtime_.within(follower_patience));
        if (!page) co_return pass(page);
        for (const CasePtr& pending : page->cases) {
            const core::Case& c = pending->c;
            auto directory = roster_.snapshot();
            auto would = core::advance(c, core::Rejudge{}, *directory, runtime_.now(), roster_.age_max());
            if (would.appended.empty()) continue;
            auto judged = co_await requests_.judge_again(c.request->id, runtime_.within(follower_patience));
            if (!judged && judged.error().trouble == Trouble::unavailable) co_return pass(judged);
            if (!judged)
                log::warn("app", "{} was not judged again: {}", c.request->id.text(), judged.error().detail);
        }
        if (!page->next_before) co_return Done{};
        filter.before_number = page->next_before;
    }
}

rt::asio::awaitable<void> PeopleFollower::run() {
    std::optional<std::int64_t> judged;
    for (;;) {
        auto read = co_await people_.refresh(runtime_.within(follower_patience));
        auto version = roster_.people_version();
        if (read && version != judged && roster_.complete()) {
            auto done = co_await judge_open_requests();
            if (done) judged = version;
            if (!done) log::warn("app", "open requests are yet to be judged again: {}", done.error().detail);
        }
        auto cancelled = co_await runtime_.timers.sleep_until(runtime_.now() + runtime_.limits.poll);
        if (cancelled) co_return;
    }
}

Later<Done> ApproverFollower::redraw(const core::Directory& before, const core::Directory& now) {
    auto all = co_await parts_.cases.pending(runtime_.within(follower_patience));
    if (!all) co_return pass(all);
    for (std::size_t from = 0; from < all->size(); from += redrawn_per_page_max) {
        std::vector<core::RequestId> ids;
        for (auto i = from; i < std::min(from + redrawn_per_page_max, all->size()); ++i)
            ids.push_back((*all)[i].id);
        auto read = co_await parts_.cases.read_all(std::move(ids), runtime_.within(follower_patience));
        if (!read) co_return pass(read);
        for (const auto& c : *read) {
            const auto ruling = core::decide(c);
            if (core::lacking(c, ruling, before) != core::lacking(c, ruling, now))
                busy_.push_back(c.request->id);
        }
    }
    co_return Done{};
}

rt::asio::awaitable<void> ApproverFollower::run() {
    std::shared_ptr<const core::Directory> drawn;
    std::string approvers;
    const auto learns_until = runtime_.now() + learning_max;
    for (;;) {
        auto now = parts_.roster.snapshot();
        // What is read after a start is no change.
        const bool ready = drawn || knows_every_group(*now) || runtime_.now() >= learns_until;
        if (parts_.roster.complete() && ready && now != drawn) {
            auto can = approvers_of(*now);
            Result<Done> found = Done{};
            if (drawn && can != approvers) found = co_await redraw(*drawn, *now);
            if (found) {
                drawn = std::move(now);
                approvers = std::move(can);
            } else {
                log::warn("app", "cards are yet to be drawn anew: {}", found.error().detail);
            }
        }
        if (!busy_.empty()) {
            auto left =
                co_await parts_.cards.redraw(std::exchange(busy_, {}), runtime_.within(follower_patience));
            if (left) busy_ = std::move(*left);
            parts_.outbox.leases_freed();
        }
        auto cancelled = co_await runtime_.timers.sleep_until(runtime_.now() + look_every);
        if (cancelled) co_return;
    }
}

rt::asio::awaitable<void> OnCallFollower::run() {
    for (;;) {
        // What went wrong is said where it is asked.
        co_await roster_.follow_on_call(runtime_.within(follower_patience));
        auto cancelled = co_await runtime_.timers.sleep_until(runtime_.now() + Roster::on_call_age / 4);
        if (cancelled) co_return;
    }
}

}  // namespace countersign::app
