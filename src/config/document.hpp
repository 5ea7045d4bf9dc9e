#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/base/result.hpp"

namespace countersign::config {

// Holds one value of the file, or of the environment, and where it stands.
struct Item {
    std::string key;       // "slack.api_url"; inside a list of maps "identity.issuers[0].audience"
    std::string location;  // "countersign.yaml:3:7" or "COUNTERSIGN_SLACK_API_URL"
    bool list = false;
    bool null = false;
    std::string text;                // where it is a scalar
    std::vector<std::string> items;  // where it is a list
};

// Says of an item what is wrong with it: "countersign.yaml:3:7: slack.pace must be auto or strict".
std::unexpected<Failure> wrong(const Item& item, std::string_view what);

// Reads the leaves of a YAML document, in its order. Refuses duplicate keys, tags, and nesting past the
// schema's.
Result<std::vector<Item>> read_document(const std::string& file, const std::string& text);

}  // namespace countersign::config
