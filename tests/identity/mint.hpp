#pragma once
#include <array>
#include <string>
#include <string_view>

#include "countersign/base/crypto.hpp"
#include "countersign/base/text.hpp"
#include "countersign/core/value.hpp"

namespace countersign::test {

// Signs with an Ed25519 key of its own.
struct Mint {
    explicit Mint(std::byte seed = std::byte{7}) : key(SigningKey::from_seed(filled(seed))) {}
    static std::array<std::byte, 32> filled(std::byte seed) {
        std::array<std::byte, 32> bytes{};
        bytes.fill(seed);
        return bytes;
    }
    SigningKey key;

    core::Value jwk(std::string_view kid) const {
        return core::Value::object(
            {{"kty", "OKP"}, {"crv", "Ed25519"}, {"kid", kid}, {"x", base64url(as_text(key.public_key()))}});
    }
    std::string token(const core::Value& claims, std::string_view kid = "k1") const {
        auto header = core::Value::object({{"alg", "EdDSA"}, {"typ", "JWT"}, {"kid", kid}});
        return signed_text(base64url(core::canonical(header)) + "." + base64url(core::canonical(claims)));
    }
    std::string signed_text(const std::string& input) const {
        return input + "." + base64url(as_text(key.sign(input)));
    }
};

}  // namespace countersign::test
