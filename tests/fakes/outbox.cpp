#include "fakes/outbox.hpp"

#include <algorithm>
#include <utility>

namespace countersign::fakes {

// ---- what commits do

std::vector<app::CardState> Outbox::opened(core::RequestId request,
                                           const std::vector<app::CardTarget>& targets,
                                           const app::Lease& lease) {
    for (const auto& target : targets) {
        auto id = mint_card();
        cards_.emplace(
            id, Card{request, {.id = id, .target = target, .told_version = 1, .created_at = clock_.now()}});
    }
    if (!targets.empty()) rows_.emplace(request, Row{1, lease.until, lease.holder});
    return states_of(request);
}

bool Outbox::changed(core::RequestId request, std::int32_t version, const app::Lease& lease) {
    bool open = std::ranges::any_of(
        cards_, [&](const auto& one) { return one.second.request == request && !one.second.state.closed; });
    if (!open) return false;
    auto [it, fresh] = rows_.try_emplace(request, Row{version, lease.until, lease.holder});
    it->second.version = version;
    return lease_again(request, lease);
}

bool Outbox::lease_again(core::RequestId request, const app::Lease& lease) {
    auto found = rows_.find(request);
    if (found == rows_.end() || !may_lease(found->second, lease)) return false;
    found->second.due = lease.until;
    found->second.holder = lease.holder;
    return true;
}

void Outbox::add_card(core::RequestId request, core::CardId id, const app::CardTarget& target,
                      std::int32_t told_version) {
    bool there = std::ranges::any_of(cards_, [&](const auto& one) {
        const auto& [of, state] = one.second;
        return of == request && state.target.surface == target.surface &&
               (state.target.channel == target.channel ||
                (state.message && state.message->channel == target.channel));
    });
    if (there) return;
    cards_.emplace(
        id, Card{request,
                 {.id = id, .target = target, .told_version = told_version, .created_at = clock_.now()}});
}

// ---- the port

std::vector<app::CardState> Outbox::states_of(core::RequestId request) const {
    std::vector<app::CardState> all;
    for (const auto& [id, card] : cards_)
        if (card.request == request) all.push_back(card.state);
    return all;
}

app::OutboxRow Outbox::leased(core::RequestId request, Row& row, const app::Lease& lease) {
    row.due = lease.until;
    row.holder = lease.holder;
    return {
        .request = request, .version = row.version, .attempts = row.attempts, .cards = states_of(request)};
}

Later<std::vector<app::OutboxRow>> Outbox::claim(app::Lease lease, core::Instant now, std::size_t at_most,
                                                 Deadline) {
    if (auto failed = trouble("claim")) co_return std::unexpected(*failed);
    std::vector<std::pair<core::Instant, core::RequestId>> due;
    for (const auto& [request, row] : rows_)
        if (row.due <= now) due.emplace_back(row.due, request);
    std::ranges::sort(due);
    std::vector<app::OutboxRow> claimed;
    for (const auto& [at, request] : due) {
        if (claimed.size() >= at_most) break;
        Row& row = rows_.at(request);
        bool taken_over = row.holder.has_value();
        claimed.push_back(leased(request, row, lease));
        claimed.back().taken_over = taken_over;
    }
    co_return claimed;
}

bool Outbox::is_anothers(const Card& card, const app::MessageRef& message) const {
    return std::ranges::any_of(cards_, [&](const auto& one) {
        const app::CardState& other = one.second.state;
        return other.id != card.state.id && other.target.surface == card.state.target.surface &&
               other.message == message;
    });
}

void Outbox::give_back(const Card& card, const app::MessageRef& message) {
    for (auto& [id, other] : cards_) {
        app::CardState& its = other.state;
        bool same = other.request == card.request && its.target.surface == card.state.target.surface;
        if (!same || !(card.state.id < id) || its.message != message) continue;
        its.message.reset();
        its.shown_version = 0;
        its.unsure = false;
        its.closed = true;
    }
}

bool Outbox::keep(const app::SettledRow::Card& said, bool ours) {
    auto found = cards_.find(said.state.id);
    if (found == cards_.end()) return false;
    Card& card = found->second;
    app::CardState& state = card.state;
    const auto& message = said.state.message;
    bool moved = state.message != said.known && state.message != message;
    bool fresh = message && message != said.known;
    if (fresh && !state.closed && (!state.message || (ours && state.message == said.known)))
        give_back(card, *message);
    if (message && is_anothers(card, *message)) {
        state.closed = state.closed || !state.message || (ours && !moved);
        return !moved;
    }
    if (message && state.message && *message != *state.message && (moved || !ours)) {
        app::CardState copy = said.state;
        copy.id = mint_card();
        copy.shown_version = 0;
        copy.unsure = true;
        copy.closed = false;
        cards_.emplace(copy.id, Card{card.request, std::move(copy)});
        return false;
    }
    state.told_version = std::max(state.told_version, said.state.told_version);
    if (!ours || moved) {
        if (message) state.message = message;
        state.unsure = true;
        state.closed = false;
        return false;
    }
    bool disturbed = state.unsure && !said.doubted;
    state.message = message;
    state.shown_version = said.state.shown_version;
    state.unsure = said.state.unsure || disturbed;
    state.closed = said.state.closed && !disturbed;
    return true;
}

bool Outbox::behind(core::RequestId request, const Row& row) const {
    return std::ranges::any_of(cards_, [&](const auto& one) {
        const auto& [of, state] = one.second;
        return of == request && !state.closed &&
               (state.unsure || state.shown_version < row.version || state.told_version < row.version);
    });
}

void Outbox::make_due(core::RequestId request) {
    auto [it, fresh] =
        rows_.try_emplace(request, Row{version_of(request).value_or(1), clock_.now(), std::nullopt});
    if (!it->second.holder) it->second.due = clock_.now();
}

Later<app::SettleAnswer> Outbox::settle(std::vector<app::SettledRow> rows, app::Lease lease, Deadline) {
    if (auto failed = trouble("settle")) co_return std::unexpected(*failed);
    using How = app::SettledRow::How;
    app::SettleAnswer answer;
    for (const auto& said : rows) {
        auto found = rows_.find(said.request);
        bool ours = found != rows_.end() && found->second.holder == lease.holder;
        bool as_known = true;
        for (const auto& card : said.cards) as_known = keep(card, ours) && as_known;
        if (!ours) {
            answer.lost.push_back(said.request);
            if (!said.cards.empty()) make_due(said.request);
            continue;
        }
        Row& row = found->second;
        bool newer = row.version > said.version;
        if (said.how == How::goes_on && as_known) {
            row.due = lease.until;
        } else if (!as_known || newer || (said.how == How::done && behind(said.request, row))) {
            answer.behind.push_back(leased(said.request, row, lease));
        } else if (said.how == How::done) {
            rows_.erase(found);
        } else {
            row.holder.reset();
            row.due = said.again_at;
            row.attempts = said.failed ? row.attempts + 1 : 0;
        }
    }
    co_return answer;
}

Later<std::vector<app::CardState>> Outbox::cards_of(core::RequestId request, Deadline) {
    if (auto failed = trouble("cards_of")) co_return std::unexpected(*failed);
    co_return states_of(request);
}

Later<std::vector<core::RequestId>> Outbox::shown_in(app::CardTarget where,
                                                     std::vector<core::RequestId> requests, Deadline) {
    if (auto failed = trouble("shown_in")) co_return std::unexpected(*failed);
    std::erase_if(requests, [&](core::RequestId request) {
        return std::ranges::none_of(states_of(request), [&](const app::CardState& card) {
            const auto message = message_of(card);
            return card.target.surface == where.surface && message && message->channel == where.channel;
        });
    });
    co_return requests;
}

Later<std::vector<std::pair<core::RequestId, app::MessageRef>>> Outbox::messages_of(
    core::Surface surface, std::vector<core::RequestId> requests, Deadline) {
    if (auto failed = trouble("messages_of")) co_return std::unexpected(*failed);
    std::vector<std::pair<core::RequestId, app::MessageRef>> messages;
    for (const auto& request : requests)
        for (const auto& state : states_of(request))
            if (auto message = message_of(state); message && state.target.surface == surface) {
                messages.emplace_back(request, std::move(*message));
                break;
            }
    co_return messages;
}

Later<std::vector<core::RequestId>> Outbox::redraw(std::vector<core::RequestId> requests, Deadline) {
    if (auto failed = trouble("redraw")) co_return std::unexpected(*failed);
    std::vector<core::RequestId> busy;
    for (const auto& request : requests) {
        if (rows_.contains(request)) {
            busy.push_back(request);
            continue;
        }
        for (auto& [id, card] : cards_) {
            if (card.request != request || card.state.closed || !card.state.message) continue;
            card.state.shown_version = 0;
            make_due(request);
        }
    }
    co_return busy;
}

Later<bool> Outbox::is_card(core::Surface surface, app::MessageRef message, Deadline) {
    if (auto failed = trouble("is_card")) co_return std::unexpected(*failed);
    co_return std::ranges::any_of(cards_, [&](const auto& one) {
        const app::CardState& state = one.second.state;
        return state.target.surface == surface && state.message == message && version_of(one.second.request);
    });
}

Later<bool> Outbox::adopt(core::RequestId request, app::CardTarget target, app::MessageRef message,
                          Deadline) {
    if (auto failed = trouble("adopt")) co_return std::unexpected(*failed);
    auto version = version_of(request);
    if (!version) co_return false;
    for (const auto& [id, card] : cards_)
        if (card.state.target.surface == target.surface && card.state.message == message) co_return false;
    for (auto& [id, card] : cards_) {
        app::CardState& state = card.state;
        bool here = state.target.channel == target.channel || state.target.channel == message.channel;
        if (card.request != request || state.message || state.closed || !here) continue;
        state.message = message;
        state.unsure = true;
        rows_.try_emplace(request, Row{*version, clock_.now(), std::nullopt});
        co_return true;
    }
    auto id = mint_card();
    cards_.emplace(id, Card{request,
                            {.id = id,
                             .target = std::move(target),
                             .message = std::move(message),
                             .told_version = *version,
                             .created_at = clock_.now()}});
    rows_.try_emplace(request, Row{*version, clock_.now(), std::nullopt});
    co_return true;
}

Later<Done> Outbox::hand_back(app::Lease lease, Deadline) {
    if (auto failed = trouble("hand_back")) co_return std::unexpected(*failed);
    for (auto& [request, row] : rows_) {
        if (row.holder != lease.holder) continue;
        row.due = clock_.now();
        row.holder.reset();
    }
    co_return Done{};
}

Later<Done> Outbox::note_problem(core::CardId card, app::CardNote note, Deadline) {
    if (auto failed = trouble("note_problem")) co_return std::unexpected(*failed);
    if (note == app::CardNote{})
        problems_.erase(card);
    else if (cards_.contains(card))
        problems_.insert_or_assign(card, std::move(note));
    co_return Done{};
}

Later<std::vector<app::CardProblem>> Outbox::problems(std::optional<core::RequestId> request,
                                                      std::size_t at_most, Deadline) {
    if (auto failed = trouble("problems")) co_return std::unexpected(*failed);
    std::vector<app::CardProblem> all;
    for (const auto& [id, problem] : problems_) {
        const Card& card = cards_.at(id);
        const bool held = request && problem.held_until;
        const bool mended = (problem.problem.empty() || (card.state.message && !problem.fell_back)) && !held;
        if (card.state.closed || mended || (request && card.request != *request)) continue;
        auto states = states_of(card.request);
        const bool shown = problem.fell_back || std::ranges::any_of(states, [](const auto& one) {
                               return one.message.has_value();
                           });
        if (all.size() < at_most)
            all.push_back({card.request, card.state.target, problem.problem, problem.fell_back, shown,
                           problem.held_until});
    }
    co_return all;
}

}  // namespace countersign::fakes
