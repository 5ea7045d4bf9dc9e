#pragma once
#include <string>
#include <string_view>

#include "countersign/base/crypto.hpp"
#include "countersign/base/jose.hpp"
#include "countersign/base/text.hpp"
#include "countersign/core/value.hpp"

namespace countersign::teams {

// A stand-in for the Bot Framework's keys, so that tokens of any kind can be made.
struct KeyHouse {
    RsaSigningKey endorsed = RsaSigningKey::generate();
    RsaSigningKey other_channel = RsaSigningKey::generate();
    RsaSigningKey unpublished = RsaSigningKey::generate();
    SigningKey ed25519 = SigningKey::from_seed({});
    int fetched = 0;
    std::string keys_at = "http://127.0.0.1:81/keys";

    static core::Value jwk(const RsaSigningKey& key, std::string_view id, std::string_view channel) {
        core::Value channels = core::Value::array();
        if (!channel.empty()) channels.push(channel);
        return core::Value::object({{"kty", "RSA"},
                                    {"kid", id},
                                    {"n", base64url(key.modulus())},
                                    {"e", base64url(key.exponent())},
                                    {"endorsements", channels}});
    }
    std::string answer(std::string_view target) {
        if (target.ends_with("openidconfiguration"))
            return core::canonical(
                core::Value::object({{"issuer", "https://api.botframework.com"}, {"jwks_uri", keys_at}}));
        ++fetched;
        core::Value all = core::Value::array();
        all.push(jwk(endorsed, "good", "msteams")).push(jwk(other_channel, "webchat", "webchat"));
        all.push(jwk(unpublished, "bare", ""));
        all.push(
            core::Value::object({{"kty", "OKP"},
                                 {"crv", "Ed25519"},
                                 {"kid", "ed"},
                                 {"x", base64url(as_text(ed25519.public_key()))},
                                 {"endorsements", core::Value{core::Value::Array{core::Value{"msteams"}}}}}));
        return core::canonical(core::Value::object({{"keys", all}}));
    }
};

}  // namespace countersign::teams
