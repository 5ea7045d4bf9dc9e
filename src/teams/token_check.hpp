#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "countersign/tokens/signed_tokens.hpp"
#include "countersign/wire/teams_activity.hpp"
#include "teams/clouds.hpp"

namespace countersign::teams {

// Believes an activity's token where all of this holds: the Bot Framework signed it with a key that it
// publishes and endorses for Teams, for our app alone, for now, and for the address that the activity names
// (Bot Framework, "Authenticate requests from the Bot Connector service"). Tokens of the emulator, of skills
// and of Entra are of other issuers, and so of nobody.
class TokenCheck {
  public:
    static constexpr core::Duration clocks_differ_max = std::chrono::minutes{5};

    TokenCheck(const TeamsSettings& settings, net::HttpClient& client, const rt::Clock& clock,
               rt::Timers& timers, const rt::asio::any_io_executor& executor);

    // What a good token says; the rest of it is for `speaks_for`.
    struct Believed {
        std::string service_url;
        std::vector<std::string> endorsements;
    };
    // `header`: the whole Authorization field. Fails with unauthenticated, or with unavailable where no keys
    // can be had.
    Later<Believed> check(std::string_view header, Deadline deadline);
    // Says whether the token was given for this very activity, and for us.
    Result<Done> speaks_for(const Believed& believed, const wire::TeamsActivity& activity) const;

  private:
    const TeamsSettings& settings_;
    const rt::Clock& clock_;
    tokens::SignedTokens tokens_;
};

}  // namespace countersign::teams
