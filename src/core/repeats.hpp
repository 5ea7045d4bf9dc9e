#pragma once
#include <string>
#include <string_view>

// What makes an act that comes again the same as the first one.
namespace countersign::core {

// Returns a person's words as entries keep them: trimmed, at most reason_chars_max of them; empty where
// nothing in them can be read.
std::string clipped(std::string_view reason);

}  // namespace countersign::core
