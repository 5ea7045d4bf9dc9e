#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "countersign/base/result.hpp"

namespace countersign::policy {

// The files that a policy consists of: the one named, or every *.yaml and *.yml of a folder in order of name.
// not_found: there is none; too_large: more than policy_files_max.
Result<std::vector<std::filesystem::path>> policy_files(const std::string& file_or_folder);
// At most policy_bytes_max bytes and one more, which tells that it is too large.
Result<std::string> read_policy_file(const std::filesystem::path& path);

}  // namespace countersign::policy
