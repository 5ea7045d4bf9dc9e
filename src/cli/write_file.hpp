#pragma once
#include <string>
#include <string_view>

#include "countersign/base/result.hpp"

namespace countersign::cli {

// A file that everybody may read; replaces what was there. invalid_input: the path, and what the system says.
Result<Done> write_file(const std::string& path, std::string_view bytes);

}  // namespace countersign::cli
