#include "webhooks/addresses.hpp"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <string>

#include "countersign/base/text.hpp"
#include "countersign/net/reach.hpp"

namespace countersign::webhooks {
namespace {

using net::Reach;
using net::reach_of;

constexpr std::size_t url_bytes_max = 2'000;

std::unexpected<Failure> refused(std::string why) {
    return fail(Trouble::invalid_input, std::move(why), "bad_url", "/url");
}

// Finds 2130706433, 0x7f.1 and 127.1, which old resolvers take for IPv4 addresses.
bool looks_like_an_odd_address(const std::string& host) {
    std::string last = host.substr(host.find_last_of('.') + 1);
    if (last.empty() && host.size() > 1) return looks_like_an_odd_address(host.substr(0, host.size() - 1));
    bool digits = std::ranges::all_of(last, [](char c) { return c >= '0' && c <= '9'; });
    return digits || last.starts_with("0x");
}

std::string whose(Reach reach) {
    std::string words{name_of(reach)};
    return reach == Reach::in_house ? words + "; " + std::string{how_to_allow_in_house} : words;
}

}  // namespace

Result<net::Url> destination(std::string_view text, bool in_house) {
    if (text.size() > url_bytes_max)
        return refused("the URL is longer than " + std::to_string(url_bytes_max) + " bytes");
    auto url = net::parse_url(text);
    if (!url) return refused(url.error().detail);
    if (url->scheme != "https" && url->scheme != "http") return refused("the URL must begin with https://");
    if (url->scheme == "http" && !in_house)
        return refused(
            "the URL must begin with https://; an operator may allow http: with "
            "webhooks.allow_private_networks");
    if (url->host == "metadata.google.internal" || url->host == "metadata.google.internal.")
        return refused("the host is " + whose(Reach::never));
    boost::system::error_code not_an_address;
    auto address = boost::asio::ip::make_address(url->host, not_an_address);
    if (not_an_address) {
        if (url->host.find(':') != std::string::npos || looks_like_an_odd_address(url->host))
            return refused("the URL's host is not a name, and no address in its usual form (192.0.2.1)");
        return url;
    }
    auto reach = reach_of(address);
    if (reach == Reach::never || (reach == Reach::in_house && !in_house))
        return refused("the host is " + whose(reach));
    return url;
}

}  // namespace countersign::webhooks
