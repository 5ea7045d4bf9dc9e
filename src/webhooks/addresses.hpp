#pragma once
#include <cstdint>
#include <string_view>

#include "countersign/net/connector.hpp"

// Where a webhook may go. A URL is a caller's word, and what its name stands for is a stranger's.
namespace countersign::webhooks {

enum class Reach : std::uint8_t {
    open,      // an address of the internet
    in_house,  // this machine, a private network: only where the operator says so
    never,     // link-local, metadata services, multicast, what is no host's address
};
// By the IANA special-purpose registries. An IPv6 address that carries an IPv4 one (mapped, NAT64, 6to4,
// Teredo) is what that one is, and never `open` for its wrapping alone.
Reach reach_of(const net::Address& address);

// https, or with `in_house` http, a host that is a name or an address in its usual form and not one that is
// refused anyway. invalid_input with a sentence that says what to change.
Result<net::Url> destination(std::string_view url, bool in_house);
// forbidden: the host stands for an address that webhooks do not go to.
Result<Done> check_reach(const std::string& host, const net::Address& address, bool in_house);

}  // namespace countersign::webhooks
