#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/base/crypto.hpp"
#include "countersign/base/secret.hpp"

// Keyed hashes over stored rows. The database does not know the key, so whoever can write rows can forge none
// that is acted upon.
namespace countersign::app {

// 8 bytes that name the key, then HMAC-SHA-256 (RFC 2104).
using Seal = std::array<std::byte, 40>;
// A keyed hash that stands for a text (a person, a caller) in a column that is only compared.
using Pseudonym = std::array<std::byte, 16>;

// A seal covers these bytes: a kind of row and its fields in order, each with its length before it, so that
// no two different rows are the same bytes.
class SealInput {
  public:
    explicit SealInput(std::string_view kind) { add(kind); }
    SealInput& add(std::string_view bytes);
    SealInput& add(const std::string& bytes) { return add(std::string_view{bytes}); }
    SealInput& add(const char* bytes) { return add(std::string_view{bytes}); }
    SealInput& add(std::int64_t number);
    SealInput& add(const std::optional<std::string>& text);  // none differs from an empty one
    SealInput& add(const std::vector<std::string>& texts);
    std::string_view bytes() const { return bytes_; }

  private:
    std::string bytes_;
};

enum class SealCheck : std::uint8_t {
    holds,
    broken,      // the row is not what was sealed
    unknown_key  // it was sealed with a server key that is not here
};

// Derived (HKDF, RFC 5869) from the server's keys; kept in memory alone.
class Seals {
  public:
    // The first key seals, all of them check: the keys of before stay readable. `instance` names this
    // installation, so that rows of another one with the same key are not taken for its own.
    Seals(std::span<const Secret> server_keys, const std::array<std::byte, 16>& instance);

    Seal seal(const SealInput& input) const;
    SealCheck check(const SealInput& input, std::span<const std::byte> seal) const;
    // `kind` keeps the pseudonym of a person apart from that of a caller with the same name.
    Pseudonym pseudonym(std::string_view kind, std::string_view text) const;

  private:
    struct Key {
        std::array<std::byte, 8> id;
        Secret sealing;
    };
    static Seal made_with(const Key& key, std::string_view instance, const SealInput& input);

    std::string instance_;
    std::vector<Key> keys_;
    Secret naming_;
};

}  // namespace countersign::app
