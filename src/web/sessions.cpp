#include "web/sessions.hpp"

#include <algorithm>
#include <utility>

#include "countersign/base/crypto.hpp"
#include "countersign/base/signed_text.hpp"
#include "countersign/base/text.hpp"
#include "countersign/core/value.hpp"
#include "countersign/wire/json.hpp"

namespace countersign::web {
namespace {

using core::Value;

constexpr std::string_view journey_purpose = "countersign sign-in journey 1";
constexpr std::string_view session_purpose = "countersign sign-in session 1";
constexpr std::string_view form_purpose = "countersign approval form 1\n";

Value whole(core::Instant at) {
    return at.time_since_epoch().count();
}
core::Instant instant(const Value& value) {
    return core::Instant{core::Duration{value.whole()}};
}

std::optional<Value> read(const Secret& key, std::string_view purpose, std::optional<std::string> cookie) {
    if (!cookie) return std::nullopt;
    auto text = read_signed_text(key, purpose, *cookie);
    if (!text) return std::nullopt;
    auto value = wire::parse_json(*text, {.bytes_max = signed_bytes_max, .nesting_max = 4, .strict = true});
    if (!value) return std::nullopt;
    return std::move(*value);
}

}  // namespace

Sessions::Sessions(const app::Runtime& runtime, Secret key, const std::string& public_url)
    : runtime_(runtime),
      key_(std::move(key)),
      journey_("countersign-sign-in", public_url),
      session_("countersign-approval", public_url) {}

void Sessions::begin(net::HttpResponse& response, const Journey& journey) const {
    auto text = core::canonical(Value::object({{"begun", whole(journey.begun)},
                                               {"link", journey.link},
                                               {"nonce", journey.nonce},
                                               {"state", journey.state},
                                               {"verifier", journey.verifier}}));
    journey_.set(response, sign_text(key_, journey_purpose, text),
                 std::chrono::duration_cast<std::chrono::seconds>(journey_max));
}

std::optional<Journey> Sessions::journey(const net::Fields& fields) const {
    auto value = read(key_, journey_purpose, journey_.read(fields));
    if (!value) return std::nullopt;
    const Value& read = *value;
    Journey journey{.link = std::string(read["link"].text()),
                    .state = std::string(read["state"].text()),
                    .nonce = std::string(read["nonce"].text()),
                    .verifier = std::string(read["verifier"].text()),
                    .begun = instant(read["begun"])};
    if (runtime_.now() - journey.begun > journey_max) return std::nullopt;
    return journey;
}

void Sessions::open(net::HttpResponse& response, const Session& session) const {
    auto methods = Value::array();
    for (const std::string& one : session.sign_in.amr) methods.push(one);
    auto text = core::canonical(Value::object({{"account", session.sign_in.account.text()},
                                               {"acr", session.sign_in.acr},
                                               {"amr", std::move(methods)},
                                               {"at", whole(session.sign_in.at)},
                                               {"link", session.link_id},
                                               {"until", whole(session.until)}}));
    const auto life = std::max(session.until - runtime_.now(), core::Duration{});
    session_.set(response, sign_text(key_, session_purpose, text),
                 std::chrono::duration_cast<std::chrono::seconds>(life));
}

std::optional<Session> Sessions::session(const net::Fields& fields) const {
    auto value = read(key_, session_purpose, session_.read(fields));
    if (!value) return std::nullopt;
    const Value& read = *value;
    Session session{.link_id = std::string(read["link"].text()),
                    .sign_in = {.account = core::AccountId{std::string(read["account"].text())},
                                .acr = std::string(read["acr"].text()),
                                .amr = {},
                                .at = instant(read["at"])},
                    .until = instant(read["until"])};
    if (const auto* methods = read["amr"].items())
        for (const Value& one : *methods) session.sign_in.amr.emplace_back(one.text());
    if (runtime_.now() > session.until) return std::nullopt;
    return session;
}

std::string Sessions::form_token(const Session& session, std::string_view request,
                                 std::string_view digest) const {
    // None of these holds a line end.
    std::string message{form_purpose};
    message += session.link_id + "\n" + session.sign_in.account.text() + "\n";
    message += std::to_string(session.until.time_since_epoch().count()) + "\n";
    message += request;
    message += "\n";
    message += digest;
    return base64url(as_text(hmac_sha256(key_.reveal(), message)));
}

}  // namespace countersign::web
