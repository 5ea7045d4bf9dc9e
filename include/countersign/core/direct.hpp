#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "countersign/core/surface.hpp"

namespace countersign::core {

// Stands among the channels of `notify` for the conversation of each person who could approve. A channel of
// that name is written "#direct".
inline constexpr std::string_view direct_channel = "direct";

// Lists the channels of this chat that are named, without the word for people's own conversations.
std::vector<std::string> channels_of(const ChannelsByChat& named, Surface chat);
// Says whether people's own conversations are named in this chat.
bool shown_in_private(const ChannelsByChat& named, Surface chat);

}  // namespace countersign::core
