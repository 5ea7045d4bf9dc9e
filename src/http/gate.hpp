#pragma once
#include <deque>
#include <map>
#include <string_view>

#include "countersign/app/service.hpp"
#include "countersign/net/http.hpp"

namespace countersign::http {

// Who is calling: bearer tokens, looked up by hash, remembered for cache_age_max so that a busy caller does
// not cost a look-up per call (and a revoked token not more than that).
class Gate {
  public:
    static constexpr std::size_t cached_max = 1'024;
    static constexpr core::Duration cache_age_max{std::chrono::seconds{1}};

    Gate(app::TokenStore& tokens, const rt::Clock& clock) : tokens_(tokens), clock_(clock) {}
    // unauthenticated: token_missing, token_malformed, token_unknown, token_expired, token_revoked.
    Later<app::Caller> caller(const net::Fields& fields, Deadline deadline);

  private:
    struct Known {
        app::Token token;
        core::Instant read_at;
    };
    Result<app::Caller> admitted(const app::Token& token) const;

    app::TokenStore& tokens_;
    const rt::Clock& clock_;
    std::map<Sha256, Known> known_;
    std::deque<Sha256> order_;
};

// forbidden: scope_missing, naming what the token lacks.
Result<Done> needs(const app::Caller& caller, app::Scope scope);

}  // namespace countersign::http
