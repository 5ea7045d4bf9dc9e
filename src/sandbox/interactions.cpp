#include "sandbox/interactions.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sandbox/json.hpp"
#include "sandbox/view_state.hpp"

namespace countersign::sandbox {
namespace {

constexpr std::string_view legacy_token = "deprecated-verification-token";

Value refused(std::string_view error, std::string_view detail) {
    return Value::object({{"acked", false}, {"error", error}, {"detail", detail}});
}

Value outcome(const Delivery& delivery) {
    Value out =
        Value::object({{"acked", delivery.acked},
                       {"ms", std::chrono::duration_cast<std::chrono::milliseconds>(delivery.took).count()},
                       {"attempts", delivery.attempts}});
    if (!delivery.acked) out.set("error", delivery.no_socket ? "dispatch_failed" : "operation_timeout");
    return out;
}

Value team_value() {
    return Value::object({{"id", team_id}, {"domain", team_domain}});
}

}  // namespace

Interactions::Interactions(Workspace& workspace, Sockets& sockets, WebApi& api)
    : workspace_(workspace), sockets_(sockets), api_(api) {}

Value Interactions::person(const User& user) const {
    return Value::object(
        {{"id", user.id}, {"username", user.name}, {"name", user.name}, {"team_id", user.team}});
}

Value Interactions::base_payload(std::string_view type, const User& user) const {
    return Value::object({{"type", type},
                          {"user", person(user)},
                          {"api_app_id", app_id},
                          {"token", legacy_token},
                          {"team", team_value()},
                          {"enterprise", nullptr},
                          {"is_enterprise_install", false}});
}

Value Interactions::action_entry(const Value& block, const Value& element, const Value& order) {
    Value entry = Value::object({{"type", element["type"]},
                                 {"action_id", element["action_id"]},
                                 {"block_id", block["block_id"]},
                                 {"action_ts", workspace_.next_ts()}});
    for (std::string_view name : {"text", "value", "style", "confirm", "placeholder"})
        if (!element[name].is_null()) entry.set(std::string(name), element[name]);
    if (element["type"].text() != "button") {
        std::string_view id = element["action_id"].text();
        Value given = Value::object({{std::string(id), order["value"]}});
        Value one = Value::array();
        one.push(block);
        Value state = state_values(one, given)[block["block_id"].text()][id];
        if (const auto* members = state.members())
            for (const auto& [name, value] : *members) entry.set(name, value);
    }
    return entry;
}

rt::asio::awaitable<Value> Interactions::click(const Value& order) {
    const User* user = workspace_.find_user(order["user"].text());
    if (!user) co_return refused("user_not_found", "no such user");
    if (!order["view_id"].is_null()) {
        co_return co_await click_in_view(*user, order);
    }
    Channel* channel = workspace_.find_channel(order["channel"].text());
    if (!channel) co_return refused("channel_not_found", "no such channel");
    std::string ts{order["ts"].text()};
    const Ephemeral* ephemeral = workspace_.find_ephemeral(user->id, ts);
    const Value* message = ephemeral ? &ephemeral->message : workspace_.find_message(channel->id, ts);
    if (!message) co_return refused("message_not_found", "no such message in this channel");
    FoundElement found =
        find_element((*message)["blocks"], order["action_id"].text(), order["block_id"].text());
    if (!found.element)
        co_return refused("action_not_found", "the message has no element with this action_id");

    Value container = Value::object({{"type", "message"},
                                     {"message_ts", ts},
                                     {"channel_id", channel->id},
                                     {"is_ephemeral", ephemeral != nullptr}});
    std::string_view thread = (*message)["thread_ts"].text();
    if (!thread.empty() && thread != ts) container.set("thread_ts", thread);
    Value actions = Value::array();
    actions.push(action_entry(*found.block, *found.element, order));
    Value payload = base_payload("block_actions", *user);
    payload.set("container", std::move(container))
        .set("trigger_id", workspace_.new_trigger(user->id))
        .set("channel", Value::object({{"id", channel->id},
                                       {"name", channel->im_user.empty() ? channel->name : "directmessage"}}))
        .set("state", Value::object({{"values", state_values((*message)["blocks"], order["values"])}}))
        .set("response_url",
             workspace_.new_response_url(
                 "actions", {.user = user->id, .channel = channel->id, .message_ts = ts, .until = {}}))
        .set("actions", std::move(actions));
    if (!ephemeral) payload.set("message", *message);
    Delivery delivery = co_await sockets_.deliver("interactive", std::move(payload), false);
    co_return outcome(delivery);
}

rt::asio::awaitable<Value> Interactions::click_in_view(const User& user, const Value& order) {
    View* view = workspace_.find_view(order["view_id"].text());
    if (!view || view->user != user.id)
        co_return refused("view_not_found", "this person has no such view open");
    FoundElement found =
        find_element(view->body["blocks"], order["action_id"].text(), order["block_id"].text());
    if (!found.element) co_return refused("action_not_found", "the view has no element with this action_id");
    std::string id{view->body["id"].text()};
    Value body = view->body;
    body.set("state", Value::object({{"values", state_values(body["blocks"], order["values"])}}));
    Value actions = Value::array();
    actions.push(action_entry(*found.block, *found.element, order));
    Value payload = base_payload("block_actions", user);
    payload.set("container", Value::object({{"type", "view"}, {"view_id", id}}))
        .set("trigger_id", workspace_.new_trigger(user.id, id))
        .set("view", std::move(body))
        .set("actions", std::move(actions));
    Delivery delivery = co_await sockets_.deliver("interactive", std::move(payload), false);
    co_return outcome(delivery);
}

rt::asio::awaitable<Value> Interactions::submit_view(const Value& order) {
    const User* user = workspace_.find_user(order["user"].text());
    std::string id{order["view_id"].text()};
    if (id.empty() && user && !workspace_.stack(user->id).empty()) id = workspace_.stack(user->id).back();
    View* view = workspace_.find_view(id);
    if (view && !user) user = workspace_.find_user(view->user);
    if (!view || !user || view->user != user->id)
        co_return refused("view_not_found", "this person has no such view open");
    if (!view->body["submit"].members()) co_return refused("no_submit", "this view has no submit button");
    Value values = state_values(view->body["blocks"], order["values"]);
    Value problems = input_problems(view->body["blocks"], values);
    if (!problems.members()->empty()) {
        Value out = refused("invalid_input", "the client does not submit this");
        out.set("errors", std::move(problems));
        co_return out;
    }
    Value body = view->body;
    body.set("state", Value::object({{"values", std::move(values)}}));
    Value payload = base_payload("view_submission", *user);
    payload.set("trigger_id", workspace_.new_trigger(user->id, id))
        .set("view", std::move(body))
        .set("response_urls", Value::array());
    Delivery delivery = co_await sockets_.deliver("interactive", std::move(payload), true);
    Value out = outcome(delivery);
    if (!delivery.acked) co_return out;
    Value effect = after_submission(id, delivery.answer);
    for (const auto& [name, value] : *effect.members()) out.set(name, value);
    co_return out;
}

// Applies the ack of a view_submission to the modals.
Value Interactions::after_submission(const std::string& view_id, const Value& answer) {
    View* view = workspace_.find_view(view_id);
    if (!view) return Value::object({{"closed", true}});
    std::string_view action = answer["response_action"].text();
    std::string user = view->user;
    if (action == "errors") {
        const auto* errors = answer["errors"].members();
        const auto* blocks = view->body["blocks"].items();
        if (!errors || errors->empty() || !blocks) return refused("invalid_ack", "errors must not be empty");
        for (const auto& [block_id, text] : *errors) {
            const auto& wanted = block_id;
            bool known = std::ranges::any_of(*blocks, [&](const Value& block) {
                return block["type"].text() == "input" && block["block_id"].text() == wanted;
            });
            if (!known || !text.string())
                return refused("invalid_ack",
                               fmt::format("errors: {} is not the block_id of an input", block_id));
        }
        view->errors = answer["errors"];
        workspace_.tell_views(user);
        return Value::object({{"errors", answer["errors"]}});
    }
    if (action == "update" || action == "push") {
        auto complaints = check_view(answer["view"], Surface::modal);
        if (!complaints.empty())
            return refused("invalid_ack", complaints.front().what + " at " + complaints.front().pointer);
    }
    if (action == "update") {
        workspace_.set_view(*view, answer["view"]);
        return Value::object({{"view", view->body}});
    }
    if (action == "push") {
        auto& stack = workspace_.stack(user);
        if (stack.size() >= views_per_stack_max) return refused("push_limit_reached", "three views at most");
        View& next = workspace_.add_view(user, answer["view"], view_id, stack.front());
        stack.push_back(std::string(next.body["id"].text()));
        workspace_.tell_views(user);
        return Value::object({{"view", next.body}});
    }
    if (action == "clear") {
        workspace_.close_stack(user);
    } else {
        workspace_.close_view(view_id);
    }
    return Value::object({{"closed", true}});
}

rt::asio::awaitable<Value> Interactions::close_view(const Value& order) {
    const User* user = workspace_.find_user(order["user"].text());
    std::string id{order["view_id"].text()};
    if (id.empty() && user && !workspace_.stack(user->id).empty()) id = workspace_.stack(user->id).back();
    View* view = workspace_.find_view(id);
    if (!view || !user || view->user != user->id)
        co_return refused("view_not_found", "this person has no such view open");
    const bool all = order["all"].truth() || view->body["clear_on_close"].truth();
    Value body = view->body;
    if (all) {
        workspace_.close_stack(user->id);
    } else {
        workspace_.close_view(id);
    }
    if (!body["notify_on_close"].truth()) co_return Value::object({{"acked", true}, {"ms", 0}});
    Value payload = base_payload("view_closed", *user);
    payload.set("view", std::move(body)).set("is_cleared", all);
    Delivery delivery = co_await sockets_.deliver("interactive", std::move(payload), false);
    co_return outcome(delivery);
}

rt::asio::awaitable<Value> Interactions::command(const Value& order) {
    const User* user = workspace_.find_user(order["user"].text());
    Channel* channel = workspace_.find_channel(order["channel"].text());
    if (!user) co_return refused("user_not_found", "no such user");
    if (!channel) co_return refused("channel_not_found", "no such channel");
    // The app's commands exist only for people of its own workspace.
    if (user->team != team_id)
        co_return refused("not_allowed", "people of other workspaces cannot use commands");
    std::string text{order["text"].text()};
    std::string name{order["command"].text("/approvals")};
    if (text.starts_with('/')) {
        auto space = text.find(' ');
        name = text.substr(0, space);
        text = space == std::string::npos ? std::string{} : text.substr(space + 1);
    }
    ResponseUrl use{.user = user->id, .channel = channel->id, .message_ts = {}, .until = {}};
    Value payload =
        Value::object({{"token", legacy_token},
                       {"team_id", team_id},
                       {"team_domain", team_domain},
                       {"channel_id", channel->id},
                       {"channel_name", channel->im_user.empty() ? channel->name : "directmessage"},
                       {"user_id", user->id},
                       {"user_name", user->name},
                       {"command", name},
                       {"text", escape_text(text)},
                       {"api_app_id", app_id},
                       {"is_enterprise_install", "false"},
                       {"response_url", workspace_.new_response_url("commands", use)},
                       {"trigger_id", workspace_.new_trigger(user->id)}});
    Delivery delivery = co_await sockets_.deliver("slash_commands", std::move(payload), true);
    Value out = outcome(delivery);
    const auto* answer = delivery.answer.members();
    if (!delivery.acked || !answer || answer->empty()) co_return out;
    Value posted = api_.answer_to(use, delivery.answer);
    if (!posted["ok"].truth()) {
        out.set("error", "invalid_ack").set("detail", posted["error"]);
        co_return out;
    }
    out.set("answer", delivery.answer);
    co_return out;
}

Value Interactions::say(const Value& order) {
    const User* user = workspace_.find_user(order["user"].text());
    Channel* channel = workspace_.find_channel(order["channel"].text());
    if (!user) return refused("user_not_found", "no such user");
    if (!channel) return refused("channel_not_found", "no such channel");
    std::string_view text = order["text"].text();
    if (text.empty()) return refused("no_text", "there is nothing to say");
    std::string ts = workspace_.next_ts();
    Value message = Value::object({{"type", "message"},
                                   {"user", user->id},
                                   {"team", user->team},
                                   {"client_msg_id", workspace_.uuid()},
                                   {"text", escape_text(text)},
                                   {"ts", ts}});
    std::string_view thread = order["thread_ts"].text();
    if (const Value* root = workspace_.find_message(channel->id, thread); root && !thread.empty())
        message.set("thread_ts", thread).set("parent_user_id", (*root)["user"]);
    workspace_.put_message(*channel, message, false);
    const bool mentioned = text.find(fmt::format("<@{}>", bot_user)) != std::string_view::npos;
    if (mentioned && channel->has(bot_user)) {
        message.set("type", "app_mention").set("channel", channel->id).set("event_ts", ts);
        emit(std::move(message));
    }
    return Value::object({{"ok", true}, {"ts", ts}});
}

Value Interactions::open_home(const Value& order) {
    const User* user = workspace_.find_user(order["user"].text());
    if (!user) return refused("user_not_found", "no such user");
    Value event = Value::object({{"type", "app_home_opened"},
                                 {"user", user->id},
                                 {"channel", workspace_.channel_for(user->id)},
                                 {"tab", "home"},
                                 {"event_ts", workspace_.next_ts()}});
    if (View* home = workspace_.find_view(workspace_.home_of(user->id))) event.set("view", home->body);
    emit(std::move(event));
    return Value::object({{"ok", true}});
}

void Interactions::emit(Value event) {
    Value installed = Value::array();
    installed.push(Value::object({{"enterprise_id", nullptr},
                                  {"team_id", team_id},
                                  {"user_id", bot_user},
                                  {"is_bot", true},
                                  {"is_enterprise_install", false}}));
    bool shared = false;
    if (Channel* channel =
            event["channel"].text().empty() ? nullptr : workspace_.find_channel(event["channel"].text()))
        shared = channel->ext_shared;
    sockets_.queue_event(Value::object({{"token", legacy_token},
                                        {"team_id", team_id},
                                        {"context_team_id", team_id},
                                        {"context_enterprise_id", nullptr},
                                        {"api_app_id", app_id},
                                        {"event", std::move(event)},
                                        {"type", "event_callback"},
                                        {"event_id", "Ev0" + workspace_.word(10)},
                                        {"event_time", workspace_.now_s()},
                                        {"authorizations", std::move(installed)},
                                        {"is_ext_shared_channel", shared},
                                        {"event_context", "4-" + workspace_.word(24)}}));
}

}  // namespace countersign::sandbox
