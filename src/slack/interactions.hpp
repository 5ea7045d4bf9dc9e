#pragma once
#include <cstddef>
#include <optional>
#include <string>

#include "countersign/adapters/slack.hpp"
#include "countersign/app/recently_seen.hpp"
#include "countersign/rt/tasks.hpp"
#include "countersign/wire/slack_card.hpp"
#include "countersign/wire/slack_payload.hpp"
#include "countersign/wire/slack_views.hpp"
#include "slack/acts.hpp"
#include "slack/deliveries.hpp"
#include "slack/directory.hpp"
#include "slack/homes.hpp"
#include "slack/seen.hpp"
#include "slack/sockets.hpp"
#include "slack/web_api.hpp"

namespace countersign::slack {

// Takes what people do in Slack to the conversation, and draws what it answers. A vote's envelope is
// acknowledged after its commit, never before: an unacknowledged click shows a warning to whoever clicked.
class Interactions {
  public:
    static constexpr std::size_t in_flight_max = 512;  // envelopes; more stay unacknowledged
    static constexpr std::size_t events_max = 10'000;  // event ids remembered
    static constexpr core::Duration acknowledge_within = std::chrono::milliseconds{2'200};
    static constexpr core::Duration tell_within = std::chrono::seconds{10};

    Interactions(WebApi& api, SlackDirectory& directory, const app::Runtime& runtime,
                 app::Conversation::Parts parts, const SlackSettings& settings,
                 rt::asio::any_io_executor executor);

    void take(SocketPtr socket, wire::SlackEnvelope envelope);
    void knows_card(const app::MessageRef& message) { conversation_.knows_card(message); }
    void on_acknowledged(std::function<void(core::Duration)> told) { acknowledged_ = std::move(told); }
    // Brings the App Homes that were opened lately in line, until the tasks end.
    rt::asio::awaitable<void> keep_homes() { return homes_.run(); }
    std::size_t in_flight() const { return tasks_.size(); }
    // Lets what is under way finish, until the deadline.
    rt::asio::awaitable<void> finish(core::Instant deadline);
    // Makes the message that asks somebody to confirm a vote, or why it would not count.
    Later<std::variant<wire::SlackPrivate, core::Refusal>> question_of_vote(app::VoteAsked asked,
                                                                            Deadline deadline);

  private:
    // Holds what is to be known of an envelope to answer it.
    struct Received {
        SocketPtr socket;
        std::string envelope;
        bool accepts_payload = false;
        core::Instant at;
        bool of_a_person = true;  // a click, a dialog or a command
        DeliveryPtr delivery;     // never null
        bool acknowledged() const { return delivery->acknowledged; }
    };

    rt::asio::awaitable<void> take_first(Received received, std::string type, core::Value payload);
    // Acknowledges one that came again as the first was.
    rt::asio::awaitable<void> acknowledge_again(Delivery::Arrival arrival, DeliveryPtr delivery);
    rt::asio::awaitable<void> handle(Received received, std::string type, core::Value payload);
    rt::asio::awaitable<void> handle_event(Received received, core::Value payload);
    rt::asio::awaitable<void> handle_click(Received received, wire::SlackClick click);
    rt::asio::awaitable<void> handle_submission(Received received, wire::SlackSubmission submission);
    rt::asio::awaitable<void> handle_approval(Received received, wire::SlackClick click,
                                              ApprovalClick approved);
    rt::asio::awaitable<void> handle_together(Received received, wire::SlackClick click, core::BatchId batch);
    rt::asio::awaitable<void> submit_together(Received received, wire::SlackSubmission submission,
                                              wire::SlackTogetherNote note);
    rt::asio::awaitable<void> handle_page(Received received, wire::SlackClick click, PageClick turned);
    rt::asio::awaitable<void> handle_list(Received received, wire::SlackClick click, app::CommandWords words);
    rt::asio::awaitable<void> handle_command(Received received, wire::SlackCommand command);

    // Draws a reply that is no acknowledgement: a dialog, or words for this person alone.
    rt::asio::awaitable<void> draw(wire::SlackActor actor, app::Reply reply, wire::SlackViewNote note,
                                   core::Instant clicked_at);
    // Makes the first page of a full view, with a note of what they were shown of it before.
    struct Page {
        wire::SlackViewNote note;
        wire::JsonText view;
    };
    rt::asio::awaitable<Page> first_page(app::FullView full, core::AccountId by, wire::SlackViewNote note);
    Later<Done> open_view(std::string trigger, wire::JsonText view, core::Instant clicked_at);
    // Opens a view that somebody asked for, and says whether it is open for sure. Where it may not be, they
    // are told.
    rt::asio::awaitable<bool> show_view(wire::SlackActor actor, wire::JsonText view,
                                        core::Instant clicked_at);
    // Says why a click did nothing where the eye is, and where it can be read again.
    rt::asio::awaitable<void> show_words(wire::SlackActor actor, app::Lines lines, core::Instant clicked_at);
    // False: the answer does not fit a frame, and nothing was sent.
    rt::asio::awaitable<bool> acknowledge(Received& received, const wire::JsonText* payload = nullptr);
    // Tells the metrics how long it took. What came too late to be acknowledged counts when its outcome is
    // known.
    void measure(const Received& received) const;
    // Records that what somebody did is answered, as a step of the request's trace.
    void trace(const Received& received, const app::Origin& origin, core::RequestId request) const;
    rt::asio::awaitable<void> answer(Received& received, const wire::SlackActor& actor,
                                     wire::SlackPrivate said);
    rt::asio::awaitable<void> note_card(core::RequestId request, app::MessageRef message, bool of_no_request);
    rt::asio::awaitable<void> tell(wire::SlackActor actor, wire::SlackPrivate said);

    bool ours(const wire::SlackActor& actor) const;
    app::Act act_of(const wire::SlackActor& actor, app::Origin origin, const Received& received) const;
    app::Conversation::Manner manner() const;
    wire::SlackStyle style() const;

    WebApi& api_;
    SlackDirectory& directory_;
    const app::Runtime& runtime_;
    const SlackSettings& settings_;
    const SeenSeals seals_;
    app::Conversation conversation_;
    rt::TaskGroup tasks_;
    std::function<void(core::Duration)> acknowledged_;  // may be empty
    app::RecentlySeen events_{events_max};
    Deliveries deliveries_;
    Homes homes_;
};

}  // namespace countersign::slack
