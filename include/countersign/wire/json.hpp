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
    // true, for the API: I-JSON only, refused instead of repaired. Duplicate names, integers beyond
    // ±(2^53−1) and lone surrogates are errors.
    // false, for messages of chats: the last duplicate wins, big integers become the nearest double.
    bool strict = true;
};

// JSON text to a value, in one pass and without recursion. Failures: too_large (json_bytes), else
// invalid_input with a JSON Pointer to the place and one of the codes json_syntax, json_duplicate_name,
// json_nesting, json_number, json_unicode.
Result<core::Value> parse_json(std::string_view text, const JsonRules& rules);

// The same, but objects and arrays under these member names, at any depth, are read as null: what nobody
// here looks at is passed over at the speed of a scan. What stands inside of them is not checked.
Result<core::Value> parse_json_without(std::span<const std::string_view> left_out, std::string_view text,
                                       const JsonRules& rules);

}  // namespace countersign::wire
