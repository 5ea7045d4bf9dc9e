#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "countersign/adapters/identity.hpp"
#include "countersign/base/log.hpp"
#include "countersign/base/text.hpp"
#include "countersign/net/url.hpp"
#include "countersign/tokens/signed_tokens.hpp"
#include "countersign/wire/json.hpp"

namespace countersign::identity {
namespace {

using core::Value;

constexpr std::size_t answer_bytes_max = 64 * 1024;
constexpr std::size_t answer_nesting_max = 12;
constexpr std::size_t subject_chars_max = 255;  // OpenID Connect Core 1.0 §2
constexpr std::size_t word_bytes_max = 256;     // of `acr`, and of each of `amr`
constexpr std::size_t methods_max = 16;
constexpr core::Duration metadata_age_max = std::chrono::hours{1};
constexpr core::Duration token_life_max = std::chrono::hours{24};
constexpr core::Duration device_pause = std::chrono::seconds{5};  // RFC 8628 §3.2, where nothing is said
constexpr core::Duration device_life_max = std::chrono::minutes{30};
constexpr std::string_view discovery_path = "/.well-known/openid-configuration";
constexpr std::string_view device_grant = "urn:ietf:params:oauth:grant-type:device_code";

using Form = std::vector<std::pair<std::string, std::string>>;

std::string form_text(const Form& form) {
    std::string text;
    for (const auto& [name, value] : form) {
        if (!text.empty()) text += '&';
        text += name + "=" + net::percent_encode(value);
    }
    return text;
}

std::string metadata_url(const std::string& issuer) {
    // A slash at the end is not doubled (OpenID Connect Discovery 1.0 §4.1).
    std::string_view base = issuer;
    if (base.ends_with('/')) base.remove_suffix(1);
    return std::string(base) + std::string(discovery_path);
}

std::unexpected<Failure> untrue(std::string detail, std::string code) {
    return fail(Trouble::unauthenticated, std::move(detail), std::move(code));
}

// Where the provider does what.
struct Endpoints {
    net::Url authorization;
    net::Url token;
    std::optional<net::Url> device;
    bool names_itself = false;  // in what comes back with the browser (RFC 9207)
    bool secret_in_body = false;
    core::Instant read_at;
};

class Provider final : public app::SignInProvider {
  public:
    Provider(SignInSettings settings, net::HttpClient& client, const rt::Clock& clock, rt::Timers& timers,
             const rt::asio::any_io_executor& executor)
        : settings_(std::move(settings)),
          client_(client),
          clock_(clock),
          tokens_({{settings_.issuer, metadata_url(settings_.issuer), {}, {}}}, client, clock, timers,
                  executor) {}

    std::string_view issuer() const override { return settings_.issuer; }
    Later<std::string> address(app::SignInAsk ask, Deadline deadline) override;
    Later<core::SignIn> finish(app::SignInAnswer answer, Deadline deadline) override;
    Later<app::DeviceAsk> begin_device(Deadline deadline) override;
    Later<std::optional<core::SignIn>> ask_device(std::string device_code, Deadline deadline) override;

  private:
    std::unexpected<Failure> unreachable(const std::string& why) const {
        return fail(Trouble::unavailable, visible(settings_.issuer) + " cannot be used now: " + why,
                    "issuer_unreachable");
    }
    Later<Endpoints> endpoints(Deadline deadline);
    Result<Endpoints> read_endpoints(const Value& metadata) const;
    std::optional<net::Url> endpoint(std::string_view address) const;
    Later<Value> get(std::string address, Deadline deadline);
    struct Answered {
        unsigned status = 0;
        Value body;
    };
    Later<Answered> post(const Endpoints& endpoints, net::Url url, Form form, Deadline deadline);
    Later<core::SignIn> believed(std::string token, std::optional<std::string> nonce, Deadline deadline);
    Result<core::SignIn> read_sign_in(const Value& claims, const std::optional<std::string>& nonce) const;

