#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/setters.hpp"

// The keys of the settings.
namespace countersign::config {

struct Key {
    std::string name;  // "slack.api_url"
    Setter set;
    enum class Shape : std::uint8_t { value, secret, list } shape = Shape::value;
};

// Every key there is. A secret may also come from a file: its key with "_file" behind it.
const std::vector<Key>& schema();
// nullptr: there is none of that name.
const Key* find_key(std::string_view name);

}  // namespace countersign::config
