#include "app/card_steps.hpp"

#include <algorithm>

#include "app/card_machine.hpp"
#include "countersign/base/check.hpp"

// What the answers to the steps of a card mean.
namespace countersign::app {

using How = CardAnswer::How;

CardAnswer answer_of(const Failure& failure) {
    switch (failure.trouble) {
        case Trouble::not_found:
            return {.how = How::gone};
        case Trouble::timed_out:
            return {.how = How::unknown};
        case Trouble::overloaded:
            return {.how = How::overloaded, .not_before = failure.not_before};
        case Trouble::unavailable:
        case Trouble::cancelled:
            return {.how = How::unavailable};
        default:
            return {.how = How::refused};
    }
}

void CardMachine::answered(const CardStep& step, const CardAnswer& answer, core::Instant now, double chance) {
    if (abandoned_) return;
    Card& card = *find(step.card);
    COUNTERSIGN_CHECK(card.doing == step.act && steps_ > 0);
    --steps_;
    card.doing.reset();
    bool asks = step.act == Act::look || step.act == Act::read_thread;
    if (step.act == Act::adopt && answer.how != How::done) {
        // The search is made again.
        card.state.unsure = true;
        card.looked = card.doubt_can_end = false;
        return rest(card, backoff(now, chance));
    }
    switch (answer.how) {
        case How::done:
            done(card, step, answer);
            break;
        case How::gone:
            if (step.act == Act::look)
                rest(card, backoff(now, chance));
            else if (step.act == Act::post)
                refused(card, step.act, now);
            else
                gone(card);
            break;
        case How::unknown:
            if (asks)
                rest(card, backoff(now, chance));
            else
                unknown(card, step.act, now, chance);
            break;
        case How::unavailable:
            rest(card, backoff(now, chance));
            break;
        case How::overloaded:
            rest(card, answer.not_before.value_or(backoff(now, chance)));
            break;
        case How::held:
            hold(card, answer.not_before.value_or(now));
            break;
        case How::refused:
            refused(card, step.act, now);
            break;
    }
    conclude(now);
}

void CardMachine::done(Card& card, const CardStep& step, const CardAnswer& answer) {
    CardState& state = card.state;
    card.rests_until.reset();
    switch (step.act) {
        case Act::look:
            card.looked = true;
            found(card, answer.messages);
            break;
        case Act::post:
            if (answer.batch) {
                state.batch = card.stored.batch = answer.batch;
                state.shown_version = card.showing;
                card.thread_read = true;
                break;
            }
            state.message = answer.messages.front();
            card.thread_read = true;
            [[fallthrough]];
        case Act::edit:
        case Act::retire:
            state.shown_version = card.showing;
            card.edited = true;
            card.retired = step.act == Act::retire;
            card.shut_until.reset();
            break;
        case Act::read_thread:
            card.thread_read = true;
            state.told_version = std::max(state.told_version, std::min(answer.told, version()));
            break;
        case Act::say:
            state.told_version = std::max(state.told_version, step.to);
            break;
        case Act::list:
            state.shown_version = card.showing;
            break;
        case Act::adopt:
        case Act::read:
            break;
    }
}

void CardMachine::found(Card& card, const std::vector<MessageRef>& messages) {
    for (const auto& message : messages) {
        Card* other = with_message(message);
        if (other == nullptr && card.state.message)
            strangers_.push_back({card.state.id, message});
        else if (!card.state.message &&
                 (other == nullptr || (card.state.id < other->state.id && !other->state.closed)))
            card.state.message = message;
    }
}

// What is closed is never looked at again, so there is no doubt to end.
void CardMachine::close(Card& card) {
    card.state.closed = true;
    card.state.unsure = false;
}

// The message is that of the first of the two cards, whichever of them was worked on. What was made of a
// click alone shows nothing and has told nothing; else whatever the other one did is made sure of.
void CardMachine::take_over(Card& first, Card& twin) {
    if (twin.state.shown_version > 0 || twin.state.unsure) {
        auto settled = [](const Card& card) { return !card.state.unsure || card.doubt_can_end; };
        first.doubt_can_end = settled(first) && settled(twin);
        first.edited = first.thread_read = false;
        first.state.unsure = true;
        first.state.told_version = std::min(first.state.told_version, twin.state.told_version);
    }
    twin.state.message.reset();
    twin.state.shown_version = 0;
    close(twin);
}

void CardMachine::merge_doubles() {
    for (Card& twin : cards_) {
        if (twin.doing || twin.state.closed) continue;
        if (Card* first = double_of(twin)) take_over(*first, twin);
    }
}

// Whoever removed the message of an open case did not decide it: there is a new one.
void CardMachine::gone(Card& card) {
    CardState& state = card.state;
    if (final_case() || is_second(card)) return close(card);
    state.message.reset();
    state.shown_version = 0;
    state.unsure = false;
}

void CardMachine::unknown(Card& card, Act act, core::Instant now, double chance) {
    card.state.unsure = true;
    card.doubt_can_end = false;
    if (act == Act::post) card.looked = false;
    if (act == Act::edit || act == Act::retire) card.edited = card.retired = false;
    if (act == Act::say) card.thread_read = false;
    // A line that comes late must be seen in the thread before it is said again; it may be late, but not
    // twice.
    auto until = backoff(now, chance);
    rest(card, act == Act::say ? std::max(until, now + rules_.effect_max) : until);
}

void CardMachine::refused(Card& card, Act act, core::Instant now) {
    CardState& state = card.state;
    bool gives_up = final_case();
    switch (act) {
        case Act::look:
            card.looked = true;  // one cannot know
            return;
        case Act::read_thread:
            card.thread_read = true;
            return;
        case Act::retire:
            return close(card);
        case Act::post:
            if (gives_up) return close(card);
            break;
        case Act::edit:
            card.shut_until = now + rules_.refused_pause;
            failed_ = true;
            return;
        case Act::say:
            if (gives_up) {
                state.told_version = version();
                return;
            }
            break;
        case Act::list:
        case Act::adopt:
        case Act::read:
            break;
    }
    rest(card, now + rules_.refused_pause);
}

// Whoever was not told by the end need not be woken by it: nothing is said then, and where nothing was shown,
// nothing is.
void CardMachine::hold(Card& card, core::Instant until) {
    card.rests_until = until;
    if (!final_case()) return;
    card.state.told_version = version();
    if (!card.state.message) close(card);
}

// What follows from what is known, without anything being done.
void CardMachine::conclude(core::Instant now) {
    if (!case_) return;
    merge_doubles();
    for (Card& card : cards_) {
        CardState& state = card.state;
        if (card.doing || state.closed) continue;
        if (!has_line(state.told_version, version()))
            state.told_version = std::max(state.told_version, version());
        if (!state.message && !state.batch) continue;
        bool second = state.message && is_second(card);
        if (!second && state.told_version < version()) continue;
        bool shown = state.shown_version >= version();
        // What is left of a batch's card are its lines, and they are all said.
        bool sure =
            !state.unsure || state.batch || (card.doubt_can_end && card.edited && !to_be_searched(card, now));
        if (shown && sure) state.unsure = false;
        bool finished = shown && sure && (second ? card.retired : final_case());
        if (finished || (card.shut_until && final_case())) close(card);
    }
}

}  // namespace countersign::app
