#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/wire/reason_asked.hpp"
#include "countersign/wire/slack_message.hpp"

// Slack's views (modals), and the messages that one person sees.
namespace countersign::wire {

inline constexpr std::size_t slack_view_bytes_max = 240'000;  // of 250 kB
inline constexpr std::size_t slack_view_blocks_max = 100;

// Holds what a view carries back to us. Pages count from 1.
struct SlackViewNote {
    std::string request;
    std::string channel = {};  // of the card it was opened from; may be empty
    std::string message = {};
    std::size_t page = 0;   // that is shown; 0: the view has none
    std::size_t seen = 0;   // all pages up to this one were shown, one after the other
    std::size_t pages = 0;  // so many there are
    std::string seal = {};  // of what was seen, and by whom
    friend bool operator==(const SlackViewNote&, const SlackViewNote&) = default;
};
std::string slack_view_note(const SlackViewNote& note);
std::optional<SlackViewNote> read_slack_view_note(std::string_view metadata);

// Draws a dialog that asks why: for Deny, Hold, or an approval that takes a reason or the resource's name;
// for Lower it asks for the numbers.
JsonText slack_reason_view(const ReasonAsked& asked, const SlackViewNote& note);

// Counts the pages that the full view of a request takes; more than slack_pages_max: it cannot be shown.
inline constexpr std::size_t slack_pages_max = 20;
std::size_t slack_full_view_pages(const core::CardView& card, const SlackStyle& style);
// Draws page `note.page` of everything about a request. `can_approve`: it has Approve, with a comment, once
// every page was seen.
JsonText slack_full_view(const core::CardView& card, const SlackStyle& style, const SlackViewNote& note,
                         bool can_approve);
JsonText slack_outcome_view(std::string_view title, std::string_view sentence);
// Shows several lines, each hostile on its own.
JsonText slack_lines_view(std::string_view title, const std::vector<std::string>& lines);
// Leads whoever approves a request to their sign-in; `about` is the request in a few words, `address` is
// theirs alone. Pressing the button is told to us as well, and is nothing but to be acknowledged.
JsonText slack_sign_in_view(std::int64_t number, std::string_view about, std::string_view address);
inline constexpr std::string_view slack_sign_in = "sign_in";

JsonText slack_response(const SlackPrivate& said);        // the body for a response_url
JsonText slack_command_answer(const SlackPrivate& said);  // in the acknowledgement of a command
SlackPrivate slack_private(std::string_view sentence);
// Says what slack_sign_in_view says, where no dialog opens.
SlackPrivate slack_private_sign_in(std::string_view about, std::string_view address);
// Asks whether two accounts are one person's; both buttons carry the offer's id.
SlackPrivate slack_private_link(const std::vector<std::string>& lines, std::string_view offer);
// Asks whether a token may vote for whoever is asked; both buttons carry the token's id.
SlackPrivate slack_private_token(const std::vector<std::string>& lines, std::string_view token);
// Asks whether to vote as somebody said elsewhere; both buttons carry `vote`.
SlackPrivate slack_private_vote(const std::vector<std::string>& lines, std::string_view vote);
// Says several lines, each hostile on its own.
SlackPrivate slack_private_lines(const std::vector<std::string>& lines);
// Draws what is announced in a channel: a sentence of ours, and below it a text exactly as it is.
SlackPrivate slack_announcement(std::string_view words, std::string_view raw);

}  // namespace countersign::wire
