#include "sandbox/teams_connector.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "countersign/base/text.hpp"
#include "countersign/net/url.hpp"
#include "countersign/wire/teams_activity.hpp"
#include "sandbox/json.hpp"

namespace countersign::sandbox {
namespace {

constexpr std::string_view key_id = "sim-key-1";
constexpr std::string_view issuer = "https://api.botframework.com";
constexpr std::size_t journal_max = 2'000;

net::HttpResponse error(unsigned status, std::string_view code, std::string_view message) {
    return teams_json(status,
                      Value::object({{"error", Value::object({{"code", code}, {"message", message}})}}));
}

std::vector<std::string> segments_of(std::string_view path) {
    std::vector<std::string> decoded;
    for (const std::string& part : split(path, '/'))
        if (!part.empty()) decoded.push_back(net::percent_decode(part, false).value_or(part));
    return decoded;
}

std::string field_of(std::string_view form, std::string_view name) {
    auto fields = net::parse_form(form);
    if (fields)
        for (auto& [known, value] : *fields)
            if (known == name) return value;
    return {};
}

// What Teams counts: UTF-16.
std::size_t size_of(const Value& message) {
    return 2 * utf16_units(core::canonical(message));
}

}  // namespace

net::HttpResponse teams_json(unsigned status, const Value& body) {
    net::HttpResponse response;
    response.status = status;
    response.fields.add("Content-Type", "application/json; charset=utf-8");
    response.body = core::canonical(body);
    return response;
}

TeamsConnector::TeamsConnector(TeamsWorld& world, std::string base_url, Secret app_password,
                               rt::Entropy& entropy)
    : world_(world),
      base_url_(std::move(base_url)),
      app_password_(std::move(app_password)),
      entropy_(entropy) {}

std::string TeamsConnector::mint(const Value& claims) const {
    auto seconds = std::chrono::floor<std::chrono::seconds>(world_.now().time_since_epoch()).count();
    auto all = Value::object({{"iss", issuer},
                              {"aud", teams_app_id},
                              {"serviceurl", service_url()},
                              {"nbf", seconds - 300},
                              {"exp", seconds + 3'600}});
    if (const auto* others = claims.members())
        for (const auto& [name, value] : *others) all.set(name, value);
    auto header = Value::object({{"alg", "RS256"}, {"kid", key_id}, {"typ", "JWT"}, {"x5t", key_id}});
    auto input = base64url(core::canonical(header)) + "." + base64url(core::canonical(all));
    return input + "." + base64url(key_.sign(input));
}

rt::asio::awaitable<void> TeamsConnector::serve(net::HttpExchange& exchange, std::string_view path,
                                                std::string_view query) {
    auto response = answer(exchange.request(), path, query, true);
    if (!response) {
        exchange.drop();
        co_return;
    }
    co_await exchange.respond(std::move(*response));
}

std::optional<net::HttpResponse> TeamsConnector::over_socket(const net::HttpRequest& request) {
    constexpr std::string_view base = "/teams/";
    std::string_view target{request.target};
    const auto mark = std::min(target.find('?'), target.size());
    const auto query = target.substr(std::min(mark + 1, target.size()));
    return answer(request, target.substr(base.size(), mark - base.size()), query, false);
}

std::optional<net::HttpResponse> TeamsConnector::answer(const net::HttpRequest& request,
                                                        std::string_view path, std::string_view query,
                                                        bool needs_token) {
    auto fault = fault_for(request);
    net::HttpResponse response;
    if (!fault || fault->work) {
        const auto segments = segments_of(path);
        if (path == "v1/.well-known/openidconfiguration")
            response = metadata();
        else if (path == "v1/.well-known/keys")
            response = keys();
        else if (path.starts_with("login/"))
            response = token(request, path);
        else if (segments.size() > 2 && segments[0] == "connector" && segments[1] == "v3")
            response = needs_token && !shows_token(request)
                           ? error(401, "Unauthorized", "Invalid authorization token")
                           : connector(request, {segments.begin() + 2, segments.end()}, query);
        else
            response = error(404, "NotFound", "there is nothing here");
    }
    if (fault) {
        if (fault->drop) return std::nullopt;
        response = error(fault->status, fault->code, "as was ordered");
        if (fault->retry_after_s > 0)
            response.fields.add("Retry-After", std::to_string(fault->retry_after_s));
    }
    if (auto* calls = journal.items(); calls->size() >= journal_max) calls->erase(calls->begin());
    journal.push(Value::object({{"method", request.method},
                                {"path", path},
                                {"status", static_cast<std::int64_t>(response.status)},
                                {"body", read_json(request.body).value_or(Value{})}}));
    return response;
}

std::optional<TeamsConnector::Fault> TeamsConnector::fault_for(const net::HttpRequest& request) {
    for (auto it = faults.begin(); it != faults.end(); ++it) {
        const bool meant = (it->method == "*" || it->method == request.method) &&
                           request.target.find(it->path) != std::string::npos;
        if (!meant) continue;
        Fault fault = *it;
        if (--it->times <= 0) faults.erase(it);
        return fault;
    }
    return std::nullopt;
}

// ---- login and keys

net::HttpResponse TeamsConnector::metadata() const {
    return teams_json(200, Value::object({{"issuer", issuer},
                                          {"authorization_endpoint", "https://invalid.botframework.com"},
                                          {"jwks_uri", base_url_ + "/teams/v1/.well-known/keys"}}));
}

net::HttpResponse TeamsConnector::keys() const {
    auto key = Value::object({{"kty", "RSA"},
                              {"use", "sig"},
                              {"kid", key_id},
                              {"x5t", key_id},
                              {"n", base64url(key_.modulus())},
                              {"e", base64url(key_.exponent())}});
    Value channels = Value::array();
    channels.push("msteams").push("webchat");
    key.set("endorsements", std::move(channels));
    Value all = Value::array();
    all.push(std::move(key));
    return teams_json(200, Value::object({{"keys", std::move(all)}}));
}

net::HttpResponse TeamsConnector::token(const net::HttpRequest& request, std::string_view path) {
    auto refuse = [](std::string_view word, std::string_view why) {
        return teams_json(401, Value::object({{"error", word}, {"error_description", why}}));
    };
    const auto segments = segments_of(path);
    const bool known =
        segments.size() > 1 && (segments[1] == teams_tenant || segments[1] == "botframework.com");
    if (!known) return refuse("invalid_request", "AADSTS90002: Tenant not found.");
    if (field_of(request.body, "client_id") != teams_app_id)
        return refuse("unauthorized_client", "AADSTS700016: Application was not found in the directory.");
    if (app_password_.empty() || Secret{field_of(request.body, "client_secret")} != app_password_)
        return refuse("invalid_client", "AADSTS7000215: Invalid client secret provided.");
    if (field_of(request.body, "scope") != "https://api.botframework.com/.default")
        return refuse("invalid_scope", "AADSTS70011: The provided value for 'scope' is not valid.");
    std::array<std::byte, 16> random{};
    entropy_.fill(random);
    auto made = "sim-" + hex(random);
    std::erase_if(tokens_, [&](const auto& one) { return one.second <= world_.now(); });
    tokens_[made] = world_.now() + token_life;
    return teams_json(200, Value::object({{"token_type", "Bearer"},
                                          {"expires_in", 3'599},
                                          {"ext_expires_in", 3'599},
                                          {"access_token", made}}));
}

// ---- the Connector

bool TeamsConnector::shows_token(const net::HttpRequest& request) const {
    auto header = request.fields.find("authorization").value_or("");
    constexpr std::string_view scheme = "Bearer ";
    auto known = header.starts_with(scheme) ? tokens_.find(header.substr(scheme.size())) : tokens_.end();
    return known != tokens_.end() && known->second > world_.now();
}

std::optional<net::HttpResponse> TeamsConnector::throttled(std::string_view conversation) {
    if (!limited) return std::nullopt;
    auto& turns = sent_[std::string(wire::teams_channel_of(conversation))];
    const auto now = world_.now();
    while (!turns.empty() && turns.front() + std::chrono::hours{1} <= now) turns.pop_front();
    auto within = [&](core::Duration window) {
        return std::ranges::count_if(turns, [&](core::Instant at) { return at + window > now; });
    };
    if (within(std::chrono::seconds{1}) >= 7 || within(std::chrono::seconds{30}) >= 60 ||
        turns.size() >= 1'800) {
        auto response = error(429, "Throttled", "Too many requests");
        response.fields.add("Retry-After", "2");
        return response;
    }
    turns.push_back(now);
    return std::nullopt;
}

net::HttpResponse TeamsConnector::connector(const net::HttpRequest& request,
                                            const std::vector<std::string>& segments,
                                            std::string_view query) {
    const bool writes = request.method == "POST" || request.method == "PUT";
    auto body = writes ? read_json(request.body) : std::optional{Value{}};
    if (!body || (writes && !body->members()))
        return error(400, "BadSyntax", "The body is not a JSON object");
    if (segments[0] == "teams" && segments.size() == 2 && request.method == "GET")
        return teams_json(
            200, Value::object({{"id", segments[1]}, {"name", "Harbor"}, {"tenantId", teams_tenant}}));
    if (segments[0] != "conversations") return error(404, "NotFound", "there is nothing here");
    if (segments.size() == 1 && request.method == "POST") return create(*body);
    const std::string conversation = segments.size() > 1 ? segments[1] : std::string{};
    const std::string_view what = segments.size() > 2 ? std::string_view{segments[2]} : std::string_view{};
    const std::string_view item = segments.size() > 3 ? std::string_view{segments[3]} : std::string_view{};
    auto* known = world_.find_conversation(conversation);
    if (!known) return error(404, "ConversationNotFound", "Conversation not found.");
    if (!known->bot_is_in)
        return error(403, "BotNotInConversationRoster", "The bot is not part of the conversation roster.");
    if (what == "pagedmembers") return members(conversation, query);
    if (what == "members" && !item.empty()) return member(conversation, item);
    const bool targeted = targets && query.find("isTargetedActivity=true") != std::string_view::npos;
    if (what == "activities" && request.method == "POST" && targeted) return send_to_one(conversation, *body);
    if (what == "activities" && request.method == "POST") return send(conversation, *body, item);
    if (what == "activities" && request.method == "PUT") return update(conversation, item, *body);
    if (what == "activities" && request.method == "DELETE") return remove(conversation, item);
    return error(404, "NotFound", "there is nothing here");
}

net::HttpResponse TeamsConnector::create(const Value& body) {
    auto channel = body["channelData"]["channel"]["id"].text();
    if (!channel.empty()) {
        auto* known = world_.find_conversation(channel);
        if (!known) return error(404, "ConversationNotFound", "Conversation not found.");
        if (!known->bot_is_in)
            return error(403, "BotNotInConversationRoster",
                         "The bot is not part of the conversation roster.");
        if (!body["activity"].members())
            return error(400, "BadSyntax", "Incorrect conversation creation parameters");
        if (auto no = throttled(channel)) return std::move(*no);
        if (size_of(body["activity"]) > 2 * message_bytes_max)
            return error(413, "MessageSizeTooBig", "Message size too large.");
        auto id = world_.next_id();
        world_.put(*known, {.id = id, .root = id, .from = "bot", .activity = body["activity"]});
        return teams_json(
            201, Value::object({{"id", fmt::format("{};messageid={}", channel, id)}, {"activityId", id}}));
    }
    const auto* members = body["members"].items();
    const auto* user =
        members && members->size() == 1 ? world_.find_user((*members)[0]["id"].text()) : nullptr;
    if (body["isGroup"].truth() || !members || members->size() != 1)
        return error(400, "BadSyntax", "Incorrect conversation creation parameters");
    if (!user || !user->installed)
        return error(403, "BotNotInConversationRoster", "The bot is not part of the conversation roster.");
    return teams_json(201, Value::object({{"id", world_.personal(*user).id}}));
}

net::HttpResponse TeamsConnector::send(std::string_view conversation, const Value& body,
                                       std::string_view reply_to) {
    if (auto no = throttled(conversation)) return std::move(*no);
    if (size_of(body) > 2 * message_bytes_max)
        return error(413, "MessageSizeTooBig", "Message size too large.");
    auto* known = world_.find_conversation(conversation);
    std::string root{wire::teams_thread_of(conversation)};
    if (root.empty()) root = reply_to;
    if (!root.empty() && !known->find(root))
        return error(404, "ActivityNotFoundInConversation", "Activity not found.");
    auto id = world_.next_id();
    world_.put(*known, {.id = id, .root = root.empty() ? id : root, .from = "bot", .activity = body});
    // With text beside a card Teams makes two messages, and says no id.
    const bool two = !body["text"].text().empty() && body["attachments"].items() != nullptr;
    if (two) return teams_json(202, Value::object());
    return teams_json(201, Value::object({{"id", id}}));
}

// Shown to one member, kept nowhere, and so without an id.
net::HttpResponse TeamsConnector::send_to_one(std::string_view conversation, const Value& body) {
    if (auto no = throttled(conversation)) return std::move(*no);
    const auto* known = world_.find_conversation(conversation);
    const auto* user = world_.find_user(body["recipient"]["id"].text());
    if (!user || !known->members.contains(user->name))
        return error(404, "MemberNotFoundInConversation", "The recipient is no member.");
    world_.words[user->name].push_back(core::canonical(body["attachments"][0]["content"]));
    return teams_json(202, Value::object());
}

net::HttpResponse TeamsConnector::update(std::string_view conversation, std::string_view message,
                                         const Value& body) {
    if (auto no = throttled(conversation)) return std::move(*no);
    if (size_of(body) > 2 * message_bytes_max)
        return error(413, "MessageSizeTooBig", "Message size too large.");
    auto* known = world_.find_conversation(conversation)->find(message);
    if (!known || known->from != "bot")
        return error(404, "ActivityNotFoundInConversation", "Activity not found.");
    known->activity = body;
    ++known->edits;
    // Everybody's client shows the new card, until it asks for its own.
    std::erase_if(world_.views, [&](const auto& view) { return view.first.second == message; });
    return teams_json(200, Value::object({{"id", message}}));
}

net::HttpResponse TeamsConnector::remove(std::string_view conversation, std::string_view message) {
    auto& messages = world_.find_conversation(conversation)->messages;
    std::erase_if(messages, [&](const TeamsMessage& one) { return one.id == message && one.from == "bot"; });
    return teams_json(200, Value::object());
}

net::HttpResponse TeamsConnector::members(std::string_view conversation, std::string_view query) {
    const auto& names = world_.find_conversation(conversation)->members;
    // Few to a page, so that whoever reads only the first one is found out; the size asked for is a bound.
    constexpr std::size_t page_size = 5;
    std::size_t from = 0;
    if (auto token = field_of(query, "continuationToken"); !token.empty())
        from = static_cast<std::size_t>(std::max<std::int64_t>(number(Value{token}, 0), 0));
    Value page = Value::array();
    std::size_t at = 0;
    for (const std::string& name : names) {
        if (at >= from && at < from + page_size) page.push(describe(world_.users.at(name)));
        ++at;
    }
    auto answer = Value::object({{"members", std::move(page)}});
    if (from + page_size < names.size()) answer.set("continuationToken", std::to_string(from + page_size));
    return teams_json(200, answer);
}

net::HttpResponse TeamsConnector::member(std::string_view conversation, std::string_view id) {
    const auto* user = world_.find_user(id);
    const auto* known = world_.find_conversation(conversation);
    if (!user || !known->members.contains(user->name))
        return error(404, "MemberNotFoundInConversation", "The member was not found in the conversation.");
    return teams_json(200, describe(*user));
}

}  // namespace countersign::sandbox
