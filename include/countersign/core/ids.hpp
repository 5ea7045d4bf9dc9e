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

// 26 characters of Crockford base32 for 16 bytes, after a prefix, and back (upper case; lower case is
// accepted).
std::string crockford(const std::array<std::byte, 16>& bytes, std::string_view prefix = {});
std::optional<std::array<std::byte, 16>> parse_crockford(std::string_view text);

// Ids that we mint: 16 bytes, ordered by creation (48 bits of milliseconds, then 80 random bits).
template <class Kind>
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
    // `req_01JD…`: the kind's prefix and 26 characters.
    static std::optional<Minted> parse(std::string_view text) {
        if (!text.starts_with(Kind::prefix)) return std::nullopt;
        auto bytes = parse_crockford(text.substr(Kind::prefix.size()));
        if (!bytes) return std::nullopt;
        return Minted{*bytes};
    }
    std::string text() const { return crockford(bytes_, Kind::prefix); }
    const Bytes& bytes() const { return bytes_; }
    friend auto operator<=>(const Minted&, const Minted&) = default;

  private:
    Bytes bytes_;
};

// Ids that others mint (Slack, Entra, a CI system, a policy's author): opaque text, only compared.
template <class Kind>
class Given {
  public:
    explicit Given(std::string text) : text_(std::move(text)) {}
    const std::string& text() const { return text_; }
    friend auto operator<=>(const Given&, const Given&) = default;

  private:
    std::string text_;
};

// The registry of all kinds of id; a new one is one line.
// clang-format off
struct RequestKind { static constexpr std::string_view prefix = "req_"; };
struct EventKind { static constexpr std::string_view prefix = "evt_"; };
struct TokenKind { static constexpr std::string_view prefix = "tok_"; };
struct CardKind { static constexpr std::string_view prefix = "crd_"; };
struct ErrandKind { static constexpr std::string_view prefix = "err_"; };
struct ProcessKind { static constexpr std::string_view prefix = "prc_"; };
struct SubscriptionKind { static constexpr std::string_view prefix = "sub_"; };
struct LaneKind { static constexpr std::string_view prefix = "lan_"; };
// clang-format on
using RequestId = Minted<RequestKind>;
using EventId = Minted<EventKind>;
using TokenId = Minted<TokenKind>;
using CardId = Minted<CardKind>;
using ErrandId = Minted<ErrandKind>;
using SubscriptionId = Minted<SubscriptionKind>;
using LaneId = Minted<LaneKind>;        // what waits for one another on its way out
using ProcessId = Minted<ProcessKind>;  // one run of the server: the holder of leases

using PersonId = Given<struct PersonKind>;    // a policy's name ("riley") or, unlinked, an account reference
using AccountId = Given<struct AccountKind>;  // "slack:T0SIM/U0REQ", "github:riley-dev", "token:tok_…"
using GroupId = Given<struct GroupKind>;      // a policy's group name

}  // namespace countersign::core

template <class Kind>
struct std::hash<countersign::core::Given<Kind>> {
    std::size_t operator()(const countersign::core::Given<Kind>& id) const noexcept {
        return std::hash<std::string>{}(id.text());
    }
};
template <class Kind>
struct std::hash<countersign::core::Minted<Kind>> {
    std::size_t operator()(const countersign::core::Minted<Kind>& id) const noexcept {
        auto bytes = id.bytes();
        return std::hash<std::string_view>{}(
            std::string_view{reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    }
};
