#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "countersign/core/value.hpp"

namespace countersign::sandbox {

using core::Value;

inline constexpr std::size_t json_bytes_max = 4 * 1024 * 1024;

// Leniently, as a chat service reads: nullopt is "not JSON".
std::optional<Value> read_json(std::string_view text);
// As Slack writes URLs inside JSON: every slash as `\/`.
std::string escape_slashes(std::string_view json);

// A boolean argument, whether it came as JSON or as a form's text.
bool truthy(const Value& value, bool otherwise = false);
// A whole number, whether it came as JSON or as a form's text.
std::int64_t number(const Value& value, std::int64_t otherwise);

}  // namespace countersign::sandbox
