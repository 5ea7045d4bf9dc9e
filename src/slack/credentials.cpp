#include "slack/credentials.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "countersign/base/text.hpp"
#include "slack/api_errors.hpp"

namespace countersign::slack {

std::string token_problem(const SlackSettings& settings) {
    auto wrong = [](std::string_view setting, const Secret& token, std::string_view prefix) -> std::string {
        if (token.empty()) return fmt::format("{}: not set; needed is {}", setting, token_needed(setting));
        if (!token.reveal().starts_with(prefix))
            return fmt::format("{}: this is another kind of token; needed is {}", setting,
                               token_needed(setting));
        return {};
    };
    if (auto app = wrong("slack.app_token", settings.app_token, "xapp-"); !app.empty()) return app;
    return wrong("slack.bot_token", settings.bot_token, "xoxb-");
}

// Scopes without which the bot cannot do its work, of those Slack says it has.
std::string scope_problem(std::string_view granted) {
    if (trim(granted).empty()) return {};  // Slack did not say
    std::vector<std::string> have;
    for (const std::string& scope : split(granted, ',')) have.emplace_back(trim(scope));
    std::string lacking;
    for (std::string_view need :
         std::array<std::string_view, 4>{"chat:write", "commands", "users:read", "usergroups:read"})
        if (std::ranges::find(have, need) == have.end())
            lacking += (lacking.empty() ? "" : ", ") + std::string(need);
    return lacking.empty() ? lacking : advice("slack.bot_token", "missing_scope", lacking);
}

}  // namespace countersign::slack
