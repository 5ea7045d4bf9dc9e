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
        std::string service_url;  // empty: the token names none
        std::vector<std::string> endorsements;
        core::Instant ends_at;  // the clocks' difference allowed for
    };
    // `header`: the whole Authorization field. Fails with unauthenticated, or with unavailable where no keys
    // can be had.
    Later<Believed> check(std::string_view header, Deadline deadline);
    // Says whether the token was given for this very activity, and for us.
    Result<Done> speaks_for(const Believed& believed, const wire::TeamsActivity& activity) const;
    // Says whether the token is good for opening a socket as this channel (the handshake's `channelid`).
    Result<Done> may_open(const Believed& believed, std::string_view channel_id) const;
    // Says whether an activity that came over a socket is what the token of that socket was given for: there,
    // the service address is that of the socket itself ("urn:…"), or one that its token names.
    Result<Done> speaks_on_socket(const Believed& believed, const wire::TeamsActivity& activity) const;

  private:
    Result<Done> is_for_us(const Believed& believed, const wire::TeamsActivity& activity) const;

    const TeamsSettings& settings_;
    const rt::Clock& clock_;
    tokens::SignedTokens tokens_;
};

// The whole Authorization field; empty where there is not exactly one.
std::string_view authorization_of(const net::Fields& fields);

}  // namespace countersign::teams
