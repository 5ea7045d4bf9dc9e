#include "fakes/store.hpp"

#include <algorithm>
#include <chrono>

namespace countersign::fakes {
namespace {

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
            app::OpenedCase had{c, core::decide(c), {}, true};
            co_return had;
        }
        keys_.insert_or_assign({fresh.idempotency->token, fresh.idempotency->key},
                               Key{fresh.idempotency->fingerprint, fresh.request.id, fresh.opened.at});
    }
    fresh.request.number = numbers_.empty() ? 1 : numbers_.rbegin()->first + 1;
    core::RequestId id = fresh.request.id;
    numbers_.emplace(fresh.request.number, id);
    core::Case c{std::move(fresh.request), std::move(fresh.applied), {core::Entry{fresh.opened}}};
    app::OpenedCase opened{c, std::move(fresh.ruling), {}, false};
    for (const auto& target : fresh.cards) {
        Card card{.job = {.id = mint<core::CardId>(),
                          .request = id,
                          .target = target,
                          .posted = {},
                          .post_may_have_happened = false,
                          .rendered_version = 0,
                          .attempts = 0,
                          .created_at = fresh.opened.at},
                  .wanted = 1,
                  .closed = false,
                  .due = fresh.lease.until,
                  .holder = fresh.lease.holder};
        opened.cards.push_back(card.job);
        cards_.emplace(card.job.id, std::move(card));
    }
    core::State state = opened.ruling.state;
    remember_all(c,
                 {.version = 1, .before = core::State::pending, .after = state, .origin = {}, .command = 0});
    cases_.emplace(id, Kept{{std::move(c), {std::string{}}, state, false}, {}});
    co_return opened;
}

void Store::lease_cards(const core::RequestId& request, std::int32_t version, const app::Lease& lease,
                        std::vector<app::CardJob>& leased) {
    for (auto& [id, card] : cards_) {
        if (card.job.request != request || card.closed) continue;
        card.wanted = version;
        bool theirs = card.due && *card.due > clock_.now() && card.holder && *card.holder != lease.holder;
        if (theirs) continue;
        card.due = lease.until;
        card.holder = lease.holder;
        leased.push_back(card.job);
    }
}

void Store::escalate(const app::Plan& plan, const app::Append& append, std::int32_t version) {
    for (const auto& [id, target] : plan.cards) {
        bool there = std::ranges::any_of(cards_, [&](const auto& one) {
            const app::CardJob& job = one.second.job;
            return job.request == append.request && job.target.surface == target.surface &&
                   (job.target.channel == target.channel ||
                    (job.posted && job.posted->channel == target.channel));
        });
        if (there) continue;
        Card card{.job = {.id = id,
                          .request = append.request,
                          .target = target,
                          .posted = {},
                          .post_may_have_happened = false,
                          .rendered_version = 0,
                          .attempts = 0,
                          .created_at = clock_.now()},
                  .wanted = version,
                  .closed = false,
                  .due = append.lease.until,
                  .holder = append.lease.holder};
        cards_.emplace(id, std::move(card));
    }
}

Later<app::Appended> Store::append(app::Append append, Deadline) {
    if (auto failed = trouble("append")) co_return std::unexpected(*failed);
    auto found = cases_.find(append.request);
    if (found == cases_.end()) co_return missing();
    Kept& kept = found->second;
    app::PlanCommand command{&append, append.origin ? append.origin->key : std::string{}, false,
                             rt::chance(entropy_)};
    app::Plan plan = app::plan(kept.on, std::span(&command, 1), clock_.now(), {});
    const core::Case& c = kept.on.c;
    escalate(plan, append, c.version());
    bool shown =
        std::ranges::any_of(cards_, [&](auto& card) { return card.second.job.request == append.request; });
    auto& answer = plan.answers.front();
    for (const auto& entry : plan.entries) {
        remember_all(c, entry);
        auto index = entry.version - 1;
        if (!answer || !shown || !core::has_thread_line(c.entries[static_cast<std::size_t>(index)])) continue;
        app::Errand errand{app::Errand::Kind::thread_line, mint<core::ErrandId>(), append.request, index, 0};
        errands_.emplace(errand.id, Errand{errand, append.lease.until, append.lease.holder});
        answer->errands.push_back(errand);
    }
    for (const auto& vote : plan.refused)
        if (kept.refused.insert(vote.person.text() + " " + std::string(core::code_of(vote.why))).second)
            remember({vote.at, "request.vote_refused", append.request, vote.version, vote.state},
                     app::refusal_place);
    if (answer && plan.wrote()) lease_cards(append.request, c.version(), append.lease, answer->cards);
    co_return std::move(answer);
}

