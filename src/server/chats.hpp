#pragma once
#include <memory>
#include <vector>

#include "countersign/adapters/config.hpp"
#include "countersign/adapters/slack.hpp"
#include "countersign/adapters/teams.hpp"
#include "countersign/app/chats.hpp"
#include "countersign/app/checks.hpp"
#include "countersign/server/ground.hpp"

namespace countersign::server {

// Says which setting of a chat is not fit for use, and what to write instead.
Result<Done> check_chats(const config::Settings& settings);

// Asks each of these chats about what the settings and the policy name in it, all at once.
Later<app::Checks> examine_chats(const config::Settings& settings, const core::Policy& policy,
                                 const app::Runtime& runtime, const Ground& ground, Deadline deadline);
// Which chats the settings name.
std::vector<core::Surface> chats_of(const config::Settings& settings);

struct MadeChats {
    std::vector<std::unique_ptr<app::ConnectedChat>> chats;
    std::vector<net::Route> routes;  // what the API is to answer for them
};
// The chats that the settings name, each with its own adapter. None is fine. `server_key`: what keys for
// single purposes are derived from.
MadeChats make_chats(const config::Settings& settings, const Secret& server_key, const app::Runtime& runtime,
                     app::Conversation::Parts parts, app::ReferenceStore& references, const Ground& ground);

}  // namespace countersign::server
