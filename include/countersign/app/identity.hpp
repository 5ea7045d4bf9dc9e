#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/base/crypto.hpp"
#include "countersign/core/ids.hpp"
#include "countersign/core/time.hpp"
#include "countersign/core/value.hpp"
#include "countersign/rt/later.hpp"

// Workloads that bring no token of ours but one of an issuer we trust: a CI system, a cluster.
namespace countersign::app {

// What a verified token says, in our words.
struct Workload {
    core::AccountId account{""};  // "oidc:<issuer>|<sub>"
    std::string name;             // for people: a repository, a pipeline; hostile text
    // Which run of the workload holds the token. Never empty: where an issuer names no run, each token is
    // a run of its own.
    std::string run;
    core::Value claims;  // an object; a `.` in a member's name has become `_`, for paths are parted by `.`
    std::vector<core::AccountId> humans;  // the people behind the run
    // Another account of one of them, by a number that is given to nobody again, while `name` may be.
    struct Numbered {
        core::AccountId number;
        std::optional<core::AccountId> name;  // among `humans`
    };
    std::vector<Numbered> numbered = {};
    Sha256 token{};              // of issuer and jti, or of what was signed where there is no jti
    core::Instant expires_at{};  // past it this token is refused anyway
    bool single_use = true;      // opens one request; else as many as it likes in its time
};

class WorkloadIdentity {
  public:
    virtual ~WorkloadIdentity() = default;
    // Says whose token it is; the text is never kept. unauthenticated, with a code per reason (oidc_…,
    // jws_…); unavailable (issuer_unreachable): its keys cannot be had now.
    virtual Later<Workload> identify(std::string_view token, Deadline deadline) = 0;
};

// Tokens that opened a request, until they run out: none opens a second one.
class SeenTokens {
  public:
    virtual ~SeenTokens() = default;
    // Notes that `token` is used for `purpose`. False: it was used for another purpose before. For the same
    // one again is fine: a call that is repeated because its answer was lost.
    virtual Later<bool> first_use(Sha256 token, Sha256 purpose, core::Instant until, core::Instant now,
                                  Deadline deadline) = 0;
};

}  // namespace countersign::app
