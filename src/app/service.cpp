#include "countersign/app/service.hpp"

#include <algorithm>
#include <span>
#include <unordered_map>
#include <utility>

#include "countersign/app/hiding.hpp"
#include "countersign/app/linking.hpp"
#include "countersign/app/webhooks.hpp"
#include "countersign/base/check.hpp"
#include "countersign/base/log.hpp"
#include "countersign/base/text.hpp"
#include "countersign/core/hidden.hpp"

namespace countersign::app {
namespace {

constexpr core::Duration directory_patience{std::chrono::seconds{2}};
constexpr std::size_t scan_pages_max = 10;
constexpr std::size_t page_max = 200;
constexpr std::size_t versions_per_query_max = 1'000;
constexpr std::size_t due_per_query_max = 256;

void count(const World& world, std::string_view what, std::string_view label) {
    if (world.count) world.count(what, label);
}

Lease lease_of(const World& world) {
    return {world.process, world.clock.now() + world.limits.lease};
}

Deadline soon(const World& world) {
    return {world.clock.now() + std::chrono::seconds{5}};
}

core::Requester requester_of(const Caller& caller) {
    core::Requester requester;
    requester.name = caller.token.name;
    requester.account = caller.account();
    if (caller.token.owner) {
        requester.kind = core::Requester::Kind::person;
        requester.humans.push_back(*caller.token.owner);
    }
    if (!caller.workload) return requester;
    requester.claims = caller.workload->claims;
    requester.run = caller.workload->run;
    requester.humans = caller.workload->humans;
    return requester;
}

const std::vector<std::string>& named_channels(const core::ChannelsByChat& targets, core::Surface chat) {
    static const std::vector<std::string> none;
    auto named = targets.find(chat);
    return named == targets.end() ? none : named->second;
}

std::vector<CardTarget> targets(const World& world, const core::Applied& applied) {
    std::vector<CardTarget> cards;
    for (const auto& [surface, chat] : world.chats) {
        const auto& named = named_channels(applied.notify, surface);
        for (const auto& channel : named) cards.push_back({surface, channel});
        auto otherwise = world.default_channel.find(surface);
        if (named.empty() && otherwise != world.default_channel.end() && !otherwise->second.empty())
            cards.push_back({surface, otherwise->second});
    }
    return cards;
}

Result<Done> hide(const Hiding& hiding, core::Request& request, const core::Applied& applied,
                  const std::vector<std::string>& sensitive) {
    for (std::size_t i = 0; i < sensitive.size(); ++i)
        if (!core::may_hide(applied, sensitive[i]))
            return fail(Trouble::invalid_input, "no matching rule lists this pointer under `hide`",
                        "sensitive_not_allowed", "/sensitive/" + std::to_string(i));
    return core::hide(request, sensitive, hiding.salt(request.id).reveal());
}

Later<Done> room_for_more(World& world, std::string caller_key, Deadline deadline) {
    std::size_t most = world.limits.pending_per_requester;
    if (most == 0) co_return Done{};
    std::size_t pending = 0;
    ListFilter filter;
    filter.states = {core::State::pending};
    filter.asked_by = std::move(caller_key);
    filter.limit = page_max;
    for (;;) {
        auto page = co_await world.cases.list(filter, deadline);
        if (!page) co_return pass(page);
        pending += page->cases.size();
        if (pending >= most)
            co_return fail(Trouble::overloaded,
                           "this caller has " + std::to_string(most) +
                               " requests pending already: wait for a decision or cancel one",
                           "too_many_pending");
        if (!page->next_before) co_return Done{};
        filter.before_number = page->next_before;
    }
}

// A workload's token opens one request. The same call again, with its Idempotency-Key, is still that one.
Later<Done> not_used_before(World& world, const Workload& workload, core::RequestId request,
                            std::optional<Idempotency> key, Deadline deadline) {
    COUNTERSIGN_CHECK(world.seen_tokens != nullptr);
    auto purpose = key ? sha256(key->key + "\n" + hex(key->fingerprint)) : sha256(request.text());
    auto first = co_await world.seen_tokens->first_use(workload.token, purpose, workload.expires_at,
                                                       world.clock.now(), deadline);
    if (!first) co_return pass(first);
    if (!*first)
        co_return fail(
            Trouble::unauthenticated,
            "this token has opened a request already: fetch a new one from its issuer for each request, "
            "or wait with the access_token you were given",
            "token_replayed");
    co_return Done{};
}

// What a commit sets off in this process.
Answer spread(World& world, Appended appended) {
    CasePtr now = std::move(appended.now);
    auto first = appended.first_new;
    bool grew = first < now->c.entries.size();
    auto entry = appended.repeat ? appended.repeated : first;
    world.roster.remember(now->c.request->id, now->c.applied);
    if (world.hand_over && (!appended.cards.empty() || !appended.errands.empty()))
        world.hand_over(std::move(appended.cards), std::move(appended.errands), now);
    world.waiters.changed(now);
    bool event = grew || appended.refusal;
    if (world.log && event && !appended.repeat) world.log->committed();
    if (grew && !appended.repeat && !core::open(now->ruling.state)) {
        auto before = core::decide(now->c.request, now->c.applied, std::span{now->c.entries}.first(first));
        if (before.state != now->ruling.state)
            count(world, "request_settled", core::name_of(now->ruling.state));
    }
    return {std::move(now), std::move(appended.refusal), appended.repeat, entry};
}

Later<Answer> append(World& world, core::RequestId request, core::Command command,
                     std::optional<Origin> origin, Deadline deadline) {
    std::vector<core::Surface> served;
    if (std::holds_alternative<core::Tick>(command))
        for (const auto& [surface, chat] : world.chats) served.push_back(surface);
    auto appended = co_await world.cases.append(Append{.request = request,
                                                       .command = std::move(command),
                                                       .directory = world.roster.snapshot(),
                                                       .age_max = world.roster.age_max(),
                                                       .origin = std::move(origin),
                                                       .lease = lease_of(world),
                                                       .served = std::move(served)},
                                                deadline);
    if (!appended) co_return pass(appended);
    co_return spread(world, std::move(*appended));
}

// Makes the facts behind this vote, and behind the votes that would count beside it, young enough.
Later<Done> refresh_voters(World& world, core::AccountId voter, CasePtr now, Deadline deadline) {
    auto groups = core::all_groups_of(now->c.applied);
    auto refreshed = co_await world.roster.ensure(voter, groups, deadline);
    for (const auto& mark : now->ruling.votes) {
        auto also = co_await world.roster.ensure(mark.account, groups, deadline);
        if (!also) refreshed = pass(also);
    }
    co_return refreshed;
}

}  // namespace

CasePtr with_ruling(core::Case c, core::Ruling ruling) {
    return std::make_shared<const CaseNow>(std::move(c), std::move(ruling));
}

CasePtr with_ruling(core::Case c) {
    auto ruling = core::decide(c);
    return with_ruling(std::move(c), std::move(ruling));
}

std::vector<CardTarget> escalation_targets(const core::Applied& applied,
                                           const std::vector<core::Surface>& served) {
    std::vector<CardTarget> all;
    if (!applied.escalate) return all;
    for (core::Surface surface : served)
        for (const auto& channel : named_channels(applied.escalate->to, surface))
            all.push_back({surface, channel});
    return all;
}

core::Request request_of(Ask ask, core::Requester requester, core::RequestId id, core::Instant now) {
    core::Request request{.id = id,
                          .number = 0,
                          .action = std::move(ask.action),
                          .resource = std::move(ask.resource),
                          .environment = std::move(ask.environment),
                          .intent = std::move(ask.intent),
                          .parameters = std::move(ask.parameters),
                          .labels = std::move(ask.labels),
                          .on_behalf_of = std::move(ask.on_behalf_of),
                          .links = std::move(ask.links),
                          .requester = std::move(requester),
                          .digest = {},
                          .created_at = now,
                          .expires_at = now};
    std::ranges::sort(request.labels);
    request.digest = core::digest_of(request);
    return request;
}

Later<Filed> open_request(World& world, const Caller& caller, Ask ask, Deadline deadline) {
    auto people = co_await know_people(world, deadline);
    if (!people) co_return pass(people);
    auto bounds = within_bounds(caller.token, ask.action, ask.environment);
    if (!bounds) co_return pass(bounds);
    if (ask.callback && world.webhooks == nullptr)
        co_return fail(Trouble::invalid_input, "this server sends no webhooks", "not_available", "/callback");
    auto sensitive = std::move(ask.sensitive);
    if (!sensitive.empty() && world.hiding == nullptr)
        co_return fail(Trouble::invalid_input,
                       "this server has no key to hide values with: its operator sets `server_key`",
                       "not_available", "/sensitive");
    auto room = co_await room_for_more(world, caller.key(), deadline);
    if (!room) co_return pass(room);

    auto now = world.clock.now();
    std::optional<Idempotency> idempotency;
    if (ask.idempotency_key)
        idempotency = Idempotency{caller.token.id, std::move(*ask.idempotency_key), ask.fingerprint};
    auto expires_in = ask.expires_in;
    auto id = core::RequestId::mint(now, rt::chance(world.entropy));
    std::optional<Subscription> callback;
    if (ask.callback) {
        auto made = world.webhooks->callback(caller, std::move(*ask.callback), id);
        if (!made) co_return pass(made);
        callback = std::move(*made);
    }
    auto request = request_of(std::move(ask), requester_of(caller), id, now);
    auto directory = world.roster.snapshot();
    auto applied = core::match(*directory, request, expires_in, now);
    if (!applied) co_return pass(applied);
    if (!sensitive.empty()) {
        auto hidden = hide(*world.hiding, request, *applied, sensitive);
        if (!hidden) co_return pass(hidden);
    }
    request.expires_at = now + applied->expires;

    // A chat that cannot be reached makes nobody wait long: an unread group counts as able to meet anything.
    Deadline patience{std::min(deadline.at, now + directory_patience)};
    auto groups = core::all_groups_of(*applied);
    if (!groups.empty()) co_await world.roster.ensure_groups(std::move(groups), patience);
    directory = world.roster.snapshot();
    auto opened = core::opening(request, *applied, *directory, now);
    std::vector<core::Entry> first{opened};
    bool pending = core::open(core::decide(request, *applied, first).state);
    auto cards = pending ? targets(world, *applied) : std::vector<CardTarget>{};
    if (caller.workload && caller.workload->single_use) {
        auto fresh = co_await not_used_before(world, *caller.workload, request.id, idempotency, deadline);
        if (!fresh) co_return pass(fresh);
    }
    auto stored = co_await world.cases.open(NewCase{.request = std::move(request),
                                                    .applied = std::move(*applied),
                                                    .opened = std::move(opened),
                                                    .cards = std::move(cards),
                                                    .idempotency = std::move(idempotency),
                                                    .callback = std::move(callback),
                                                    .lease = lease_of(world)},
                                            deadline);
    if (!stored) co_return pass(stored);
    if (world.log && !stored->repeat) world.log->committed();
    auto filed = with_ruling(std::move(stored->opened));
    world.roster.remember(filed->c.request->id, filed->c.applied);
    if (!stored->repeat) count(world, "request_opened", core::name_of(filed->ruling.state));
    if (world.hand_over && !stored->cards.empty()) world.hand_over(std::move(stored->cards), {}, filed);
    co_return Filed{std::move(filed), stored->repeat};
}

Later<Answer> cast_vote(World& world, core::RequestId request, core::Cast cast, Origin origin,
                        Deadline deadline) {
    if (world.roster.remembered(request) == nullptr) {
        auto read = co_await world.cases.read(request, deadline);
        if (!read) co_return pass(read);
        world.roster.remember(request, read->applied);
    }
    std::vector<core::GroupId> groups;
    if (const auto* known = world.roster.remembered(request)) groups = *known;
    auto people = co_await know_people(world, deadline);
    if (!people) co_return pass(people);
    Deadline patience{std::min(deadline.at, world.clock.now() + directory_patience)};
    if (!world.roster.fresh(cast.account, groups, world.clock.now()))
        co_await world.roster.ensure(cast.account, groups, patience);

    auto verdict = cast.verdict;
    auto answer = co_await append(world, request, cast, origin, deadline);
    if (answer && answer->refusal && answer->refusal->why == core::Why::directory_stale) {
        // Somebody else's facts may be the old ones: those of the votes that would count beside this one.
        auto fresh = co_await refresh_voters(world, cast.account, answer->now, patience);
        if (fresh) answer = co_await append(world, request, std::move(cast), std::move(origin), deadline);
    }
    if (!answer) {
        count(world, "vote_failed", name_of(answer.error().trouble));
        co_return pass(answer);
    }
    if (answer->refusal)
        count(world, "vote_refused", core::code_of(answer->refusal->why));
    else
        count(world, answer->repeat ? "vote_repeated" : "vote_recorded", core::name_of(verdict));
    co_return answer;
}

Later<Answer> judge_again(World& world, core::RequestId request, Deadline deadline) {
    co_return co_await append(world, request, core::Rejudge{}, std::nullopt, deadline);
}

Later<Answer> cancel_request(World& world, core::RequestId request, core::Cancel cancel, Origin origin,
                             Deadline deadline) {
    co_return co_await append(world, request, std::move(cancel), std::move(origin), deadline);
}

Later<Answer> claim_grant(World& world, core::RequestId request, core::Claim claim, Origin origin,
                          Deadline deadline) {
    co_return co_await append(world, request, std::move(claim), std::move(origin), deadline);
}

Later<Answer> report_outcome(World& world, core::RequestId request, core::Report report, Origin origin,
                             Deadline deadline) {
    co_return co_await append(world, request, std::move(report), std::move(origin), deadline);
}

Later<CasePtr> read_request(World& world, core::RequestId request, Deadline deadline) {
    auto read = co_await world.cases.read(request, deadline);
    if (!read) co_return pass(read);
    co_return with_ruling(std::move(*read));
}

Later<CasePtr> read_by_number(World& world, std::int64_t number, Deadline deadline) {
    auto read = co_await world.cases.read_number(number, deadline);
    if (!read) co_return pass(read);
    co_return with_ruling(std::move(*read));
}

Later<CasePtr> wait_from(World& world, CasePtr seen, core::Instant until, WaitStop* stop) {
    auto changed =
        co_await world.waiters.wait(seen->c.request->id, seen->c.version(), world.timers, until, stop);
    if (!changed) co_return pass(changed);
    co_return *changed ? std::move(*changed) : std::move(seen);
}

Later<CasePtr> wait_for_change(World& world, core::RequestId request, std::int32_t seen, core::Instant until,
                               WaitStop* stop) {
    auto read = co_await read_request(world, request, soon(world));
    if (!read || (*read)->c.version() != seen) co_return read;
    co_return co_await wait_from(world, std::move(*read), until, stop);
}

Later<Page> list_requests(World& world, ListFilter filter, Deadline deadline) {
    auto read = co_await world.cases.list(std::move(filter), deadline);
    if (!read) co_return pass(read);
    Page page{.cases = {}, .next_before = read->next_before};
    page.cases.reserve(read->cases.size());
    for (auto& c : read->cases) page.cases.push_back(with_ruling(std::move(c)));
    co_return page;
}

Later<std::vector<CasePtr>> waiting_for(World& world, const core::AccountId& account, std::size_t at_most,
                                        Deadline deadline) {
    auto who = account;
    std::vector<CasePtr> waiting;
    ListFilter filter;
    filter.states = {core::State::pending};
    filter.limit = page_max;
    for (std::size_t pages = 0; pages < scan_pages_max; ++pages) {
        auto page = co_await list_requests(world, filter, deadline);
        if (!page) co_return pass(page);
        auto directory = world.roster.snapshot();
        for (auto& now : page->cases) {
            if (waiting.size() >= at_most) co_return waiting;
            if (core::could_approve(now->c, now->ruling, *directory, who)) waiting.push_back(std::move(now));
        }
        if (!page->next_before) break;
        filter.before_number = page->next_before;
    }
    co_return waiting;
}

rt::asio::awaitable<void> lapse_due(World& world) {
    for (;;) {
        auto due = co_await world.cases.due(world.clock.now(), due_per_query_max, soon(world));
        bool moved = false;
        if (due) {
            for (auto request : *due) {
                auto ticked = co_await append(world, request, core::Tick{}, std::nullopt, soon(world));
                if (!ticked)
                    log::warn("app", "time cannot move {}: {}", request.text(), ticked.error().detail);
                else
                    moved = true;
            }
        }
        if (moved && due->size() == due_per_query_max) continue;
        auto cancelled = co_await world.timers.sleep_until(world.clock.now() + world.limits.poll);
        if (cancelled) co_return;
    }
}

namespace {

Later<Done> look_at_watched(World& world) {
    auto watched = world.waiters.watched();
    std::unordered_map<core::RequestId, std::int32_t> seen(watched.begin(), watched.end());
    for (std::size_t from = 0; from < watched.size(); from += versions_per_query_max) {
        std::vector<core::RequestId> ids;
        for (auto i = from; i < std::min(from + versions_per_query_max, watched.size()); ++i)
            ids.push_back(watched[i].first);
        auto versions = co_await world.cases.versions(std::move(ids), soon(world));
        if (!versions) co_return pass(versions);
        for (const auto& [id, version] : *versions) {
            if (seen[id] >= version) continue;
            auto read = co_await read_request(world, id, soon(world));
            if (read) world.waiters.changed(std::move(*read));
        }
    }
    co_return Done{};
}

// What the log has grown by.
Later<Done> look_at_touched(World& world, std::int64_t from, std::int64_t to) {
    auto touched = co_await world.log->events().touched(from, to, soon(world));
    if (!touched) co_return pass(touched);
    for (const auto& [id, version] : *touched) {
        auto seen = world.waiters.seen(id);
        if (!seen || *seen >= version) continue;
        auto read = co_await read_request(world, id, soon(world));
        if (read) world.waiters.changed(std::move(*read));
    }
    co_return Done{};
}

}  // namespace

rt::asio::awaitable<void> follow_others(World& world) {
    std::int64_t seen = world.log ? world.log->size() : 0;
    auto poll_at = world.clock.now() + world.limits.poll;
    for (;;) {
        if (world.log)
            co_await world.log->grown().wait_until(world.timers, poll_at);
        else
            co_await world.timers.sleep_until(poll_at);
        auto size = world.log ? world.log->size() : 0;
        bool poll = world.clock.now() >= poll_at;
        // What this process did itself has woken its waiters already.
        bool worth_it = world.log && world.log->others() && world.waiters.size() > 0;
        bool in_reach = seen > 0 && size - seen <= static_cast<std::int64_t>(EventLog::batch_max);
        if (poll && world.waiters.size() > 0)
            co_await look_at_watched(world);
        else if (!poll && worth_it && in_reach && size > seen)
            co_await look_at_touched(world, seen, size);
        if (poll) poll_at = world.clock.now() + world.limits.poll;
        seen = size;
    }
}

}  // namespace countersign::app
