#pragma once
#include <string>
#include <string_view>

#include "config/document.hpp"
#include "countersign/adapters/config.hpp"

// These read `identity.issuers`, which is a list of maps.
namespace countersign::config {

inline constexpr std::string_view issuers_key = "identity.issuers";

bool of_an_issuer(std::string_view key);
// Relative paths of the item start from `folder`, where "" is the working directory.
Result<Done> apply_issuer(Settings& settings, const Item& item, const std::string& folder);
// The variable holds the list as YAML, of which JSON is a part.
Result<Done> issuers_from_variable(Settings& settings, const std::string& variable, const std::string& value);

}  // namespace countersign::config
