#pragma once
#include <string>

#include "countersign/adapters/config.hpp"
#include "countersign/app/checks.hpp"
#include "countersign/core/policy.hpp"
#include "countersign/rt/deadline.hpp"
#include "countersign/server/ground.hpp"

namespace countersign::server {

// Reads what a server with these settings reads before it begins, but the policy and the keys: certificates
// and key sets of chats, issuers and TLS. invalid_input names the setting to change.
Result<Done> check_settings(const config::Settings& settings, const Ground& ground);

// Looks at everything that a server with these settings and this policy rests on: its files, its database,
// the chats with what is named in them. Database and chats are looked at side by side, until `deadline`.
// `home`: where keys are that no setting names.
Later<app::Checks> examine(const config::Settings& settings, const std::string& home,
                           const core::Policy& policy, const Ground& ground, Deadline deadline);

// Looks only at the chats, and at what a policy names in them. invalid_input: no chat is configured.
Later<app::Checks> examine_names(const config::Settings& settings, const core::Policy& policy,
                                 const Ground& ground, Deadline deadline);

}  // namespace countersign::server
