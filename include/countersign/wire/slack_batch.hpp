#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/app/conversation.hpp"
#include "countersign/wire/slack_message.hpp"

// Cards in Slack that list several requests which are alike, and the dialog that approves them together.
namespace countersign::wire {

// action_id of the button that asks about all of them, and callback_id of the dialog that it opens.
inline constexpr std::string_view slack_together = "approve_together";
// action_id of the menu of a row; its values are a button's id, a blank and the request's full id.
inline constexpr std::string_view slack_row = "row";
// event_type in the metadata of such a card; its payload says `batch_id`.
inline constexpr std::string_view slack_batch_event = "countersign_batch";
// What the block_id of a list's row of buttons ends in: the message is no card of that request.
inline constexpr std::string_view slack_row_suffix = ".row.full";

SlackMessage slack_batch(const core::BatchView& batch, const SlackStyle& style);
SlackMessage slack_retired_batch(const core::BatchView& batch);

// The dialog carries this back to us.
struct SlackTogetherNote {
    std::string channel = {};  // of the card it was opened from
    std::string message = {};
    std::vector<app::AskedAbout> asked = {};
    friend bool operator==(const SlackTogetherNote&, const SlackTogetherNote&) = default;
};
// Everything that each of them asks for, and what the rest is left out for.
JsonText slack_together_view(const app::ApproveTogether& question, const SlackStyle& style,
                             const SlackTogetherNote& note);
std::optional<SlackTogetherNote> read_slack_together_note(std::string_view metadata);

}  // namespace countersign::wire
