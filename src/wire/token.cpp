#include "countersign/wire/token.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "countersign/base/text.hpp"

namespace countersign::wire {
namespace {

constexpr std::string_view base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr std::size_t random_chars = 30;
constexpr std::size_t checksum_chars = 6;
const std::string access_token_prefix_of_hash = "countersign access token\n";

std::uint32_t crc32(std::string_view bytes) {
    std::uint32_t crc = 0xFFFFFFFFU;
    for (char c : bytes) {
        crc ^= static_cast<unsigned char>(c);
        for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (0xEDB88320U & (0U - (crc & 1U)));
    }
    return crc ^ 0xFFFFFFFFU;
}

}  // namespace

std::string with_checksum(std::string_view prefix_and_random) {
    std::string suffix(checksum_chars, '0');
    std::uint32_t rest = crc32(prefix_and_random);
    for (std::size_t i = checksum_chars; i-- > 0; rest /= 62) suffix[i] = base62[rest % 62];
    return std::string(prefix_and_random) + suffix;
}

Secret mint_token(rt::Entropy& entropy) {
    std::string text(token_prefix);
    std::array<std::byte, 64> pool{};
    while (text.size() < token_prefix.size() + random_chars) {
        entropy.fill(pool);
        for (std::byte b : pool) {
            auto value = std::to_integer<std::size_t>(b);
            // 248 is 4 · 62: above it a remainder would favour the first letters.
            if (value < 248 && text.size() < token_prefix.size() + random_chars) text += base62[value % 62];
        }
    }
    return Secret{with_checksum(text)};
}

bool well_formed_token(std::string_view text) {
    if (text.size() != token_prefix.size() + random_chars + checksum_chars) return false;
    if (!text.starts_with(token_prefix)) return false;
    if (text.find_first_not_of(base62, token_prefix.size()) != std::string_view::npos) return false;
    return with_checksum(text.substr(0, text.size() - checksum_chars)) == text;
}

Secret access_token(const Secret& key, const core::RequestId& request) {
    auto id = request.text();
    auto proof = hmac_sha256(key.reveal(), access_token_prefix_of_hash + id);
    std::string text(access_token_prefix);
    text += id.substr(core::RequestTag::prefix.size());
    return Secret{text + base64url(as_text(proof))};
}

std::optional<core::RequestId> read_access_token(const Secret& key, std::string_view text) {
    constexpr std::size_t id_chars = 26;
    if (!text.starts_with(access_token_prefix)) return std::nullopt;
    auto id = text.substr(access_token_prefix.size(), id_chars);
    auto request = core::RequestId::parse(std::string(core::RequestTag::prefix) + std::string(id));
    if (!request) return std::nullopt;
    auto ours = access_token(key, *request);
    return equal_in_constant_time(ours.reveal(), text) ? request : std::nullopt;
}

Sha256 token_hash(std::string_view token) {
    return sha256(token);
}

std::string_view token_hint(std::string_view token) {
    return token.size() < 4 ? token : token.substr(token.size() - 4);
}

}  // namespace countersign::wire
