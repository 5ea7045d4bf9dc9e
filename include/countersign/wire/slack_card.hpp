#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/core/card_sections.hpp"
#include "countersign/core/value.hpp"
#include "countersign/wire/json_text.hpp"
#include "countersign/wire/reason_asked.hpp"

// What people see in Slack, as Block Kit in JSON. Every text that came from a request or a person goes into
// literal text (rich_text, plain_text), never into mrkdwn, so nothing of it can mention, link or format.
namespace countersign::wire {

// Slack refuses a message whose blocks hold much more than this many characters (UTF-16 units, escaped).
inline constexpr std::size_t slack_card_text_units_max = 9'500;  // whatever is asked for
inline constexpr std::size_t slack_view_bytes_max = 240'000;     // of 250 kB
inline constexpr std::size_t slack_view_blocks_max = 100;

// action_id of our buttons.
inline constexpr std::string_view slack_approve = "approve";
inline constexpr std::string_view slack_deny = "deny";
inline constexpr std::string_view slack_hold = "hold";
inline constexpr std::string_view slack_release = "release";
inline constexpr std::string_view slack_lower = "lower";
inline constexpr std::string_view slack_revoke = "revoke";
inline constexpr std::string_view slack_review = "review";
inline constexpr std::string_view slack_details = "details";
inline constexpr std::string_view slack_next_page = "next_page";
inline constexpr std::string_view slack_page_before = "page_before";
inline constexpr std::string_view slack_link_agree = "link_agree";
inline constexpr std::string_view slack_link_decline = "link_decline";
inline constexpr std::string_view slack_token_agree = "token_agree";
inline constexpr std::string_view slack_token_decline = "token_decline";
inline constexpr std::string_view slack_vote_agree = "vote_agree";
inline constexpr std::string_view slack_vote_decline = "vote_decline";

struct SlackStyle {
    std::string team;                     // accounts of this workspace are mentioned, others named
    std::vector<std::string> link_hosts;  // only links to these are clickable
    std::string workspace_url = {};       // "https://harbor.slack.com/", for links to cards; empty: not known
};

struct SlackMessage {
    std::string text;  // the fallback, escaped: all that notifications and screen readers get
    JsonText blocks;
    JsonText metadata;  // no text: none
    bool whole = true;  // all that is asked for stands on it, unshortened
};

SlackMessage slack_card(const core::CardView& card, const SlackStyle& style);
SlackMessage slack_thread_line(const core::ThreadLine& line, const SlackStyle& style);
// A second message of the same request in the same channel, which must not be used any more.
SlackMessage slack_retired_card(const core::CardView& card);
// What is left of a card: words, and nothing to press.
SlackMessage slack_words_alone(std::string words);

// What a view carries back to us. Pages count from 1.
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

// A dialog that asks why: for Deny, Hold, or an approval that takes a reason or the resource's name; for
// Lower it asks for the numbers.
JsonText slack_reason_view(const ReasonAsked& asked, const SlackViewNote& note);

// So many pages the full view of a request takes; more than slack_pages_max: it cannot be shown.
inline constexpr std::size_t slack_pages_max = 20;
std::size_t slack_full_view_pages(const core::CardView& card, const SlackStyle& style);
// Page `note.page` of everything about a request. `can_approve`: it has Approve, with a comment, once every
// page was seen.
JsonText slack_full_view(const core::CardView& card, const SlackStyle& style, const SlackViewNote& note,
                         bool can_approve);
JsonText slack_outcome_view(std::string_view title, std::string_view sentence);
// Several lines, each hostile on its own.
JsonText slack_lines_view(std::string_view title, const std::vector<std::string>& lines);
// Leads whoever approves a request to their sign-in; `about` is the request in a few words, `address` is
// theirs alone. Pressing the button is told to us as well, and is nothing but to be acknowledged.
JsonText slack_sign_in_view(std::int64_t number, std::string_view about, std::string_view address);
inline constexpr std::string_view slack_sign_in = "sign_in";

// A message that one person sees.
struct SlackPrivate {
    std::string text;  // the fallback, escaped
    JsonText blocks;
    bool replaces = false;  // the message whose button was clicked: a question that is answered
};
JsonText slack_response(const SlackPrivate& said);        // the body for a response_url
JsonText slack_command_answer(const SlackPrivate& said);  // in the acknowledgement of a command
SlackPrivate slack_private(std::string_view sentence);
// The card for one person's eyes: with Details alone.
SlackPrivate slack_private_card(const core::CardView& card, const SlackStyle& style);
// The card for one person's eyes, with the question whether to approve it. `note`, hostile: said above it.
// `reason`: what they gave already. Where the essence is not all (`whole`), the button opens the full view.
SlackPrivate slack_private_approval(const core::CardView& card, const SlackStyle& style,
                                    std::string_view note, std::string_view reason, bool whole);
// What the button of such a question says: exactly what was shown.
struct SlackAskedAbout {
    std::int32_t version = 0;
    std::string digest;
};
std::optional<SlackAskedAbout> read_slack_asked(std::string_view block_id);
// A question whether two accounts are one person's; both buttons carry the offer's id.
SlackPrivate slack_private_link(const std::vector<std::string>& lines, std::string_view offer);
// A question whether a token may vote for whoever is asked; both buttons carry the token's id.
SlackPrivate slack_private_sign_in(std::string_view about, std::string_view address);
SlackPrivate slack_private_token(const std::vector<std::string>& lines, std::string_view token);
// A question whether to vote as somebody said elsewhere; both buttons carry `vote`.
SlackPrivate slack_private_vote(const std::vector<std::string>& lines, std::string_view vote);
// Several lines, each hostile on its own.
SlackPrivate slack_private_lines(const std::vector<std::string>& lines);
// Draws what is announced in a channel: a sentence of ours, and below it a text exactly as it is.
SlackPrivate slack_announcement(std::string_view words, std::string_view raw);

// What block_id says of the buttons beneath: Approve must open the full view first.
bool slack_opens_full_view(std::string_view block_id);

// ---- parts, for tests and for other messages

std::string slack_escaped(std::string_view text);                          // & < >
std::string slack_date(core::Instant at);                                  // <!date^…|2026-01-02 03:04 UTC>
std::string slack_mention(const core::Who& who, const SlackStyle& style);  // mrkdwn: <@U…> or `name`
std::size_t slack_text_units(const core::Value& blocks);  // all block text, as Slack may count it

}  // namespace countersign::wire
