#pragma once
#include <string>

#include "config/document.hpp"
#include "countersign/adapters/config.hpp"

// The keys about the published log, its signatures, and where events and traces go.
namespace countersign::config {

Result<Done> set_signing_command(Settings& settings, const Item& item, const std::string& folder);
Result<Done> set_signing_command_keys(Settings& settings, const Item& item, const std::string& folder);
Result<Done> set_origin(Settings& settings, const Item& item, const std::string& folder);
Result<Done> set_daily_channels(Settings& settings, const Item& item, const std::string& folder);
Result<Done> set_witnesses(Settings& settings, const Item& item, const std::string& folder);
Result<Done> set_syslog(Settings& settings, const Item& item, const std::string& folder);
Result<Done> set_otlp_endpoint(Settings& settings, const Item& item, const std::string& folder);
Result<Done> set_otlp_header(Settings& settings, const Item& item, const std::string& folder);
Result<Done> set_stream_format(Settings& settings, const Item& item, const std::string& folder);

}  // namespace countersign::config
