#pragma once
#include <cstddef>
#include <span>
#include <string_view>

#include "countersign/base/result.hpp"
#include "countersign/core/value.hpp"

namespace countersign::wire {

struct JsonRules {
    std::size_t bytes_max;
    std::size_t nesting_max = 64;
    // Values of any kind, containers included: a small text can hold so many that building them, and every
    // later walk over them, takes long.
    std::size_t values_max = std::size_t(-1);
    // For the API it is true: only I-JSON is accepted, and nothing is repaired. Duplicate names, integers
    // beyond ±(2^53−1) and lone surrogates are errors. For messages of chats it is false: the last duplicate
    // wins, and big integers become the nearest double.
    bool strict = true;
};

// Parses JSON text in one pass and without recursion. Fails with too_large (json_bytes), else with
// invalid_input, a JSON Pointer to the position and one of the codes json_syntax, json_duplicate_name,
// json_nesting, json_values, json_number, json_unicode.
Result<core::Value> parse_json(std::string_view text, const JsonRules& rules);

// Parses the text, but reads objects and arrays under these member names, at any depth, as null: what nobody
// here looks at is passed over at the speed of a scan. What stands inside of them is not checked.
Result<core::Value> parse_json_without(std::span<const std::string_view> left_out, std::string_view text,
                                       const JsonRules& rules);

}  // namespace countersign::wire
