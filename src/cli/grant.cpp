#include "cli/grant.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <optional>
#include <vector>

#include "countersign/base/crypto.hpp"
#include "countersign/base/text.hpp"
#include "countersign/wire/json.hpp"

namespace countersign::cli {
namespace {

constexpr std::size_t grant_bytes_max = 16 * 1024;
constexpr std::int64_t clock_skew_s_max = 60;

std::unexpected<Failure> wrong(std::string_view what) {
    return fail(Trouble::forbidden, fmt::format("the server's grant cannot be trusted: {}", what),
                "bad_grant");
}

template <std::size_t size>
std::optional<std::array<std::byte, size>> bytes_of(std::string_view base64url_text) {
    auto raw = unbase64url(base64url_text);
    if (!raw || raw->size() != size) return std::nullopt;
    std::array<std::byte, size> bytes{};
    std::memcpy(bytes.data(), raw->data(), size);
    return bytes;
}

Result<core::Value> part(std::string_view base64url_text) {
    auto raw = unbase64url(base64url_text);
    if (!raw) return wrong("it is not base64url");
    auto value = wire::parse_json(*raw, {.bytes_max = grant_bytes_max});
    if (!value || value->members() == nullptr) return wrong("it does not hold JSON");
    return std::move(*value);
}

std::optional<std::array<std::byte, 32>> key_of(const core::Value& jwks, std::string_view key_id) {
    const auto* keys = jwks["keys"].items();
    if (keys == nullptr) return std::nullopt;
    for (const core::Value& key : *keys) {
        bool ours =
            key["kid"].text() == key_id && key["kty"].text() == "OKP" && key["crv"].text() == "Ed25519";
        if (ours) return bytes_of<32>(key["x"].text());
    }
    return std::nullopt;
}

// RFC 7638, worked out here: what the key set calls the key is only a name.
std::string thumbprint(const std::array<std::byte, 32>& key) {
    auto jwk = core::Value::object({{"crv", "Ed25519"}, {"kty", "OKP"}, {"x", base64url(as_text(key))}});
    auto digest = sha256(core::canonical(jwk));
    return base64url(as_text(digest));
}

}  // namespace

Result<Done> verify_grant(std::string_view jws, const core::Value& jwks, const ExpectedGrant& expected) {
    if (jws.size() > grant_bytes_max) return wrong("it is too long");
    auto parts = split(jws, '.');
    if (parts.size() != 3) return wrong("it is not a compact JWS");
    auto header = part(parts[0]);
    if (!header) return pass(header);
    if ((*header)["alg"].text() != "EdDSA") return wrong("its algorithm is not EdDSA");
    if ((*header)["typ"].text() != "grant+jwt") return wrong("it is of another type");
    if (header->members()->find("crit") != nullptr) return wrong("it demands an extension unknown here");
    auto key = key_of(jwks, (*header)["kid"].text());
    if (!key) return wrong("its key is not among the server's published keys");
    if (!expected.keys.empty() && std::ranges::find(expected.keys, thumbprint(*key)) == expected.keys.end())
        return wrong("its key is not one of COUNTERSIGN_GRANT_KEYS");
    auto signature = bytes_of<64>(parts[2]);
    std::string_view signed_part = jws.substr(0, parts[0].size() + 1 + parts[1].size());
    if (!signature || !verify_ed25519(*key, signed_part, *signature)) return wrong("its signature is wrong");

    auto claims = part(parts[1]);
    if (!claims) return pass(claims);
    if ((*claims)["act_hash"].text() != expected.digest)
        return wrong("it is for something else than was asked");
    if ((*claims)["request"].text() != expected.request) return wrong("it is for another request");
    if ((*claims)["aud"].text().empty() || (*claims)["jti"].text().empty())
        return wrong("it does not say whom it is for, or has no id");
    auto now = std::chrono::duration_cast<std::chrono::seconds>(expected.now.time_since_epoch()).count();
    if ((*claims)["exp"].whole() + clock_skew_s_max <= now) return wrong("it has run out");
    if ((*claims)["nbf"].whole() - clock_skew_s_max > now)
        return wrong("it is not valid yet; check the clocks");
    return Done{};
}

}  // namespace countersign::cli
