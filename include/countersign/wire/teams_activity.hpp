#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/base/result.hpp"
#include "countersign/core/people.hpp"
#include "countersign/core/value.hpp"

// What Teams sends to a bot: activities (Bot Framework Activity schema), the answers of its Connector, and
// what buttons carry back. Who sends leaves fields out at will, so a missing one is an empty text; but no
// member may come twice.
namespace countersign::wire {

inline constexpr std::size_t teams_activity_bytes_max = 256 * 1024;

struct TeamsMention {
    std::string text;  // as it stands in the message: "<at>Approvals</at>"
    std::string id;    // of whom is mentioned: "29:…"
};

struct TeamsActivity {
    enum class Kind : std::uint8_t { message, invoke, conversation_update, installation_update, other };
    Kind kind = Kind::other;
    std::string invoke;  // "adaptiveCard/action"
    std::string id;      // unique in its conversation
    std::string channel_id;
    std::string service_url;
    std::string from;         // "29:…", another one for each bot
    std::string from_object;  // of the sender in Entra; empty for anonymous people. Lower case
    std::string recipient;    // "28:" and our own app id
    std::string conversation;
    std::string conversation_kind;  // "personal", "groupChat", "channel"
    std::string tenant;             // of the conversation. Lower case
    std::string data_tenant;        // of channelData, which must be the same. Lower case
    std::string team;               // thread id; empty outside teams
    std::string reply_to;           // for buttons the message that they stand on
    std::string text;
    std::vector<TeamsMention> mentions;
    std::string installed;  // installationUpdate: "add", "remove", "add-upgrade", "remove-upgrade"
    bool we_left = false;   // conversationUpdate: we are among the members removed
    bool members_changed = false;
    core::Value value;  // of an invoke, or of a button without an answer
};
// Fails with too_large, or with invalid_input where it is not one strict JSON object with a `type`.
Result<TeamsActivity> read_teams_activity(std::string_view text);

// The words of a message without the mentions of `us`, blanks made single. Names between `<at>` tags are
// never read: anybody may be called anything.
std::string teams_words(const TeamsActivity& activity, std::string_view us);

// "19:abc@thread.tacv2" of "19:abc@thread.tacv2;messageid=17726": the channel of one of its threads.
std::string_view teams_channel_of(std::string_view conversation);
// The message at the root of a thread: "17726"; empty: not a thread.
std::string_view teams_thread_of(std::string_view conversation);

// ---- buttons

// What a button of ours says when it is pressed. It comes from a client, which may have made it up.
struct TeamsPress {
    std::string act;      // a name below
    std::string request;  // its id
    std::string digest;   // of what the card showed
    std::int64_t version = 0;
    std::string reason;
    std::string resource;              // typed for its name
    std::vector<std::string> numbers;  // typed for what may be lowered, in its order
    std::int64_t page = 0;             // of a full view
    std::string pass;                  // which says that the pages before it were shown
    std::string about;  // of a question: "link", "token", or "shown": whether to approve what it shows
    std::string id;     // of a question
    bool known_form = true;
};
inline constexpr std::string_view teams_approve = "approve";
inline constexpr std::string_view teams_deny = "deny";
inline constexpr std::string_view teams_hold = "hold";
inline constexpr std::string_view teams_release = "release";
inline constexpr std::string_view teams_lower = "lower";
inline constexpr std::string_view teams_revoke = "revoke";
inline constexpr std::string_view teams_review = "review";
inline constexpr std::string_view teams_withdraw = "withdraw";
inline constexpr std::string_view teams_view = "view";        // the card anew, for whoever looks at it
inline constexpr std::string_view teams_details = "details";  // the full view
inline constexpr std::string_view teams_read = "read";        // the full view, to approve at its end
inline constexpr std::string_view teams_agree = "agree";
inline constexpr std::string_view teams_decline = "decline";

// `value` of adaptiveCard/action, of task/fetch and task/submit, or of a message.
TeamsPress read_teams_press(const core::Value& value);

// ---- answers of the Connector

struct TeamsMember {
    core::ChatUser user;  // its id is the object id, lower case
    std::string mri;      // "29:…"
};
// A member object, judged by the rules for voters: whoever is not clearly a full member of this tenant is
// something else.
TeamsMember read_teams_member(const core::Value& member, std::string_view tenant, core::Instant as_of);

}  // namespace countersign::wire
