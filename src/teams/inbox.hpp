#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "countersign/app/conversation.hpp"
#include "countersign/net/route.hpp"
#include "countersign/rt/signal.hpp"
#include "countersign/rt/tasks.hpp"
#include "teams/acts.hpp"
#include "teams/directory.hpp"
#include "teams/references.hpp"
#include "teams/speech.hpp"
#include "teams/token_check.hpp"

namespace countersign::teams {

// Hears activities at POST /api/messages. What a person did is answered in the body of that very call, within
// `answer_within` whatever happens; what became of it later is told in their own conversation.
class Inbox {
  public:
    static constexpr std::size_t in_flight_max = 256;
    static constexpr std::size_t messages_remembered_max = 20'000;
    static constexpr core::Duration answer_within = std::chrono::milliseconds{4'500};
    // A vote that is not committed by then is read back, and what is left of the time goes to saying so.
    static constexpr core::Duration commit_within = std::chrono::milliseconds{3'500};
    static constexpr core::Duration token_patience = std::chrono::milliseconds{4'000};
    static constexpr core::Duration tell_within = std::chrono::seconds{20};

    struct Parts {
        TokenCheck& tokens;
        References& references;
        TeamsDirectory& directory;
        Speech& speech;
    };
    Inbox(const TeamsSettings& settings, const app::Runtime& runtime, Parts parts,
          app::Conversation::Parts conversation, rt::asio::any_io_executor executor);

    rt::asio::awaitable<net::HttpResponse> receive(net::HttpExchange& exchange);
    // Takes an activity that is believed, which came at `at`; the answer comes in time whatever happens.
    rt::asio::awaitable<net::HttpResponse> take(wire::TeamsActivity activity, core::Instant at);
    // Anybody may call and be refused: the log gets one line a second.
    net::HttpResponse not_believed(const Failure& failure);
    // How long each call that a person's act brought waited for its answer.
    void on_acknowledged(std::function<void(core::Duration)> told) { acknowledged_ = std::move(told); }
    // The card that asks somebody to confirm a vote, or why it would not count.
    Later<std::variant<wire::TeamsCard, core::Refusal>> question_of_vote(app::VoteAsked asked,
                                                                         Deadline deadline);
    void knows_card(const app::MessageRef& message) { conversation_.knows_card(message); }
    rt::asio::awaitable<void> finish(core::Instant deadline);  // waits for what is under way

  private:
    using ActivityPtr = std::shared_ptr<const wire::TeamsActivity>;
    // What is under way for one activity; shared by its task and by all calls that brought it.
    struct Flight {
        explicit Flight(rt::asio::any_io_executor executor) : landed(std::move(executor)) {}
        rt::Signal landed;
        bool over = false;
        bool late = false;  // the call was answered before
        net::HttpResponse answer;
    };
    using FlightPtr = std::shared_ptr<Flight>;

    // Holds what somebody pressed, and where.
    struct Asked {
        ActivityPtr activity;
        wire::TeamsPress press;
        core::Instant at;                        // when it came
        std::optional<core::RequestId> request;  // nullopt: the button names none
        bool in_dialog = false;
        const std::string& who() const { return activity->from_object; }
    };

    app::Conversation::Manner manner() const;
    rt::asio::awaitable<void> work(std::string key, ActivityPtr activity, FlightPtr flight, core::Instant at);
    rt::asio::awaitable<net::HttpResponse> handle(ActivityPtr activity, FlightPtr flight, core::Instant at);
    bool ours(const wire::TeamsActivity& activity);
    core::AccountId account_of(const wire::TeamsActivity& activity) const;
    app::Act act_of(const wire::TeamsActivity& activity, app::Origin origin, core::Instant at) const;
    app::Act act_of(const Asked& asked) const;
    static std::string channel_of(const Asked& asked);
    // Says whether the sender is known as a full member; `age_max`: of what is known.
    rt::asio::awaitable<bool> is_member(const wire::TeamsActivity& activity, core::Duration age_max,
                                        Deadline deadline);

    rt::asio::awaitable<net::HttpResponse> pressed(Asked asked, FlightPtr flight);
    rt::asio::awaitable<net::HttpResponse> query(ActivityPtr activity, core::Instant at);
    rt::asio::awaitable<void> command(ActivityPtr activity, core::Instant at);
    rt::asio::awaitable<app::Reply> act(const Asked& asked);
    // A vote is answered: a step of the request's trace.
    void trace(const Asked& asked) const;
    rt::asio::awaitable<app::Reply> approve(const Asked& asked);
    // The body that shows the reply where the button stands: on the card, or in the dialog.
    rt::asio::awaitable<net::HttpResponse> body_of(const Asked& asked, const app::Reply& reply);
    rt::asio::awaitable<net::HttpResponse> own_card(const Asked& asked, wire::TeamsViewer viewer);
    rt::asio::awaitable<net::HttpResponse> page(const Asked& asked);
    rt::asio::awaitable<net::HttpResponse> page_body(Asked asked, core::CardView card, std::size_t number,
                                                     bool can_approve);
    rt::asio::awaitable<void> saw(Asked asked);
    void note_lost(const Asked& asked);  // there is no such request
    rt::asio::awaitable<void> close_lost(Asked asked);
    rt::asio::awaitable<void> tell(ActivityPtr activity, app::Reply reply);
    std::string words_with_people(const wire::TeamsActivity& activity) const;

    const TeamsSettings& settings_;
    const app::Runtime& runtime_;
    Parts parts_;
    app::Conversation conversation_;
    Passes passes_;
    core::Duration age_max_;  // of what is known of who is answered
    rt::asio::any_io_executor executor_;
    rt::TaskGroup tasks_;
    std::map<std::string, FlightPtr> flights_;  // by conversation and activity
    core::Instant told_at_{};                   // of a call that was not believed
    std::uint64_t untold_ = 0;                  // such calls since then
    std::uint64_t nameless_ = 0;                // activities without an id so far
    app::RecentlySeen messages_{messages_remembered_max};
    std::function<void(core::Duration)> acknowledged_;  // may be empty
};

}  // namespace countersign::teams
