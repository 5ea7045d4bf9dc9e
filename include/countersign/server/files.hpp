#pragma once
#include <string>
#include <string_view>

#include "countersign/base/result.hpp"

namespace countersign::server {

// Readable by its owner alone, from its first byte; replaces what was there.
Result<Done> write_private_file(const std::string& path, std::string_view content);
// The same where nothing is at that path yet, whoever else tries at the same moment.
Result<Done> create_private_file(const std::string& path, std::string_view content);
// Makes the folder with mode 0700, and those above it where they are missing.
Result<Done> make_private_folder(const std::string& path);

}  // namespace countersign::server
