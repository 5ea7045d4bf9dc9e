#include "countersign/net/reach.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/address_v6.hpp>
#include <cstdint>
#include <initializer_list>
#include <optional>

namespace countersign::net {
namespace {

using V4 = boost::asio::ip::address_v4;
using V6 = boost::asio::ip::address_v6;

struct V4Block {
    std::uint32_t first;
    unsigned bits;
    Reach reach;
};
constexpr std::uint32_t v4(unsigned a, unsigned b, unsigned c = 0, unsigned d = 0) {
    return a << 24 | b << 16 | c << 8 | d;
}
// The first block that fits counts.
constexpr std::array<V4Block, 19> v4_blocks{{
    {v4(0, 0), 8, Reach::never},                 // "this network"
    {v4(169, 254), 16, Reach::never},            // link-local; 169.254.169.254 are metadata of most clouds
    {v4(168, 63, 129, 16), 32, Reach::never},    // Azure's host service, in a public range
    {v4(100, 100, 100, 200), 32, Reach::never},  // Alibaba Cloud's metadata
    {v4(192, 0, 0, 192), 32, Reach::never},      // Oracle Cloud's metadata
    {v4(224, 0), 4, Reach::never},               // multicast
    {v4(240, 0), 4, Reach::never},               // reserved, broadcast
    {v4(10, 0), 8, Reach::in_house},             // RFC 1918
    {v4(100, 64), 10, Reach::in_house},          // carrier-grade NAT
    {v4(127, 0), 8, Reach::in_house},            // this machine
    {v4(172, 16), 12, Reach::in_house},          // RFC 1918
    {v4(192, 168), 16, Reach::in_house},         // RFC 1918
    {v4(192, 0, 0), 24, Reach::in_house},        // protocol assignments
    {v4(192, 0, 2), 24, Reach::in_house},        // documentation
    {v4(192, 88, 99), 24, Reach::in_house},      // 6to4 relays
    {v4(198, 18), 15, Reach::in_house},          // benchmarks
    {v4(198, 51, 100), 24, Reach::in_house},     // documentation
    {v4(203, 0, 113), 24, Reach::in_house},      // documentation
    {v4(0, 0), 0, Reach::open},
}};

Reach reach_of_v4(std::uint32_t address) {
    for (const auto& block : v4_blocks) {
        std::uint32_t mask = block.bits == 0 ? 0 : ~std::uint32_t{0} << (32 - block.bits);
        if ((address & mask) == block.first) return block.reach;
    }
    return Reach::never;
}

using Bytes = V6::bytes_type;

bool starts_with(const Bytes& address, std::initializer_list<unsigned> prefix, unsigned bits) {
    unsigned at = 0;
    for (unsigned byte : prefix) {
        unsigned left = bits - 8 * at;
        unsigned mask = left >= 8 ? 0xFF : 0xFF & (0xFF << (8 - left));
        if ((address[at] & mask) != (byte & mask)) return false;
        ++at;
        if (8 * at >= bits) break;
    }
    return true;
}

std::uint32_t embedded(const Bytes& address, std::size_t at) {
    return v4(address[at], address[at + 1], address[at + 2], address[at + 3]);
}

// Returns the IPv4 address that an IPv6 one wraps.
std::optional<std::uint32_t> wrapped_v4(const Bytes& a) {
    bool zeros = std::all_of(a.begin(), a.begin() + 10, [](unsigned char byte) { return byte == 0; });
    bool mapped = zeros && a[10] == 0xFF && a[11] == 0xFF;
    bool translated = starts_with(a, {0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0}, 96);  // RFC 2765
    bool compatible = zeros && a[10] == 0 && a[11] == 0 && embedded(a, 12) > 1;        // RFC 4291, obsolete
    bool nat64 = starts_with(a, {0, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0}, 96) ||
                 starts_with(a, {0, 0x64, 0xFF, 0x9B, 0, 1}, 48);
    if (mapped || translated || compatible || nat64) return embedded(a, 12);
    if (starts_with(a, {0x20, 0x02}, 16)) return embedded(a, 2);          // 6to4
    if (starts_with(a, {0x20, 0x01, 0, 0}, 32)) return ~embedded(a, 12);  // Teredo
    return std::nullopt;
}

Reach reach_of_v6(const Bytes& a) {
    if (auto inner = wrapped_v4(a)) return std::max(reach_of_v4(*inner), Reach::in_house);
    bool never = starts_with(a, {0xFE, 0x80}, 10) ||                    // link-local
                 starts_with(a, {0xFE, 0xC0}, 10) ||                    // site-local, obsolete
                 starts_with(a, {0xFF}, 8) ||                           // multicast
                 starts_with(a, {0xFD, 0x00, 0x0E, 0xC2}, 32) ||        // EC2's metadata and services
                 starts_with(a, {0xFD, 0x20, 0x00, 0xCE}, 32) ||        // Google Cloud's metadata
                 starts_with(a, {0x01, 0x00, 0, 0, 0, 0, 0, 0}, 64) ||  // discard
                 V6{a}.is_unspecified();
    if (never) return Reach::never;
    bool global = starts_with(a, {0x20}, 3) && !starts_with(a, {0x20, 0x01, 0x00}, 23) &&  // protocols
                  !starts_with(a, {0x20, 0x01, 0x0D, 0xB8}, 32) &&                         // documentation
                  !starts_with(a, {0x3F, 0xFF, 0x00}, 20);                                 // documentation
    return global ? Reach::open : Reach::in_house;
}

}  // namespace

Reach reach_of(const Address& address) {
    if (address.is_v4()) return reach_of_v4(address.to_v4().to_uint());
    return reach_of_v6(address.to_v6().to_bytes());
}

std::string_view name_of(Reach reach) {
    switch (reach) {
        case Reach::open:
            return "an address of the internet";
        case Reach::in_house:
            return "an address of this machine or of a private network";
        case Reach::never:
            break;
    }
    return "an address that is never called (link-local, metadata, multicast)";
}

}  // namespace countersign::net
