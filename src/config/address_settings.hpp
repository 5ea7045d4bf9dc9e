#pragma once
#include <string>

#include "config/document.hpp"
#include "countersign/adapters/config.hpp"
#include "countersign/net/url.hpp"

// The settings that are addresses: what `serve` could not use, or would use otherwise than meant, is refused.
namespace countersign::config {

Result<Done> set_listen(Settings& settings, const Item& item, const std::string& folder);
Result<Done> set_public_url(Settings& settings, const Item& item, const std::string& folder);
Result<Done> set_slack_api_url(Settings& settings, const Item& item, const std::string& folder);
Result<Done> set_slack_channel(Settings& settings, const Item& item, const std::string& folder);
Result<Done> set_link_hosts(Settings& settings, const Item& item, const std::string& folder);

// Says whether secrets may be sent there: by https, or to this very machine.
bool fit_for_secrets(const net::Url& url);

}  // namespace countersign::config
