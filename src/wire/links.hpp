#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace countersign::wire {

// Says whether a link of a request may be clickable in a chat: http or https to one of these hosts, without
// user info, and nothing in it that is not what it looks like.
bool may_link(std::string_view url, const std::vector<std::string>& hosts);

}  // namespace countersign::wire
