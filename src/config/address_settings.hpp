#pragma once
#include <string>

#include "config/document.hpp"
#include "countersign/adapters/config.hpp"

// The settings that are addresses: what `serve` could not use, or would use otherwise than meant, is refused.
namespace countersign::config {

Result<Done> set_listen(Settings& settings, const Item& item, const std::string& folder);
Result<Done> set_public_url(Settings& settings, const Item& item, const std::string& folder);
Result<Done> set_slack_api_url(Settings& settings, const Item& item, const std::string& folder);
Result<Done> set_slack_channel(Settings& settings, const Item& item, const std::string& folder);
Result<Done> set_link_hosts(Settings& settings, const Item& item, const std::string& folder);

}  // namespace countersign::config
