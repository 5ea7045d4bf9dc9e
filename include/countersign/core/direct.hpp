#pragma once
#include <string_view>

namespace countersign::core {

// Stands among the channels of `notify` for the conversation of each person who could approve. A channel of
// that name is written "#direct".
inline constexpr std::string_view direct_channel = "direct";

}  // namespace countersign::core
