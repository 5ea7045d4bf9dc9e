#pragma once
#include <string>

#include "countersign/adapters/teams.hpp"
#include "countersign/net/url.hpp"

namespace countersign::teams {

// What belongs to the cloud that the settings' metadata address stands for. An address that is none of the
// known ones is a stand-in for the public cloud.
struct Cloud {
    std::string issuer;  // of the tokens that activities come with
    std::string scope;   // of the token that the bot asks for
};
Cloud cloud_of(const TeamsSettings& settings);
// The settings with the cloud's defaults where they say nothing.
TeamsSettings completed(TeamsSettings settings);

// Says whether a service's address may be sent messages and the bot's token: the same scheme, host and port
// as one of the allowed prefixes, and a path below its own. No part of a host name is enough: anybody can
// register names below trafficmanager.net.
bool may_serve(std::string_view service_url, const std::vector<std::string>& allowed);

}  // namespace countersign::teams
