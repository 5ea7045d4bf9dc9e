#pragma once
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "countersign/core/value.hpp"
#include "countersign/tokens/issuer_keys.hpp"
#include "countersign/wire/jose.hpp"

// Tokens that others sign (JWS): of CI systems and clusters, and of the services behind chats.
namespace countersign::tokens {

// Checks the signatures of tokens of some issuers, whose keys it fetches when first needed. For the I/O
// thread.
class SignedTokens {
  public:
    SignedTokens(std::vector<KeySource> sources, net::HttpClient& client, const rt::Clock& clock,
                 rt::Timers& timers, const rt::asio::any_io_executor& executor);

    struct Verified {
        std::size_t source = 0;  // which of the sources signed it
        wire::Jws jws;           // refers to the token's text
        IssuerKeys::Key key;
    };
    // That its issuer signed it is all that is known of a verified token: whom it is for, and when, is for
    // the caller to check. unauthenticated: jws_…, oidc_issuer_unknown, oidc_key_unknown, oidc_signature;
    // unavailable: issuer_unreachable. `token` must outlive what is returned.
    Later<Verified> verify(std::string_view token, Deadline deadline);

  private:
    struct Trusted {
        std::string issuer;
        IssuerKeys keys;
        Trusted(KeySource source, net::HttpClient& client, const rt::Clock& clock, rt::Timers& timers,
                const rt::asio::any_io_executor& executor)
            : issuer(source.issuer), keys(std::move(source), client, clock, timers, executor) {}
    };
    std::deque<Trusted> trusted_;  // stays where it is: look-ups under way refer to their keys
};

// Says whether `audience` is us, as one text or as a list that holds it alone: others for whom a token is as
// well could show it to us.
bool is_for(const core::Value& audience, std::string_view us);

// How exact clocks must agree, and how long a token may be made to live.
struct TimeRules {
    core::Duration leeway{std::chrono::seconds{60}};
    std::optional<core::Duration> lifetime_max;  // nullopt: as long as it likes
};
// Says whether these claims (an object) hold now: `exp` is needed, `nbf` and `iat` count where they are.
// unauthenticated: oidc_times, oidc_expired, oidc_not_yet, oidc_lifetime.
Result<Done> in_its_time(const core::Value& claims, core::Instant now, const TimeRules& rules);

}  // namespace countersign::tokens
