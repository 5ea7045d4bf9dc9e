#include "countersign/wire/dsse.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "countersign/base/text.hpp"
#include "countersign/core/value.hpp"
#include "countersign/wire/json.hpp"

namespace countersign::wire {
namespace {

using core::Value;

constexpr std::size_t envelope_signatures_max = 16;

std::unexpected<Failure> bad_envelope(const char* detail) {
    return fail(Trouble::invalid_input, std::string("this is no DSSE envelope: ") + detail, "bad_envelope");
}

// Both alphabets are good, with or without padding in the second (DSSE 1.0 §protocol).
std::optional<std::string> either_base64(std::string_view text) {
    auto standard = unbase64(text);
    if (standard) return standard;
    while (text.ends_with('=')) text.remove_suffix(1);
    return unbase64url(text);
}

}  // namespace

std::string pre_authentication_encoding(std::string_view type, std::string_view payload) {
    std::string out = "DSSEv1 " + std::to_string(type.size()) + " ";
    out += type;
    out += " " + std::to_string(payload.size()) + " ";
    out += payload;
    return out;
}

std::string statement_key_id(const PublicKey& key) {
    return sha256_hex(der_of(key));
}

Result<std::string> envelope_of(std::string_view payload, std::string_view type, const Signer& signer) {
    auto signature = signer.sign(pre_authentication_encoding(type, payload));
    if (!signature) return pass(signature);
    Value signatures = Value::array();
    signatures.push(
        Value::object({{"keyid", statement_key_id(signer.public_key())}, {"sig", base64(*signature)}}));
    return core::canonical(Value::object(
        {{"payload", base64(payload)}, {"payloadType", type}, {"signatures", std::move(signatures)}}));
}

Result<std::string> open_envelope(std::string_view envelope, std::string_view type,
                                  std::span<const PublicKey> keys) {
    auto read = parse_json(envelope, {.bytes_max = envelope_bytes_max});
    if (!read) return bad_envelope(read.error().detail.c_str());
    auto payload = either_base64((*read)["payload"].text());
    const auto* signatures = (*read)["signatures"].items();
    if (!payload || !(*read)["payload"].string() || !signatures || signatures->empty())
        return bad_envelope("its payload or its signatures are missing");
    if (signatures->size() > envelope_signatures_max) return bad_envelope("it has more than 16 signatures");
    std::string_view named = (*read)["payloadType"].text();
    if (named != type)
        return fail(Trouble::forbidden, "the envelope holds " + visible(named) + ", not " + std::string(type),
                    "other_type");
    std::string signed_bytes = pre_authentication_encoding(type, *payload);
    bool good = std::ranges::any_of(*signatures, [&](const Value& one) {
        auto signature = either_base64(one["sig"].text());
        return signature && std::ranges::any_of(keys, [&](const PublicKey& key) {
                   return verifies(key, signed_bytes, *signature);
               });
    });
    if (!good) return fail(Trouble::forbidden, "nobody whose key is known signed this", "bad_signature");
    return std::move(*payload);
}

}  // namespace countersign::wire
