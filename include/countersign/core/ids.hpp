#pragma once
#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "countersign/core/time.hpp"

namespace countersign::core {

// Writes 16 bytes as 26 characters of Crockford base32 after a prefix, in upper case, and reads them back,
// also from lower case.
std::string crockford(const std::array<std::byte, 16>& bytes, std::string_view prefix = {});
std::optional<std::array<std::byte, 16>> parse_crockford(std::string_view text);

// Identifies what we mint ids for: 16 bytes, ordered by creation (48 bits of milliseconds, then 80 random
// bits).
template <class Tag>
class Minted {
  public:
    using Bytes = std::array<std::byte, 16>;
    constexpr explicit Minted(Bytes bytes) : bytes_(bytes) {}
    static Minted mint(Instant now, const std::array<std::byte, 10>& chance) {
        auto ms = static_cast<std::uint64_t>(
            std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count());
        Bytes bytes{};
        for (std::size_t i = 0; i < 6; ++i) bytes[i] = static_cast<std::byte>(ms >> (40 - 8 * i));
        for (std::size_t i = 0; i < 10; ++i) bytes[6 + i] = chance[i];
        return Minted{bytes};
    }
    // Reads `req_01JD…`: the tag's prefix and 26 characters.
    static std::optional<Minted> parse(std::string_view text) {
        if (!text.starts_with(Tag::prefix)) return std::nullopt;
        auto bytes = parse_crockford(text.substr(Tag::prefix.size()));
        if (!bytes) return std::nullopt;
        return Minted{*bytes};
    }
    std::string text() const { return crockford(bytes_, Tag::prefix); }
    const Bytes& bytes() const { return bytes_; }
    friend auto operator<=>(const Minted&, const Minted&) = default;

  private:
    Bytes bytes_;
};

// Holds an id that others mint (Slack, Entra, a CI system, a policy's author): opaque text, which is only
// compared.
template <class Tag>
class Given {
  public:
    explicit Given(std::string text) : text_(std::move(text)) {}
    const std::string& text() const { return text_; }
    friend auto operator<=>(const Given&, const Given&) = default;

  private:
    std::string text_;
};

// Every type of minted id is registered here by one line.
// clang-format off
struct RequestTag { static constexpr std::string_view prefix = "req_"; };
struct EventTag { static constexpr std::string_view prefix = "evt_"; };
struct TokenTag { static constexpr std::string_view prefix = "tok_"; };
struct CardTag { static constexpr std::string_view prefix = "crd_"; };
struct BatchTag { static constexpr std::string_view prefix = "bat_"; };
struct ErrandTag { static constexpr std::string_view prefix = "err_"; };
struct ProcessTag { static constexpr std::string_view prefix = "prc_"; };
struct SubscriptionTag { static constexpr std::string_view prefix = "sub_"; };
struct LaneTag { static constexpr std::string_view prefix = "lan_"; };
// clang-format on
using RequestId = Minted<RequestTag>;
using EventId = Minted<EventTag>;
using TokenId = Minted<TokenTag>;
using CardId = Minted<CardTag>;
using BatchId = Minted<BatchTag>;  // a card that lists several requests
using ErrandId = Minted<ErrandTag>;
using SubscriptionId = Minted<SubscriptionTag>;
using LaneId = Minted<LaneTag>;        // a queue of webhook deliveries
using ProcessId = Minted<ProcessTag>;  // one run of the server, which holds leases

// Holds a policy's name ("riley"), or the account reference of somebody unlinked.
using PersonId = Given<struct PersonTag>;
using AccountId = Given<struct AccountTag>;  // "slack:T0SIM/U0REQ", "github:riley-dev", "token:tok_…"
using GroupId = Given<struct GroupTag>;      // a policy's name for the group

}  // namespace countersign::core

template <class Tag>
struct std::hash<countersign::core::Given<Tag>> {
    std::size_t operator()(const countersign::core::Given<Tag>& id) const noexcept {
        return std::hash<std::string>{}(id.text());
    }
};
template <class Tag>
struct std::hash<countersign::core::Minted<Tag>> {
    std::size_t operator()(const countersign::core::Minted<Tag>& id) const noexcept {
        auto bytes = id.bytes();
        return std::hash<std::string_view>{}(
            std::string_view{reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    }
};
