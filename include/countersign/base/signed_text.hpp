#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "countersign/base/secret.hpp"

namespace countersign {

// Makes a text one that nobody else can make or change, for what comes back by way of somebody's browser: in
// a link, a cookie, a hidden field. Whoever holds it can read it. Made of letters, digits, `-`, `_` and `.`
// alone. A text that was made for one purpose is none for another.
std::string sign_text(const Secret& key, std::string_view purpose, std::string_view text);
// Returns the text; nullopt where it is not one of ours for this purpose, or longer than signed_bytes_max.
std::optional<std::string> read_signed_text(const Secret& key, std::string_view purpose,
                                            std::string_view signed_text);
inline constexpr std::size_t signed_bytes_max = 4'096;

}  // namespace countersign
