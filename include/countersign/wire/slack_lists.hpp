#pragma once
#include <string>
#include <string_view>

#include "countersign/app/conversation.hpp"
#include "countersign/wire/slack_message.hpp"

// Lists of requests in Slack: as messages for one person, and on their App Home.
namespace countersign::wire {

// action_id of the button that gives a list's next page; its value are the words that do the same.
inline constexpr std::string_view slack_list_page = "list_page";

SlackPrivate slack_private_list(const app::RequestList& list, const SlackStyle& style);
// The view for views.publish.
JsonText slack_home_view(const app::HomePage& page, const SlackStyle& style);
// Returns the address at which people find a message,
// "https://harbor.slack.com/archives/C0PROD/p1795219301417039"; empty where it is not known.
std::string slack_permalink(const app::MessageRef& message, const SlackStyle& style);

}  // namespace countersign::wire
