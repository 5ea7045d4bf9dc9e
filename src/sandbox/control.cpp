#include "sandbox/control.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "sandbox/json.hpp"

namespace countersign::sandbox {
namespace {

using std::chrono::milliseconds;

constexpr std::int64_t delay_ms_max = 60'000;
constexpr std::size_t messages_listed_max = 1'000;

std::string_view get(const Control::Query& query, std::string_view name) {
    auto found = std::ranges::find(query, name, &std::pair<std::string, std::string>::first);
    return found == query.end() ? std::string_view{} : std::string_view(found->second);
}

Value wrong(std::string_view error, std::string_view detail) {
    return Value::object({{"error", error}, {"detail", detail}});
}

Value done() {
    return Value::object({{"ok", true}});
}

int count_of(const Value& value) {
    return static_cast<int>(std::clamp<std::int64_t>(number(value, 0), 0, 1'000'000));
}

void take_text(const Value& order, std::string_view name, std::string& into) {
    if (order[name].string()) into = *order[name].string();
}

void take_flag(const Value& order, std::string_view name, bool& into) {
    if (order[name].boolean()) into = *order[name].boolean();
}

}  // namespace

Control::Control(Workspace& workspace, Sockets& sockets, WebApi& api, Interactions& interactions)
    : workspace_(workspace), sockets_(sockets), api_(api), interactions_(interactions) {}

rt::asio::awaitable<void> Control::serve(net::HttpExchange& exchange, std::string_view name,
                                         std::string_view query_text) {
    const net::HttpRequest& request = exchange.request();
    std::optional<Value> answer;
    net::HttpResponse response;
    if (request.method == "GET") {
        answer = read(name, net::parse_form(query_text).value_or(Query{}));
    } else if (request.method == "POST") {
        // Only JSON is accepted, because another site's page could send anything else without a preflight.
        std::string_view type = request.fields.find("content-type").value_or("");
        auto order = read_json(request.body.empty() ? "{}" : request.body);
        if (!type.starts_with("application/json")) {
            answer = wrong("unsupported_media_type", "send application/json");
            response.status = 415;
        } else if (!order || !order->members()) {
            answer = wrong("invalid_json", "the body must be a JSON object");
            response.status = 400;
        } else {
            answer = co_await act(name, *order);
        }
    } else {
        answer = wrong("method_not_allowed", "GET or POST");
        response.status = 405;
    }
    if (!answer) {
        answer = wrong("not_found", "no such control; docs/sandbox.md lists them");
        response.status = 404;
    }
    if (response.status == 200 && answer->operator[]("acked").is_null() && !(*answer)["error"].is_null())
        response.status = 400;
    response.fields.add("Content-Type", "application/json");
    response.fields.add("Cache-Control", "no-store");
    response.body = core::canonical(*answer);
    co_await exchange.respond(std::move(response));
}

std::optional<Value> Control::read(std::string_view name, const Query& query) {
    if (name == "messages") return messages(query);
    if (name == "views") return views(get(query, "user"));
    if (name == "ephemerals") return ephemerals(query);
    if (name == "journal") return Value::object({{"calls", api_.journal(get(query, "method"))}});
    if (name == "state") return state();
    return std::nullopt;
}

rt::asio::awaitable<std::optional<Value>> Control::act(std::string_view name, const Value& order) {
    if (name == "click") {
        co_return co_await interactions_.click(order);
    }
    if (name == "submit_view") {
        co_return co_await interactions_.submit_view(order);
    }
    if (name == "close_view") {
        co_return co_await interactions_.close_view(order);
    }
    if (name == "command") {
        co_return co_await interactions_.command(order);
    }
    if (name == "disconnect" || name == "sockets") {
        co_return co_await move_sockets(order);
    }
    if (name == "say") co_return interactions_.say(order);
    if (name == "open_home") co_return interactions_.open_home(order);
    if (name == "faults") co_return set_faults(order);
    if (name == "limits") co_return set_limits(order);
    if (name == "scopes") co_return set_scopes(order);
    if (name == "users") co_return set_user(order);
    if (name == "groups") co_return set_group(order);
    if (name == "channels") co_return set_channel(order);
    if (name == "delete_message") co_return delete_message(order);
    if (name == "forget_journal") {
        api_.forget_journal();
        co_return done();
    }
    co_return std::nullopt;
}

rt::asio::awaitable<Value> Control::move_sockets(const Value& order) {
    std::string_view action = order["action"].text("disconnect");
    if (action == "disconnect") {
        std::string reason{order["reason"].text("refresh_requested")};
        auto grace = std::clamp<std::int64_t>(number(order["grace_ms"], 10'000), 0, delay_ms_max);
        co_await sockets_.disconnect_all(reason, milliseconds{grace});
    } else if (action == "drop") {
        sockets_.drop_all();
    } else if (action == "deaf" || action == "hear") {
        sockets_.set_deaf(action == "deaf");
    } else if (action == "close") {
        auto code = std::clamp<std::int64_t>(number(order["code"], 1000), 1000, 4999);
        co_await sockets_.close_all(static_cast<std::uint16_t>(code));
    } else if (action == "send") {
        co_await sockets_.send_raw(std::string(order["text"].text()));
    } else {
        co_return wrong("invalid_action", "disconnect, drop, deaf, hear, close or send");
    }
    co_return done();
}

Value Control::set_faults(const Value& order) {
    SocketFaults& faults = sockets_.faults;
    if (order["clear"].truth()) {
        api_.faults.clear();
        faults = SocketFaults{};
        sockets_.set_deaf(false);
    }
    if (order["method"].string()) {
        MethodFault fault;
        fault.method = order["method"].text();
        fault.times = count_of(order["times"].is_null() ? Value{1} : order["times"]);
        fault.error = order["error"].text();
        fault.status =
            static_cast<unsigned>(std::clamp<std::int64_t>(number(order["http_status"], 0), 0, 599));
        fault.retry_after_s = count_of(order["retry_after"]);
        fault.work = order["work"].truth();
        fault.twice = order["twice"].truth();
        fault.drop = order["drop"].truth();
        fault.body = order["body"].text();
        fault.delay = milliseconds{std::clamp<std::int64_t>(number(order["delay_ms"], 0), 0, delay_ms_max)};
        fault.late = milliseconds{std::clamp<std::int64_t>(number(order["late_ms"], 0), 0, delay_ms_max)};
        if (fault.retry_after_s > 0 && fault.error.empty()) fault.error = "ratelimited";
        if (fault.times > 0) api_.faults.push_back(std::move(fault));
    }
    const std::array<std::pair<std::string_view, int*>, 6> counters{
        {{"refuse_handshakes", &faults.refuse_handshakes},
         {"hang_handshakes", &faults.hang_handshakes},
         {"withhold_hellos", &faults.withhold_hellos},
         {"too_many_first", &faults.too_many_first},
         {"duplicate_next", &faults.duplicate_next},
         {"lose_acks", &faults.lose_acks}}};
    for (const auto& [name, counter] : counters)
        if (!order[name].is_null()) *counter = count_of(order[name]);
    if (!order["refuse_status"].is_null())
        faults.refuse_status =
            static_cast<unsigned>(std::clamp<std::int64_t>(number(order["refuse_status"], 409), 400, 599));
    if (!order["connection_s"].is_null())
        faults.connection_s = std::clamp<std::int64_t>(number(order["connection_s"], 18'060), 1, 86'400);
    return done();
}

Value Control::set_limits(const Value& order) {
    std::string_view wanted = order["limits"].text();
    if (wanted != "off" && wanted != "documented") return wrong("invalid_limits", "off or documented");
    api_.limits.on = wanted == "documented";
    api_.limits.reset();
    return done();
}

Value Control::set_scopes(const Value& order) {
    const auto* scopes = order["scopes"].items();
    if (!scopes) return wrong("invalid_scopes", "a list of scope names");
    api_.scopes.clear();
    for (const auto& scope : *scopes) api_.scopes.insert(std::string(scope.text()));
    return done();
}

Value Control::set_user(const Value& order) {
    std::string id{order["id"].text()};
    if (id.empty()) return wrong("invalid_user", "id is missing");
    auto& users = workspace_.team.users;
    const bool known = users.contains(id);
    User& user = users[id];
    user.id = id;
    if (!known) {
        user.name = id;
        user.real_name = id;
    }
    take_text(order, "name", user.name);
    take_text(order, "real_name", user.real_name);
    take_text(order, "email", user.email);
    take_text(order, "team_id", user.team);
    take_text(order, "tz", user.zone);
    if (auto offset = order["tz_offset"].integer()) user.zone_offset_s = *offset;
    if (const auto* fields = order["fields"].members())
        for (const auto& [field, value] : *fields) user.fields[field] = value.text();
    take_flag(order, "deleted", user.deleted);
    take_flag(order, "is_bot", user.bot);
    take_flag(order, "is_admin", user.admin);
    take_flag(order, "is_restricted", user.restricted);
    take_flag(order, "is_ultra_restricted", user.ultra_restricted);
    take_flag(order, "is_email_confirmed", user.email_confirmed);
    user.updated_s = workspace_.now_s();
    if (!order["silent"].truth()) {
        interactions_.emit(
            Value::object({{"type", known ? "user_change" : "team_join"},
                           {"cache_ts", workspace_.now_s()},
                           {"event_ts", workspace_.next_ts()},
                           {"user", describe(user, api_.scopes.contains("users:read.email"))}}));
    }
    workspace_.feed.publish("team", Value::object());
    return Value::object({{"ok", true}, {"user", describe(user, true)}});
}

Value Control::set_group(const Value& order) {
    std::string id{order["id"].text()};
    if (id.empty()) return wrong("invalid_group", "id is missing");
    auto& groups = workspace_.team.groups;
    const bool known = groups.contains(id);
    Group& group = groups[id];
    const Group before = group;
    const auto now = workspace_.now_s();
    group.id = id;
    if (!known) {
        group.created_s = now;
        group.handle = id;
        group.name = id;
    }
    take_text(order, "handle", group.handle);
    take_text(order, "name", group.name);
    if (order["disabled"].boolean()) group.disabled_s = *order["disabled"].boolean() ? now : 0;
    if (const auto* users = order["users"].items()) {
        group.users.clear();
        for (const auto& user : *users) group.users.emplace_back(user.text());
    }
    group.updated_s = now;
    workspace_.feed.publish("team", Value::object());
    if (order["silent"].truth()) return done();
    Value added = Value::array();
    Value removed = Value::array();
    for (const auto& user : group.users)
        if (std::ranges::find(before.users, user) == before.users.end()) added.push(user);
    for (const auto& user : before.users)
        if (std::ranges::find(group.users, user) == group.users.end()) removed.push(user);
    if (known && (!added.items()->empty() || !removed.items()->empty())) {
        interactions_.emit(Value::object({{"type", "subteam_members_changed"},
                                          {"subteam_id", id},
                                          {"team_id", team_id},
                                          {"date_previous_update", before.updated_s},
                                          {"date_update", now},
                                          {"added_users_count", added.items()->size()},
                                          {"added_users", added},
                                          {"removed_users_count", removed.items()->size()},
                                          {"removed_users", removed},
                                          {"event_ts", workspace_.next_ts()}}));
    }
    interactions_.emit(Value::object({{"type", known ? "subteam_updated" : "subteam_created"},
                                      {"subteam", describe(group, true)},
                                      {"event_ts", workspace_.next_ts()}}));
    return done();
}

Value Control::set_channel(const Value& order) {
    std::string id{order["id"].text()};
    if (id.empty()) return wrong("invalid_channel", "id is missing");
    Channel& channel = workspace_.team.channels[id];
    if (channel.id.empty()) channel.name = id;
    channel.id = id;
    const auto before = channel.members;
    take_text(order, "name", channel.name);
    take_flag(order, "is_private", channel.is_private);
    take_flag(order, "is_ext_shared", channel.ext_shared);
    const bool was_archived = channel.archived;
    take_flag(order, "is_archived", channel.archived);
    if (const auto* members = order["members"].items()) {
        channel.members.clear();
        for (const auto& member : *members) channel.members.insert(std::string(member.text()));
    }
    workspace_.feed.publish("team", Value::object());
    if (order["silent"].truth()) return done();
    tell_membership(id, before, channel.members);
    if (channel.archived && !was_archived)
        interactions_.emit(Value::object({{"type", "channel_archive"},
                                          {"channel", id},
                                          {"user", "U0RILEY"},
                                          {"event_ts", workspace_.next_ts()}}));
    return done();
}

void Control::tell_membership(const std::string& channel, const std::set<std::string>& before,
                              const std::set<std::string>& after) {
    auto tell = [&](std::string_view type, const std::string& user) {
        interactions_.emit(Value::object({{"type", type},
                                          {"user", user},
                                          {"channel", channel},
                                          {"channel_type", "C"},
                                          {"team", team_id},
                                          {"event_ts", workspace_.next_ts()}}));
    };
    const std::string bot{bot_user};
    if (before.contains(bot) && !after.contains(bot)) {
        interactions_.emit(Value::object({{"type", "channel_left"},
                                          {"channel", channel},
                                          {"actor_id", "U0RILEY"},
                                          {"event_ts", workspace_.next_ts()}}));
    }
    // Only those in a channel hear of its members.
    if (!after.contains(bot)) return;
    for (const auto& user : after)
        if (!before.contains(user)) tell("member_joined_channel", user);
    for (const auto& user : before)
        if (!after.contains(user)) tell("member_left_channel", user);
}

Value Control::delete_message(const Value& order) {
    Channel* channel = workspace_.find_channel(order["channel"].text());
    if (!channel) return wrong("channel_not_found", "no such channel");
    if (!workspace_.remove_message(*channel, std::string(order["ts"].text())))
        return wrong("message_not_found", "no such message in this channel");
    return done();
}

Value Control::messages(const Query& query) {
    Channel* channel = workspace_.find_channel(get(query, "channel"));
    if (!channel) return wrong("channel_not_found", "?channel= names none");
    std::string_view thread = get(query, "thread_ts");
    Value list = Value::array();
    std::size_t skip =
        channel->messages.size() > messages_listed_max ? channel->messages.size() - messages_listed_max : 0;
    for (const auto& [ts, message] : channel->messages) {
        if (thread.empty() && skip > 0) {
            --skip;
            continue;
        }
        if (thread.empty() || ts == thread || message["thread_ts"].text() == thread) list.push(message);
    }
    return Value::object({{"channel", channel->id}, {"messages", std::move(list)}});
}

Value Control::views(std::string_view user) {
    Value list = Value::array();
    for (const auto& id : workspace_.stack(user)) {
        View* view = workspace_.find_view(id);
        if (view) list.push(Value::object({{"view", view->body}, {"errors", view->errors}}));
    }
    Value out = Value::object({{"user", user}, {"views", std::move(list)}});
    if (View* home = workspace_.find_view(workspace_.home_of(user))) out.set("home", home->body);
    return out;
}

Value Control::ephemerals(const Query& query) {
    std::string_view channel = get(query, "channel");
    Value list = Value::array();
    for (const auto& ephemeral : workspace_.ephemerals(get(query, "user")))
        if (channel.empty() || ephemeral.channel == channel)
            list.push(Value::object(
                {{"channel", ephemeral.channel}, {"ts", ephemeral.ts}, {"message", ephemeral.message}}));
    return Value::object({{"ephemerals", std::move(list)}});
}

Value Control::state() {
    Value users = Value::array();
    for (const auto& [id, user] : workspace_.team.users) users.push(describe(user, true));
    Value groups = Value::array();
    for (const auto& [id, group] : workspace_.team.groups) groups.push(describe(group, true));
    Value channels = Value::array();
    for (const auto& [id, channel] : workspace_.team.channels) {
        Value members = Value::array();
        for (const auto& member : channel.members) members.push(member);
        Value described = describe(channel);
        channels.push(
            described.set("members", std::move(members)).set("message_count", channel.messages.size()));
    }
    Value scopes = Value::array();
    for (const auto& scope : api_.scopes) scopes.push(scope);
    return Value::object({{"team", Value::object({{"id", team_id}, {"name", "Sim Harbor"}})},
                          {"bot_user_id", bot_user},
                          {"app_id", app_id},
                          {"users", std::move(users)},
                          {"groups", std::move(groups)},
                          {"channels", std::move(channels)},
                          {"scopes", std::move(scopes)},
                          {"limits", api_.limits.on ? "documented" : "off"},
                          {"calls", api_.calls()},
                          {"sockets", sockets_.describe()},
                          {"now", core::rfc3339(workspace_.now())},
                          {"feed", workspace_.feed.last()}});
}

}  // namespace countersign::sandbox
