#include "fakes/store.hpp"

#include <algorithm>
#include <chrono>

namespace countersign::fakes {
namespace {

bool voted(const core::Case& c, const core::PersonId& person) {
    return std::ranges::any_of(c.entries, [&](const core::Entry& entry) {
        const auto* who = core::person_who_acted(entry);
        return who && *who == person;
    });
}

std::unexpected<Failure> missing() {
    return fail(Trouble::not_found, "there is no such request");
}

}  // namespace

Later<app::OpenedCase> Store::open(app::NewCase fresh, Deadline) {
    if (auto failed = trouble("open")) co_return std::unexpected(*failed);
    if (fresh.idempotency) {
        auto found = keys_.find({fresh.idempotency->token, fresh.idempotency->key});
        if (found != keys_.end() && fresh.opened.at - found->second.at <= std::chrono::hours{24}) {
            if (found->second.fingerprint != fresh.idempotency->fingerprint) {
                co_return fail(Trouble::conflict, "this Idempotency-Key was used for another request",
                               "idempotency_mismatch");
            }
            const core::Case& c = cases_.at(found->second.request).on.c;
            app::OpenedCase had{.opened = c, .ruling = core::decide(c), .repeat = true};
            had.leased = lease_again(c.request->id, fresh.lease);
            if (had.leased) had.cards = states_of(c.request->id);
            co_return had;
        }
        keys_.insert_or_assign({fresh.idempotency->token, fresh.idempotency->key},
                               Key{fresh.idempotency->fingerprint, fresh.request.id, fresh.opened.at});
    }
    const auto keys = app::history_keys_of(fresh);
    auto judged = app::judge_opening(fresh, history_of(keys), clock_.now());
    if (!judged.held_back.empty()) {
        if (fresh.idempotency) keys_.erase({fresh.idempotency->token, fresh.idempotency->key});
        co_return app::kept_back(fresh, std::move(judged.held_back));
    }
    keep(keys, std::move(judged.records));
    fresh.request.number = numbers_.empty() ? 1 : numbers_.rbegin()->first + 1;
    core::RequestId id = fresh.request.id;
    numbers_.emplace(fresh.request.number, id);
    core::Case c{std::move(fresh.request), std::move(fresh.applied), {core::Entry{fresh.opened}}};
    app::OpenedCase opened{.opened = with_earlier(c), .ruling = std::move(fresh.ruling)};
    opened.cards = Outbox::opened(id, fresh.cards, fresh.lease);
    opened.leased = !opened.cards.empty();
    core::State state = opened.ruling.state;
    remember_all(c,
                 {.version = 1, .before = core::State::pending, .after = state, .origin = {}, .command = 0});
    cases_.emplace(id, Kept{{std::move(c), {std::string{}}, state, false}, {}});
    co_return opened;
}

core::Case Store::with_earlier(core::Case c) const {
    const auto keys = core::last_keys(c.request, c.applied);
    if (!keys.empty() && core::open(core::decide(c).state))
        c.earlier = std::make_shared<const core::History>(history_of(keys));
    return c;
}

core::History Store::history_of(const std::vector<core::HistoryKey>& keys) const {
    core::History history;
    history.name_of = [](const core::PersonId& person) { return "name of " + person.text(); };
    for (const auto& key : keys) {
        auto found = history_.find(key.text);
        history.past.push_back({key, found == history_.end() ? core::HistoryRecord{} : found->second});
        for (const auto& id : history.past.back().record.line) {
            auto its = cases_.find(id);
            if (its == cases_.end())
                history.line.push_back({.id = id, .ended = true});
            else
                history.line.push_back(core::in_line(its->second.on.c, clock_.now()));
        }
    }
    return history;
}

void Store::keep(const std::vector<core::HistoryKey>& keys, std::vector<core::HistoryRecord> records) {
    for (std::size_t i = 0; i < records.size(); ++i) history_[keys[i].text] = std::move(records[i]);
}

std::optional<std::int32_t> Store::version_of(core::RequestId request) const {
    auto found = cases_.find(request);
    return found == cases_.end() ? std::nullopt : std::optional{found->second.on.c.version()};
}

Later<app::Appended> Store::append(app::Append append, Deadline) {
    if (auto failed = trouble("append")) co_return std::unexpected(*failed);
    auto found = cases_.find(append.request);
    if (found == cases_.end()) co_return missing();
    Kept& kept = found->second;
    if (append.opens && append.opens->idempotency &&
        keys_.contains({append.opens->idempotency->token, append.opens->idempotency->key}))
        co_return fail(Trouble::conflict, "this Idempotency-Key was used before",
                       std::string(app::key_taken));
    app::PlanCommand command{&append, append.origin ? append.origin->key : std::string{}, false,
                             rt::chance(entropy_)};
    const auto before = kept.on;
    const auto keys = app::history_keys_of(kept.on.c);
    app::Plan plan = app::plan(kept.on, std::span(&command, 1), clock_.now(), history_of(keys));
    const core::Case& c = kept.on.c;
    if (append.opens && plan.wrote() && plan.answers.front() && !plan.answers.front()->refusal) {
        const auto its = history_of(app::history_keys_of(*append.opens));
        if (!app::judge_opening(*append.opens, its, clock_.now()).held_back.empty()) {
            kept.on = before;
            co_return fail(Trouble::conflict, "other requests keep this one back",
                           std::string(app::opening_held_back));
        }
    }
    if (!plan.records.empty()) keep(keys, std::move(plan.records));
    for (const auto& [id, target] : plan.cards) add_card(append.request, id, target, c.version() - 1);
    auto& answer = plan.answers.front();
    for (const auto& entry : plan.entries) remember_all(c, entry);
    for (const auto& vote : plan.refused)
        if (kept.refused.insert(vote.person.text() + " " + std::string(core::code_of(vote.why))).second)
            remember({vote.at, "request.vote_refused", append.request, vote.version, vote.state,
                      app::facts_of(vote)},
                     app::refusal_place);
    if (answer && plan.wrote()) answer->leased = changed(append.request, c.version(), append.lease);
    if (answer && plan.wrote() && !answer->refusal && append.opens) {
        auto opened = co_await open(*append.opens, Deadline{});
        if (!opened) co_return pass(opened);
        answer->opened = std::make_shared<app::OpenedCase>(std::move(*opened));
    }
    if (answer && answer->repeat) answer->leased = lease_again(append.request, append.lease);
    co_return std::move(answer);
}

Later<core::Case> Store::read(core::RequestId request, Deadline) {
    if (auto failed = trouble("read")) co_return std::unexpected(*failed);
    auto found = cases_.find(request);
    if (found == cases_.end()) co_return missing();
    co_return with_earlier(found->second.on.c);
}

Later<core::Case> Store::read_number(std::int64_t number, Deadline) {
    if (auto failed = trouble("read_number")) co_return std::unexpected(*failed);
    auto found = numbers_.find(number);
    if (found == numbers_.end()) co_return missing();
    co_return with_earlier(cases_.at(found->second).on.c);
}

Later<app::ListPage> Store::list(app::ListFilter filter, Deadline) {
    if (auto failed = trouble("list")) co_return std::unexpected(*failed);
    app::ListPage page;
    std::size_t limit = std::clamp<std::size_t>(filter.limit, 1, 200);
    for (auto place = numbers_.rbegin(); place != numbers_.rend(); ++place) {
        const core::Case& c = cases_.at(place->second).on.c;
        const core::Ruling ruling = core::decide(c);
        const core::State state = ruling.state;
        const bool reviewable = ruling.review && ruling.review->open();
        bool wanted =
            (!filter.review_due_by || (reviewable && ruling.review->due <= *filter.review_due_by)) &&
            (filter.states.empty() || std::ranges::find(filter.states, state) != filter.states.end()) &&
            (!filter.action || c.request->action == *filter.action) &&
            (!filter.requester || c.request->requester.name == *filter.requester) &&
            (!filter.asked_by || core::caller_key(c.request->requester) == *filter.asked_by) &&
            (!filter.environment || c.request->environment == filter.environment) &&
            (!filter.resource || c.request->resource == filter.resource) &&
            (!filter.voter || voted(c, *filter.voter)) &&
            (!filter.since || c.request->created_at >= *filter.since) &&
            (!filter.until || c.request->created_at < *filter.until) &&
            (!filter.before_number || c.request->number < *filter.before_number);
        if (!wanted) continue;
        if (page.cases.size() == limit) {
            page.next_before = page.cases.back().request->number;
            break;
        }
        page.cases.push_back(with_earlier(c));
    }
    co_return page;
}

Later<std::vector<app::PendingRequest>> Store::pending(Deadline) {
    if (auto failed = trouble("pending")) co_return std::unexpected(*failed);
    std::vector<app::PendingRequest> all;
    for (const auto& [id, kept] : cases_)
        if (core::decide(kept.on.c).state == core::State::pending)
            all.push_back({id, kept.on.c.request->number, kept.on.c.request->expires_at});
    std::ranges::sort(all, {}, [](const auto& one) { return std::pair{one.expires_at, one.number}; });
    co_return all;
}

Later<std::vector<core::Case>> Store::read_all(std::vector<core::RequestId> requests, Deadline) {
    if (auto failed = trouble("read_all")) co_return std::unexpected(*failed);
    std::vector<core::Case> cases;
    for (const auto& id : requests)
        if (auto kept = cases_.find(id); kept != cases_.end())
            cases.push_back(with_earlier(kept->second.on.c));
    co_return cases;
}

Later<core::Case> Store::last_approved(app::Alike alike, Deadline) {
    if (auto failed = trouble("last_approved")) co_return std::unexpected(*failed);
    std::size_t looked_at = 0;
    for (auto place = numbers_.rbegin(); place != numbers_.rend(); ++place) {
        const core::Case& c = cases_.at(place->second).on.c;
        const bool alike_one = c.request->action == alike.action && c.request->resource == alike.resource;
        if (!alike_one || c.request->number >= alike.before_number) continue;
        if (looked_at++ == app::alike_scan_max) break;
        switch (core::decide(c).state) {
            case core::State::approved:
            case core::State::claimed:
            case core::State::succeeded:
            case core::State::failed:
            case core::State::lapsed:
                co_return c;
            default:
                break;
        }
    }
    co_return fail(Trouble::not_found, "no such request was approved");
}

Later<std::vector<core::RequestId>> Store::due(core::Instant now, std::size_t at_most, Deadline) {
    if (auto failed = trouble("due")) co_return std::unexpected(*failed);
    std::vector<std::pair<core::Instant, core::RequestId>> ready;
    for (const auto& [id, kept] : cases_) {
        auto due = core::due_at(kept.on.c, core::decide(kept.on.c));
        if (due && *due <= now) ready.emplace_back(*due, id);
    }
    std::ranges::sort(ready);
    std::vector<core::RequestId> ids;
    for (const auto& one : ready) {
        if (ids.size() < at_most) ids.push_back(one.second);
    }
    co_return ids;
}

Later<std::vector<std::pair<core::RequestId, std::int32_t>>> Store::versions(
    std::vector<core::RequestId> requests, Deadline) {
    if (auto failed = trouble("versions")) co_return std::unexpected(*failed);
    std::vector<std::pair<core::RequestId, std::int32_t>> all;
    for (const auto& request : requests) {
        auto found = cases_.find(request);
        if (found != cases_.end()) all.emplace_back(request, found->second.on.c.version());
    }
    co_return all;
}

Later<app::Token> Store::by_hash(Sha256 hash, Deadline) {
    if (auto failed = trouble("by_hash")) co_return std::unexpected(*failed);
    auto found = tokens_.find(hash);
    if (found == tokens_.end()) co_return fail(Trouble::not_found, "there is no such token");
    co_return found->second;
}

app::Token* Store::token(core::TokenId id) {
    for (auto& [hash, token] : tokens_)
        if (token.id == id) return &token;
    return nullptr;
}

Later<app::Token> Store::by_id(core::TokenId id, Deadline) {
    if (auto failed = trouble("by_id")) co_return std::unexpected(*failed);
    const app::Token* found = token(id);
    if (!found) co_return fail(Trouble::not_found, "there is no such token");
    co_return *found;
}

Later<Done> Store::create(app::Token token, Sha256 hash, app::AdminEvent event, Deadline) {
    if (auto failed = trouble("create")) co_return std::unexpected(*failed);
    tokens_.emplace(hash, std::move(token));
    keep(std::move(event));
    co_return Done{};
}

Later<std::vector<app::Token>> Store::list(Deadline) {
    if (auto failed = trouble("tokens")) co_return std::unexpected(*failed);
    std::vector<app::Token> all;
    for (const auto& [hash, token] : tokens_) all.push_back(token);
    std::ranges::sort(all, {}, &app::Token::id);
    co_return all;
}

Later<Done> Store::revoke(core::TokenId id, core::Instant now, app::AdminEvent event, Deadline) {
    if (auto failed = trouble("revoke")) co_return std::unexpected(*failed);
    app::Token* found = token(id);
    if (!found) co_return fail(Trouble::not_found, "there is no such token");
    if (found->revoked_at) co_return Done{};
    found->revoked_at = now;
    keep(std::move(event));
    co_return Done{};
}

Later<Done> Store::confirm(core::TokenId id, app::Token::Confirmation how, app::AdminEvent event, Deadline) {
    if (auto failed = trouble("confirm")) co_return std::unexpected(*failed);
    app::Token* found = token(id);
    if (!found) co_return fail(Trouble::not_found, "there is no such token");
    if (found->revoked_at) co_return fail(Trouble::conflict, "this token is revoked", "token_revoked");
    if (found->confirmed) co_return Done{};
    found->confirmed = std::move(how);
    keep(std::move(event));
    co_return Done{};
}

Later<Done> Store::used(std::vector<std::pair<core::TokenId, core::Instant>> uses, Deadline) {
    if (auto failed = trouble("used")) co_return std::unexpected(*failed);
    for (const auto& [id, at] : uses)
        for (auto& [hash, token] : tokens_)
            if (token.id == id && token.last_used_at.value_or(core::Instant{}) < at) token.last_used_at = at;
    co_return Done{};
}

Later<bool> Store::first_use(Sha256 token, Sha256 purpose, core::Instant until, core::Instant now, Deadline) {
    if (auto failed = trouble("first_use")) co_return std::unexpected(*failed);
    std::erase_if(seen_, [&](const auto& one) { return one.second.until < now; });
    auto [it, fresh] = seen_.try_emplace(token, Seen{purpose, until});
    co_return it->second.purpose == purpose;
}

std::vector<std::string> Store::events_of(core::RequestId request) const {
    std::vector<std::string> types;
    for (const auto& [id, event] : events_)
        if (event.request == request) types.push_back(event.type);
    return types;
}

Later<Done> Store::record(app::AdminEvent event, Deadline) {
    if (auto failed = trouble("record")) co_return std::unexpected(*failed);
    keep(std::move(event));
    co_return Done{};
}

void Store::keep(app::AdminEvent event) {
    if (!logs_acts) return;
    core::EventId id = event.id;
    Event row{event.at, std::string(name_of(event.act)), {}, 0, core::State::pending};
    if (!acts_.emplace(id, std::move(event)).second) return;
    events_.emplace(id, std::move(row));
    unsequenced_.insert(id);
}

void Store::remember_all(const core::Case& c, const app::PlannedEntry& planned) {
    const core::Entry& entry = c.entries[static_cast<std::size_t>(planned.version) - 1];
    std::uint8_t place = 0;
    for (std::string_view type : app::events_of(entry, planned.before, planned.after))
        remember({at_of(entry), std::string(type), c.request->id, planned.version, planned.after}, place++);
}

void Store::remember(Event event, std::uint8_t place) {
    std::array<std::byte, 10> unique{};
    for (std::size_t i = 0; i < 4; ++i) unique[9 - i] = static_cast<std::byte>(events_.size() >> (8 * i));
    auto id = app::event_id(event.at, event.version, place, unique);
    events_.emplace(id, std::move(event));
    unsequenced_.insert(id);
}

Later<app::EventLog::Sequenced> Store::sequence(std::optional<core::ProcessId>, Deadline) {
    if (auto failed = trouble("sequence")) co_return std::unexpected(*failed);
    std::size_t placed = 0;
    for (; placed < batch_max && !unsequenced_.empty(); ++placed)
        log_.push_back(unsequenced_.extract(unsequenced_.begin()).value());
    Sequenced done{static_cast<std::int64_t>(log_.size()), placed == batch_max};
    co_return done;
}

app::LoggedEvent Store::logged(std::int64_t index) const {
    core::EventId id = log_[static_cast<std::size_t>(index)];
    const Event& row = events_.at(id);
    app::LoggedEvent event{.index = index,
                           .id = id,
                           .at = row.at,
                           .type = row.type,
                           .request = {},
                           .version = row.version,
                           .state = row.state,
                           .subject = {},
                           .facts = row.facts};
    if (row.request) event.request = std::make_shared<const core::Case>(cases_.at(*row.request).on.c);
    if (auto act = acts_.find(id); act != acts_.end()) {
        event.subject = act->second.subject;
        event.facts = act->second.facts;
    }
    return event;
}

Later<app::LogPage> Store::read(std::int64_t after, app::EventFilter filter, std::size_t at_most, Deadline) {
    if (auto failed = trouble("read_log")) co_return std::unexpected(*failed);
    app::LogPage page{.events = {}, .through = after, .size = static_cast<std::int64_t>(log_.size())};
    at_most = std::clamp<std::size_t>(at_most, 1, page_max);
    for (auto index = after + 1; index < page.size && page.events.size() < at_most; ++index) {
        auto event = logged(index);
        page.through = index;
        if (matches(filter, event)) page.events.push_back(std::move(event));
    }
    co_return page;
}

Later<std::vector<app::EventLog::Touched>> Store::touched(std::int64_t from, std::int64_t to, Deadline) {
    if (auto failed = trouble("touched")) co_return std::unexpected(*failed);
    std::map<core::RequestId, std::int32_t> found;
    for (auto index = from; index < std::min<std::int64_t>(to, std::ssize(log_)); ++index) {
        const auto& row = events_.at(log_[static_cast<std::size_t>(index)]);
        if (row.request) found[*row.request] = cases_.at(*row.request).on.c.version();
    }
    std::vector<Touched> all;
    for (const auto& [request, version] : found) all.push_back({request, version});
    co_return all;
}

std::vector<app::AdminEvent> Store::acts() const {
    std::vector<app::AdminEvent> all;
    for (const auto& [id, act] : acts_) all.push_back(act);
    return all;
}

void Store::lose(core::RequestId request) {
    cases_.erase(request);
    std::erase_if(numbers_, [&](const auto& one) { return one.second == request; });
}

}  // namespace countersign::fakes
