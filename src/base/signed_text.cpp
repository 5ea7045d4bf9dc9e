#include "countersign/base/signed_text.hpp"

#include "countersign/base/crypto.hpp"
#include "countersign/base/text.hpp"

namespace countersign {
namespace {

std::string proof_of(const Secret& key, std::string_view purpose, std::string_view text) {
    // Purposes are ours and hold no line end, so no two pairs make one message.
    std::string message{purpose};
    message += '\n';
    message += text;
    return base64url(as_text(hmac_sha256(key.reveal(), message)));
}

}  // namespace

std::string sign_text(const Secret& key, std::string_view purpose, std::string_view text) {
    return base64url(text) + "." + proof_of(key, purpose, text);
}

std::optional<std::string> read_signed_text(const Secret& key, std::string_view purpose,
                                            std::string_view signed_text) {
    const auto dot = signed_text.find('.');
    if (signed_text.size() > signed_bytes_max || dot == std::string_view::npos) return std::nullopt;
    auto text = unbase64url(signed_text.substr(0, dot));
    if (!text) return std::nullopt;
    if (!equal_in_constant_time(proof_of(key, purpose, *text), signed_text.substr(dot + 1)))
        return std::nullopt;
    return text;
}

}  // namespace countersign
