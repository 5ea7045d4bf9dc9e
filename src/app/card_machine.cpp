#include "app/card_machine.hpp"

#include <utility>

#include "app/backoff.hpp"

namespace countersign::app {

// ---- what the store said

CardMachine::Card* CardMachine::find(core::CardId id) {
    auto found = std::ranges::find(cards_, id, [](const Card& card) { return card.state.id; });
    return found == cards_.end() ? nullptr : &*found;
}

void CardMachine::merge_into(Card& card, CardState fresh) {
    CardState& state = card.state;
    if (!card.doing && card.stored == state) {
        card.stored = fresh;
        state = std::move(fresh);
        return;
    }
    auto known = card.stored.message;
    if (!state.message && !card.doing && fresh.message != known) state.message = fresh.message;
    state.unsure = state.unsure || fresh.unsure;
    state.told_version = std::max(state.told_version, fresh.told_version);
    // A message of the store's that is not taken over here must not be overwritten.
    if (state.message != fresh.message) fresh.message = std::move(known);
    card.stored = std::move(fresh);
}

void CardMachine::merge(std::vector<CardState> cards, Doubts doubts) {
    bool taken_over = doubts == Doubts::taken_over;
    for (auto& fresh : cards) {
        bool own_doubt = false;
        Card* card = find(fresh.id);
        if (card == nullptr) {
            cards_.push_back({.state = fresh, .stored = fresh});
            card = &cards_.back();
        } else {
            own_doubt = card->state.unsure;
            merge_into(*card, std::move(fresh));
        }
        CardState& state = card->state;
        if (card->doing || state.closed) continue;
        state.unsure = state.unsure || taken_over;
        card->looked = card->thread_read = card->edited = card->retired = false;
        card->rests_until.reset();
        card->shut_until.reset();
        bool old = doubts == Doubts::rested || (doubts == Doubts::of_others && !own_doubt);
        bool shown = (state.message || state.batch) && state.shown_version >= row_version_;
        card->doubt_can_end = taken_over || (old && shown);
    }
    std::ranges::sort(cards_, {}, [](const Card& card) { return card.state.id; });
    cards_known_ = true;
}

void CardMachine::claimed(OutboxRow row, core::Instant until) {
    leased_until_ = until;
    attempts_ = row.attempts;
    row_version_ = row.version;
    unreadable_until_.reset();
    failed_ = lost_ = over_ = false;
    // What is being written was written before: its answer says nothing of this lease.
    if (settling_) settling_ = SettledRow{.request = request_};
    merge(std::move(row.cards), row.taken_over ? Doubts::taken_over : Doubts::rested);
}

void CardMachine::committed(CasePtr now, std::optional<std::vector<CardState>> cards, core::Instant until) {
    leased_until_ = until;
    unreadable_until_.reset();
    if (lost_) cards_known_ = false;
    lost_ = over_ = false;
    if (version() < now->c.version()) case_ = std::move(now);
    row_version_ = std::max(row_version_, version());
    if (cards && !cards_known_) merge(std::move(*cards), Doubts::young);
}

void CardMachine::read(CasePtr now, std::optional<std::vector<CardState>> cards) {
    if (abandoned_) return;
    --steps_;
    reading_ = false;
    if (version() < now->c.version()) case_ = std::move(now);
    row_version_ = std::min(row_version_, version());
    if (cards) merge(std::move(*cards), Doubts::young);
}

void CardMachine::cannot_read(core::Instant now, double chance) {
    if (abandoned_) return;
    --steps_;
    reading_ = false;
    failed_ = true;
    unreadable_until_ = backoff(now, chance);
}

// ---- what comes next

bool CardMachine::has_line(std::int32_t from, std::int32_t to) const {
    for (auto index = from; index < to; ++index)
        if (core::has_thread_line(case_->c.entries[static_cast<std::size_t>(index)])) return true;
    return false;
}

// Several messages of a request in one channel are one too many: the card that was made first goes on.
bool CardMachine::is_second(const Card& card) const {
    return std::ranges::any_of(cards_, [&](const Card& other) {
        const CardState& its = other.state;
        return its.id < card.state.id && its.message && !its.closed &&
               its.target.surface == card.state.target.surface &&
               its.message->channel == card.state.message->channel && its.message != card.state.message;
    });
}

bool CardMachine::is_first(core::CardId id) const {
    const auto card = std::ranges::find(cards_, id, [](const Card& one) { return one.state.id; });
    return card != cards_.end() && std::ranges::none_of(cards_, [&](const Card& other) {
               return other.state.id < id && !other.state.closed &&
                      other.state.target.surface == card->state.target.surface;
           });
}

// The very message of an earlier card: whoever clicked on it before it was written down where it was posted
// made a card of it. It must not be retired as if there were two.
CardMachine::Card* CardMachine::double_of(const Card& card) {
    auto first = std::ranges::find_if(cards_, [&](const Card& other) {
        return other.state.id < card.state.id && !other.state.closed && other.state.message &&
               other.state.message == card.state.message;
    });
    return first == cards_.end() ? nullptr : &*first;
}

// An earlier card's search, which is under way, may find that this one's message is its own.
bool CardMachine::may_be_found(const Card& card) const {
    return std::ranges::any_of(cards_, [&](const Card& other) {
        return other.state.id < card.state.id && other.doing == Act::look && !other.state.message &&
               other.state.target.surface == card.state.target.surface;
    });
}

CardMachine::Card* CardMachine::with_message(const MessageRef& message) {
    auto found =
        std::ranges::find_if(cards_, [&](const Card& card) { return card.state.message == message; });
    return found == cards_.end() ? nullptr : &*found;
}

bool CardMachine::to_be_searched(const Card& card, core::Instant now) const {
    if (!card.state.unsure || card.looked) return false;
    return !card.state.message || now < card.state.created_at + rules_.look_max;
}

std::optional<CardStep::Act> CardMachine::wanted(const Card& card, core::Instant now) const {
    const CardState& state = card.state;
    if (state.closed || card.doing) return std::nullopt;
    bool untold = state.told_version < version();
    if (card.rests_until && now < *card.rests_until) return std::nullopt;
    if (state.batch) {
        if (state.shown_version < version()) return Act::list;
        return untold ? next_line(card) : std::nullopt;
    }
    if (may_be_found(card)) return std::nullopt;
    if (to_be_searched(card, now)) return Act::look;
    if (!state.message) return Act::post;
    if (is_second(card)) return card.retired ? std::nullopt : std::optional{Act::retire};
    bool to_be_edited = state.shown_version < version() || (state.unsure && !card.edited);
    if (to_be_edited && !(card.shut_until && now < *card.shut_until)) return Act::edit;
    return untold ? next_line(card) : std::nullopt;
}

std::optional<CardStep::Act> CardMachine::next_line(const Card& card) {
    if (!card.state.unsure) return Act::say;
    // A line that may still come is waited for.
    if (!card.doubt_can_end) return std::nullopt;
    return card.thread_read ? Act::say : Act::read_thread;
}

CardStep CardMachine::begin(Card& card, Act act) {
    card.doing = act;
    card.showing = version();
    ++steps_;
    return {.act = act,
            .card = card.state.id,
            .target = card.state.target,
            .message = card.state.message.value_or(MessageRef{}),
            .since = card.state.created_at,
            .from = card.state.told_version,
            .to = version(),
            .first_try = act == Act::post && !card.state.unsure,
            .batch = card.state.batch};
}

std::optional<CardStep> CardMachine::next(core::Instant now) {
    if (lost_ || over_ || abandoned_ || unreadable_until_ || short_lease(now)) return std::nullopt;
    if (!known()) {
        if (reading_) return std::nullopt;
        reading_ = true;
        ++steps_;
        return CardStep{};
    }
    conclude(now);
    for (auto stranger = strangers_.begin(); stranger != strangers_.end(); ++stranger) {
        Card& card = *find(stranger->found_for);
        bool resting = card.rests_until && now < *card.rests_until;
        if (card.doing || resting) continue;
        auto step = begin(card, Act::adopt);
        step.message = std::move(stranger->message);
        strangers_.erase(stranger);
        return step;
    }
    for (Card& card : cards_)
        if (auto act = wanted(card, now)) return begin(card, *act);
    return std::nullopt;
}

core::Instant CardMachine::backoff(core::Instant now, double chance) const {
    return app::backoff(now, attempts_, chance);
}

void CardMachine::rest(Card& card, core::Instant until) {
    card.rests_until = until;
    failed_ = true;
}

// ---- writing it down

bool CardMachine::idle(core::Instant now) const {
    if (unreadable_until_) return steps_ == 0;
    if (steps_ > 0 || !known()) return false;
    bool adopts = std::ranges::any_of(strangers_, [&](const Stranger& one) {
        return std::ranges::any_of(cards_, [&](const Card& card) {
            return card.state.id == one.found_for && !(card.rests_until && now < *card.rests_until);
        });
    });
    return !adopts &&
           std::ranges::none_of(cards_, [&](const Card& card) { return wanted(card, now).has_value(); });
}

bool CardMachine::to_settle(core::Instant now) const {
    if (settling_ || (over_ && !lost_)) return false;
    auto changed = [](const Card& card) { return card.stored != card.state; };
    if (lost_) return steps_ == 0 && std::ranges::any_of(cards_, changed);
    if (abandoned_ || idle(now) || short_lease(now)) return true;
    return std::ranges::any_of(cards_, [](const Card& card) {
        return card.state.message && card.stored.message != card.state.message;
    });
}

// When to go on with what is not done; nullopt: all is. Whoever claims the row then relies on it that a card
// which shows all and is unsure has rested, so that other cards of the request rest as long.
std::optional<core::Instant> CardMachine::again_at(core::Instant now) const {
    std::optional<core::Instant> first;
    std::optional<core::Instant> rested;
    for (const Card& card : cards_) {
        const CardState& state = card.state;
        bool all = shows_all(card) && state.told_version >= version();
        if (state.closed || (all && !state.unsure)) continue;
        auto when = now + rules_.effect_max;
        if (!all && !abandoned_) when = card.rests_until.value_or(card.shut_until.value_or(when));
        if (shows_all(card) && state.unsure)
            rested = std::max({rested.value_or(when), when, now + rules_.effect_max});
        first = std::min(first.value_or(when), when);
    }
    if (unreadable_until_) first = unreadable_until_;
    if (abandoned_) first = now;
    return rested ? std::max(rested, first) : first;
}

SettledRow CardMachine::settling(core::Instant now) {
    SettledRow row{.request = request_, .version = std::max(version(), row_version_)};
    if (abandoned_ || (!lost_ && idle(now))) {
        auto again = again_at(now);
        row.how = again ? SettledRow::How::put_off : SettledRow::How::done;
        row.again_at = again.value_or(core::Instant{});
        row.failed = failed_ && !abandoned_;
    }
    for (const Card& card : cards_)
        if (card.stored != card.state)
            row.cards.push_back({card.state, card.stored.unsure, card.stored.message});
    settling_ = row;
    return row;
}

void CardMachine::settled(core::Instant until, std::optional<OutboxRow> behind) {
    auto sent = *std::exchange(settling_, std::nullopt);
    for (auto& one : sent.cards)
        if (Card* card = find(one.state.id)) card->stored = std::move(one.state);
    if (lost_ || abandoned_) {
        over_ = true;
        return;
    }
    if (behind) {
        leased_until_ = until;
        row_version_ = behind->version;
        merge(std::move(behind->cards), Doubts::of_others);
        return;
    }
    if (sent.how == SettledRow::How::goes_on) {
        leased_until_ = until;
        return;
    }
    over_ = version() <= sent.version;  // else a commit has leased the row anew
    failed_ = failed_ && over_;
}

void CardMachine::lost() {
    auto sent = *std::exchange(settling_, std::nullopt);
    for (auto& one : sent.cards)
        if (Card* card = find(one.state.id)) card->stored = std::move(one.state);
    lost_ = over_ = true;
}

void CardMachine::abandon() {
    if (steps_ == 0) return;
    for (Card& card : cards_)
        if (card.doing) card.state.unsure = true;
    steps_ = 0;
    abandoned_ = true;
}

std::optional<std::vector<CardState>> CardMachine::certain() const {
    if (lost_ || abandoned_ || !known()) return std::nullopt;
    std::vector<CardState> all;
    for (const Card& card : cards_) {
        const CardState& state = card.state;
        bool fine = state.closed ||
                    (!state.unsure && state.shown_version >= version() && state.told_version >= version());
        if (!fine || card.stored != state) return std::nullopt;
        all.push_back(state);
    }
    return all;
}

}  // namespace countersign::app
