#include <algorithm>
#include <utility>

#include "countersign/adapters/identity.hpp"
#include "countersign/base/text.hpp"
#include "countersign/core/glob.hpp"
#include "countersign/net/url.hpp"
#include "countersign/tokens/signed_tokens.hpp"
#include "identity/kinds.hpp"

namespace countersign::identity {
namespace {

using core::Value;

constexpr std::chrono::seconds leeway{60};  // between the issuer's clock and ours
constexpr std::size_t subject_bytes_max = 1'024;

std::unexpected<Failure> refused(std::string detail, std::string code) {
    return fail(Trouble::unauthenticated, std::move(detail), std::move(code));
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

tokens::KeySource keys_of(const Issuer& issuer) {
    return {.issuer = issuer.issuer, .metadata_url = {}, .jwks_uri = issuer.jwks_uri, .jwks = issuer.jwks};
}
std::vector<tokens::KeySource> keys_of(const std::vector<Issuer>& issuers) {
    std::vector<tokens::KeySource> sources;
    for (const Issuer& issuer : issuers) sources.push_back(keys_of(issuer));
    return sources;
}

class Verifier final : public app::WorkloadIdentity {
  public:
    Verifier(std::vector<Issuer> issuers, net::HttpClient& client, const rt::Clock& clock, rt::Timers& timers,
             const rt::asio::any_io_executor& executor)
        : clock_(clock),
          issuers_(std::move(issuers)),
          tokens_(keys_of(issuers_), client, clock, timers, executor) {}
    Later<app::Workload> identify(std::string_view token, Deadline deadline) override;

  private:
    Result<app::Workload> believed(const Issuer& issuer, const wire::Jws& jws) const;

    const rt::Clock& clock_;
    std::vector<Issuer> issuers_;
    tokens::SignedTokens tokens_;  // its sources are our issuers, in their order
};

Later<app::Workload> Verifier::identify(std::string_view token, Deadline deadline) {
    auto verified = co_await tokens_.verify(token, deadline);
    if (!verified && verified.error().code == "oidc_issuer_unknown")
        verified.error().detail += ": an admin can add it under identity.issuers";
    if (!verified) co_return pass(verified);
    co_return believed(issuers_[verified->source], verified->jws);
}

// The signature is known to be its issuer's here. This asks whether the token is for us, for now, and from
// somebody we let in.
Result<app::Workload> Verifier::believed(const Issuer& issuer, const wire::Jws& jws) const {
    const Value& claims = jws.claims;
    if (!tokens::is_for(claims["aud"], issuer.audience))
        return refused("the token is not for this server alone: ask its issuer for one with the audience \"" +
                           visible(issuer.audience) + "\"",
                       "oidc_audience");
    auto timely =
        tokens::in_its_time(claims, clock_.now(), {.leeway = leeway, .lifetime_max = issuer.lifetime_max});
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
    auto expires = core::Instant{std::chrono::seconds{*claims["exp"].integer()} + leeway};
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

std::vector<std::string> named_hosts(const std::vector<Issuer>& issuers) {
    std::vector<std::string> hosts;
    for (const Issuer& issuer : issuers)
        for (const auto& address : {issuer.issuer, issuer.jwks_uri})
            if (auto url = net::parse_url(address)) hosts.push_back(url->host);
    return hosts;
}

std::unique_ptr<app::WorkloadIdentity> make_workload_identity(std::vector<Issuer> issuers,
                                                              net::HttpClient& client, const rt::Clock& clock,
                                                              rt::Timers& timers,
                                                              rt::asio::any_io_executor executor) {
    return std::make_unique<Verifier>(std::move(issuers), client, clock, timers, executor);
}

}  // namespace countersign::identity
