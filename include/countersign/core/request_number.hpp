#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

namespace countersign::core {

inline constexpr std::size_t request_number_digits_max = 15;

// Reads "9" or "#9", as people and cards write a request's number: digits alone, the first not 0. nullopt: it
// is none.
std::optional<std::int64_t> request_number(std::string_view text);

}  // namespace countersign::core
