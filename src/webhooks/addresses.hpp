#pragma once
#include <cstdint>
#include <string_view>

#include "countersign/net/connector.hpp"

// These decide where a webhook may go. A URL is a caller's word, and what its name resolves to is a
// stranger's.
namespace countersign::webhooks {

enum class Reach : std::uint8_t {
    open,      // an address of the internet
    in_house,  // this machine or a private network, which only the operator can allow
    never,     // link-local, metadata services, multicast, and what is no host's address
};
// Classifies an address by the IANA special-purpose registries. An IPv6 address that carries an IPv4 one
// (mapped, NAT64, 6to4, Teredo) is what that one is, and never `open` for its wrapping alone.
Reach reach_of(const net::Address& address);

// Accepts https (with `in_house` also http) to a host that is a name, or an address in its usual form that is
// not refused anyway. Fails with invalid_input and a sentence that says what to change.
Result<net::Url> destination(std::string_view url, bool in_house);
// Fails with forbidden where the host resolves to an address that webhooks do not go to.
Result<Done> check_reach(const std::string& host, const net::Address& address, bool in_house);

}  // namespace countersign::webhooks
