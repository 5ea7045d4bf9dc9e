#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "countersign/app/identity.hpp"
#include "countersign/app/ports.hpp"

namespace countersign::app {

// Who is calling through the API: the holder of a token of ours, a workload that an issuer vouches for, or
// whoever holds the access token of one request.
struct Caller {
    Token token;  // of a workload or an access token: one that stands for it, with the scope `request`
    std::optional<Workload> workload = {};
    std::optional<core::RequestId> only = {};        // nothing but this request
    std::optional<core::Requester> stands_for = {};  // with `only`: who opened it, once that is read
    core::AccountId account() const;                 // "token:tok_…", "oidc:…"
    std::string key() const;                         // see core::caller_key
};
// A caller that an issuer vouches for. Its token's id follows from issuer, subject and run, so that keys of
// idempotency belong to the run.
Caller caller_of(Workload workload);
// The holder of the access token of `request`; `adopt` completes it once the request is read.
Caller caller_of(core::RequestId request);
void adopt(Caller& caller, const core::Request& request);

// Says whether the caller may see and steer this request: it asked for it, or shares its owner.
bool own(const Caller& caller, const core::Request& request);
// Says whether the token is made for such requests: its bounds hold for whatever is done with it, not for
// opening alone.
bool covers(const Token& token, std::string_view action, const std::optional<std::string>& environment);
bool bounded(const Token& token);
inline bool covers(const Token& token, const core::Request& request) {
    return covers(token, request.action, request.environment);
}
// Fails with forbidden (outside_bounds) where the token is made for other actions or environments, pointing
// into the request that is to be opened.
Result<Done> within_bounds(const Token& token, std::string_view action,
                           const std::optional<std::string>& environment);
// Does the same for a request that is there.
Result<Done> within_bounds(const Token& token, const core::Request& request);

}  // namespace countersign::app
