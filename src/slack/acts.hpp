#pragma once
#include <optional>
#include <variant>

#include "countersign/app/conversation.hpp"
#include "countersign/wire/slack_payload.hpp"

// What a payload of Slack means, read once at the edge.
namespace countersign::slack {

// A click on a button of a request's card, or on the offer of its full view.
struct CardClick {
    core::RequestId request;
    app::CardButton button;
    app::CardExtent shown;
    std::optional<app::MessageRef> card;  // the message, where everybody sees it
};
// A click on an answer to a question that one person was asked.
struct AnswerClick {
    app::Question question;
    bool agrees = false;
};
// monostate: not one of our buttons.
using Clicked = std::variant<std::monostate, CardClick, AnswerClick>;
Clicked read_click(const wire::SlackClick& click);

// What was sent from a dialog of ours.
struct Submitted {
    core::RequestId request;
    core::Verdict verdict;
    std::string channel;  // of the card it was opened from; may be empty
};
std::optional<Submitted> read_submission(const wire::SlackSubmission& submission);

// Slack delivers an act again under the same ids: docs.slack.dev, "Interaction payloads".
app::Origin origin_of(const wire::SlackClick& click);
app::Origin origin_of(const wire::SlackSubmission& submission);
app::Origin origin_of(const wire::SlackCommand& command);

// The user that a word mentions ("<@U0BEN>", "<@U0BEN|ben>"); empty: none.
std::string_view mentioned_user(std::string_view word);

}  // namespace countersign::slack
