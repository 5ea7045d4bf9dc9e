#pragma once
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "countersign/app/caller.hpp"
#include "countersign/app/runtime.hpp"
#include "countersign/base/secret.hpp"
#include "countersign/net/http.hpp"
#include "countersign/rt/signal.hpp"
#include "http/throttle.hpp"

namespace countersign::http {

// Who is calling: holders of tokens of ours, looked up by hash and remembered for cache_age_max, so that a
// busy caller does not cost a look-up per call and a revoked token is good for less than a second; workloads
// with a token of an issuer we trust; and whoever holds the access token of one request, which needs no
// look-up.
class Gate {
  public:
    static constexpr std::size_t cached_max = 1'024;
    static constexpr core::Duration cache_age_max{std::chrono::milliseconds{900}};
    // Failed attempts per address, but for this machine's own: so many are told 401, more 429. A good token
    // is never refused for them.
    static constexpr double failures_burst = 20;
    static constexpr double failures_per_minute = 20;
    // Lines in the log about those who are turned away, from whichever addresses.
    static constexpr double notes_burst = 10;
    static constexpr double notes_per_minute = 10;
    // Uses of tokens are noted this often.
    static constexpr core::Duration uses_every{std::chrono::minutes{1}};

    struct Settings {
        Secret access_key;                    // empty: no access tokens
        std::size_t requests_per_minute = 0;  // per token; 0: any
    };
    Gate(Settings settings, app::TokenStore& tokens, app::WorkloadIdentity& workloads,
         const app::Runtime& runtime);

    // unauthenticated: token_missing, token_malformed, token_unknown, token_expired, token_revoked, and those
    // of app::WorkloadIdentity. overloaded: rate_limited, too_many_failures (with not_before).
    Later<app::Caller> caller(const net::HttpRequest& request, Deadline deadline);
    // Says whether somebody would be let in whose request has arrived as far as its head. Only a failure
    // counts.
    Later<Done> may_enter(const net::HttpRequest& head, Deadline deadline);
    // Looks again at somebody who was let in and has waited since: may they still be answered? This counts as
    // no call.
    Later<app::Caller> again(app::Caller caller, const net::HttpRequest& request, Deadline deadline);
    // Writes down when tokens were last used; until cancelled.
    rt::asio::awaitable<void> note_uses();

  private:
    struct Known {
        app::Token token;
        core::Instant read_at;
    };
    // This look-up is shared by all who come with the same token meanwhile.
    struct Reading {
        explicit Reading(rt::asio::any_io_executor executor) : over(std::move(executor)) {}
        rt::Signal over;
        std::optional<Result<app::Token>> answer;
    };
    // Counts and notes that somebody was turned away; returns what they are told.
    Failure turned_away(const net::HttpRequest& request, Failure why);
    Later<app::Caller> identify(const net::Fields& fields, Deadline deadline);
    Later<app::Caller> holder(std::string_view token, Deadline deadline);
    Later<app::Token> look_up(Sha256 hash, Deadline deadline);
    void remember(const Sha256& hash, const app::Token& token, core::Instant read_at);
    Result<app::Caller> admitted(const app::Token& token) const;
    Later<Done> write_uses();

    Settings settings_;
    app::TokenStore& tokens_;
    app::WorkloadIdentity& workloads_;
    const app::Runtime& runtime_;
    std::map<Sha256, Known> known_;
    std::deque<Sha256> order_;
    std::map<Sha256, std::shared_ptr<Reading>> reading_;  // shared by those who wait
    Throttle calls_;
    Throttle failures_{failures_burst, failures_per_minute};
    Throttle noted_{notes_burst, notes_per_minute};
    std::size_t unnoted_ = 0;                      // turned away since the last line in the log
    std::map<core::TokenId, core::Instant> uses_;  // since they were last written
};

// forbidden: scope_missing, naming what the token lacks.
Result<Done> needs(const app::Caller& caller, app::Scope scope);

// The accounts that ?approver= means: of a person, or one account; "me" is the token's owner. None without
// it. no_owner: "me" of a token that has none.
Result<std::vector<core::AccountId>> approvers_of(const std::optional<std::string>& approver,
                                                  const app::Caller& caller,
                                                  const core::Directory& directory);
// The person that `voter` names; the same words, the same errors.
Result<std::optional<core::PersonId>> voter_of(const std::optional<std::string>& voter,
                                               const app::Caller& caller, const core::Directory& directory);

}  // namespace countersign::http
