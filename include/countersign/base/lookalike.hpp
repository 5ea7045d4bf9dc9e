#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace countersign {

// Writes letters of other scripts, and full-width characters, that are drawn like ASCII ones as those: what
// whoever wrote it most likely meant. Everything else stays.
std::string latinized(std::string_view text);
// Writes full-width characters as the ASCII ones that they stand for, as some keyboards type "show 12".
std::string narrow(std::string_view text);

// Finds the first character beyond ASCII, and says which it is: "а (U+0430)". nullopt: there is none.
std::optional<std::string> beyond_ascii(std::string_view text);

}  // namespace countersign
