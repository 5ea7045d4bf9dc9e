#include "countersign/core/direct.hpp"

#include <algorithm>

namespace countersign::core {

std::vector<std::string> channels_of(const ChannelsByChat& named, Surface chat) {
    const auto its = named.find(chat);
    if (its == named.end()) return {};
    auto channels = its->second;
    std::erase(channels, direct_channel);
    return channels;
}

bool shown_in_private(const ChannelsByChat& named, Surface chat) {
    const auto its = named.find(chat);
    return its != named.end() && std::ranges::find(its->second, direct_channel) != its->second.end();
}

}  // namespace countersign::core
