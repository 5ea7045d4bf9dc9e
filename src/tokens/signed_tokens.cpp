#include "countersign/tokens/signed_tokens.hpp"

#include <algorithm>
#include <utility>

#include "countersign/base/text.hpp"

namespace countersign::tokens {

using core::Value;

namespace {

std::unexpected<Failure> refused(std::string detail, std::string code) {
    return fail(Trouble::unauthenticated, std::move(detail), std::move(code));
}

std::int64_t seconds_of(core::Duration duration) {
    return std::chrono::floor<std::chrono::seconds>(duration).count();
}

}  // namespace

SignedTokens::SignedTokens(std::vector<KeySource> sources, net::HttpClient& client, const rt::Clock& clock,
                           rt::Timers& timers, const rt::asio::any_io_executor& executor) {
    for (KeySource& source : sources)
        trusted_.emplace_back(std::move(source), client, clock, timers, executor);
}

Later<SignedTokens::Verified> SignedTokens::verify(std::string_view token, Deadline deadline) {
    constexpr std::size_t issuer_shown_bytes_max = 200;
    auto jws = wire::read_jws(token);
    if (!jws) co_return pass(jws);
    // The name is not verified yet and only finds the keys: an issuer that is not ours costs no fetch.
    auto name = jws->claims["iss"].text();
    auto trusted = std::ranges::find(trusted_, name, &Trusted::issuer);
    if (trusted == trusted_.end())
        co_return refused("the token's issuer \"" + visible(clip_utf8(name, issuer_shown_bytes_max)) +
                              "\" is not trusted here",
                          "oidc_issuer_unknown");
    auto key = co_await trusted->keys.find(jws->key_id, jws->algorithm, deadline);
    if (!key) co_return pass(key);
    if (!(*key)->key.verifies(jws->signed_bytes, jws->signature))
        co_return refused("the token's signature is wrong", "oidc_signature");
    co_return Verified{.source = static_cast<std::size_t>(trusted - trusted_.begin()),
                       .jws = std::move(*jws),
                       .key = std::move(*key)};
}

bool is_for(const Value& audience, std::string_view us) {
    if (const auto* text = audience.string()) return *text == us;
    const auto* items = audience.items();
    return items != nullptr && items->size() == 1 && items->front().text() == us;
}

// Times are compared in whole seconds, in which an absurd one does not overflow.
Result<Done> in_its_time(const Value& claims, core::Instant now, const TimeRules& rules) {
    auto moment = [&](std::string_view name) -> std::optional<std::int64_t> {
        return claims[name].integer();
    };
    const auto now_s = seconds_of(now.time_since_epoch());
    const auto leeway_s = seconds_of(rules.leeway);
    for (std::string_view name : {"exp", "nbf", "iat"}) {
        bool absent = claims.members()->find(name) == nullptr;
        if (absent && name != "exp") continue;
        auto at = moment(name);
        if (!at || *at < 0)
            return refused("the token's " + std::string(name) + " is missing, or no time in whole seconds",
                           "oidc_times");
    }
    auto expires = *moment("exp");
    if (now_s >= expires + leeway_s)
        return refused("the token has run out: fetch a new one from its issuer", "oidc_expired");
    bool early = moment("nbf").value_or(0) > now_s + leeway_s || moment("iat").value_or(0) > now_s + leeway_s;
    if (early)
        return refused("the token is not valid yet: compare the clocks of its issuer and of this server",
                       "oidc_not_yet");
    if (!rules.lifetime_max) return Done{};
    auto lifetime = expires - moment("iat").value_or(now_s);
    auto most = seconds_of(*rules.lifetime_max);
    if (lifetime > most || lifetime <= 0)
        return refused("the token is made to live " + std::to_string(std::max<std::int64_t>(lifetime, 0)) +
                           " s, and at most " + std::to_string(most) +
                           " s is accepted: ask for a shorter one, or set lifetime_max for this issuer",
                       "oidc_lifetime");
    return Done{};
}

}  // namespace countersign::tokens
