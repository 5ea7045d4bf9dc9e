#include "sandbox/web_api.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "countersign/base/text.hpp"
#include "sandbox/json.hpp"

namespace countersign::sandbox {
namespace {

constexpr std::string_view json_type = "application/json; charset=utf-8";

bool is_json_argument(std::string_view name) {
    static constexpr std::array<std::string_view, 5> names{"blocks", "metadata", "view", "attachments",
                                                           "message"};
    return std::ranges::find(names, name) != names.end();
}

void add_form(Value& args, std::string_view form) {
    auto fields = net::parse_form(form);
    if (!fields) return;
    for (auto& [name, text] : *fields) {
        if (is_json_argument(name)) {
            auto json = read_json(text);
            // A text that is not JSON stays text, which each method refuses with its own error.
            args.set(name, json ? std::move(*json) : Value{text});
        } else {
            args.set(name, text);
        }
    }
}

std::string_view bearer(const net::HttpRequest& request) {
    auto field = request.fields.find("authorization");
    if (!field || !field->starts_with("Bearer ")) return {};
    return trim(field->substr(7));
}

}  // namespace

Answer yes(Value::Object members) {
    members.set("ok", true);
    return {Value{std::move(members)}};
}

Answer no(std::string_view error) {
    return {Value::object({{"ok", false}, {"error", error}})};
}

Answer no_with(std::string_view error, const Complaints& complaints) {
    Answer answer = no(error);
    Value errors = Value::array();
    Value messages = Value::array();
    for (const auto& complaint : complaints) {
        std::string text = fmt::format("{} [json-pointer:{}]", complaint.what, complaint.pointer);
        messages.push("[ERROR] " + text);
        errors.push(std::move(text));
    }
    answer.body.set("errors", std::move(errors));
    answer.body.set("response_metadata", Value::object({{"messages", std::move(messages)}}));
    return answer;
}

WebApi::WebApi(Workspace& workspace, Sockets& sockets, Secret app_token, Secret bot_token, rt::Timers& timers)
    : scopes{"app_mentions:read", "channels:history",  "channels:read",   "channels:join",   "chat:write",
             "commands",          "groups:history",    "groups:read",     "im:history",      "im:read",
             "im:write",          "mpim:read",         "reactions:write", "usergroups:read", "users:read",
             "users:read.email",  "users.profile:read"},
      workspace_(workspace),
      sockets_(sockets),
      app_token_(std::move(app_token)),
      bot_token_(std::move(bot_token)),
      timers_(timers) {}

const WebApi::Method* WebApi::find(std::string_view name) {
    static constexpr std::array methods{
        Method{"api.test", Tier::four, true, "", &WebApi::api_test},
        Method{"apps.connections.open", Tier::three, true, "", &WebApi::connections_open},
        Method{"auth.test", Tier::special, true, "", &WebApi::auth_test},
        Method{"blocks.validate", Tier::three, true, "", &WebApi::blocks_validate},
        Method{"chat.delete", Tier::three, true, "chat:write", &WebApi::remove},
        Method{"chat.getPermalink", Tier::special, false, "", &WebApi::permalink},
        Method{"chat.postEphemeral", Tier::four, true, "chat:write", &WebApi::post_ephemeral},
        Method{"chat.postMessage", Tier::special, true, "chat:write", &WebApi::post_message},
        Method{"chat.update", Tier::three, true, "chat:write", &WebApi::update},
        Method{"conversations.history", Tier::three, true, "channels:history", &WebApi::history},
        Method{"conversations.info", Tier::three, false, "channels:read", &WebApi::channel_info},
        Method{"conversations.join", Tier::three, true, "channels:join", &WebApi::channel_join},
        Method{"conversations.list", Tier::two, false, "channels:read", &WebApi::channel_list},
        Method{"conversations.members", Tier::four, false, "channels:read", &WebApi::channel_members},
        Method{"conversations.open", Tier::three, true, "im:write", &WebApi::channel_open},
        Method{"conversations.replies", Tier::three, false, "channels:history", &WebApi::replies},
        Method{"reactions.add", Tier::three, true, "reactions:write", &WebApi::react},
        Method{"usergroups.list", Tier::two, false, "usergroups:read", &WebApi::group_list},
        Method{"usergroups.users.list", Tier::two, false, "usergroups:read", &WebApi::group_users},
        Method{"users.info", Tier::four, false, "users:read", &WebApi::user_info},
        Method{"users.list", Tier::two, false, "users:read", &WebApi::user_list},
        Method{"users.lookupByEmail", Tier::three, false, "users:read.email", &WebApi::user_by_email},
        Method{"users.profile.get", Tier::four, false, "users.profile:read", &WebApi::user_profile},
        Method{"views.open", Tier::four, true, "", &WebApi::view_open},
        Method{"views.publish", Tier::four, true, "", &WebApi::view_publish},
        Method{"views.push", Tier::four, true, "", &WebApi::view_push},
        Method{"views.update", Tier::four, true, "", &WebApi::view_update}};
    auto found = std::ranges::find(methods, name, &Method::name);
    return found == methods.end() ? nullptr : &*found;
}

std::optional<MethodFault> WebApi::take_fault(std::string_view method) {
    auto fault = std::ranges::find_if(
        faults, [&](const MethodFault& f) { return f.times > 0 && (f.method == method || f.method == "*"); });
    if (fault == faults.end()) return std::nullopt;
    MethodFault taken = *fault;
    if (--fault->times == 0) faults.erase(fault);
    return taken;
}

WebApi::Args WebApi::read_args(const net::HttpRequest& request, const Method& method, std::string_view query,
                               std::vector<std::string>& warnings) const {
    Args args = Value::object();
    add_form(args, query);
    std::string type = lower_ascii(request.fields.find("content-type").value_or(""));
    const bool has_charset = type.find("charset=") != std::string::npos;
    if (type.starts_with("application/json")) {
        if (!has_charset) warnings.emplace_back("missing_charset");
        if (!method.json) return args;
        auto json = read_json(request.body);
        if (json && json->members()) return std::move(*json);
        if (!request.body.empty()) args.set("invalid_json", true);
    } else if (type.starts_with("application/x-www-form-urlencoded")) {
        if (has_charset) warnings.emplace_back("superfluous_charset");
        add_form(args, request.body);
    }
    return args;
}

std::optional<Answer> WebApi::refuse_token(const Method& method, const net::HttpRequest& request,
                                           const Args& args) {
    if (method.name == "api.test") return std::nullopt;
    const bool opens = method.name == "apps.connections.open";
    std::string_view token = bearer(request);
    if (token.empty() && !opens) token = args["token"].text();
    if (token.empty()) return no("not_authed");
    const Secret given{std::string(token)};
    const Secret& wanted = opens ? app_token_ : bot_token_;
    const Secret& other = opens ? bot_token_ : app_token_;
    if (given == other && !(given == wanted)) return no("not_allowed_token_type");
    if (wanted.empty() || !(given == wanted)) return no("invalid_auth");
    if (method.scope.empty() || scopes.contains(std::string(method.scope))) return std::nullopt;
    Answer answer = no("missing_scope");
    answer.body.set("needed", method.scope).set("provided", fmt::format("{}", fmt::join(scopes, ",")));
    return answer;
}

Answer WebApi::call(const Method& method, const net::HttpRequest& request, const Args& args) {
    if (auto refused = refuse_token(method, request, args)) return std::move(*refused);
    if (args["invalid_json"].truth()) return no("invalid_json");
    if (auto wait = limits.take(method.name, method.tier, workspace_.now())) {
        Answer answer = no("ratelimited");
        answer.retry_after_s = *wait;
        return answer;
    }
    return (this->*method.run)(args);
}

rt::asio::awaitable<void> WebApi::serve(net::HttpExchange& exchange, std::string_view name,
                                        std::string_view query) {
    const net::HttpRequest& request = exchange.request();
    ++calls_;
    const Method* method = find(name);
    std::vector<std::string> warnings;
    Args args = method ? read_args(request, *method, query, warnings) : Value::object();
    auto fault = take_fault(name);
    if (fault && fault->delay.count() > 0) co_await timers_.sleep_until(workspace_.now() + fault->delay);
    const bool misanswer = fault && (!fault->error.empty() || fault->status != 0 || !fault->body.empty());
    const bool late = fault && fault->late.count() > 0;
    const bool skip_work = fault && (late || (!fault->work && (misanswer || fault->drop)));
    Answer answer = no("unknown_method");
    if (method && !skip_work) answer = call(*method, request, args);
    if (method && fault && fault->twice) answer = call(*method, request, args);
    if (fault && fault->drop) {
        note(name, args, "(connection dropped)", 0);
        exchange.drop();
    } else {
        co_await answer_with(exchange, name, args, std::move(answer), fault, std::move(warnings));
    }
    if (!method || !late) co_return;
    co_await timers_.sleep_until(workspace_.now() + fault->late);
    call(*method, request, args);
}

rt::asio::awaitable<void> WebApi::answer_with(net::HttpExchange& exchange, std::string_view name,
                                              const Args& args, Answer answer,
                                              const std::optional<MethodFault>& fault,
                                              std::vector<std::string> warnings) {
    const bool misanswer = fault && (!fault->error.empty() || fault->status != 0 || !fault->body.empty());
    net::HttpResponse response;
    if (misanswer) {
        answer = no(fault->error.empty() ? "internal_error" : fault->error);
        answer.retry_after_s = fault->retry_after_s;
        response.status = fault->status != 0 ? fault->status : 200;
    }
    if (answer.retry_after_s > 0) response.status = fault && fault->status != 0 ? fault->status : 429;
    note(name, args, answer.body["error"].text(), response.status);
    if (!warnings.empty()) {
        answer.body.set("warning", join(warnings, ","));
        Value list = Value::array();
        for (auto& warning : warnings) list.push(warning);
        Value metadata = answer.body["response_metadata"];
        if (metadata.is_null()) metadata = Value::object();
        answer.body.set("response_metadata", std::move(metadata.set("warnings", std::move(list))));
    }
    response.body = core::canonical(answer.body);
    if (name == "apps.connections.open") response.body = escape_slashes(response.body);
    if (answer.retry_after_s > 0) response.fields.add("Retry-After", std::to_string(answer.retry_after_s));
    response.fields.add("Content-Type", std::string(json_type));
    response.fields.add("X-OAuth-Scopes", name == "apps.connections.open"
                                              ? std::string("connections:write")
                                              : fmt::format("{}", fmt::join(scopes, ",")));
    response.fields.add("X-Slack-Req-Id", workspace_.word(16));
    if (misanswer && !fault->body.empty()) {
        response.body = fault->body;
        response.fields = {};
        response.fields.add("Content-Type", "text/html");
    }
    co_await exchange.respond(std::move(response));
}

void WebApi::note(std::string_view method, const Args& args, std::string_view error, unsigned status) {
    Value kept = args;
    if (auto* members = kept.members()) members->erase("token");
    journal_.push_back(
        {core::rfc3339(workspace_.now()), std::string(method), std::move(kept), std::string(error), status});
    if (journal_.size() > journal_entries_max) journal_.pop_front();
}

Value WebApi::journal(std::string_view method) const {
    Value out = Value::array();
    for (const auto& called : journal_) {
        if (!method.empty() && called.method != method) continue;
        out.push(Value::object({{"at", called.at},
                                {"method", called.method},
                                {"args", called.args},
                                {"error", called.error},
                                {"status", called.status}}));
    }
    return out;
}

rt::asio::awaitable<bool> WebApi::serve_response_url(net::HttpExchange& exchange, std::string_view path) {
    if (!path.starts_with("/actions/") && !path.starts_with("/commands/") && !path.starts_with("/app/"))
        co_return false;
    ResponseUrl* use = workspace_.find_response_url(path);
    std::string_view refusal;
    if (!use || use->until < workspace_.now()) {
        refusal = "expired_url";
    } else if (use->uses >= response_url_uses_max) {
        refusal = "used_url";
    }
    net::HttpResponse response;
    auto body = read_json(exchange.request().body);
    if (exchange.request().method != "POST" || !body || !body->members()) {
        if (refusal.empty()) refusal = "invalid_payload";
    }
    if (!refusal.empty()) {
        response.status = refusal == "invalid_payload" ? 400 : 404;
        response.body = core::canonical(no(refusal).body);
    } else if (auto wait = limits.take_message(use->channel, workspace_.now())) {
        response.status = 429;
        response.fields.add("Retry-After", std::to_string(*wait));
        response.body = core::canonical(no("ratelimited").body);
    } else {
        ++use->uses;
        Value outcome = answer_to(*use, *body);
        if (!outcome["ok"].truth()) response.status = 400;
        response.body = core::canonical(outcome);
    }
    note("response_url", body ? *body : Value{}, refusal, response.status);
    response.fields.add("Content-Type", std::string(json_type));
    co_await exchange.respond(std::move(response));
    co_return true;
}

Answer WebApi::connections_open(const Args&) {
    std::string base = workspace_.base_url();
    if (base.starts_with("http")) base.replace(0, 4, "ws");
    return yes({{"url", fmt::format("{}/link/?ticket={}&app_id={}", base, sockets_.new_ticket(), app_id)}});
}

Answer WebApi::api_test(const Args& args) {
    if (!args["error"].text().empty()) return no(args["error"].text());
    return yes({{"args", args}});
}

Answer WebApi::auth_test(const Args&) {
    return yes({{"url", workspace_.base_url() + "/"},
                {"team", "Sim Harbor"},
                {"user", "countersign"},
                {"team_id", team_id},
                {"user_id", bot_user},
                {"bot_id", bot_id},
                {"app_id", app_id},
                {"is_enterprise_install", false}});
}

Answer WebApi::in_pages(Value::Array all, std::string_view name, const Args& args,
                        std::size_t page_default) const {
    constexpr std::int64_t page_max = 1000;
    std::int64_t limit = number(args["limit"], static_cast<std::int64_t>(page_default));
    if (limit <= 0 || limit > page_max) return no("invalid_limit");
    std::size_t from = 0;
    if (std::string_view cursor = args["cursor"].text(); !cursor.empty()) {
        auto plain = unbase64(cursor);
        if (!plain || !plain->starts_with("next:")) return no("invalid_cursor");
        std::int64_t index = number(Value{plain->substr(5)}, -1);
        if (index < 0 || static_cast<std::size_t>(index) > all.size()) return no("invalid_cursor");
        from = static_cast<std::size_t>(index);
    }
    const std::size_t to = std::min(all.size(), from + static_cast<std::size_t>(limit));
    Value page = Value::array();
    for (std::size_t i = from; i < to; ++i) page.push(std::move(all[i]));
    std::string next = to < all.size() ? base64(fmt::format("next:{}", to)) : std::string{};
    return yes({{std::string(name), std::move(page)},
                {"response_metadata", Value::object({{"next_cursor", std::move(next)}})}});
}

}  // namespace countersign::sandbox
