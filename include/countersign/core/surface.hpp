#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// People act in a chat, or through the API. Which chats there are, and what each calls its things, stands in
// one table: a chat more is a name here and a line there.
namespace countersign::core {

enum class Surface : std::uint8_t { slack, teams, api };
std::string_view name_of(Surface surface);  // "slack", "teams", "api"
std::optional<Surface> parse_surface(std::string_view text);

// Describes the accounts, groups and commands of one chat.
struct ChatKind {
    Surface surface;
    // Names the kind of its accounts ("slack:T0SIM/U0REQ"), and is its key under `people` and `notify` of a
    // policy.
    std::string_view name;
    // Keys under `groups` of a policy: who is in it is the chat's to say. Ids under either are of one kind.
    std::array<std::string_view, 2> group_keys;  // the second may be empty
    std::string_view account_example;            // what a policy may write for an account
    std::string_view group_example;
    std::string_view group_characters;
    // Say what its ids of users and of workspaces look like: what does not is nobody's, and nothing's.
    bool (*is_account_id)(std::string_view text);
    bool (*is_workspace_id)(std::string_view text);
    bool caseless;             // ids that differ in letter case alone are the same
    std::string_view command;  // what people type there before the words of a command
};
std::span<const ChatKind> chat_kinds();
const ChatKind* chat_kind(std::string_view name);  // nullptr: no chat is called so
const ChatKind* chat_kind(Surface surface);        // nullptr: not a chat

// Lists channels of chats, by name or id.
using ChannelsByChat = std::map<Surface, std::vector<std::string>>;
// Returns all of them, chat by chat.
std::vector<std::string> all_channels(const ChannelsByChat& channels);

}  // namespace countersign::core
