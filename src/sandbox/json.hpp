#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "countersign/core/value.hpp"

namespace countersign::sandbox {

using core::Value;

inline constexpr std::size_t json_bytes_max = 4 * 1024 * 1024;

// Reads leniently, as a chat service does; nullopt where the text is no JSON.
std::optional<Value> read_json(std::string_view text);
// Writes every slash as `\/`, as Slack writes URLs inside JSON.
std::string escape_slashes(std::string_view json);

// Reads a boolean argument, whether it came as JSON or as a form's text.
bool truthy(const Value& value, bool otherwise = false);
// Reads a whole number, whether it came as JSON or as a form's text.
std::int64_t number(const Value& value, std::int64_t otherwise);

}  // namespace countersign::sandbox
