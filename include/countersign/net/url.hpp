#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "countersign/base/result.hpp"

namespace countersign::net {

// Holds the parts of an absolute http, https, ws or wss URL. `target` is path and query, byte-exact, at least
// "/".
struct Url {
    std::string scheme;
    std::string host;  // no brackets around IPv6
    std::uint16_t port = 0;
    std::string target;
    bool tls() const { return scheme == "https" || scheme == "wss"; }
    std::string authority() const;  // host, and port unless it is the scheme's own
    std::string origin() const;     // scheme://authority
    // Tells whether nobody on the way can read or change what is sent there: https, or http to this machine.
    bool secure() const;
};
// Fails with invalid_input where the URL is not absolute, has another scheme, user info, a fragment or
// control characters, or is over 8 KiB.
Result<Url> parse_url(std::string_view text);

// These read and write query text such as "a=1&b=%20"; an invalid escape gives nullopt.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space);
std::string percent_encode(std::string_view text);
std::optional<std::vector<std::pair<std::string, std::string>>> parse_form(std::string_view text);

}  // namespace countersign::net
