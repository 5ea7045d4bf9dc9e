#pragma once
#include <cstdint>
#include <string_view>

#include "countersign/net/connector.hpp"

namespace countersign::net {

enum class Reach : std::uint8_t {
    open,      // an address of the internet
    in_house,  // this machine or a private network, which only the operator can allow
    never,     // link-local, metadata services, multicast, and what is no host's address
};
// Classifies an address by the IANA special-purpose registries. An IPv6 address that carries an IPv4 one
// (mapped, NAT64, 6to4, Teredo) is what that one is, and never `open` for its wrapping alone.
Reach reach_of(const Address& address);
std::string_view name_of(Reach reach);  // "an address of the internet", …

}  // namespace countersign::net
