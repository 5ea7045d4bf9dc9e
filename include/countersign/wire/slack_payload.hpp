#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "countersign/base/result.hpp"
#include "countersign/core/people.hpp"
#include "countersign/core/value.hpp"

// What Slack sends through a Socket Mode connection, read leniently: fields may appear, vanish or be null at
// any time, so a missing one is an empty text and an unknown one is nothing.
namespace countersign::wire {

inline constexpr std::size_t slack_frame_bytes_max = 4 * 1024 * 1024;

struct SlackHello {
    std::int64_t connections = 0;             // sockets of this app, this one included; 0: not said
    std::optional<core::Duration> lives_for;  // approximate_connection_time
    std::string app_id;
};
struct SlackDisconnect {
    std::string reason;
};
struct SlackEnvelope {
    std::string type;  // "events_api", "interactive", "slash_commands", or one we do not know
    std::string id;
    bool accepts_payload = false;
    std::int64_t retry_attempt = 0;
    core::Value payload;
};
struct SlackOther {  // a message without an envelope id that we do not know
    std::string type;
};
using SlackFrame = std::variant<SlackOther, SlackHello, SlackDisconnect, SlackEnvelope>;
// invalid_input: not a JSON object.
Result<SlackFrame> parse_slack_frame(std::string_view text);

// Who acted, and where an answer can go.
struct SlackActor {
    std::string app_id;
    std::string team;  // where the app is installed; empty: an org-wide installation
    std::string enterprise;
    std::string user;
    std::string user_team;
    std::string trigger_id;
    std::string response_url;  // a bearer secret: never logged
    std::string channel;       // where it happened; empty: in no channel
};

// Tells which button was pressed, by whom, and on which message or view it stands.
struct SlackClick {
    SlackActor actor;
    std::string message;  // ts; empty: in a view
    std::string thread;
    bool ephemeral = false;
    std::string view;
    std::string hash;      // of the view
    std::string metadata;  // private_metadata of the view
    std::string action;    // action_id
    std::string block;     // block_id
    std::string value;
    std::string action_ts;
};
struct SlackSubmission {
    SlackActor actor;
    std::string view;
    std::string hash;
    std::string callback;              // callback_id
    std::string metadata;              // private_metadata
    std::string reason;                // what was typed into the block `reason`
    std::string resource;              // and into the block `resource`
    std::vector<std::string> numbers;  // and into the blocks `number0`, `number1` …, as far as there are any
};
struct SlackCommand {
    SlackActor actor;
    std::string command;
    std::string text;
};
struct SlackEvent {
    std::string kind;  // "event_callback", "app_rate_limited"
    std::string id;    // event_id
    std::string type;  // of the inner event
    std::string app_id;
    std::string team;
    core::Value event;
};

using SlackInteraction = std::variant<std::monostate, SlackClick, SlackSubmission>;
// monostate: a kind of interaction that this program has no use for.
SlackInteraction read_slack_interaction(const core::Value& payload);
SlackCommand read_slack_command(const core::Value& payload);
SlackEvent read_slack_event(core::Value payload);

// ---- people

// Who the connected workspace is.
struct SlackHome {
    std::string team;
    std::string enterprise;  // empty: not on Enterprise Grid
    std::string bot_user;
    std::string bot;
    std::string app;
    std::string team_name;
    std::string url = {};  // of the workspace, for people: "https://harbor.slack.com/"
};
SlackHome read_slack_home(const core::Value& auth_test);

// A user object as users.info and user_change give it, judged by the rules for voters: whatever is not
// clearly a full, active, human member of this workspace is something else.
core::ChatUser read_slack_user(const core::Value& user, const SlackHome& home, core::Instant as_of);
// Without all of these nobody is known to be a full member: the ones that a user object lacks.
std::vector<std::string> unsaid_flags(const core::Value& user);

}  // namespace countersign::wire
