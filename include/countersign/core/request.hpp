#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "countersign/core/ids.hpp"
#include "countersign/core/policy.hpp"
#include "countersign/core/time.hpp"
#include "countersign/core/value.hpp"

namespace countersign::core {

inline constexpr std::size_t action_chars_max = 128;
inline constexpr std::size_t intent_chars_max = 4'000;
inline constexpr std::size_t parameters_bytes_max = 256 * 1024;
inline constexpr std::size_t nesting_max = 64;
inline constexpr std::size_t resource_chars_max = 1'000;
inline constexpr std::size_t environment_chars_max = 128;
inline constexpr std::size_t labels_max = 50;
inline constexpr std::size_t label_chars_max = 500;
inline constexpr std::size_t links_max = 20;
inline constexpr std::size_t on_behalf_of_max = 20;
inline constexpr std::size_t reason_chars_max = 1'000;

struct Link {
    std::string title;
    std::string url;
    friend bool operator==(const Link&, const Link&) = default;
};

// Says who asks: a workload (a token without an owner, an OIDC workload) or a person.
struct Requester {
    enum class Kind : std::uint8_t { workload, person } kind = Kind::workload;
    std::string name;               // the token's name
    AccountId account{"token:"};    // the account that the caller authenticated as
    std::vector<AccountId> humans;  // the token's owner or OIDC humans; on_behalf_of is beside this
    // For a workload that an issuer vouches for, these hold what its token says (an object), for conditions,
    // and which run of it asks, in the issuer's words. They are absent and empty for others.
    std::optional<Value> claims = {};
    std::string run = {};
    friend bool operator==(const Requester&, const Requester&) = default;
};

// Holds what was asked, as it was asked. It is immutable.
struct Request {
    RequestId id;
    std::int64_t number = 0;  // the number that people use; given by the store, unique, rising, with gaps
    std::string action;
    std::optional<std::string> resource;
    std::optional<std::string> environment;
    std::string intent;
    std::optional<Value> parameters;                          // an object
    std::vector<std::pair<std::string, std::string>> labels;  // sorted by name
    std::vector<AccountId> on_behalf_of;
    std::vector<Link> links;
    Requester requester;
    std::string digest;  // "sha256:…"
    Instant created_at;
    Instant expires_at;
    bool words_erased = false;  // every text of a person is the hash that was recorded of it
    friend bool operator==(const Request&, const Request&) = default;
};

bool valid_action(std::string_view action);            // [a-z0-9][a-z0-9._:-]{0,127}
bool valid_environment(std::string_view environment);  // [a-z0-9][a-z0-9._:/-]{0,127}

// Returns the RFC 8785 text whose SHA-256 is the request's digest: {action, resource, environment,
// parameters}, absent members left out.
std::string digest_input(const Request& request);
std::string digest_of(const Request& request);

// Says who may see and steer what this requester asked for: it is equal for two that are the same token,
// tokens of the same owner, or the same issuer, subject and run. "token:tok_…", "owner:riley", "run 5:162/1
// of oidc:https://…".
std::string caller_key(const Requester& requester);

// The human accounts of the requester itself, which are proven: a token's owner, whom a verified token names.
// Whom the caller says it acts for is not among them.
std::vector<AccountId> proven_humans(const Request& request);
// Every human account behind the request: the requester's humans, then on_behalf_of. Their votes never
// count, whichever account they use.
std::vector<AccountId> humans_behind(const Request& request);

}  // namespace countersign::core
