#pragma once
#include <string>

#include "config/document.hpp"
#include "countersign/adapters/config.hpp"

// The settings of how people are reached: when, and who of them is on call.
namespace countersign::config {

Result<Done> set_quiet_from(Settings& settings, const Item& item, const std::string& folder);
Result<Done> set_quiet_to(Settings& settings, const Item& item, const std::string& folder);
Result<Done> set_quiet_zone(Settings& settings, const Item& item, const std::string& folder);
Result<Done> set_on_call_url(Settings& settings, const Item& item, const std::string& folder);
Result<Done> set_on_call_token(Settings& settings, const Item& item, const std::string& folder);

// Refuses what is there by half.
Result<Done> complete_reach(const Settings& settings);

}  // namespace countersign::config
