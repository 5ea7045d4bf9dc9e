#pragma once
#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "app/card_steps.hpp"
#include "countersign/app/cards.hpp"
#include "countersign/app/ports.hpp"

namespace countersign::app {

struct CardRules {
    core::Duration call_max{std::chrono::seconds{10}};       // one call to a chat
    core::Duration refused_pause{std::chrono::seconds{60}};  // until somebody may have mended it
    // What has an unknown outcome has had its effect after so long, or will have none: it is made sure of
    // then.
    core::Duration effect_max{std::chrono::seconds{15}};
    // Second messages are looked for while a card is no older.
    core::Duration look_max{std::chrono::minutes{5}};
};

// What is to be done for the cards of one request whose row is leased, as a state machine without I/O: what
// comes next, what an answer means, and what is to be written down. Whatever has an unknown outcome is looked
// for before it is done again; what another replica may have done as well is looked for after it.
class CardMachine {
  public:
    CardMachine(core::RequestId request, CardRules rules) : request_(request), rules_(rules) {}

    // ---- what the store said

    // The row was claimed. What is known here and not yet written is newer than what it says.
    void claimed(OutboxRow row, core::Instant until);
    // It was leased by the commit that made the case `now`; `cards` where they are known for certain.
    void committed(CasePtr now, std::optional<std::vector<CardState>> cards, core::Instant until);
    // The answers to a step that reads. `cards` where they were not known.
    void read(CasePtr now, std::optional<std::vector<CardState>> cards);
    void cannot_read(core::Instant now, double chance);
    bool knows_cards() const { return cards_known_; }

    // ---- what comes next

    // The next step, under way until it is answered; nullopt: none now.
    std::optional<CardStep> next(core::Instant now);
    // `chance` in [0, 1) spreads the pauses.
    void answered(const CardStep& step, const CardAnswer& answer, core::Instant now, double chance);
    bool under_way() const { return steps_ > 0; }
    // Says whether the card is the first of the request's in its chat that goes on.
    bool is_first(core::CardId card) const;
    const CasePtr& now() const { return case_; }

    // ---- writing it down

    // Says whether something is to be written now: a message that the store does not know, that all is done
    // or must wait, or that the lease is too short for the next step.
    bool to_settle(core::Instant now) const;
    SettledRow settling(core::Instant now);  // until one of the next three
    void not_settled() { settling_.reset(); }
    void settled(core::Instant until, std::optional<OutboxRow> behind);
    void lost();
    // Nobody waits for what is under way: its outcome is unknown, and somebody else goes on.
    void abandon();
    // Nothing is left to be done or written here.
    bool over() const { return over_ && steps_ == 0 && !settling_; }
    // Gives the cards once the machine is over, if each shows and tells the case and the store knows it.
    std::optional<std::vector<CardState>> certain() const;

  private:
    using Act = CardStep::Act;
    struct Card {
        CardState state;
        CardState stored;  // as the store knows it
        std::optional<Act> doing = {};
        std::int32_t showing = 0;  // the version that the step under way shows
        // Since the row was leased: the channel was searched for messages, the thread was read, an edit was
        // made, a second message was retired.
        bool looked = false;
        bool thread_read = false;
        bool edited = false;
        bool retired = false;
        // Whatever made it unsure was so long ago that making sure now ends the doubt.
        bool doubt_can_end = false;
        std::optional<core::Instant> rests_until = {};
        // An edit was refused: none is tried before, but the thread may take lines.
        std::optional<core::Instant> shut_until = {};
    };

    Card* find(core::CardId id);
    bool known() const { return case_ && cards_known_ && version() >= row_version_; }
    std::int32_t version() const { return case_ ? case_->c.version() : 0; }
    bool final_case() const { return case_ && core::ended(case_->ruling); }
    // Whoever takes the row over may rely on it: nothing that was begun here has its effect later.
    bool short_lease(core::Instant now) const {
        return leased_until_ < now + std::max(rules_.call_max, rules_.effect_max);
    }
    bool has_line(std::int32_t from, std::int32_t to) const;
    bool is_second(const Card& card) const;
    bool may_be_found(const Card& card) const;
    Card* double_of(const Card& card);
    Card* with_message(const MessageRef& message);
    bool to_be_searched(const Card& card, core::Instant now) const;
    bool idle(core::Instant now) const;
    std::optional<Act> wanted(const Card& card, core::Instant now) const;
    static std::optional<Act> next_line(const Card& card);
    std::optional<core::Instant> again_at(core::Instant now) const;
    bool shows_all(const Card& card) const {
        return (card.state.message || card.state.batch) && card.state.shown_version >= version();
    }

    // How old the doubts are that the store has of cards.
    enum class Doubts : std::uint8_t {
        young,       // they may have arisen a moment ago
        of_others,   // what others did has ended; own ones are as old as they are
        rested,      // nothing was done since, for long enough where a card shows all
        taken_over,  // of whatever was done under a lease that ran out
    };
    void merge(std::vector<CardState> cards, Doubts doubts);
    static void merge_into(Card& card, CardState fresh);
    static void close(Card& card);
    static void take_over(Card& first, Card& twin);
    void merge_doubles();
    CardStep begin(Card& card, Act act);
    void done(Card& card, const CardStep& step, const CardAnswer& answer);
    void unknown(Card& card, Act act, core::Instant now, double chance);
    void refused(Card& card, Act act, core::Instant now);
    void gone(Card& card);
    void found(Card& card, const std::vector<MessageRef>& messages);
    void rest(Card& card, core::Instant until);
    void hold(Card& card, core::Instant until);
    void conclude(core::Instant now);
    core::Instant backoff(core::Instant now, double chance) const;

    struct Stranger {  // a message that no card has
        core::CardId found_for;
        MessageRef message;
    };

    core::RequestId request_;
    CardRules rules_;
    CasePtr case_;
    std::int32_t row_version_ = 0;  // an older case is read again
    std::vector<Card> cards_;       // in the order of their ids
    std::vector<Stranger> strangers_;
    std::int32_t attempts_ = 0;
    core::Instant leased_until_{};
    std::optional<core::Instant> unreadable_until_;
    std::optional<SettledRow> settling_;
    std::size_t steps_ = 0;
    bool cards_known_ = false;
    bool reading_ = false;
    bool failed_ = false;  // something, since the row was leased
    bool lost_ = false;
    bool abandoned_ = false;
    bool over_ = false;
};

}  // namespace countersign::app
