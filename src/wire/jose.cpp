#include "countersign/wire/jose.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "countersign/base/text.hpp"
#include "countersign/wire/json.hpp"

namespace countersign::wire {
namespace {

using core::Value;

constexpr std::size_t header_nesting_max = 8;
constexpr std::size_t claims_nesting_max = 16;

std::unexpected<Failure> refused(std::string detail, std::string code) {
    return fail(Trouble::unauthenticated, std::move(detail), std::move(code));
}
std::unexpected<Failure> malformed(std::string_view what) {
    return refused("this is not a signed token (a JWS in compact form): " + std::string(what),
                   "jws_malformed");
}

Result<Value> object_in(std::string_view encoded, std::size_t nesting_max, std::string_view part) {
    auto text = unbase64url(encoded);
    if (!text) return malformed("its " + std::string(part) + " is not base64url");
    auto value = parse_json(*text, {.bytes_max = jws_bytes_max, .nesting_max = nesting_max, .strict = true});
    if (!value || value->members() == nullptr)
        return malformed("its " + std::string(part) + " is not one JSON object without repeated names");
    return value;
}

// Refuses headers that would make us use something that the token itself brings along, or that we do not
// understand.
Result<Done> plain_header(const Value& header) {
    for (std::string_view name : {"crit", "jku", "jwk", "x5u", "x5c", "b64"})
        if (header.members()->find(name) != nullptr)
            return refused("the token's header has \"" + std::string(name) + "\", which is not accepted",
                           "jws_header");
    if (const auto* type = header.members()->find("typ")) {
        auto word = lower_ascii(type->text());
        if (word != "jwt" && word != "jose")
            return refused("the token's header says that it is no JWT (typ)", "jws_header");
    }
    return Done{};
}

std::optional<std::string> bytes_in(const Value& jwk, std::string_view member) {
    const auto* text = jwk[member].string();
    return text != nullptr ? unbase64url(*text) : std::nullopt;
}

std::optional<VerifyingKey> key_in(const Value& jwk) {
    auto type = jwk["kty"].text();
    auto curve = jwk["crv"].text();
    auto x = bytes_in(jwk, "x");
    auto made = [&]() -> Result<VerifyingKey> {
        if (type == "RSA") {
            auto n = bytes_in(jwk, "n");
            auto e = bytes_in(jwk, "e");
            if (n && e) return VerifyingKey::rsa(*n, *e);
        }
        auto y = bytes_in(jwk, "y");
        if (type == "EC" && curve == "P-256" && x && y) return VerifyingKey::p256(*x, *y);
        if (type == "OKP" && curve == "Ed25519" && x) return VerifyingKey::ed25519(*x);
        return fail(Trouble::invalid_input, "another kind of key");
    }();
    if (!made) return std::nullopt;
    // A set may narrow down what its own keys are good for, but never widen it.
    const auto* named = jwk["alg"].string();
    if (named != nullptr && *named != name_of(made->algorithm())) return std::nullopt;
    const auto* use = jwk["use"].string();
    if (use != nullptr && *use != "sig" && *use != "jwt-svid") return std::nullopt;
    if (const auto* operations = jwk["key_ops"].items()) {
        auto verify = [](const Value& one) { return one.text() == "verify"; };
        if (std::ranges::none_of(*operations, verify)) return std::nullopt;
    }
    return std::move(*made);
}

}  // namespace

Result<Jws> read_jws(std::string_view compact) {
    if (compact.size() > jws_bytes_max) return malformed("it is longer than 16 KiB");
    auto first = compact.find('.');
    auto second = first == std::string_view::npos ? first : compact.find('.', first + 1);
    if (second == std::string_view::npos || compact.find('.', second + 1) != std::string_view::npos)
        return malformed("it does not have three parts");
    auto header = object_in(compact.substr(0, first), header_nesting_max, "header");
    if (!header) return pass(header);
    auto algorithm = parse_jose_algorithm((*header)["alg"].text());
    if (!algorithm)
        return refused("the token's algorithm is none of RS256, ES256 and EdDSA", "jws_algorithm");
    auto plain = plain_header(*header);
    if (!plain) return pass(plain);
    std::optional<std::string> key_id;
    if (const auto* kid = header->members()->find("kid")) {
        if (kid->string() == nullptr || kid->text().size() > key_id_bytes_max)
            return refused("the token's key id is not a text of at most 256 bytes", "jws_header");
        key_id = *kid->string();
    }
    auto claims = object_in(compact.substr(first + 1, second - first - 1), claims_nesting_max, "payload");
    if (!claims) return pass(claims);
    auto signature = unbase64url(compact.substr(second + 1));
    if (!signature || signature->empty()) return malformed("its signature is not base64url");
    return Jws{.algorithm = *algorithm,
               .key_id = std::move(key_id),
               .claims = std::move(*claims),
               .signed_bytes = compact.substr(0, second),
               .signature = std::move(*signature)};
}

Result<std::vector<PublishedKey>> read_key_set(std::string_view text) {
    auto bad = [](std::string detail) {
        return fail(Trouble::invalid_input, "not a JWK set: " + std::move(detail), "bad_key_set");
    };
    auto set =
        parse_json(text, {.bytes_max = key_set_bytes_max, .nesting_max = header_nesting_max, .strict = true});
    if (!set) return bad(set.error().detail);
    const auto* items = (*set)["keys"].items();
    if (items == nullptr || items->size() > keys_max) return bad("it needs `keys`, a list of at most 64");
    std::vector<PublishedKey> keys;
    for (const Value& item : *items) {
        auto id = item["kid"].text();
        if (id.size() > key_id_bytes_max) continue;
        auto key = key_in(item);
        if (!key) continue;
        PublishedKey published{.id = std::string(id), .key = std::move(*key)};
        if (const auto* channels = item["endorsements"].items())
            for (const Value& channel : *channels) published.endorsements.emplace_back(channel.text());
        keys.push_back(std::move(published));
    }
    return keys;
}

}  // namespace countersign::wire
