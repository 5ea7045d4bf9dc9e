#include "slack/api_errors.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "countersign/base/text.hpp"

namespace countersign::slack {
namespace {

using Row = std::pair<std::string_view, ApiError>;

// Sorted by word.
constexpr auto rows = [] {
    using enum ApiError;
    std::array words{
        Row{"access_denied", credential},
        Row{"accesslimited", credential},
        Row{"account_inactive", credential},
        Row{"app_access_restricted", channel},
        Row{"block_mismatch", our_bug},
        Row{"cant_update_message", refused},
        Row{"cannot_reply_to_message", refused},
        Row{"channel_not_found", channel},
        Row{"deprecated_endpoint", our_bug},
        Row{"duplicate_external_id", our_bug},
        Row{"edit_window_closed", refused},
        Row{"ekm_access_denied", credential},
        Row{"enterprise_is_restricted", credential},
        Row{"exchanged_trigger_id", stale_click},
        Row{"expired_trigger_id", stale_click},
        Row{"fatal_error", ambiguous},
        Row{"forbidden_team", credential},
        Row{"insecure_request", credential},
        Row{"internal_error", ambiguous},
        Row{"invalid_arg_name", our_bug},
        Row{"invalid_arguments", our_bug},
        Row{"invalid_array_arg", our_bug},
        Row{"invalid_auth", credential},
        Row{"invalid_blocks", our_bug},
        Row{"invalid_blocks_format", our_bug},
        Row{"invalid_charset", our_bug},
        Row{"invalid_form_data", our_bug},
        Row{"invalid_metadata_format", our_bug},
        Row{"invalid_metadata_schema", our_bug},
        Row{"invalid_post_type", our_bug},
        Row{"invalid_trigger_id", stale_click},
        Row{"is_archived", channel},
        Row{"is_inactive", channel},
        Row{"message_not_found", gone},
        Row{"metadata_too_large", our_bug},
        Row{"method_deprecated", our_bug},
        Row{"missing_args", our_bug},
        Row{"missing_argument", our_bug},
        Row{"missing_post_type", our_bug},
        Row{"missing_scope", missing_scope},
        Row{"msg_blocks_too_long", our_bug},
        Row{"msg_too_large", our_bug},
        Row{"msg_too_long", our_bug},
        Row{"no_permission", credential},
        Row{"no_such_subteam", gone},
        Row{"no_text", our_bug},
        Row{"not_allowed_token_type", credential},
        Row{"not_authed", credential},
        Row{"not_in_channel", channel},
        Row{"org_login_required", transient},
        Row{"plan_upgrade_required", refused},
        Row{"push_limit_reached", refused},
        Row{"rate_limited", rate_limited},
        Row{"ratelimited", rate_limited},
        Row{"request_timeout", transient},
        Row{"restricted_action", channel},
        Row{"service_unavailable", transient},
        Row{"team_added_to_org", transient},
        Row{"team_disabled", credential},
        Row{"thread_not_found", gone},
        Row{"token_expired", credential},
        Row{"token_revoked", credential},
        Row{"two_factor_setup_required", credential},
        Row{"unknown_method", our_bug},
        Row{"user_disabled", gone},
        Row{"user_not_found", gone},
        Row{"user_not_in_channel", refused},
        Row{"user_not_visible", gone},
        Row{"user_removed_from_team", credential},
        Row{"view_too_large", our_bug},
    };
    std::ranges::sort(words, {}, &Row::first);
    return words;
}();

Trouble trouble_of(ApiError error, bool changes) {
    switch (error) {
        case ApiError::credential:
        case ApiError::missing_scope:
            return Trouble::unauthenticated;
        case ApiError::our_bug:
        case ApiError::channel:
        case ApiError::stale_click:
        case ApiError::refused:
            return Trouble::invalid_input;
        case ApiError::rate_limited:
            return Trouble::overloaded;
        case ApiError::ambiguous:
            return changes ? Trouble::timed_out : Trouble::unavailable;
        case ApiError::gone:
            return Trouble::not_found;
        case ApiError::transient:
        case ApiError::unknown:
            break;
    }
    return Trouble::unavailable;
}

// Words of Slack's are words from outside.
std::string shown(std::string_view word) {
    return visible(clip_utf8(word, 80));
}

}  // namespace

ApiError classify(std::string_view word) {
    auto it = std::ranges::lower_bound(rows, word, {}, &Row::first);
    if (it != rows.end() && it->first == word) return it->second;
    if (word.starts_with("restricted_action")) return ApiError::channel;
    return ApiError::unknown;
}

Failure failure_of(std::string_view method, std::string_view word, std::string_view needed, bool changes) {
    auto error = classify(word);
    std::string what = fmt::format("Slack refused {}: {}", method, shown(word));
    if (error == ApiError::missing_scope) what += fmt::format(" (needs {})", shown(needed));
    if (word == "not_in_channel" || word == "channel_not_found")
        what += ": the channel does not exist or the bot is not in it; invite it there with /invite";
    else if (word == "is_archived")
        what += ": the channel is archived; name another one in the policy's `notify` or in slack.channel";
    return Failure{trouble_of(error, changes), std::move(what), std::string(word.substr(0, 80)), {}};
}

std::string_view token_needed(std::string_view setting) {
    if (setting == "slack.app_token")
        return "an app-level token xapp-… with scope connections:write: api.slack.com/apps > Basic "
               "Information > "
               "App-Level Tokens";
    return "the bot token xoxb-… of the installed app: api.slack.com/apps > OAuth & Permissions > Bot User "
           "OAuth "
           "Token";
}

std::string advice(std::string_view setting, std::string_view word, std::string_view needed) {
    bool app = setting == "slack.app_token";
    auto need = token_needed(setting);
    if (word == "missing_scope") {
        if (app) return fmt::format("{}: lacks the scope connections:write; it needs {}", setting, need);
        return fmt::format(
            "{}: lacks the scope {}; add it at api.slack.com/apps > OAuth & Permissions and "
            "reinstall the app (manifests/slack/manifest.json lists all)",
            setting, shown(needed));
    }
    if (word == "accesslimited")
        return fmt::format("{}: the workspace's list of allowed IP addresses does not hold this server's",
                           setting);
    if (word == "account_inactive" || word == "token_revoked" || word == "token_expired")
        return fmt::format("{}: Slack says {}; reinstall the app and set the new token. Needed is {}",
                           setting, shown(word), need);
    return fmt::format("{}: Slack says {}; needed is {}", setting, shown(word), need);
}

}  // namespace countersign::slack
