#include "countersign/core/surface.hpp"

#include <algorithm>
#include <array>

namespace countersign::core {
namespace {

constexpr std::string_view upper_alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

bool made_of(std::string_view text, std::string_view characters) {
    return !text.empty() && text.find_first_not_of(characters) == std::string_view::npos;
}

// Slack's ids begin with a letter for what they are of: U and W people, T workspaces, E whole organisations.
bool is_slack_id(std::string_view text, std::string_view first) {
    return text.size() > 1 && first.find(text.front()) != std::string_view::npos &&
           made_of(text, upper_alphanumeric);
}

// A GUID, as Entra writes the ids of people and of tenants.
bool is_entra_id(std::string_view text) {
    constexpr std::string_view form = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    constexpr std::string_view hexadecimal = "0123456789abcdefABCDEF";
    return std::ranges::equal(text, form, [&](char c, char wanted) {
        return wanted == '-' ? c == '-' : hexadecimal.find(c) != std::string_view::npos;
    });
}

constexpr std::array kinds{
    ChatKind{.surface = Surface::slack,
             .name = "slack",
             .group_keys = {"slack_usergroup", ""},
             .account_example = "U0REQ or T0SIM/U0REQ",
             .group_example = "S0SEC or T0SIM/S0SEC",
             .group_characters = upper_alphanumeric,
             .is_account_id = [](std::string_view text) { return is_slack_id(text, "UW"); },
             .is_workspace_id = [](std::string_view text) { return is_slack_id(text, "TE"); },
             .caseless = false,
             .command = "/approvals"},
    ChatKind{.surface = Surface::teams,
             .name = "teams",
             .group_keys = {"teams_team", "teams_channel"},
             .account_example = "an Entra object id, as 8f0c2d4e-0000-4000-8000-1b2c3d4e5f60, or tenant/id",
             .group_example = "19:…@thread.tacv2, or tenant/19:…@thread.tacv2",
             .group_characters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_:@.",
             .is_account_id = is_entra_id,
             .is_workspace_id = is_entra_id,
             .caseless = true,
             .command = "@Countersign"},
};

}  // namespace

std::span<const ChatKind> chat_kinds() {
    return kinds;
}

const ChatKind* chat_kind(std::string_view name) {
    const auto* found = std::ranges::find(kinds, name, &ChatKind::name);
    return found == kinds.end() ? nullptr : found;
}

const ChatKind* chat_kind(Surface surface) {
    const auto* found = std::ranges::find(kinds, surface, &ChatKind::surface);
    return found == kinds.end() ? nullptr : found;
}

std::string_view name_of(Surface surface) {
    const ChatKind* chat = chat_kind(surface);
    return chat ? chat->name : "api";
}

std::optional<Surface> parse_surface(std::string_view text) {
    if (text == name_of(Surface::api)) return Surface::api;
    const ChatKind* chat = chat_kind(text);
    return chat ? std::optional{chat->surface} : std::nullopt;
}

std::vector<std::string> all_channels(const ChannelsByChat& channels) {
    std::vector<std::string> all;
    for (const auto& [chat, its] : channels) all.insert(all.end(), its.begin(), its.end());
    return all;
}

}  // namespace countersign::core
