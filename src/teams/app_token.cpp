#include "teams/app_token.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "countersign/base/log.hpp"
#include "countersign/base/text.hpp"
#include "countersign/wire/json.hpp"

namespace countersign::teams {
namespace {

constexpr std::size_t answer_bytes_max = 64 * 1024;
constexpr std::int64_t lifetime_default_s = 3'599;
// Bots that several tenants may use get their tokens there.
constexpr std::string_view multi_tenant_authority = "botframework.com";

std::string first_line(std::string_view text) {
    constexpr std::size_t shown_bytes_max = 200;
    return visible(clip_utf8(text.substr(0, text.find_first_of("\r\n")), shown_bytes_max));
}

// Entra says a number of seconds, identity endpoints a text of them, or only the moment of the end.
std::int64_t lifetime_of(const core::Value& answer, core::Instant now) {
    auto number_in = [](const core::Value& said) -> std::int64_t {
        if (const auto* text = said.string()) {
            std::int64_t number = 0;
            auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
            return error == std::errc{} && end == text->data() + text->size() ? number : 0;
        }
        return said.whole(0);
    };
    constexpr std::int64_t day_s = 24 * 3'600;
    auto lifetime = number_in(answer["expires_in"]);
    const auto end = number_in(answer["expires_on"]);
    if (lifetime == 0 && end > 0)
        lifetime = end - std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
    return lifetime > 0 ? std::min(lifetime, day_s) : lifetime_default_s;
}

}  // namespace

AppToken::AppToken(const TeamsSettings& settings, net::HttpClient& client, const rt::Clock& clock,
                   rt::Timers& timers, rt::Entropy& entropy, rt::asio::any_io_executor executor)
    : settings_(settings),
      client_(client),
      clock_(clock),
      timers_(timers),
      entropy_(entropy),
      got_(std::move(executor)) {}

Later<Secret> AppToken::get(Deadline deadline) {
    for (;;) {
        const auto now = clock_.now();
        if (token_ && now + renewed_before_end < token_->until) co_return token_->token;
        if (asking_) {
            bool woken = co_await got_.wait_until(timers_, deadline.at);
            if (!woken) co_return fail(Trouble::unavailable, "Entra takes too long to give a token");
            continue;
        }
        const bool resting = failure_ && now < not_before_;
        if (resting && token_ && now < token_->until) co_return token_->token;
        if (resting) co_return std::unexpected(*failure_);
        co_await renew({std::min(deadline.at, now + patience)});
    }
}

rt::asio::awaitable<void> AppToken::renew(Deadline deadline) {
    // Whoever waits must hear of the end, however it comes.
    struct Asking {
        AppToken& self;
        explicit Asking(AppToken& token) : self(token) { self.asking_ = true; }
        ~Asking() {
            self.asking_ = false;
            self.got_.notify_all();
        }
    } asking{*this};
    failure_ = Failure{Trouble::cancelled, "asking for a token was cut short", {}, {}};
    not_before_ = clock_.now() + rest;
    auto asked = co_await ask(deadline);
    if (asked) {
        token_ = std::move(*asked);
        failure_.reset();
        problem_.clear();
        co_return;
    }
    failure_ = std::move(asked).error();
    not_before_ = clock_.now() + rest;
    if (problem_ != failure_->detail) log::error("teams", "{}", failure_->detail);
    problem_ = failure_->detail;
}

// Microsoft, "How to use managed identities for Azure resources on an Azure VM to acquire an access token"
// and "How to use managed identities for App Service".
Later<AppToken::Kept> AppToken::ask_machine(Deadline deadline) {
    const bool machine = settings_.managed_identity_header.empty();
    constexpr std::string_view all = "/.default";
    auto resource = cloud_of(settings_).scope;
    if (resource.ends_with(all)) resource.resize(resource.size() - all.size());
    auto url =
        net::parse_url(fmt::format("{}?api-version={}&resource={}&client_id={}",
                                   settings_.managed_identity_url, machine ? "2018-02-01" : "2019-08-01",
                                   net::percent_encode(resource), net::percent_encode(settings_.app_id)));
    if (!url) co_return pass(url);
    net::HttpRequest request{.method = "GET", .target = url->target, .fields = {}, .body = {}, .peer = {}};
    request.fields.add("Accept", "application/json");
    if (machine)
        request.fields.add("Metadata", "true");
    else
        request.fields.add("X-IDENTITY-HEADER", std::string(settings_.managed_identity_header.reveal()));
    auto response = co_await client_.send(*url, std::move(request), deadline);
    if (!response)
        co_return fail(Trouble::unavailable,
                       "teams.managed_identity_url: not reached: " + response.error().detail);
    co_return read(*response);
}

Later<AppToken::Kept> AppToken::ask(Deadline deadline) {
    if (!settings_.managed_identity_url.empty()) co_return co_await ask_machine(deadline);
    const auto authority = settings_.tenant.empty() ? std::string(multi_tenant_authority) : settings_.tenant;
    const auto address = fmt::format("{}/{}/oauth2/v2.0/token", settings_.login_url, authority);
    auto url = net::parse_url(address);
    if (!url) co_return pass(url);
    net::HttpRequest request{.method = "POST", .target = url->target, .fields = {}, .body = {}, .peer = {}};
    request.fields.add("Content-Type", "application/x-www-form-urlencoded");
    request.fields.add("Accept", "application/json");
    request.body = fmt::format("grant_type=client_credentials&client_id={}&scope={}&{}",
                               net::percent_encode(settings_.app_id),
                               net::percent_encode(cloud_of(settings_).scope), proof(address));
    auto response = co_await client_.send(*url, std::move(request), deadline);
    if (!response)
        co_return fail(Trouble::unavailable, "teams.login_url: not reached: " + response.error().detail);
    co_return read(*response);
}

// Microsoft, "Application authentication certificate credentials": PS256, good for a few minutes, once.
std::string AppToken::proof(const std::string& audience) const {
    if (!settings_.certificate_key)
        return "client_secret=" + net::percent_encode(settings_.app_password.reveal());
    constexpr std::int64_t good_for_s = 300;
    const auto now = std::chrono::floor<std::chrono::seconds>(clock_.now().time_since_epoch()).count();
    std::array<std::byte, 16> once{};
    entropy_.fill(once);
    auto header =
        core::Value::object({{"alg", "PS256"}, {"typ", "JWT"}, {"x5t#S256", settings_.certificate_digest}});
    auto claims = core::Value::object({{"aud", audience},
                                       {"iss", settings_.app_id},
                                       {"sub", settings_.app_id},
                                       {"jti", hex(once)},
                                       {"nbf", now},
                                       {"iat", now},
                                       {"exp", now + good_for_s}});
    auto input = base64url(core::canonical(header)) + "." + base64url(core::canonical(claims));
    auto assertion = input + "." + base64url(settings_.certificate_key->sign_pss(input));
    return "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"
           "&client_assertion=" +
           assertion;
}

std::string_view AppToken::way() const {
    if (!settings_.managed_identity_url.empty()) return "teams.managed_identity_url";
    return settings_.certificate_key ? "teams.certificate" : "teams.app_password";
}

Result<AppToken::Kept> AppToken::read(const net::HttpResponse& response) const {
    auto answer = wire::parse_json(response.body, {.bytes_max = answer_bytes_max, .strict = false});
    if (response.status == 200 && answer) {
        auto token = (*answer)["access_token"].text();
        auto lifetime = std::chrono::seconds{lifetime_of(*answer, clock_.now())};
        if (!token.empty()) return Kept{Secret{std::string(token)}, clock_.now() + lifetime};
    }
    const auto word = answer ? (*answer)["error"].text() : std::string_view{};
    const bool later = response.status == 429 || response.status >= 500 ||
                       word == "temporarily_unavailable" || word == "server_error";
    const bool managed = !settings_.managed_identity_url.empty();
    if (later || word.empty())
        return fail(Trouble::unavailable, fmt::format("{}: answered with status {}",
                                                      managed ? way() : "teams.login_url", response.status));
    return fail(Trouble::unauthenticated,
                fmt::format("{}: Entra gives no token ({}): {}", way(), first_line(word),
                            first_line((*answer)["error_description"].text())),
                std::string(word));
}

}  // namespace countersign::teams
