#include "countersign/app/requests.hpp"

#include <algorithm>
#include <iterator>
#include <span>
#include <utility>

#include "app/card_targets.hpp"
#include "app/spans.hpp"
#include "countersign/app/hiding.hpp"
#include "countersign/app/patience.hpp"
#include "countersign/app/plan.hpp"
#include "countersign/app/webhooks.hpp"
#include "countersign/base/crypto.hpp"
#include "countersign/base/log.hpp"
#include "countersign/base/text.hpp"
#include "countersign/core/account_text.hpp"
#include "countersign/core/hidden.hpp"
#include "countersign/core/match.hpp"

namespace countersign::app {
namespace {

constexpr std::size_t page_max = 200;
constexpr int judged_again_max = 3;  // while links between accounts change

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

// Settles by which accounts the people whom a workload's token names are behind the request. A number that
// the policy or a link knows says who it is, and stands for the name where that is known to nobody; one that
// nobody knows yet excludes whoever turns out to have it.
std::vector<core::AccountId> settle_numbers(const Caller& caller, const core::Directory& directory,
                                            std::vector<core::AccountId>& humans) {
    std::vector<core::AccountId> silent;
    if (!caller.workload) return silent;
    auto known = [&](const core::AccountId& account) {
        return directory.listed_in_policy(account) ||
               directory.person_of(account).text() != directory.full(account).text();
    };
    for (const auto& [number, name] : caller.workload->numbered) {
        if (!known(number)) {
            silent.push_back(number);
            continue;
        }
        bool same = name && (!known(*name) || directory.person_of(*name) == directory.person_of(number));
        if (same) {
            std::erase(humans, *name);
            silent.push_back(*name);
        }
        humans.push_back(number);
    }
    return silent;
}

// "req_01JD… #9", for the log.
std::string called(const core::Case& c) {
    return c.request->id.text() + " #" + std::to_string(c.request->number);
}

void note_filed(const core::Case& c, core::State state) {
    const auto& requester = c.request->requester;
    log::info("requests", "{} filed: {} by {} ({}), {}", called(c), visible(c.request->action),
              visible(requester.name), visible(requester.account.text()), core::name_of(state));
}

Result<Done> hide(const Hiding& hiding, core::Request& request, const core::Applied& applied,
                  const std::vector<std::string>& sensitive) {
    for (std::size_t i = 0; i < sensitive.size(); ++i)
        if (!core::may_hide(applied, sensitive[i]))
            return fail(Trouble::invalid_input, "no matching rule lists this pointer under `hide`",
                        "sensitive_not_allowed", "/sensitive/" + std::to_string(i));
    if (core::asks_history(applied))
        for (std::size_t i = 0; i < sensitive.size(); ++i)
            if (core::counts_or_compares(applied, sensitive[i]))
                return fail(Trouble::invalid_input,
                            "a budget or `one_at_a_time` of the policy looks at this value, so it cannot be "
                            "hidden",
                            "sensitive_not_allowed", "/sensitive/" + std::to_string(i));
    return core::hide(request, sensitive, hiding.salt(request.id).reveal());
}

}  // namespace

Later<CasePtr> read_case(CaseStore& cases, core::RequestId request, Deadline deadline) {
    auto read = co_await cases.read(request, deadline);
    if (!read) co_return pass(read);
    co_return with_ruling(std::move(*read));
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

std::vector<CardTarget> Requests::card_targets(const core::Applied& applied) const {
    return app::card_targets(applied, parts_.chats);
}

Later<Done> Requests::room_for_more(std::string caller_key, Deadline deadline) {
    std::size_t most = runtime_.limits.pending_per_requester;
    if (most == 0) co_return Done{};
    std::size_t pending = 0;
    ListFilter filter;
    filter.states = {core::State::pending};
    filter.asked_by = std::move(caller_key);
    filter.limit = page_max;
    for (;;) {
        auto page = co_await parts_.cases.list(filter, deadline);
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
Later<Done> Requests::not_used_before(const Workload& workload, core::RequestId request,
                                      std::optional<Idempotency> key, Deadline deadline) {
    auto purpose = key ? sha256(key->key + "\n" + hex(key->fingerprint)) : sha256(request.text());
    auto first = co_await parts_.seen_tokens.first_use(workload.token, purpose, workload.expires_at,
                                                       runtime_.now(), deadline);
    if (!first) co_return pass(first);
    if (!*first)
        co_return fail(
            Trouble::unauthenticated,
            "this token has opened a request already: fetch a new one from its issuer for each request, "
            "or wait with the access_token you were given",
            "token_replayed");
    co_return Done{};
}

// A commit sets these things off in this process.
Answer Requests::committed(Appended appended) {
    CasePtr now = std::move(appended.now);
    auto first = appended.first_new;
    bool grew = first < now->c.entries.size();
    auto entry = appended.repeat ? appended.repeated : first;
    parts_.roster.remember(now->c.request->id, now->c.applied);
    if (appended.leased) parts_.cards.changed(now, static_cast<std::int32_t>(first));
    parts_.waiters.changed(now);
    bool event = grew || appended.refusal;
    if (event && !appended.repeat) parts_.log.committed();
    if (grew && !appended.repeat && !core::open(now->ruling.state)) {
        auto before = core::decide(now->c.request, now->c.applied, std::span{now->c.entries}.first(first));
        if (before.state != now->ruling.state) {
            parts_.counters.count("request_settled", core::name_of(now->ruling.state));
            log::info("requests", "{} is {}", called(now->c), core::name_of(now->ruling.state));
        }
    }
    return {std::move(now), std::move(appended.refusal), appended.repeat, entry};
}

Later<Answer> Requests::append(core::RequestId request, core::Command command, std::optional<Origin> origin,
                               Deadline deadline) {
    auto appended = co_await store(request, std::move(command), std::move(origin), nullptr, deadline);
    if (!appended) co_return pass(appended);
    co_return committed(std::move(*appended));
}

Later<Appended> Requests::store(core::RequestId request, core::Command command, std::optional<Origin> origin,
                                std::shared_ptr<const NewCase> opens, Deadline deadline) {
    std::vector<core::Surface> served;
    if (std::holds_alternative<core::Tick>(command)) served = parts_.chats.surfaces();
    for (int attempt = 1;; ++attempt) {
        Append what{.request = request,
                    .command = command,
                    .directory = parts_.roster.snapshot(),
                    .age_max = parts_.roster.age_max(),
                    .origin = origin,
                    .lease = runtime_.lease(),
                    .served = served,
                    .opens = opens,
                    .people = parts_.roster.people_version()};
        auto appended = co_await parts_.cases.append(std::move(what), deadline);
        if (appended) co_return std::move(*appended);
        bool links = appended.error().code == links_moved && attempt < judged_again_max;
        if (!links) co_return pass(appended);
        // Somebody was linked a moment ago: the directory learns of it, and the command is judged anew.
        auto known = co_await parts_.people.refresh(deadline);
        if (!known) co_return pass(known);
    }
}

// Only its chat can say whether somebody is behind an account. Where that cannot be asked, whoever votes
// before it was is told that nothing is known.
Later<Done> Requests::ask_about_humans(core::Request request, Deadline deadline) {
    for (const auto& human : core::humans_behind(request)) {
        auto directory = parts_.roster.snapshot();
        std::vector<core::AccountId> accounts = directory->accounts_of(directory->person_of(human));
        accounts.push_back(directory->full(human));
        for (auto& account : accounts) {
            if (!directory->connected(account)) continue;
            auto asked = co_await parts_.roster.ensure(std::move(account), {}, deadline);
            if (!asked) co_return pass(asked);
        }
    }
    co_return Done{};
}

Later<Filed> Requests::open(const Caller& caller, Ask ask, Deadline deadline) {
    auto people = co_await parts_.people.ensure(deadline);
    if (!people) co_return pass(people);
    auto bounds = within_bounds(caller.token, ask.action, ask.environment);
    if (!bounds) co_return pass(bounds);
    auto known = core::read_people(ask.on_behalf_of, parts_.roster.snapshot()->policy());
    if (!known) co_return pass(known);
    auto room = co_await room_for_more(caller.key(), deadline);
    if (!room) co_return pass(room);

    auto now = runtime_.now();
    std::optional<Idempotency> idempotency;
    if (ask.idempotency_key)
        idempotency = Idempotency{caller.token.id, std::move(*ask.idempotency_key), ask.fingerprint};
    auto sensitive = std::move(ask.sensitive);
    auto expires_in = ask.expires_in;
    auto id = core::RequestId::mint(now, rt::chance(runtime_.entropy));
    std::optional<Subscription> callback;
    if (ask.callback) {
        auto made = parts_.webhooks.callback(caller, std::move(*ask.callback), id);
        if (!made) co_return pass(made);
        callback = std::move(*made);
    }
    Asked asked{.request = request_of(std::move(ask), requester_of(caller), id, now),
                .sensitive = std::move(sensitive),
                .expires_in = expires_in,
                .idempotency = std::move(idempotency),
                .callback = std::move(callback),
                .silent = {}};
    Deadline patience{std::min(deadline.at, now + directory_patience)};
    asked.silent = settle_numbers(caller, *parts_.roster.snapshot(), asked.request.requester.humans);
    co_await ask_about_humans(asked.request, patience);
    auto fresh = co_await as_ruled(asked, {}, deadline);
    if (!fresh) co_return pass(fresh);
    if (caller.workload && caller.workload->single_use) {
        auto first = co_await not_used_before(*caller.workload, id, asked.idempotency, deadline);
        if (!first) co_return pass(first);
    }
    co_return co_await file_in_turn(std::move(asked), std::move(*fresh), deadline);
}

// Works out what the rules make of a request that other requests keep back from what is listed.
Later<NewCase> Requests::as_ruled(const Asked& asked, std::vector<core::HeldBack> held_back,
                                  Deadline deadline) {
    core::Request request = asked.request;
    const auto now = request.created_at;
    auto directory = parts_.roster.snapshot();
    auto applied = core::match(*directory, request, asked.expires_in, now, held_back);
    if (!applied) co_return pass(applied);
    if (!asked.sensitive.empty()) {
        auto hidden = hide(parts_.hiding, request, *applied, asked.sensitive);
        if (!hidden) co_return pass(hidden);
    }
    request.expires_at = now + applied->expires;

    // An unread group counts as able to meet anything.
    Deadline patience{std::min(deadline.at, runtime_.now() + directory_patience)};
    auto groups = core::all_groups_of(*applied);
    if (!groups.empty()) co_await parts_.roster.ensure_groups(std::move(groups), patience);
    directory = parts_.roster.snapshot();
    auto opening = plan_opening(request, *applied, *directory, now);
    auto& excluded = opening.opened.behind_accounts;
    excluded.insert(excluded.end(), asked.silent.begin(), asked.silent.end());
    bool pending = core::open(opening.ruling.state);
    auto cards = pending           ? card_targets(*applied)
                 : applied->shadow ? named_targets(*applied, parts_.chats)
                                   : std::vector<CardTarget>{};
    if (pending)
        std::ranges::move(
            direct_targets(request, *applied, opening.opened, *directory, parts_.chats.surfaces()),
            std::back_inserter(cards));
    co_return NewCase{.request = std::move(request),
                      .applied = std::move(*applied),
                      .opened = std::move(opening.opened),
                      .ruling = std::move(opening.ruling),
                      .cards = std::move(cards),
                      .idempotency = asked.idempotency,
                      .callback = asked.callback,
                      .lease = runtime_.lease()};
}

Filed Requests::make_known(OpenedCase stored) {
    auto filed = with_ruling(std::move(stored.opened), std::move(stored.ruling));
    parts_.roster.remember(filed->c.request->id, filed->c.applied);
    if (!stored.repeat) {
        parts_.log.committed();
        parts_.counters.count("request_opened", core::name_of(filed->ruling.state));
        note_filed(filed->c, filed->ruling.state);
    }
    if (stored.leased) parts_.cards.opened(filed, std::move(stored.cards));
    return Filed{std::move(filed), stored.repeat};
}

// Reads which groups may vote on the request, where this process has not met it yet.
Later<Done> Requests::meet(core::RequestId request, Deadline deadline) {
    if (parts_.roster.remembered(request) != nullptr) co_return Done{};
    auto read = co_await parts_.cases.read(request, deadline);
    if (!read) co_return pass(read);
    parts_.roster.remember(request, read->applied);
    Deadline soon{std::min(deadline.at, runtime_.now() + directory_patience)};
    co_await ask_about_humans(read->request, soon);
    co_return Done{};
}

Later<Answer> Requests::vote(core::RequestId request, core::Cast ballot, Origin origin, Deadline deadline) {
    auto verdict = core::name_of(ballot.verdict);
    auto by = visible(ballot.account.text());
    auto via = core::name_of(ballot.via);
    const bool lowers = ballot.verdict == core::Verdict::lower;
    auto once = [&] {
        return lowers ? lower(request, ballot, origin, deadline) : cast(request, ballot, origin, deadline);
    };
    const auto begun = runtime_.now();
    auto answer = co_await patiently<Answer>(runtime_, deadline, once);
    if (runtime_.tracer) runtime_.trace(span_of_vote(request, ballot, origin, answer), begun);
    if (!answer) {
        const Failure& failure = answer.error();
        parts_.counters.count("vote_failed", name_of(failure.trouble));
        log::warn("requests", "{} vote: {} by {} through {}, not recorded: {} ({})", request.text(), verdict,
                  by, via, failure.detail, name_of(failure.trouble));
        co_return pass(answer);
    }
    auto outcome = answer->refusal  ? "refused, " + std::string(core::code_of(answer->refusal->why))
                   : answer->repeat ? std::string("recorded before")
                                    : std::string("recorded");
    log::info("requests", "{} vote: {} by {} through {}, {}", called(answer->now->c), verdict, by, via,
              outcome);
    if (answer->refusal)
        parts_.counters.count("vote_refused", core::code_of(answer->refusal->why));
    else
        parts_.counters.count(answer->repeat ? "vote_repeated" : "vote_recorded", verdict);
    co_return answer;
}

Later<Answer> Requests::judge_again(core::RequestId request, Deadline deadline) {
    co_return co_await append(request, core::Rejudge{}, std::nullopt, deadline);
}

Later<Answer> Requests::tick(core::RequestId request, Deadline deadline) {
    co_return co_await append(request, core::Tick{}, std::nullopt, deadline);
}

Later<Answer> Requests::cancel(core::RequestId request, core::Cancel cancel, Origin origin,
                               Deadline deadline) {
    co_return co_await append(request, std::move(cancel), std::move(origin), deadline);
}

Later<Answer> Requests::claim(core::RequestId request, core::Claim claim, Origin origin, Deadline deadline) {
    co_return co_await append(request, std::move(claim), std::move(origin), deadline);
}

Later<Answer> Requests::report(core::RequestId request, core::Report report, Origin origin,
                               Deadline deadline) {
    co_return co_await append(request, std::move(report), std::move(origin), deadline);
}

Later<CasePtr> Requests::read(core::RequestId request, Deadline deadline) {
    return read_case(parts_.cases, request, deadline);
}

Later<CasePtr> Requests::read_number(std::int64_t number, Deadline deadline) {
    auto read = co_await parts_.cases.read_number(number, deadline);
    if (!read) co_return pass(read);
    co_return with_ruling(std::move(*read));
}

Later<CasePtr> Requests::read_any_version(core::RequestId request, Deadline deadline) {
    if (auto recent = parts_.waiters.recent(request)) co_return recent;
    co_return co_await read(request, deadline);
}

Later<CasePtr> Requests::wait(CasePtr seen, core::Instant until, WaitStop* stop) {
    auto changed =
        co_await parts_.waiters.wait(seen->c.request->id, seen->c.version(), runtime_.timers, until, stop);
    if (!changed) co_return pass(changed);
    co_return *changed ? std::move(*changed) : std::move(seen);
}

Later<Page> Requests::list(ListFilter filter, Deadline deadline) {
    auto read = co_await parts_.cases.list(std::move(filter), deadline);
    if (!read) co_return pass(read);
    Page page{.cases = {}, .next_before = read->next_before};
    page.cases.reserve(read->cases.size());
    for (auto& c : read->cases) page.cases.push_back(with_ruling(std::move(c)));
    co_return page;
}

}  // namespace countersign::app
