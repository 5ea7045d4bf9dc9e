#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/base/result.hpp"

namespace countersign::config {

// One value of the file, or of the environment, with the words that say where it stands.
struct Item {
    std::string key;    // "slack.api_url"; inside a list of maps "identity.issuers[0].audience"
    std::string place;  // "countersign.yaml:3:7" or "COUNTERSIGN_SLACK_API_URL"
    bool list = false;
    bool null = false;
    std::string text;                // a scalar's
    std::vector<std::string> items;  // a list's
};

// The leaves of a YAML document, in its order. Refuses duplicate keys, tags, and nesting past the schema's.
Result<std::vector<Item>> read_document(const std::string& file, const std::string& text);

}  // namespace countersign::config
