#include "countersign/core/surface.hpp"

#include <algorithm>
#include <array>

namespace countersign::core {
namespace {

constexpr std::string_view upper_alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

bool made_of(std::string_view text, std::string_view characters) {
    return !text.empty() && text.find_first_not_of(characters) == std::string_view::npos;
}

bool is_slack_user(std::string_view text) {
    return text.size() > 2 && (text.front() == 'U' || text.front() == 'W') &&
           made_of(text, upper_alphanumeric);
}

bool is_entra_object(std::string_view text) {
    constexpr std::size_t guid_chars = 36;
    return text.size() == guid_chars && std::ranges::count(text, '-') == 4 &&
           made_of(text, "0123456789abcdefABCDEF-");
}

constexpr std::array kinds{
    ChatKind{.surface = Surface::slack,
             .name = "slack",
             .group_keys = {"slack_usergroup", ""},
             .account_example = "U0REQ or T0SIM/U0REQ",
             .account_characters = upper_alphanumeric,
             .group_example = "S0SEC or T0SIM/S0SEC",
             .group_characters = upper_alphanumeric,
             .is_account_id = is_slack_user,
             .caseless = false,
             .command = "/approvals"},
    ChatKind{.surface = Surface::teams,
             .name = "teams",
             .group_keys = {"teams_team", "teams_channel"},
             .account_example = "an Entra object id, or tenant/id",
             .account_characters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-",
             .group_example = "19:…@thread.tacv2, or tenant/19:…@thread.tacv2",
             .group_characters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_:@.",
             .is_account_id = is_entra_object,
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
