#include <algorithm>
#include <deque>
#include <utility>

#include "countersign/base/text.hpp"
#include "countersign/core/glob.hpp"
#include "identity/keys.hpp"
#include "identity/kinds.hpp"

namespace countersign::identity {
namespace {

using core::Value;

constexpr std::int64_t leeway_s = 60;  // between the issuer's clock and ours
constexpr std::size_t subject_bytes_max = 1'024;

std::unexpected<Failure> refused(std::string detail, std::string code) {
    return fail(Trouble::unauthenticated, std::move(detail), std::move(code));
}

// The audience must be us, as one text or as a list that holds it alone: others for whom a token is as well
// could show it to us.
bool is_for(const Value& audience, const std::string& us) {
    if (const auto* text = audience.string()) return *text == us;
    const auto* items = audience.items();
    return items != nullptr && items->size() == 1 && items->front().text() == us;
}

// Times are compared in whole seconds, in which an absurd one does not overflow.
Result<Done> in_its_time(const Issuer& issuer, const Value& claims, core::Instant now) {
    auto moment = [&](std::string_view name) -> std::optional<std::int64_t> {
        return claims[name].integer();
    };
    auto now_s = std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
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
    auto lifetime = expires - moment("iat").value_or(now_s);
    auto most = std::chrono::floor<std::chrono::seconds>(issuer.lifetime_max).count();
    if (lifetime > most || lifetime <= 0)
        return refused("the token is made to live " + std::to_string(std::max<std::int64_t>(lifetime, 0)) +
                           " s, and at most " + std::to_string(most) +
                           " s is accepted: ask for a shorter one, or set lifetime_max for this issuer",
                       "oidc_lifetime");
    return Done{};
}

Result<Done> as_required(const Issuer& issuer, const Value& claims) {
    for (const auto& rule : issuer.claims) {
        auto text = claim_text(claims, rule.claim);
        bool fits = !text.empty() && std::ranges::any_of(rule.any_of, [&](const auto& glob) {
            return core::glob_matches(glob, text);
        });
        if (!fits)
            return fail(Trouble::forbidden,
                        "the token's claim \"" + rule.claim + "\" is not one that is let in here",
                        "oidc_claims");
    }
    return Done{};
}

// Holds one issuer with its keys.
struct Trusted {
    Issuer issuer;
    IssuerKeys keys;
    Trusted(Issuer one, net::HttpClient& client, const rt::Clock& clock, rt::Timers& timers,
            const rt::asio::any_io_executor& executor)
        : issuer(std::move(one)), keys(issuer, client, clock, timers, executor) {}
};

class Verifier final : public app::WorkloadIdentity {
  public:
    Verifier(std::vector<Issuer> issuers, net::HttpClient& client, const rt::Clock& clock, rt::Timers& timers,
             const rt::asio::any_io_executor& executor)
        : clock_(clock) {
        for (auto& issuer : issuers)
            trusted_.emplace_back(std::move(issuer), client, clock, timers, executor);
    }
    Later<app::Workload> identify(std::string_view token, Deadline deadline) override;

  private:
    Result<app::Workload> believed(const Issuer& issuer, const wire::Jws& jws) const;

    const rt::Clock& clock_;
    std::deque<Trusted> trusted_;  // a deque, because keys refer to their issuer
};

Later<app::Workload> Verifier::identify(std::string_view token, Deadline deadline) {
    auto jws = wire::read_jws(token);
    if (!jws) co_return pass(jws);
    // The name is not verified yet and only finds the settings: an issuer that is not among them costs no
    // fetch.
    auto name = jws->claims["iss"].text();
    auto trusted =
        std::ranges::find_if(trusted_, [&](const Trusted& one) { return one.issuer.issuer == name; });
    if (trusted == trusted_.end())
        co_return refused("the token's issuer \"" + visible(clip_utf8(name, 200)) +
                              "\" is not trusted here: an admin can add it under identity.issuers",
                          "oidc_issuer_unknown");
    auto key = co_await trusted->keys.find(jws->key_id, jws->algorithm, deadline);
    if (!key) co_return pass(key);
    if (!(*key)->key.verifies(jws->signed_bytes, jws->signature))
        co_return refused("the token's signature is wrong", "oidc_signature");
    co_return believed(trusted->issuer, *jws);
}

// The signature is known to be its issuer's here. This asks whether the token is for us, for now, and from
// somebody we let in.
Result<app::Workload> Verifier::believed(const Issuer& issuer, const wire::Jws& jws) const {
    const Value& claims = jws.claims;
    if (!is_for(claims["aud"], issuer.audience))
        return refused("the token is not for this server alone: ask its issuer for one with the audience \"" +
                           visible(issuer.audience) + "\"",
                       "oidc_audience");
    auto timely = in_its_time(issuer, claims, clock_.now());
    if (!timely) return pass(timely);
    auto subject = claims["sub"].text();
    if (subject.empty() || subject.size() > subject_bytes_max)
        return refused("the token has no `sub`, or one over 1 KiB", "oidc_subject");
    auto named = nameable(claims);
    if (!named) return pass(named);
    auto let_in = as_required(issuer, *named);
    if (!let_in) return pass(let_in);
    // A token without an id is known by what was signed, because its signature may be written in more than
    // one way.
    auto id = claims["jti"].text();
    auto unique = id.empty() ? "signed\n" + std::string(jws.signed_bytes) : "jti\n" + std::string(id);
    auto expires = core::Instant{std::chrono::seconds{*claims["exp"].integer() + leeway_s}};
    app::Workload workload{.account = core::AccountId{"oidc:" + issuer.issuer + "|" + std::string(subject)},
                           .name = {},
                           .run = {},
                           .claims = std::move(*named),
                           .humans = {},
                           .token = sha256(issuer.issuer + "\n" + unique),
                           .expires_at = expires,
                           .single_use = issuer.single_use};
    auto described = describe(issuer, hex(workload.token), workload);
    if (!described) return pass(described);
    return workload;
}

}  // namespace

std::unique_ptr<app::WorkloadIdentity> make_workload_identity(std::vector<Issuer> issuers,
                                                              net::HttpClient& client, const rt::Clock& clock,
                                                              rt::Timers& timers,
                                                              rt::asio::any_io_executor executor) {
    return std::make_unique<Verifier>(std::move(issuers), client, clock, timers, executor);
}

}  // namespace countersign::identity
