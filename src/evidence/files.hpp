#pragma once
#include <cstddef>
#include <string>
#include <string_view>

#include "countersign/base/result.hpp"

namespace countersign::evidence {

inline constexpr std::size_t export_file_bytes_max = 32 * 1'048'576;

// not_found: there is no such file. Blocking, as all of these.
Result<std::string> read_whole(const std::string& path);
// Makes the folders above it where they are missing.
Result<Done> write_whole(const std::string& path, std::string_view content);

}  // namespace countersign::evidence
