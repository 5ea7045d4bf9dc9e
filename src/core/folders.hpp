#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace countersign::core {

// Writes a list of folders, like PATH, with what neighbours have in common once:
// "/usr/{local/{sbin,bin},sbin,bin}:/opt/x" of "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/opt/x".
// Nothing is left out, and no two lists are written alike: each name stands in its order, and lists that have
// braces, commas, or anything but plain words between the colons are not written so at all (nullopt), nor are
// those that it makes no shorter.
std::optional<std::string> folded_folders(std::string_view list);
inline constexpr std::size_t folded_bytes_max = 8'192;

}  // namespace countersign::core
