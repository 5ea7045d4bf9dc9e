#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "countersign/core/card_sections.hpp"
#include "countersign/wire/slack_message.hpp"

// The cards that people see in Slack, as Block Kit in JSON, and the lines of their threads.
namespace countersign::wire {

SlackMessage slack_card(const core::CardView& card, const SlackStyle& style);
SlackMessage slack_thread_line(const core::ThreadLine& line, const SlackStyle& style);
// Draws what becomes of a second message of the same request in the same channel, which nobody may use.
SlackMessage slack_retired_card(const core::CardView& card);
// Draws what is left of a card: words, and nothing to press.
SlackMessage slack_words_alone(std::string words);

// Draws the card for one person's eyes: with Details alone.
SlackPrivate slack_private_card(const core::CardView& card, const SlackStyle& style);
// Draws the card for one person's eyes, with the question whether to approve it. `note`, hostile, is said
// above it. `reason`: what they gave already. Where the essence is not all (`whole`), the button opens the
// full view.
SlackPrivate slack_private_approval(const core::CardView& card, const SlackStyle& style,
                                    std::string_view note, std::string_view reason, bool whole);
// The button of such a question says exactly what was shown.
struct SlackAskedAbout {
    std::int32_t version = 0;
    std::string digest;
};
std::optional<SlackAskedAbout> read_slack_asked(std::string_view block_id);
// Says whether Approve, of buttons with this block_id, must open the full view first.
bool slack_opens_full_view(std::string_view block_id);

}  // namespace countersign::wire
