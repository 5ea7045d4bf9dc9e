#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "countersign/app/identity.hpp"
#include "countersign/app/sign_in.hpp"
#include "countersign/base/secret.hpp"
#include "countersign/net/http_client.hpp"

namespace countersign::identity {

// Systems whose tokens have traps of their own; see src/identity/kinds.cpp.
enum class IssuerKind : std::uint8_t { generic, github, gitlab, kubernetes, buildkite, circleci, terraform };
std::string_view name_of(IssuerKind kind);
std::optional<IssuerKind> parse_issuer_kind(std::string_view name);
// What an issuer of this URL is, where it is known: "https://token.actions.githubusercontent.com" is github.
IssuerKind kind_of_issuer(std::string_view issuer);

// One claim that every token must have, with one of these values; `*` in them stands for any text.
struct ClaimRule {
    std::string claim;  // "repository_owner_id", "kubernetes_io.namespace"
    std::vector<std::string> any_of;
};

struct Issuer {
    std::string issuer;    // exactly as tokens have it in `iss`
    std::string audience;  // what a workflow has to ask for
    IssuerKind kind = IssuerKind::generic;
    std::string jwks_uri;  // empty: by discovery (OpenID Connect Discovery 1.0 §4)
    std::string jwks;      // the set itself, for issuers that cannot be reached; empty: fetched
    std::vector<ClaimRule> claims;
    // Accounts of the human behind a run, with {claim} in them ("email:{email}"). Empty: the kind's own.
    std::vector<std::string> humans;
    std::string run;  // a claim; empty: the kind's own
    bool single_use = true;
    core::Duration lifetime_max{std::chrono::hours{1}};
};
// Why these settings are not fit for use, and what to write instead; nullopt: they are. An issuer that gives
// tokens to everybody needs a claim that says whose are meant.
std::optional<std::string> problem_of(const Issuer& issuer);

// Hosts that these settings name. Any other one that keys are fetched from is an issuer's own word.
std::vector<std::string> named_hosts(const std::vector<Issuer>& issuers);

// Verifies tokens of these issuers, whose keys it fetches when first needed. For the I/O thread.
std::unique_ptr<app::WorkloadIdentity> make_workload_identity(std::vector<Issuer> issuers,
                                                              net::HttpClient& client, const rt::Clock& clock,
                                                              rt::Timers& timers,
                                                              rt::asio::any_io_executor executor);

// The OpenID provider at which people sign in (OpenID Connect Core 1.0, Discovery 1.0, RFC 7636, RFC 8628).
struct SignInSettings {
    std::string issuer;     // exactly as its tokens have it in `iss`; https, or http on this very machine
    std::string client_id;  // as which we are registered there
    Secret client_secret;   // empty: a public client
    std::string audience;   // what its ID tokens have in `aud`; empty: the client id
};
// Why these settings are not fit for use; nullopt: they are.
std::optional<std::string> problem_of(const SignInSettings& settings);

// Asks the provider where things are when that is first needed, and again after an hour. For the I/O thread.
std::unique_ptr<app::SignInProvider> make_sign_in_provider(SignInSettings settings, net::HttpClient& client,
                                                           const rt::Clock& clock, rt::Timers& timers,
                                                           rt::asio::any_io_executor executor);

}  // namespace countersign::identity
