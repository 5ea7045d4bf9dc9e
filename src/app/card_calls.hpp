#pragma once
#include <deque>
#include <map>
#include <set>
#include <string>
#include <unordered_map>

#include "app/card_steps.hpp"
#include "countersign/app/outbox.hpp"

namespace countersign::app {

// Lets so many private messages an hour go to one account: whoever owns a busy program is not buried.
class PrivatePace {
  public:
    bool lets(const core::AccountId& to, core::Instant now) {
        if (sent_.size() >= accounts_max && !sent_.contains(to)) sent_.clear();
        auto& its = sent_[to];
        while (!its.empty() && its.front() + std::chrono::hours{1} <= now) its.pop_front();
        if (its.size() >= per_hour_max) return false;
        its.push_back(now);
        return true;
    }

  private:
    static constexpr std::size_t per_hour_max = 20;
    static constexpr std::size_t accounts_max = 10'000;
    std::map<core::AccountId, std::deque<core::Instant>> sent_;
};

// Carries out the steps of cards: calls the chats, and remembers which places take nothing.
class CardCalls {
  public:
    CardCalls(const Runtime& runtime, Outbox::Parts parts) : runtime_(runtime), parts_(parts) {}

    // Carries out any step but `read`. `first`: the card is the first of the request's in its chat that goes
    // on, with whose lines the requesters are told in private.
    rt::asio::awaitable<CardAnswer> carry_out(CardStep step, core::RequestId request, CasePtr now,
                                              bool first);

  private:
    // A channel that has taken nothing since.
    struct Failing {
        core::Instant since;
        std::optional<core::Instant> said_at = {};
        std::size_t times = 0;
    };

    Later<CardAnswer> attempt(CardStep step, core::RequestId request, CasePtr now, bool first);
    CardAnswer after(const Failure& failure, const CardStep& step, core::RequestId request);
    void note_failure(const Failure& failure, const CardStep& step);
    void note_success(const CardStep& step);
    Later<CardAnswer> list(CardStep step);
    Later<CardAnswer> say(const Chats::Entry& entry, CardStep step, CasePtr now, bool first);
    // The answer in place of the step: the card's batch has no message whose thread could be written or read.
    // nullopt: it has, and the step's is that.
    rt::asio::awaitable<std::optional<CardAnswer>> find_thread(CardStep& step);
    // How `refused`: the card is posted by itself.
    rt::asio::awaitable<CardAnswer> join(const Chats::Entry& entry, CardStep step, CasePtr now);
    Later<CardAnswer> show(const Chats::Entry& entry, CardStep step, CasePtr now);
    Later<MessageRef> post(const Chats::Entry& entry, CardStep step, CasePtr now);
    rt::asio::awaitable<void> note_problem(core::CardId card, CardNote note);
    // Until when nothing is said in this place, which is a person's own, because it is night where they are.
    std::optional<core::Instant> quiet_until(const CardStep& step, const CaseNow& now);
    rt::asio::awaitable<CardAnswer> hold(CardStep step, core::Instant until);
    void add_told_later(core::CardView& view, const CardStep& step, const CaseNow& now);
    Later<CardAnswer> search(const Chats::Entry& entry, CardStep step, core::RequestId request, CasePtr now);
    static bool falls_back(const Chats::Entry& entry, const CardTarget& target, const CaseNow& now);
    Later<Done> tell_requesters(const Chats::Entry& chat, const CardStep& step, CasePtr now);
    rt::asio::awaitable<core::CardView> view_of(CardStep step, CasePtr now);
    static bool barred(const Failure& failure);
    Deadline chat_deadline() const { return runtime_.within(runtime_.limits.chat_deadline); }
    Deadline store_deadline() const;

    const Runtime& runtime_;
    Outbox::Parts parts_;
    std::unordered_map<std::string, Failing> failing_;  // by what, chat and channel
    std::set<core::CardId> troubled_;                   // cards of which there is a note on record
    std::set<core::CardId> held_;                       // of them, those whose person is told later
    PrivatePace private_pace_;
};

}  // namespace countersign::app
