#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/core/card.hpp"
#include "countersign/core/value.hpp"
#include "countersign/wire/json_text.hpp"

// What every message for Slack is made of. Every text that came from a request or a person goes into literal
// text (rich_text, plain_text), never into mrkdwn, so nothing of it can mention, link or format.
namespace countersign::wire {

// Slack refuses a message whose blocks hold much more than this many characters (UTF-16 units, escaped).
inline constexpr std::size_t slack_card_text_units_max = 9'500;  // whatever is asked for

// These are the action_ids of our buttons. Those of a card are its buttons' ids.
inline constexpr std::string_view slack_approve = "approve";
inline constexpr std::string_view slack_deny = "deny";
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

// Holds what one person alone sees.
struct SlackPrivate {
    std::string text;  // the fallback, escaped
    JsonText blocks;
    bool replaces = false;  // the message whose button was clicked: a question that is answered
};

std::string slack_escaped(std::string_view text);                          // & < >
std::string slack_date(core::Instant at);                                  // <!date^…|2026-01-02 03:04 UTC>
std::string slack_mention(const core::Who& who, const SlackStyle& style);  // mrkdwn: <@U…> or `name`
// So much text these blocks hold, as Slack may count it: UTF-16 units of all of it, escaped.
std::size_t slack_text_units(const core::Value& blocks);

}  // namespace countersign::wire
