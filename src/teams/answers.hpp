#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/app/conversation.hpp"
#include "countersign/net/http.hpp"
#include "countersign/wire/teams_activity.hpp"
#include "countersign/wire/teams_messages.hpp"

// Bodies and messages that replies become. Nothing here asks anybody anything.
namespace countersign::teams {

inline constexpr std::string_view card_invoke = "adaptiveCard/action";
inline constexpr std::string_view dialog_opens = "task/fetch";
inline constexpr std::string_view dialog_sends = "task/submit";
inline constexpr std::string_view query_invoke = "composeExtension/query";

inline constexpr std::string_view not_known = "This button belongs to no request known here.";
// Why a request is not shown to somebody.
std::string unread(const Failure& failure);

net::HttpResponse status_alone(unsigned status);
net::HttpResponse json_body(wire::JsonText body, unsigned status = 200);
// Words in the form that this invoke is answered in; a message is answered without any.
net::HttpResponse words_for(const wire::TeamsActivity& activity, std::string_view words);

// The rows of a list, each with what people said of it.
std::vector<core::CardSummary> summaries(const app::RequestList& list);
// A reply as a message for one person; nullopt: there is nothing to say.
std::optional<wire::TeamsCard> private_card(const app::Reply& reply, const wire::TeamsStyle& style);
// What is said where only words fit.
// Leads whoever pressed Approve to their sign-in; nullopt: the reply is another one.
std::optional<net::HttpResponse> sign_in_body(const app::Reply& reply, bool in_dialog);
std::string words_of(const app::Reply& reply);

}  // namespace countersign::teams
