#pragma once
#include <optional>

#include "countersign/app/conversation.hpp"
#include "countersign/wire/slack_message.hpp"

namespace countersign::slack {

wire::SlackPrivate message_of(const app::Lines& lines);
// A reply as a message for one person; nothing: there is nothing to say, or it takes a dialog.
std::optional<wire::SlackPrivate> private_message(const app::Reply& reply, const wire::SlackStyle& style);
wire::JsonText sign_in_view(const app::SignInNeeded& needed);

}  // namespace countersign::slack