    SignInSettings settings_;
    net::HttpClient& client_;
    const rt::Clock& clock_;
    tokens::SignedTokens tokens_;
    std::optional<Endpoints> endpoints_;
};

// The issuer's document is a stranger's word: http only for the very server that the settings name so.
std::optional<net::Url> Provider::endpoint(std::string_view address) const {
    auto url = net::parse_url(address);
    auto issuer = net::parse_url(settings_.issuer);
    if (!url || !issuer) return std::nullopt;
    if (url->scheme == "https" || url->origin() == issuer->origin()) return std::move(*url);
    return std::nullopt;
}

Result<Endpoints> Provider::read_endpoints(const Value& metadata) const {
    if (metadata["issuer"].text() != settings_.issuer)
        return unreachable("its discovery document is of another issuer");
    auto authorization = endpoint(metadata["authorization_endpoint"].text());
    auto token = endpoint(metadata["token_endpoint"].text());
    if (!authorization || !token)
        return unreachable(
            "its discovery document names no authorization_endpoint and token_endpoint with https");
    Endpoints endpoints{.authorization = std::move(*authorization),
                        .token = std::move(*token),
                        .device = endpoint(metadata["device_authorization_endpoint"].text()),
                        .names_itself = metadata["authorization_response_iss_parameter_supported"].truth(),
                        .read_at = clock_.now()};
    // Where nothing is said it is client_secret_basic (OpenID Connect Discovery 1.0 §3).
    const auto* methods = metadata["token_endpoint_auth_methods_supported"].items();
    const auto knows = [&](std::string_view method) {
        return std::ranges::any_of(*methods, [&](const Value& one) { return one.text() == method; });
    };
    endpoints.secret_in_body =
        methods != nullptr && !knows("client_secret_basic") && knows("client_secret_post");
    return endpoints;
}

Later<Value> Provider::get(std::string address, Deadline deadline) {
    auto url = net::parse_url(address);
    if (!url) co_return unreachable(url.error().detail);
    net::HttpRequest request{.method = "GET", .target = url->target, .fields = {}, .body = {}, .peer = {}};
    request.fields.add("Accept", "application/json");
    auto answer = co_await client_.send(*url, std::move(request), deadline);
    if (!answer) co_return unreachable(answer.error().detail);
    if (answer->status != 200)
        co_return unreachable("it answered with status " + std::to_string(answer->status));
    auto document = wire::parse_json(
        answer->body, {.bytes_max = answer_bytes_max, .nesting_max = answer_nesting_max, .strict = true});
    if (!document) co_return unreachable("its discovery document is not JSON");
    co_return std::move(*document);
}

Later<Endpoints> Provider::endpoints(Deadline deadline) {
    if (endpoints_ && clock_.now() - endpoints_->read_at < metadata_age_max) co_return *endpoints_;
    auto metadata = co_await get(metadata_url(settings_.issuer), deadline);
    auto read = metadata ? read_endpoints(*metadata) : Result<Endpoints>{pass(metadata)};
    if (read) endpoints_ = *read;
    // What was known an hour ago mostly still holds, and signatures are looked at in any case.
    if (!read && endpoints_) {
        log::warn("identity", "{}", read.error().detail);
        co_return *endpoints_;
    }
    co_return read;
}

Later<Provider::Answered> Provider::post(const Endpoints& endpoints, net::Url url, Form form,
                                         Deadline deadline) {
    net::HttpRequest request{.method = "POST", .target = url.target, .fields = {}, .body = {}, .peer = {}};
    const auto secret = settings_.client_secret.reveal();
    if (secret.empty() || endpoints.secret_in_body) {
        form.emplace_back("client_id", settings_.client_id);
        if (!secret.empty()) form.emplace_back("client_secret", std::string(secret));
    } else {
        // RFC 6749 §2.3.1: both are form-encoded before they are joined.
        request.fields.add("Authorization", "Basic " + base64(net::percent_encode(settings_.client_id) + ":" +
                                                              net::percent_encode(secret)));
    }
    request.fields.add("Accept", "application/json");
    request.fields.add("Content-Type", "application/x-www-form-urlencoded");
    request.body = form_text(form);
    auto answer = co_await client_.send(url, std::move(request), deadline);
    if (!answer) co_return unreachable(answer.error().detail);
    auto body = wire::parse_json(
        answer->body, {.bytes_max = answer_bytes_max, .nesting_max = answer_nesting_max, .strict = true});
    if (!body || body->members() == nullptr)
        co_return unreachable("it answered with status " + std::to_string(answer->status) +
                              " and no JSON object");
    co_return Answered{answer->status, std::move(*body)};
}

Later<std::string> Provider::address(app::SignInAsk ask, Deadline deadline) {
    auto known = co_await endpoints(deadline);
    if (!known) co_return pass(known);
    Form form{{"response_type", "code"},
              {"client_id", settings_.client_id},
              {"redirect_uri", std::move(ask.returns_to)},
              {"scope", "openid"},
              {"state", std::move(ask.state)},
              {"nonce", std::move(ask.nonce)},
              {"code_challenge", std::move(ask.challenge)},
              {"code_challenge_method", "S256"},
              // Whoever is signed in already signs in again.
              {"max_age", "0"},
              {"prompt", "login"}};
    if (!ask.acr.empty()) form.emplace_back("acr_values", join(ask.acr, " "));
    const net::Url& url = known->authorization;
    const bool has_query = url.target.find('?') != std::string::npos;
    co_return url.origin() + url.target + (has_query ? "&" : "?") + form_text(form);
}

Later<core::SignIn> Provider::finish(app::SignInAnswer answer, Deadline deadline) {
    auto known = co_await endpoints(deadline);
    if (!known) co_return pass(known);
    Form form{{"grant_type", "authorization_code"},
              {"code", std::move(answer.code)},
              {"redirect_uri", std::move(answer.returns_to)},
              {"code_verifier", std::move(answer.verifier)}};
    auto got = co_await post(*known, known->token, std::move(form), deadline);
    if (!got) co_return pass(got);
    if (got->status != 200)
        co_return untrue("the OpenID provider does not stand by this sign-in (" +
                             visible(clip_utf8(got->body["error"].text("no reason given"), 100)) + ")",
                         "sign_in_refused");
    auto sign_in =
        co_await believed(std::string(got->body["id_token"].text()), std::move(answer.nonce), deadline);
    if (!sign_in) co_return pass(sign_in);
    // `max_age=0` asks for a sign-in of now; a provider that did not do as asked is found here.
    if (sign_in->at + core::sign_in_ahead_max < answer.asked_at)
        co_return untrue("the OpenID provider did not ask for a new sign-in", "sign_in_old");
    co_return sign_in;
}

Later<core::SignIn> Provider::believed(std::string token, std::optional<std::string> nonce,
                                       Deadline deadline) {
    auto verified = co_await tokens_.verify(token, deadline);
    if (!verified) co_return pass(verified);
    const Value& claims = verified->jws.claims;
    const auto& audience = settings_.audience.empty() ? settings_.client_id : settings_.audience;
    if (!tokens::is_for(claims["aud"], audience))
        co_return untrue("the OpenID provider's token is for somebody else", "oidc_audience");
    // OpenID Connect Core 1.0 §3.1.3.7: whom it was issued to, where it says so.
    if (!claims["azp"].is_null() && claims["azp"].text() != settings_.client_id)
        co_return untrue("the OpenID provider's token was issued to somebody else", "oidc_audience");
    auto in_time = tokens::in_its_time(claims, clock_.now(), {.lifetime_max = token_life_max});
    if (!in_time) co_return pass(in_time);
    co_return read_sign_in(claims, nonce);
}

Result<core::SignIn> Provider::read_sign_in(const Value& claims,
                                            const std::optional<std::string>& nonce) const {
    if (nonce && claims["nonce"].text() != *nonce)
        return untrue("the OpenID provider's token is of another sign-in", "sign_in_nonce");
    const auto subject = claims["sub"].text();
    const bool plain = std::ranges::all_of(subject, [](char c) { return c > ' ' && c < '\x7f'; });
    if (subject.empty() || subject.size() > subject_chars_max || !plain)
        return untrue("the OpenID provider's token names nobody in `sub`", "oidc_subject");
    const auto acr = claims["acr"].text();
    if (acr.size() > word_bytes_max) return untrue("the token's `acr` is too long", "oidc_claims");
    core::SignIn sign_in{.account = core::AccountId{"oidc:" + settings_.issuer + "|" + std::string(subject)},
                         .acr = std::string(acr),
                         .amr = {},
                         .at = {}};
    if (const auto* methods = claims["amr"].items()) {
        for (const Value& one : *methods)
            if (one.string() && one.text().size() <= word_bytes_max && sign_in.amr.size() < methods_max)
                sign_in.amr.emplace_back(one.text());
    }
    // Asked for by `max_age`, so it has to be there (§2); a terminal's sign-in was made just now in any case.
    const auto at = claims["auth_time"].integer();
    if (!at && nonce)
        return untrue("the OpenID provider does not say when the person signed in", "oidc_times");
    const auto seconds = at ? *at : claims["iat"].whole();
    constexpr std::int64_t seconds_max = 8'000'000'000;
    if (seconds <= 0 || seconds > seconds_max) return untrue("the token's times are none", "oidc_times");
    sign_in.at = core::Instant{std::chrono::seconds{seconds}};
    return sign_in;
}

Later<app::DeviceAsk> Provider::begin_device(Deadline deadline) {
    auto known = co_await endpoints(deadline);
    if (!known) co_return pass(known);
    if (!known->device)
        co_return fail(Trouble::not_found, "the OpenID provider offers no device flow (RFC 8628)",
                       "no_device_flow");
    auto got = co_await post(*known, *known->device, {{"scope", "openid"}}, deadline);
    if (!got) co_return pass(got);
    if (got->status != 200)
        co_return unreachable("it refuses the device flow (" +
                              visible(clip_utf8(got->body["error"].text("no reason given"), 100)) +
                              "): allow it for this client there");
    const Value& body = got->body;
    const auto shown = endpoint(body["verification_uri"].text());
    app::DeviceAsk ask{.device_code = std::string(body["device_code"].text()),
                       .user_code = std::string(body["user_code"].text()),
                       .address = std::string(body["verification_uri"].text()),
                       .whole_address = std::string(body["verification_uri_complete"].text()),
                       .lives = std::chrono::seconds{body["expires_in"].whole()},
                       .pause = device_pause};
    if (auto pause = body["interval"].integer(); pause && *pause > 0 && *pause <= 60)
        ask.pause = std::chrono::seconds{*pause};
    ask.lives = std::clamp(ask.lives, core::Duration{}, device_life_max);
    if (!endpoint(ask.whole_address)) ask.whole_address.clear();
    const bool whole = shown && !ask.device_code.empty() && ask.device_code.size() <= 1'024 &&
                       !ask.user_code.empty() && ask.user_code.size() <= 64 && ask.lives.count() > 0;
    if (!whole) co_return unreachable("its answer to the device flow lacks what RFC 8628 asks for");
    co_return ask;
}

Later<std::optional<core::SignIn>> Provider::ask_device(std::string device_code, Deadline deadline) {
    auto known = co_await endpoints(deadline);
    if (!known) co_return pass(known);
    Form form{{"grant_type", std::string(device_grant)}, {"device_code", std::move(device_code)}};
    auto got = co_await post(*known, known->token, std::move(form), deadline);
    if (!got) co_return pass(got);
    if (got->status != 200) {
        const auto error = got->body["error"].text();
        if (error == "authorization_pending") co_return std::optional<core::SignIn>{};
        if (error == "slow_down")
            co_return fail(Trouble::overloaded, "the OpenID provider asks for more time", "slow_down");
        co_return untrue(error == "access_denied"   ? "the sign-in was refused in the browser"
                         : error == "expired_token" ? "nobody signed in in time"
                                                    : "the OpenID provider refuses the sign-in (" +
                                                          visible(clip_utf8(error, 100)) + ")",
                         "sign_in_refused");
    }
    auto sign_in = co_await believed(std::string(got->body["id_token"].text()), std::nullopt, deadline);
    if (!sign_in) co_return pass(sign_in);
    co_return std::optional{std::move(*sign_in)};
}

}  // namespace

std::optional<std::string> problem_of(const SignInSettings& settings) {
    if (!tokens::private_enough(settings.issuer))
        return "`issuer` must be an https URL, or http on this very machine";
    if (settings.issuer.find('|') != std::string::npos || settings.issuer.find('?') != std::string::npos)
        return "`issuer` holds a character that no issuer has";
    if (settings.client_id.empty()) return "`client_id` is missing: register this server at the provider";
    return std::nullopt;
}

std::unique_ptr<app::SignInProvider> make_sign_in_provider(SignInSettings settings, net::HttpClient& client,
                                                           const rt::Clock& clock, rt::Timers& timers,
                                                           rt::asio::any_io_executor executor) {
    return std::make_unique<Provider>(std::move(settings), client, clock, timers, executor);
}

}  // namespace countersign::identity
