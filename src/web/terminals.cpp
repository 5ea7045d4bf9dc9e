#include "web/terminals.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "countersign/base/log.hpp"
#include "countersign/base/signed_text.hpp"
#include "countersign/base/text.hpp"
#include "countersign/wire/json.hpp"
#include "countersign/wire/problem.hpp"
#include "countersign/wire/token.hpp"

namespace countersign::web {

using core::Value;
using net::HttpResponse;
using rt::asio::awaitable;

namespace {

constexpr core::Duration login_patience = std::chrono::seconds{10};
constexpr std::string_view login_purpose = "countersign terminal login 1";
constexpr std::size_t body_bytes_max = 8'192;
// Tokens of this name alone can be ended by whoever holds them.
constexpr std::string_view token_name = "login of ";

HttpResponse json(unsigned status, const Value& document, std::string_view type = "application/json") {
    HttpResponse response;
    response.status = status;
    response.fields.add("Content-Type", std::string(type));
    response.fields.add("Cache-Control", "no-store");
    response.body = core::canonical(document);
    return response;
}

std::int64_t seconds(core::Duration duration) {
    return std::chrono::duration_cast<std::chrono::seconds>(duration).count();
}

Value text_or_null(const std::string& text) {
    return text.empty() ? Value() : Value(text);
}

std::string bearer_in(const net::Fields& fields) {
    constexpr std::string_view scheme = "bearer ";
    const auto field = fields.find("Authorization");
    if (!field || !lower_ascii(*field).starts_with(scheme)) return {};
    return std::string(trim(field->substr(scheme.size())));
}

}  // namespace

Terminals::Terminals(const app::Runtime& runtime, Secret key, Parts parts)
    : runtime_(runtime), key_(std::move(key)), parts_(parts) {}

std::vector<net::Route> Terminals::routes() {
    auto route = [this](std::string method, std::string path, auto member) {
        return net::Route{std::move(method), std::move(path),
                          [this, member](net::HttpExchange& exchange, const net::PathArguments&) {
                              return (this->*member)(exchange);
                          }};
    };
    return {route("POST", "/v1/logins", &Terminals::begin),
            route("POST", "/v1/logins/token", &Terminals::ask),
            route("DELETE", "/v1/logins/token", &Terminals::end)};
}

HttpResponse Terminals::told(const Failure& failure) const {
    const auto status = wire::status_of(failure);
    if (status >= 500) log::warn("web", "{} ({})", failure.detail, name_of(failure.trouble));
    return json(status, wire::problem_document(status, failure), "application/problem+json");
}

awaitable<HttpResponse> Terminals::begin(net::HttpExchange&) {
    const auto now = runtime_.now();
    if (now - minute_ >= std::chrono::minutes{1}) {
        minute_ = now;
        begun_ = 0;
    }
    if (++begun_ > begun_per_minute_max)
        co_return told({Trouble::overloaded,
                        "too many people sign in at once: try again in a minute",
                        "rate_limited",
                        {}});
    auto ask = co_await parts_.provider.begin_device(runtime_.within(login_patience));
    if (!ask) co_return told(ask.error());
    // The code is worth nothing without our secret at the provider; signed, nobody has us ask for another's.
    const auto until = (now + ask->lives).time_since_epoch().count();
    const auto login = sign_text(key_, login_purpose, fmt::format("{}\n{}", until, ask->device_code));
    co_return json(201, Value::object({{"expires_in", seconds(ask->lives)},
                                       {"interval", seconds(ask->pause)},
                                       {"login", login},
                                       {"user_code", ask->user_code},
                                       {"verification_uri", ask->address},
                                       {"verification_uri_complete", text_or_null(ask->whole_address)}}));
}

awaitable<HttpResponse> Terminals::ask(net::HttpExchange& exchange) {
    auto body = wire::parse_json(exchange.request().body,
                                 {.bytes_max = body_bytes_max, .nesting_max = 2, .strict = true});
    auto login = body ? read_signed_text(key_, login_purpose, (*body)["login"].text()) : std::nullopt;
    const auto end = login ? login->find('\n') : std::string::npos;
    if (end == std::string::npos)
        co_return told(
            {Trouble::invalid_input, "`login` is not what POST /v1/logins gave", "invalid_value", "/login"});
    const auto deadline = runtime_.within(login_patience);
    auto sign_in = co_await parts_.provider.ask_device(login->substr(end + 1), deadline);
    // Who is not let in there has no token of ours that would be wrong.
    if (!sign_in && sign_in.error().trouble == Trouble::unauthenticated)
        sign_in.error().trouble = Trouble::forbidden;
    if (!sign_in) co_return told(sign_in.error());
    if (!*sign_in) co_return json(202, Value::object({{"state", "pending"}}));
    auto given = co_await give_token(std::move(**sign_in), deadline);
    if (!given) co_return told(given.error());
    co_return std::move(*given);
}

Later<HttpResponse> Terminals::give_token(core::SignIn sign_in, Deadline deadline) {
    const auto directory = parts_.roster.snapshot();
    const auto* person = directory->listed_as(sign_in.account);
    if (person == nullptr)
        co_return fail(
            Trouble::forbidden,
            fmt::format("{} signed in, and the policy's `people` lists nobody with that account: have "
                        "an administrator add it to you as `oidc`",
                        visible(sign_in.account.text())),
            "unlinked");
    const auto now = runtime_.now();
    const Secret text = wire::mint_token(runtime_.entropy);
    app::Token token{.id = core::TokenId::mint(now, rt::chance(runtime_.entropy)),
                     .name = std::string(token_name) + person->text(),
                     .scopes = {app::Scope::request, app::Scope::read},
                     .owner = sign_in.account,
                     .allow_actions = {},
                     .allow_environments = {},
                     .created_at = now,
                     .expires_at = now + token_life,
                     .revoked_at = {},
                     .hint = std::string(wire::token_hint(text.reveal()))};
    auto event =
        app::token_event(app::AdminAct::token_created, token, sign_in.account.text(), now, runtime_.entropy);
    auto made =
        co_await parts_.tokens.create(token, wire::token_hash(text.reveal()), std::move(event), deadline);
    if (!made) co_return pass(made);
    parts_.log.committed();
    log::info("web", "{} signed in at a terminal as {}: {}", visible(sign_in.account.text()),
              visible(person->text()), token.id.text());
    co_return json(200, Value::object({{"account", sign_in.account.text()},
                                       {"expires_at", core::rfc3339(*token.expires_at)},
                                       {"person", person->text()},
                                       {"token", text.reveal()}}));
}

awaitable<HttpResponse> Terminals::end(net::HttpExchange& exchange) {
    auto ended = co_await take_back(bearer_in(exchange.request().fields), runtime_.within(login_patience));
    if (!ended) co_return told(ended.error());
    HttpResponse response;
    response.status = 204;
    co_return response;
}

Later<Done> Terminals::take_back(std::string text, Deadline deadline) {
    if (!wire::well_formed_token(text))
        co_return fail(Trouble::unauthenticated, "send the token of the login as Authorization: Bearer csk_…",
                       "token_missing");
    auto token = co_await parts_.tokens.by_hash(wire::token_hash(text), deadline);
    if (!token && token.error().trouble == Trouble::not_found)
        co_return fail(Trouble::unauthenticated, "this token is not known", "token_unknown");
    if (!token) co_return pass(token);
    if (!token->name.starts_with(token_name))
        co_return fail(Trouble::forbidden, "this token is not of a login: an administrator can revoke it",
                       "not_yours");
    const auto now = runtime_.now();
    auto event = app::token_event(app::AdminAct::token_revoked, *token,
                                  token->owner ? token->owner->text() : std::string{}, now, runtime_.entropy);
    auto done = co_await parts_.tokens.revoke(token->id, now, std::move(event), deadline);
    if (!done) co_return pass(done);
    parts_.log.committed();
    co_return Done{};
}

}  // namespace countersign::web
