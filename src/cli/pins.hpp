#pragma once
#include <string>

#include "countersign/agents/gate.hpp"
#include "countersign/base/result.hpp"

namespace countersign::cli {

inline constexpr std::size_t pins_bytes_max = 4 * 1024 * 1024;

// The definitions of a server's tools as they were accepted, in a file: a JSON object of names and SHA-256 in
// hexadecimal. A file that is not there has none. invalid_input: it is no such object.
Result<agents::ToolPins> read_pins(const std::string& path);
// Takes the place of the file at once, so that whoever reads it meanwhile sees the old or the new one.
Result<Done> write_pins(const std::string& path, const agents::ToolPins& pins);

}  // namespace countersign::cli
