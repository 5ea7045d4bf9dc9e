#pragma once
#include "countersign/adapters/config.hpp"
#include "countersign/adapters/slack.hpp"
#include "countersign/rt/deadline.hpp"
#include "countersign/server/ground.hpp"

namespace countersign::server {

// Asks the workspace of these settings, as slack::find_in_slack does.
Later<std::vector<slack::FoundInSlack>> find_in_slack(const config::Settings& settings, slack::Sought sought,
                                                      const Ground& ground, Deadline deadline);

}  // namespace countersign::server
