#include "sandbox/teams_people.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "countersign/net/url.hpp"
#include "sandbox/json.hpp"

namespace countersign::sandbox {

using rt::asio::awaitable;

namespace {

Value trouble(std::string_view error, std::string_view detail) {
    return Value::object({{"error", error}, {"detail", detail}});
}

std::string get(const TeamsPeople::Query& query, std::string_view name) {
    for (const auto& [known, value] : query)
        if (known == name) return value;
    return {};
}

// An action of a card and the card in which it stands, which is where its inputs are.
struct FoundAction {
    const Value* action = nullptr;
    const Value* scope = nullptr;
};

// Buttons that only open a card of their own are looked into.
FoundAction find_action(const Value& card, std::string_view title) {
    FoundAction found;
    auto look = [&](const Value& actions) {
        if (const auto* items = actions.items())
            for (const Value& action : *items) {
                if (found.action != nullptr) return;
                if (action["type"].text() == "Action.ShowCard")
                    found = find_action(action["card"], title);
                else if (action["title"].text() == title)
                    found = {&action, &card};
            }
    };
    look(card["actions"]);
    if (const auto* body = card["body"].items())
        for (const Value& element : *body)
            if (found.action == nullptr) look(element["actions"]);
    return found;
}

// The data that a button sends, with what was typed; nullopt: something that is required is missing, so the
// client sends nothing.
std::optional<Value> data_of(const FoundAction& found, const Value& order) {
    Value data = (*found.action)["data"];
    if ((*found.action)["associatedInputs"].text() == "none") return data;
    const auto* body = (*found.scope)["body"].items();
    if (body == nullptr) return data;
    for (const Value& element : *body) {
        if (element["type"].text() != "Input.Text") continue;
        std::string id{element["id"].text()};
        auto typed = order["inputs"][id].text(order["reason"].text());
        if (typed.empty() && element["isRequired"].truth()) return std::nullopt;
        data.set(id, typed);
    }
    return data;
}

}  // namespace

TeamsPeople::TeamsPeople(TeamsWorld& world, TeamsConnector& connector, TeamsLine& line,
                         const rt::Clock& clock, std::unique_ptr<net::HttpClient> client)
    : world_(world), connector_(connector), line_(line), clock_(clock), client_(std::move(client)) {}

void TeamsPeople::bot_is_at(std::string messages_url, TeamsTransport transport) {
    line_.bot_is_at(transport == TeamsTransport::websocket ? messages_url : std::string{});
    messages_url_ = std::move(messages_url);
}

awaitable<net::HttpResponse> TeamsPeople::serve(const net::HttpRequest& request, std::string_view name,
                                                std::string_view query_text) {
    std::optional<Value> answer;
    if (request.method == "GET") {
        answer = read(name, net::parse_form(query_text).value_or(Query{}));
    } else {
        auto type = request.fields.find("content-type").value_or("");
        auto order = read_json(request.body.empty() ? "{}" : request.body);
        if (!type.starts_with("application/json"))
            co_return teams_json(415, trouble("unsupported_media_type", "send application/json"));
        if (!order || !order->members())
            co_return teams_json(400, trouble("invalid_json", "the body must be a JSON object"));
        auto acted = co_await act(std::string(name), std::move(*order));
        answer = std::move(acted);
    }
    if (!answer)
        co_return teams_json(404, trouble("not_found", "no such control; docs/sandbox.md lists them"));
    const bool wrong = (*answer)["error"].string() != nullptr;
    co_return teams_json(wrong ? 400 : 200, *answer);
}

awaitable<std::optional<Value>> TeamsPeople::act(std::string name, Value order) {
    std::optional<Value> answer;
    if (name == "press")
        answer = co_await press(std::move(order));
    else if (name == "dialog")
        answer = co_await press_in_dialog(std::move(order));
    else if (name == "refresh")
        answer = co_await refresh(std::move(order));
    else if (name == "say")
        answer = co_await say(std::move(order));
    else if (name == "query")
        answer = co_await query(std::move(order));
    else if (name == "install")
        answer = co_await install(std::move(order));
    else if (name == "send")
        answer = co_await raw(std::move(order));
    else if (name == "bot")
        answer = set_bot(order);
    else if (name == "users")
        answer = set_user(order);
    else if (name == "members")
        answer = co_await set_members(std::move(order));
    else if (name == "token")
        answer = Value::object({{"token", connector_.mint(order["claims"])}});
    else if (name == "faults")
        answer = set_faults(order);
    co_return answer;
}

std::optional<Value> TeamsPeople::read(std::string_view name, const Query& query) {
    if (name == "messages") {
        auto* conversation = world_.find_conversation(get(query, "conversation"));
        Value all = Value::array();
        if (conversation)
            for (const TeamsMessage& one : conversation->messages)
                all.push(Value::object({{"id", one.id},
                                        {"root", one.root},
                                        {"from", one.from},
                                        {"edits", one.edits},
                                        {"activity", one.activity}}));
        return Value::object({{"messages", std::move(all)}});
    }
    const auto* user = world_.find_user(get(query, "user"));
    if (name == "view" && user) {
        auto [conversation, message] = world_.find_message(get(query, "message"));
        return Value::object({{"card", message ? world_.card_of(*user, *message) : Value{}},
                              {"own", message && world_.views.contains({user->name, message->id})}});
    }
    if (name == "dialog" && user) {
        auto open = world_.dialogs.find(user->name);
        if (open == world_.dialogs.end()) return Value::object({{"card", Value{}}});
        return Value::object({{"title", open->second.title}, {"card", open->second.card}});
    }
    if (name == "words" && user) {
        Value all = Value::array();
        for (const std::string& one : world_.words[user->name]) all.push(one);
        return Value::object({{"words", std::move(all)}});
    }
    if (name == "journal") return Value::object({{"calls", connector_.journal}});
    if (name == "state") {
        Value users = Value::array();
        for (const auto& [its_name, one] : world_.users) {
            auto described = describe(one);
            described.set("login", its_name);
            users.push(std::move(described));
        }
        return Value::object(
            {{"users", std::move(users)}, {"tenant", teams_tenant}, {"app_id", teams_app_id}});
    }
    return std::nullopt;
}

// ---- activities

Value TeamsPeople::activity(const TeamsUser& user, const TeamsConversation& conversation,
                            std::string_view type) const {
    auto from = Value::object({{"id", user.mri()}, {"name", user.real_name}});
    if (user.role != "anonymous") from.set("aadObjectId", user.object);
    auto where = Value::object(
        {{"id", conversation.id}, {"conversationType", conversation.kind}, {"tenantId", teams_tenant}});
    auto data = Value::object({{"tenant", Value::object({{"id", teams_tenant}})}});
    if (conversation.kind != "personal") where.set("isGroup", true);
    if (!conversation.team.empty())
        data.set("team", Value::object({{"id", conversation.team}}))
            .set("channel", Value::object({{"id", conversation.id}}));
    return Value::object(
        {{"type", type},
         {"channelId", "msteams"},
         {"serviceUrl", line_.wanted() ? std::string(TeamsLine::service_url) : connector_.service_url()},
         {"timestamp", core::rfc3339(clock_.now())},
         {"from", std::move(from)},
         {"recipient", Value::object({{"id", "28:" + std::string(teams_app_id)}, {"name", "Countersign"}})},
         {"conversation", std::move(where)},
         {"channelData", std::move(data)}});
}

awaitable<Value> TeamsPeople::deliver(Value activity, Value claims) {
    if (activity["id"].is_null()) activity.set("id", "f:" + world_.next_id());
    const auto begun = clock_.now();
    auto body = core::canonical(activity);
    auto sending = line_.wanted() ? line_.deliver(std::move(body), std::move(claims), Deadline{begun + waits})
                                  : post(std::move(body), std::move(claims), Deadline{begun + waits});
    auto response = co_await std::move(sending);
    auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(clock_.now() - begun).count();
    auto told = Value::object({{"ms", static_cast<std::int64_t>(ms)}, {"activity", std::move(activity)}});
    if (!response) {
        // A socket that was refused has a status, too, as a POST has.
        constexpr std::string_view refused = "status_";
        std::string_view code{response.error().code};
        const bool has_status = code.starts_with(refused);
        auto status = has_status ? number(Value{code.substr(refused.size())}, 0) : 0;
        told.set("status", status).set("failure", response.error().detail);
        co_return told;
    }
    told.set("status", static_cast<std::int64_t>(response->status));
    told.set("body", read_json(response->body).value_or(Value{}));
    co_return told;
}

Later<streaming::Response> TeamsPeople::post(std::string body, Value claims, Deadline deadline) {
    auto url = net::parse_url(messages_url_);
    if (!url) co_return fail(Trouble::invalid_input, "nobody said where the bot is");
    net::HttpRequest request{
        .method = "POST", .target = url->target, .fields = {}, .body = std::move(body), .peer = {}};
    request.fields.add("Content-Type", "application/json; charset=utf-8");
    request.fields.add("Authorization", "Bearer " + connector_.mint(claims));
    auto response = co_await client_->send(*url, std::move(request), deadline);
    if (!response) co_return pass(response);
    co_return streaming::Response{response->status, std::move(response->body)};
}

// What a client makes of the answer of an invoke.
void TeamsPeople::show(const TeamsUser& user, const std::string& message, const std::string& conversation,
                       const Value& answer) {
    const Value& body = answer["body"];
    if (answer["status"].whole() != 200) {
        world_.words[user.name].emplace_back("Something went wrong. Please try again.");
        return;
    }
    if (body["type"].text() == "application/vnd.microsoft.card.adaptive") {
        world_.views[{user.name, message}] = body["value"];
    } else if (body["type"].text() == "application/vnd.microsoft.activity.message") {
        world_.words[user.name].emplace_back(body["value"].text());
    } else if (body["task"]["type"].text() == "continue") {
        const Value& task = body["task"]["value"];
        world_.dialogs[user.name] = {.title = std::string(task["title"].text()),
                                     .message = message,
                                     .conversation = conversation,
                                     .card = task["card"]["content"]};
    } else if (body["task"]["type"].text() == "message") {
        world_.dialogs.erase(user.name);
        world_.words[user.name].emplace_back(body["task"]["value"].text());
    } else {
        world_.dialogs.erase(user.name);
    }
}

awaitable<Value> TeamsPeople::press(Value order) {
    const auto* user = world_.find_user(order["user"].text());
    auto [conversation, message] = world_.find_message(order["message"].text());
    if (!user || !message) co_return trouble("not_found", "no such user or message");
    const auto card = world_.card_of(*user, *message);
    const auto found = find_action(card, order["title"].text());
    if (!found.action)
        co_return trouble("no_button", fmt::format("no button is called {}", order["title"].text()));
    auto data = data_of(found, order);
    if (!data) co_return trouble("input_required", "the client sends nothing before it is filled in");
    const bool execute = (*found.action)["type"].text() == "Action.Execute";
    const bool dialog = (*data)["msteams"]["type"].text() == "task/fetch";
    const std::string id = message->id;
    const std::string where = conversation->id;
    auto told = activity(*user, *conversation, execute || dialog ? "invoke" : "message");
    if (conversation->kind == "channel") {
        auto thread = told["conversation"];
        thread.set("id", fmt::format("{};messageid={}", where, message->root));
        told.set("conversation", std::move(thread));
    }
    told.set("replyToId", id);
    if (execute) {
        auto action = Value::object({{"type", "Action.Execute"},
                                     {"title", (*found.action)["title"]},
                                     {"verb", (*found.action)["verb"]},
                                     {"data", std::move(*data)}});
        told.set("name", "adaptiveCard/action")
            .set("value", Value::object({{"action", std::move(action)}, {"trigger", "manual"}}));
    } else if (dialog) {
        told.set("name", "task/fetch")
            .set("value", Value::object({{"data", std::move(*data)},
                                         {"context", Value::object({{"theme", "default"}})}}));
    } else {
        told.set("value", std::move(*data));
    }
    auto answer = co_await deliver(std::move(told));
    if (execute || dialog) show(*user, id, where, answer);
    co_return answer;
}

awaitable<Value> TeamsPeople::press_in_dialog(Value order) {
    const auto* user = world_.find_user(order["user"].text());
    auto open = user ? world_.dialogs.find(user->name) : world_.dialogs.end();
    if (open == world_.dialogs.end()) co_return trouble("no_dialog", "this person has no dialog open");
    const TeamsDialog dialog = open->second;
    const auto found = find_action(dialog.card, order["title"].text());
    if (!found.action)
        co_return trouble("no_button", fmt::format("no button is called {}", order["title"].text()));
    auto data = data_of(found, order);
    if (!data) co_return trouble("input_required", "the client sends nothing before it is filled in");
    auto told = activity(*user, *world_.find_conversation(dialog.conversation), "invoke");
    told.set("name", "task/submit")
        .set("replyToId", dialog.message)
        .set("value",
             Value::object({{"data", std::move(*data)}, {"context", Value::object({{"theme", "default"}})}}));
    auto answer = co_await deliver(std::move(told));
    show(*user, dialog.message, dialog.conversation, answer);
    co_return answer;
}

// As a client does by itself when the message comes into sight of somebody who is named in it.
awaitable<Value> TeamsPeople::refresh(Value order) {
    const auto* user = world_.find_user(order["user"].text());
    auto [conversation, message] = world_.find_message(order["message"].text());
    if (!user || !message) co_return trouble("not_found", "no such user or message");
    const auto card = world_.card_of(*user, *message);
    const auto* ids = card["refresh"]["userIds"].items();
    const bool named =
        ids && std::ranges::any_of(*ids, [&](const Value& id) { return id.text() == user->mri(); });
    if (!named) co_return Value::object({{"status", 0}, {"asked", false}});
    auto told = activity(*user, *conversation, "invoke");
    const std::string id = message->id;
    const std::string where = conversation->id;
    if (conversation->kind == "channel") {
        auto thread = told["conversation"];
        thread.set("id", fmt::format("{};messageid={}", where, message->root));
        told.set("conversation", std::move(thread));
    }
    told.set("name", "adaptiveCard/action")
        .set("replyToId", id)
        .set("value", Value::object({{"action", card["refresh"]["action"]}, {"trigger", "automatic"}}));
    auto answer = co_await deliver(std::move(told));
    show(*user, id, where, answer);
    co_return answer;
}

awaitable<Value> TeamsPeople::say(Value order) {
    const auto* user = world_.find_user(order["user"].text());
    if (!user) co_return trouble("not_found", "no such user");
    auto* conversation = order["conversation"].is_null()
                             ? &world_.personal(*user)
                             : world_.find_conversation(order["conversation"].text());
    if (!conversation) co_return trouble("not_found", "no such conversation");
    auto told = activity(*user, *conversation, "message");
    std::string text{order["text"].text()};
    Value entities = Value::array();
    if (conversation->kind != "personal") {
        constexpr std::string_view mention = "<at>Countersign</at>";
        text = fmt::format("{} {}", mention, text);
        entities.push(
            Value::object({{"type", "mention"}, {"text", mention}, {"mentioned", told["recipient"]}}));
    }
    if (const auto* people = order["mentions"].items())
        for (const Value& name : *people) {
            const auto* other = world_.find_user(name.text());
            if (!other) continue;
            auto mention = fmt::format("<at>{}</at>", other->real_name);
            if (auto at = text.find("@" + other->name); at != std::string::npos)
                text.replace(at, other->name.size() + 1, mention);
            entities.push(Value::object({{"type", "mention"},
                                         {"text", mention},
                                         {"mentioned", Value::object({{"id", other->mri()}})}}));
        }
    auto id = world_.next_id();
    told.set("id", id).set("text", text).set("textFormat", "plain").set("entities", std::move(entities));
    if (conversation->kind == "channel") {
        auto thread = told["conversation"];
        thread.set("id", fmt::format("{};messageid={}", conversation->id, id));
        told.set("conversation", std::move(thread));
    }
    world_.put(*conversation, {.id = id, .root = id, .from = user->name, .activity = told});
    co_return co_await deliver(std::move(told));
}

awaitable<Value> TeamsPeople::query(Value order) {
    const auto* user = world_.find_user(order["user"].text());
    if (!user) co_return trouble("not_found", "no such user");
    auto told = activity(*user, world_.personal(*user), "invoke");
    Value parameters = Value::array();
    parameters.push(Value::object({{"name", "q"}, {"value", order["text"].text()}}));
    told.set("name", "composeExtension/query")
        .set("value", Value::object({{"commandId", "findPending"}, {"parameters", std::move(parameters)}}));
    co_return co_await deliver(std::move(told));
}

awaitable<Value> TeamsPeople::install(Value order) {
    const bool in = order["installed"].truth(true);
    const auto* user = world_.find_user(order["user"].text());
    TeamsConversation* where = world_.find_conversation(order["conversation"].text());
    if (user && !where) {
        world_.users.at(user->name).installed = in;
        where = &world_.personal(*user);
    }
    if (!where) co_return trouble("not_found", "no such user or conversation");
    where->bot_is_in = in;
    const TeamsUser& by = user ? *user : world_.users.at("amy");
    auto told = activity(by, *where, "installationUpdate");
    told.set("action", in ? "add" : "remove");
    co_return co_await deliver(std::move(told));
}

// Any activity at all, with whatever claims its token is to have.
awaitable<Value> TeamsPeople::raw(Value order) {
    co_return co_await deliver(order["activity"], order["claims"]);
}

Value TeamsPeople::set_bot(const Value& order) {
    auto url = net::parse_url(order["messages_url"].text());
    if (!url) return trouble("invalid_url", "messages_url is not an address");
    auto transport = order["transport"].text("https");
    if (transport != "https" && transport != "websocket")
        return trouble("invalid_transport", "transport is https or websocket");
    bot_is_at(std::string(order["messages_url"].text()),
              transport == "https" ? TeamsTransport::https : TeamsTransport::websocket);
    return Value::object({{"ok", true}});
}

// Somebody new is in no conversation but their own.
Value TeamsPeople::set_user(const Value& order) {
    const auto* known = world_.find_user(order["name"].text());
    if (!known && !order["object"].string()) return trouble("not_found", "no such user");
    std::string name{known ? std::string_view{known->name} : order["name"].text()};
    if (!known && world_.find_user(order["object"].text()))
        return trouble("taken", "somebody has this object id");
    TeamsUser& user = world_.users[name];
    if (!known) user = {.name = name, .real_name = name, .object = std::string(order["object"].text())};
    if (order["real_name"].string()) user.real_name = order["real_name"].text();
    if (order["role"].string()) user.role = order["role"].text();
    if (order["tenant"].string()) user.tenant = order["tenant"].text();
    if (order["installed"].boolean()) user.installed = order["installed"].truth();
    return describe(user);
}

// The bot is told who came and who left, as Teams tells it.
awaitable<Value> TeamsPeople::set_members(Value order) {
    auto* where = world_.find_conversation(order["conversation"].text());
    const auto* names = order["users"].items();
    if (!where || !names) co_return trouble("not_found", "no such conversation, or no users");
    std::set<std::string> members;
    for (const Value& name : *names) {
        const auto* user = world_.find_user(name.text());
        if (!user) co_return trouble("not_found", fmt::format("no such user: {}", name.text()));
        members.insert(user->name);
    }
    auto listed = [&](const std::set<std::string>& those, const std::set<std::string>& but) {
        Value all = Value::array();
        for (const std::string& name : those)
            if (!but.contains(name)) all.push(Value::object({{"id", world_.users.at(name).mri()}}));
        return all;
    };
    auto told = activity(world_.users.at("amy"), *where, "conversationUpdate");
    told.set("membersAdded", listed(members, where->members));
    told.set("membersRemoved", listed(where->members, members));
    where->members = std::move(members);
    co_return co_await deliver(std::move(told));
}

Value TeamsPeople::set_faults(const Value& order) {
    if (order["clear"].truth()) connector_.faults.clear();
    if (order["targeted"].string()) connector_.targets = order["targeted"].text() != "unknown";
    if (order["limits"].string()) connector_.limited = order["limits"].text() != "off";
    if (order["method"].string())
        connector_.faults.push_back({.method = std::string(order["method"].text("*")),
                                     .path = std::string(order["path"].text()),
                                     .times = order["times"].whole(1),
                                     .status = static_cast<unsigned>(order["status"].whole(500)),
                                     .code = std::string(order["code"].text("ServiceError")),
                                     .retry_after_s = order["retry_after"].whole(),
                                     .work = order["work"].truth(),
                                     .drop = order["drop"].truth()});
    return Value::object({{"ok", true}});
}

}  // namespace countersign::sandbox
