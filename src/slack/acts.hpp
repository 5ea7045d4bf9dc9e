#pragma once
#include <optional>
#include <variant>

#include "countersign/app/conversation.hpp"
#include "countersign/wire/slack_batch.hpp"
#include "countersign/wire/slack_card.hpp"
#include "countersign/wire/slack_payload.hpp"
#include "countersign/wire/slack_views.hpp"

// What a payload of Slack means, read once at the edge.
namespace countersign::slack {

// A click on a button of a request's card, or on the offer of its full view.
struct CardClick {
    core::RequestId request;
    app::CardButton button;
    app::CardExtent shown;
    std::optional<app::MessageRef> card;  // the message, where everybody sees it
    std::optional<app::MessageRef> list;  // likewise, where it lists several requests
};
// A click on the button of a question whether to approve what was shown.
struct ApprovalClick {
    core::RequestId request;
    wire::SlackAskedAbout shown;
    std::string reason;  // that was given before the question
};
// A click on an answer to a question that one person was asked.
struct AnswerClick {
    app::Question question;
    bool agrees = false;
};
// A click that turns the page of a full view.
struct PageClick {
    core::RequestId request;
    wire::SlackViewNote note;  // what the view carried
    bool forward = false;
};
// A click that asks for another page of a list.
struct ListClick {
    app::CommandWords words;
};
// A click that asks to approve the requests of a batch together.
struct TogetherClick {
    core::BatchId batch;
};
// monostate: not one of our buttons.
using Clicked =
    std::variant<std::monostate, CardClick, ApprovalClick, AnswerClick, PageClick, ListClick, TogetherClick>;
Clicked read_click(const wire::SlackClick& click);

// What was sent from a dialog of ours.
struct Submitted {
    core::RequestId request;
    core::Verdict verdict;
    wire::SlackViewNote note;
};
std::optional<Submitted> read_submission(const wire::SlackSubmission& submission);

// Slack delivers an act again under the same ids: docs.slack.dev, "Interaction payloads".
app::Origin origin_of(const wire::SlackClick& click);
app::Origin origin_of(const wire::SlackSubmission& submission);
app::Origin origin_of(const wire::SlackCommand& command);

// When Slack took the message of this id (its ts); nullopt: it is none.
std::optional<core::Instant> posted_at(std::string_view message);

// The user that a word mentions ("<@U0BEN>", "<@U0BEN|ben>"); empty: none.
std::string_view mentioned_user(std::string_view word);

}  // namespace countersign::slack
