#include <utility>

#include "countersign/wire/slack_batch.hpp"
#include "slack/interactions.hpp"

// Approving several requests that are alike, in a dialog that shows each of them.
namespace countersign::slack {

using rt::asio::awaitable;

// What is approved together is put before whoever asks, first.
awaitable<void> Interactions::handle_together(Received received, wire::SlackClick click,
                                              core::BatchId batch) {
    co_await acknowledge(received);
    wire::SlackTogetherNote note{.channel = click.actor.channel, .message = click.message};
    auto reply = co_await conversation_.ask_to_approve_together(
        act_of(click.actor, origin_of(click), received), batch);
    const auto* asks = std::get_if<app::ApproveTogether>(&reply.what);
    if (asks == nullptr) {
        auto* lines = std::get_if<app::Lines>(&reply.what);
        if (lines != nullptr) co_await show_words(std::move(click.actor), std::move(*lines), received.at);
        co_return;
    }
    for (const core::CardView& card : asks->cards) note.asked.push_back({card.id, card.version, card.digest});
    auto view = wire::slack_together_view(*asks, style(), note);
    const auto first = note.asked.front().request;
    app::MessageRef list{click.actor.channel, click.message};
    co_await show_view(std::move(click.actor), std::move(view), received.at);
    co_await conversation_.saw_list(first, std::move(list));
}

awaitable<void> Interactions::submit_together(Received received, wire::SlackSubmission submission,
                                              wire::SlackTogetherNote note) {
    submission.actor.channel = note.channel;
    auto act = act_of(submission.actor, origin_of(submission), received);
    act.card_since = posted_at(note.message);
    auto reply = co_await conversation_.approve_together(std::move(act), std::move(note.asked));
    const auto* lines = std::get_if<app::Lines>(&reply.what);
    if (!reply.late && lines != nullptr && received.accepts_payload) {
        auto payload = wire::json_object("response_action", "update", "view",
                                         wire::slack_lines_view(lines->title, lines->text));
        co_await acknowledge(received, &payload);
        homes_.changed(submission.actor.user);
        co_return;
    }
    if (reply.late)
        measure(received);
    else
        co_await acknowledge(received);
    if (lines != nullptr) co_await tell(std::move(submission.actor), wire::slack_private_lines(lines->text));
}

}  // namespace countersign::slack
