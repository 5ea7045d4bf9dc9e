#pragma once
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/core/value.hpp"
#include "countersign/rt/clock.hpp"

// The organisation that the local workspace shows as Teams: its people, channels and messages.
namespace countersign::sandbox {

inline constexpr std::string_view teams_tenant = "00000000-0000-4000-8000-00000000051a";
inline constexpr std::string_view teams_other_tenant = "00000000-0000-4000-8000-00000000051b";
inline constexpr std::string_view teams_app_id = "00000000-0000-4000-8000-000000000b07";
inline constexpr std::string_view teams_team = "19:harbor@thread.tacv2";  // also its General channel
inline constexpr std::string_view teams_channel = "19:approvals@thread.tacv2";
inline constexpr std::string_view teams_group_chat = "19:ops@thread.v2";
inline constexpr std::size_t teams_messages_max = 5'000;  // of a conversation

struct TeamsUser {
    std::string name;  // "amy"
    std::string real_name;
    std::string object;  // id in Entra
    std::string tenant{teams_tenant};
    std::string role = "user";  // "guest", "anonymous"
    bool installed = true;      // the app, for themselves
    std::string mri() const { return "29:1" + name; }
};

struct TeamsMessage {
    std::string id;
    std::string root;  // the message that begins its thread; its own id where it does
    std::string from;  // "bot", or a user's name
    core::Value activity;
    std::int64_t edits = 0;
};

struct TeamsConversation {
    std::string id;
    std::string kind;  // "personal", "groupChat", "channel"
    std::string team;
    std::set<std::string> members;  // names
    bool bot_is_in = true;
    std::deque<TeamsMessage> messages;
    TeamsMessage* find(std::string_view id);
};

// What one person has open: a card in place of everybody's, or a dialog.
struct TeamsDialog {
    std::string title;
    std::string message;  // that it was opened from
    std::string conversation;
    core::Value card;
};

class TeamsWorld {
  public:
    explicit TeamsWorld(const rt::Clock& clock);

    std::map<std::string, TeamsUser> users;                               // by name
    std::map<std::string, TeamsConversation, std::less<>> conversations;  // by id
    std::map<std::pair<std::string, std::string>, core::Value> views;  // by user and message: their own card
    std::map<std::string, TeamsDialog> dialogs;                        // by user
    std::map<std::string, std::vector<std::string>> words;             // by user: what was said to them alone

    core::Instant now() const { return clock_.now(); }
    std::string next_id();  // milliseconds, unique and rising
    // By MRI, object id or name; nullptr: nobody.
    const TeamsUser* find_user(std::string_view id) const;
    // "19:…;messageid=…" finds its channel. nullptr: there is none.
    TeamsConversation* find_conversation(std::string_view id);
    TeamsConversation& personal(const TeamsUser& user);  // made when missing
    TeamsMessage& put(TeamsConversation& conversation, TeamsMessage message);
    // The message with this id, wherever it is.
    std::pair<TeamsConversation*, TeamsMessage*> find_message(std::string_view id);
    // The card that this person sees; null: the message has none.
    core::Value card_of(const TeamsUser& user, const TeamsMessage& message) const;

  private:
    const rt::Clock& clock_;
    std::int64_t last_id_ = 0;
};

core::Value describe(const TeamsUser& user);

}  // namespace countersign::sandbox
