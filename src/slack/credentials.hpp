#pragma once
#include <string>
#include <string_view>

#include "countersign/adapters/slack.hpp"

namespace countersign::slack {

// What people must do about the tokens of these settings, as far as their looks tell; empty: nothing.
std::string token_problem(const SlackSettings& settings);
// The same about the scopes that Slack says the bot's token has, "chat:write,commands"; empty: nothing.
std::string scope_problem(std::string_view granted);

}  // namespace countersign::slack
