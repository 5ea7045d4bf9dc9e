#include "countersign/wire/slack_payload.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "countersign/base/text.hpp"
#include "countersign/core/lowering.hpp"
#include "countersign/wire/json.hpp"

namespace countersign::wire {

using core::Value;

namespace {

std::string text_of(const Value& value) {
    return std::string(value.text());
}

// Ids come as texts, some counts as numbers or as texts: both are read.
std::int64_t count_of(const Value& value) {
    if (const std::string* text = value.string()) {
        std::int64_t n = 0;
        for (char c : *text) {
            if (c < '0' || c > '9' || n > 1'000'000'000) return 0;
            n = n * 10 + (c - '0');
        }
        return n;
    }
    return value.whole();
}

SlackActor read_actor(const Value& payload) {
    const Value& user = payload["user"];
    SlackActor actor;
    actor.app_id = text_of(payload["api_app_id"]);
    actor.team = text_of(payload["team"]["id"]);
    actor.enterprise = text_of(payload["enterprise"]["id"]);
    actor.user = text_of(user["id"]);
    actor.user_team = text_of(user["team_id"]);
    actor.trigger_id = text_of(payload["trigger_id"]);
    actor.response_url = text_of(payload["response_url"]);
    return actor;
}

SlackInteraction read_click(const Value& payload) {
    const Value& container = payload["container"];
    // One entry in practice; with several the first of ours is taken by whoever asked for one at a time.
    const Value& action = payload["actions"][0];
    SlackClick click;
    click.actor = read_actor(payload);
    click.actor.channel = text_of(container["channel_id"]);
    click.message = text_of(container["message_ts"]);
    click.thread = text_of(container["thread_ts"]);
    click.ephemeral = container["is_ephemeral"].truth();
    click.view = text_of(container["view_id"]);
    click.hash = text_of(payload["view"]["hash"]);
    click.metadata = text_of(payload["view"]["private_metadata"]);
    click.action = text_of(action["action_id"]);
    click.block = text_of(action["block_id"]);
    click.value = text_of(action["value"]);
    if (click.value.empty()) click.value = text_of(action["selected_option"]["value"]);
    click.action_ts = text_of(action["action_ts"]);
    return click;
}

SlackInteraction read_submission(const Value& payload) {
    const Value& view = payload["view"];
    SlackSubmission submission;
    submission.actor = read_actor(payload);
    submission.view = text_of(view["id"]);
    submission.hash = text_of(view["hash"]);
    submission.callback = text_of(view["callback_id"]);
    submission.metadata = text_of(view["private_metadata"]);
    const Value& typed = view["state"]["values"];
    submission.reason = text_of(typed["reason"]["text"]["value"]);
    submission.resource = text_of(typed["resource"]["text"]["value"]);
    for (std::size_t i = 0; i < core::lowerable_max; ++i) {
        const Value& block = typed[fmt::format("number{}", i)];
        if (block.is_null()) break;
        submission.numbers.push_back(text_of(block["text"]["value"]));
    }
    return submission;
}

bool is_bot(const Value& user, const std::string& id, const SlackHome& home) {
    if (id == "USLACKBOT" || id == "USLACK" || id == home.bot_user) return true;
    return user["is_bot"].truth() || user["is_workflow_bot"].truth() || user["is_connector_bot"].truth();
}

// On Enterprise Grid the organisation and its list of workspaces decide, else the workspace alone.
bool is_foreign(const Value& user, const SlackHome& home) {
    if (user["is_stranger"].truth()) return true;
    const Value& grid = user["enterprise_user"];
    if (!home.enterprise.empty() && grid["enterprise_id"].text() == home.enterprise) {
        const Value::Array* teams = grid["teams"].items();
        auto ours = [&](const Value& team) { return team.text() == home.team; };
        return !teams || std::ranges::none_of(*teams, ours);
    }
    return user["team_id"].text() != home.team;
}

core::AccountClass classify(const Value& user, const std::string& id, const SlackHome& home) {
    using enum core::AccountClass;
    const bool* deleted_said = user["deleted"].boolean();
    if (deleted_said && *deleted_said) return deleted;
    if (is_bot(user, id, home)) return bot;
    if (is_foreign(user, home)) return foreign;
    if (user["is_restricted"].truth() || user["is_ultra_restricted"].truth()) return guest;
    if (user["is_invited_user"].truth()) return unknown;  // invited, not joined
    // Absent means unknown: a member is one of whom Slack says all of it.
    return unsaid_flags(user).empty() ? member : unknown;
}

}  // namespace

Result<SlackFrame> parse_slack_frame(std::string_view text) {
    // A click carries its whole card with it, a submission its whole view.
    constexpr std::array<std::string_view, 2> left_out{"message", "blocks"};
    auto parsed = parse_json_without(left_out, text, {.bytes_max = slack_frame_bytes_max, .strict = false});
    if (!parsed) return pass(parsed);
    Value::Object* members = parsed->members();
    if (!members) return fail(Trouble::invalid_input, "Slack sent a frame that is not a JSON object");
    const Value& frame = *parsed;
    std::string type = text_of(frame["type"]);
    if (type == "hello") {
        SlackHello hello;
        hello.connections = count_of(frame["num_connections"]);
        hello.app_id = text_of(frame["connection_info"]["app_id"]);
        auto seconds = count_of(frame["debug_info"]["approximate_connection_time"]);
        if (seconds > 0) hello.lives_for = std::chrono::seconds{seconds};
        return hello;
    }
    if (type == "disconnect") return SlackDisconnect{text_of(frame["reason"])};
    SlackEnvelope envelope;
    envelope.id = text_of(frame["envelope_id"]);
    if (envelope.id.empty()) return SlackOther{std::move(type)};
    envelope.type = std::move(type);
    envelope.accepts_payload = frame["accepts_response_payload"].truth();
    envelope.retry_attempt = count_of(frame["retry_attempt"]);
    if (Value* payload = members->find("payload")) envelope.payload = std::move(*payload);
    return envelope;
}

SlackInteraction read_slack_interaction(const Value& payload) {
    auto type = payload["type"].text();
    if (type == "block_actions") return read_click(payload);
    if (type == "view_submission") return read_submission(payload);
    return std::monostate{};
}

SlackCommand read_slack_command(const Value& payload) {
    SlackCommand command;
    command.actor.app_id = text_of(payload["api_app_id"]);
    command.actor.team = text_of(payload["team_id"]);
    command.actor.enterprise = text_of(payload["enterprise_id"]);
    command.actor.user = text_of(payload["user_id"]);
    command.actor.trigger_id = text_of(payload["trigger_id"]);
    command.actor.response_url = text_of(payload["response_url"]);
    command.actor.channel = text_of(payload["channel_id"]);
    command.command = text_of(payload["command"]);
    command.text = text_of(payload["text"]);
    return command;
}

SlackEvent read_slack_event(Value payload) {
    SlackEvent event;
    event.kind = text_of(payload["type"]);
    event.id = text_of(payload["event_id"]);
    event.app_id = text_of(payload["api_app_id"]);
    event.team = text_of(payload["team_id"]);
    event.type = text_of(payload["event"]["type"]);
    if (Value::Object* members = payload.members())
        if (Value* inner = members->find("event")) event.event = std::move(*inner);
    return event;
}

std::vector<std::string> unsaid_flags(const Value& user) {
    std::vector<std::string> unsaid;
    for (const char* flag : {"deleted", "is_bot", "is_restricted", "is_ultra_restricted"})
        if (user[flag].boolean() == nullptr) unsaid.emplace_back(flag);
    return unsaid;
}

SlackHome read_slack_home(const Value& auth_test) {
    SlackHome home;
    home.team = text_of(auth_test["team_id"]);
    home.enterprise = text_of(auth_test["enterprise_id"]);
    home.bot_user = text_of(auth_test["user_id"]);
    home.bot = text_of(auth_test["bot_id"]);
    home.app = text_of(auth_test["app_id"]);
    home.team_name = text_of(auth_test["team"]);
    home.url = text_of(auth_test["url"]);
    return home;
}

core::ChatUser read_slack_user(const Value& user, const SlackHome& home, core::Instant as_of) {
    core::ChatUser known;
    known.id = text_of(user["id"]);
    known.klass = classify(user, known.id, home);
    const Value& profile = user["profile"];
    for (const Value* name :
         {&profile["display_name"], &user["real_name"], &profile["real_name"], &user["name"]})
        if (known.name.empty()) known.name = text_of(*name);
    known.handle = text_of(user["name"]);
    if (user["is_email_confirmed"].truth()) known.email = text_of(profile["email"]);
    known.zone = text_of(user["tz"]);
    known.as_of = as_of;
    return known;
}

}  // namespace countersign::wire
