#include "countersign/app/seals.hpp"

#include <algorithm>

#include "countersign/base/check.hpp"
#include "countersign/base/text.hpp"

namespace countersign::app {
namespace {

constexpr std::size_t derived_bytes = 32;
constexpr std::size_t seal_key_id_bytes = 8;

void append_number(std::string& out, std::uint64_t number) {
    for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>((number >> shift) & 0xFF);
}

}  // namespace

SealInput& SealInput::add(std::string_view bytes) {
    append_number(bytes_, bytes.size());
    bytes_ += bytes;
    return *this;
}

SealInput& SealInput::add(std::int64_t number) {
    append_number(bytes_, static_cast<std::uint64_t>(number));
    return *this;
}

SealInput& SealInput::add(const std::optional<std::string>& text) {
    add(std::int64_t{text ? 1 : 0});
    return text ? add(std::string_view{*text}) : *this;
}

SealInput& SealInput::add(const std::vector<std::string>& texts) {
    add(static_cast<std::int64_t>(texts.size()));
    for (const auto& text : texts) add(std::string_view{text});
    return *this;
}

Seals::Seals(std::span<const Secret> server_keys, const std::array<std::byte, 16>& instance)
    : instance_(as_text(instance)) {
    COUNTERSIGN_CHECK(!server_keys.empty());
    for (const Secret& server_key : server_keys) {
        COUNTERSIGN_CHECK(!server_key.empty());
        Key key{{}, Secret{hkdf_sha256(server_key.reveal(), {}, "countersign seal", derived_bytes)}};
        std::string id = hkdf_sha256(server_key.reveal(), {}, "countersign seal key id", seal_key_id_bytes);
        for (std::size_t i = 0; i < seal_key_id_bytes; ++i) key.id[i] = static_cast<std::byte>(id[i]);
        keys_.push_back(std::move(key));
    }
    naming_ =
        Secret{hkdf_sha256(server_keys.front().reveal(), instance_, "countersign pseudonyms", derived_bytes)};
}

Seal Seals::made_with(const Key& key, std::string_view instance, const SealInput& input) {
    std::string message{instance};
    message += input.bytes();
    Sha256 hash = hmac_sha256(key.sealing.reveal(), message);
    Seal seal{};
    std::ranges::copy(key.id, seal.begin());
    std::ranges::copy(hash, seal.begin() + seal_key_id_bytes);
    return seal;
}

Seal Seals::seal(const SealInput& input) const {
    return made_with(keys_.front(), instance_, input);
}

SealCheck Seals::check(const SealInput& input, std::span<const std::byte> seal) const {
    if (seal.size() != Seal{}.size()) return SealCheck::broken;
    for (const Key& key : keys_) {
        if (!std::ranges::equal(key.id, seal.first(seal_key_id_bytes))) continue;
        Seal expected = made_with(key, instance_, input);
        return equal_in_constant_time(as_text(expected), as_text(seal)) ? SealCheck::holds
                                                                        : SealCheck::broken;
    }
    return SealCheck::unknown_key;
}

Pseudonym Seals::pseudonym(std::string_view kind, std::string_view text) const {
    SealInput input(kind);
    input.add(text);
    Sha256 hash = hmac_sha256(naming_.reveal(), input.bytes());
    Pseudonym name{};
    std::copy_n(hash.begin(), name.size(), name.begin());
    return name;
}

}  // namespace countersign::app
