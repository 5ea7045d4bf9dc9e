#pragma once
#include <string_view>

#include "countersign/base/result.hpp"
#include "countersign/net/url.hpp"

// Decides where a webhook may go. A URL is a caller's word, and what its name resolves to is a stranger's.
namespace countersign::webhooks {

// What an operator does so that webhooks reach this machine and private networks.
inline constexpr std::string_view how_to_allow_in_house =
    "an operator may allow those with webhooks.allow_private_networks";

// Accepts https (with `in_house` also http) to a host that is a name, or an address in its usual form that is
// not refused anyway. Fails with invalid_input and a sentence that says what to change.
Result<net::Url> destination(std::string_view url, bool in_house);

}  // namespace countersign::webhooks
