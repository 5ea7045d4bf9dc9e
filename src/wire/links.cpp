#include "wire/links.hpp"

#include <algorithm>

#include "countersign/base/text.hpp"

namespace countersign::wire {

bool may_link(std::string_view url, const std::vector<std::string>& hosts) {
    const bool secure = url.starts_with("https://");
    if (!secure && !url.starts_with("http://")) return false;
    if (visible(url) != url || url.find_first_of(" \"<>\\^`{|}") != std::string_view::npos) return false;
    auto rest = url.substr(secure ? 8 : 7);
    auto authority = rest.substr(0, rest.find_first_of("/?#"));
    if (authority.find('@') != std::string_view::npos) return false;
    auto host = lower_ascii(authority.substr(0, authority.find(':')));
    return std::ranges::any_of(hosts,
                               [&](const std::string& allowed) { return lower_ascii(allowed) == host; });
}

}  // namespace countersign::wire