Later<core::Case> Store::read(core::RequestId request, Deadline) {
    if (auto failed = trouble("read")) co_return std::unexpected(*failed);
    auto found = cases_.find(request);
    if (found == cases_.end()) co_return missing();
    co_return found->second.on.c;
}

Later<core::Case> Store::read_number(std::int64_t number, Deadline) {
    if (auto failed = trouble("read_number")) co_return std::unexpected(*failed);
    auto found = numbers_.find(number);
    if (found == numbers_.end()) co_return missing();
    co_return cases_.at(found->second).on.c;
}

Later<app::ListPage> Store::list(app::ListFilter filter, Deadline) {
    if (auto failed = trouble("list")) co_return std::unexpected(*failed);
    app::ListPage page;
    std::size_t limit = std::clamp<std::size_t>(filter.limit, 1, 200);
    for (auto place = numbers_.rbegin(); place != numbers_.rend(); ++place) {
        const core::Case& c = cases_.at(place->second).on.c;
        core::State state = core::decide(c).state;
        bool wanted =
            (filter.states.empty() || std::ranges::find(filter.states, state) != filter.states.end()) &&
            (!filter.action || c.request->action == *filter.action) &&
            (!filter.requester || c.request->requester.name == *filter.requester) &&
            (!filter.asked_by || core::caller_key(c.request->requester) == *filter.asked_by) &&
            (!filter.since || c.request->created_at >= *filter.since) &&
            (!filter.before_number || c.request->number < *filter.before_number);
        if (!wanted) continue;
        if (page.cases.size() == limit) {
            page.next_before = page.cases.back().request->number;
            break;
        }
        page.cases.push_back(c);
    }
    co_return page;
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

Later<std::vector<app::CardJob>> Store::claim_cards(app::Lease lease, core::Instant now, std::size_t at_most,
                                                    Deadline) {
    if (auto failed = trouble("claim_cards")) co_return std::unexpected(*failed);
    std::vector<app::CardJob> claimed;
    for (auto& [id, card] : cards_) {
        if (!card.due || *card.due > now || claimed.size() >= at_most) continue;
        card.due = lease.until;
        card.holder = lease.holder;
        claimed.push_back(card.job);
    }
    co_return claimed;
}

Later<std::vector<app::Errand>> Store::claim_errands(app::Lease lease, core::Instant now, std::size_t at_most,
                                                     Deadline) {
    if (auto failed = trouble("claim_errands")) co_return std::unexpected(*failed);
    std::vector<app::Errand> claimed;
    for (auto& [id, row] : errands_) {
        if (row.due > now || claimed.size() >= at_most) continue;
        row.due = lease.until;
        row.holder = lease.holder;
        claimed.push_back(row.errand);
    }
    co_return claimed;
}

void Store::settle_card(const app::CardDone& done, const app::Lease& lease,
                        std::vector<app::CardJob>& behind) {
    auto found = cards_.find(done.id);
    if (found == cards_.end() || found->second.holder != lease.holder) return;
    Card& card = found->second;
    bool is_anothers = std::ranges::any_of(cards_, [&](const auto& other) {
        return other.first != done.id && other.second.job.target.surface == card.job.target.surface &&
               other.second.job.posted == done.posted;
    });
    if (is_anothers) {
        card.closed = true;
        card.due.reset();
        card.holder.reset();
        return;
    }
    card.job.posted = done.posted;
    card.job.post_may_have_happened = false;
    card.job.attempts = 0;
    card.job.rendered_version = std::min(std::max(card.job.rendered_version, done.version), card.wanted);
    card.closed = done.closed;
    if (card.behind()) {
        card.due = lease.until;
        behind.push_back(card.job);
    } else {
        card.due.reset();
        card.holder.reset();
    }
}

void Store::put_off(const Retry& retry, const app::Lease& lease) {
    auto found = cards_.find(retry.card);
    if (found == cards_.end() || found->second.holder != lease.holder) return;
    Card& card = found->second;
    ++card.job.attempts;
    card.due = retry.not_before;
    card.holder.reset();
    card.job.post_may_have_happened =
        (card.job.post_may_have_happened || retry.post_may_have_happened) && !retry.forget_message;
    if (!retry.forget_message) return;
    card.job.posted.reset();
    card.job.rendered_version = 0;
}

Later<std::vector<app::CardJob>> Store::settle(Batch batch, app::Lease lease, Deadline) {
    if (auto failed = trouble("settle")) co_return std::unexpected(*failed);
    std::vector<app::CardJob> behind;
    for (const auto& done : batch.cards) settle_card(done, lease, behind);
    for (const auto& retry : batch.cards_again) put_off(retry, lease);
    for (const auto& id : batch.errands) errands_.erase(id);
    for (const auto& again : batch.errands_again) {
        auto found = errands_.find(again.errand);
        if (found == errands_.end() || found->second.holder != lease.holder) continue;
        ++found->second.errand.attempts;
        found->second.due = again.not_before;
        found->second.holder.reset();
    }
    co_return behind;
}

Later<bool> Store::adopt(core::RequestId request, app::CardTarget target, app::MessageRef message, Deadline) {
    if (auto failed = trouble("adopt")) co_return std::unexpected(*failed);
    auto kept = cases_.find(request);
    if (kept == cases_.end()) co_return false;
    for (auto& [id, card] : cards_) {
        if (card.job.target.surface == target.surface && card.job.posted == message) co_return false;
    }
    for (auto& [id, card] : cards_) {
        bool here = card.job.target.channel == target.channel || card.job.target.channel == message.channel;
        if (card.job.request != request || card.job.posted || !here) continue;
        card.job.posted = message;
        co_return false;
    }
    Card card{.job = {.id = mint<core::CardId>(),
                      .request = request,
                      .target = target,
                      .posted = message,
                      .post_may_have_happened = false,
                      .rendered_version = 0,
                      .attempts = 0,
                      .created_at = clock_.now()},
              .wanted = kept->second.on.c.version(),
              .closed = false,
              .due = clock_.now(),
              .holder = {}};
    core::CardId id = card.job.id;
    cards_.emplace(id, std::move(card));
    co_return true;
}

Later<Done> Store::hand_back(app::Lease lease, Deadline) {
    if (auto failed = trouble("hand_back")) co_return std::unexpected(*failed);
    for (auto& [id, card] : cards_) {
        if (!card.due || card.holder != lease.holder) continue;
        card.due = clock_.now();
        card.holder.reset();
    }
    for (auto& [id, row] : errands_) {
        if (row.holder != lease.holder) continue;
        row.due = clock_.now();
        row.holder.reset();
    }
    co_return Done{};
}

Later<std::vector<app::CardJob>> Store::cards_of(core::RequestId request, Deadline) {
    if (auto failed = trouble("cards_of")) co_return std::unexpected(*failed);
    std::vector<app::CardJob> all;
    for (const auto& [id, card] : cards_) {
        if (card.job.request == request) all.push_back(card.job);
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
    for (std::size_t i = 0; i < batch_max && !unsequenced_.empty(); ++i)
        log_.push_back(unsequenced_.extract(unsequenced_.begin()).value());
    Sequenced done{static_cast<std::int64_t>(log_.size()), unsequenced_.size() >= batch_max};
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
                           .facts = {}};
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

std::size_t Store::cards_behind() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(cards_, [](auto& card) { return card.second.behind(); }));
}

}  // namespace countersign::fakes
