#include "http/grant.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>
#include <variant>

#include "countersign/base/text.hpp"
#include "http/signed_by.hpp"

namespace countersign::http {
namespace {

using core::Value;

std::int64_t whole_seconds(core::Instant at) {
    return std::chrono::floor<std::chrono::seconds>(at.time_since_epoch()).count();
}

const core::Claimed* claim_of(const core::Case& c) {
    for (const auto& entry : c.entries)
        if (const auto* claimed = std::get_if<core::Claimed>(&entry)) return claimed;
    return nullptr;
}

// The signature is all that this lacks.
std::optional<Grant> unsigned_grant(const core::Case& c, const PublicKey& key, const std::string& issuer) {
    const auto* claimed = claim_of(c);
    if (claimed == nullptr) return std::nullopt;
    auto issued = whole_seconds(claimed->at);
    auto ends = whole_seconds(claimed->at + c.applied->grant);
    auto id = c.request->id.text();
    auto header =
        Value::object({{"alg", "EdDSA"}, {"kid", ed25519_thumbprint(ed25519_of(key))}, {"typ", "grant+jwt"}});
    auto claims = Value::object({{"iss", issuer},
                                 {"aud", issuer},
                                 {"sub", claimed->by.text()},
                                 {"jti", "grant_" + id.substr(id.find('_') + 1)},
                                 {"iat", issued},
                                 {"nbf", issued},
                                 {"exp", ends},
                                 {"act_hash", c.request->digest},
                                 {"request", id}});
    auto text = base64url(core::canonical(header)) + "." + base64url(core::canonical(claims));
    return Grant{std::move(text), core::Instant{std::chrono::seconds{ends}}};
}

}  // namespace

Later<Grant> grant_of(const core::Case& c, SigningKeys keys, const std::string& issuer, core::Instant now) {
    auto grant = unsigned_grant(c, keys.grant.public_key(), issuer);
    if (!grant || now >= grant->expires_at)
        co_return fail(Trouble::conflict, "this approval was already claimed and its grant has run out",
                       "claimed");
    auto signature = co_await signed_by<std::string>(
        keys.bench, keys.grant, [text = grant->token](const Signer& signer) { return signer.sign(text); });
    if (!signature) co_return pass(signature);
    grant->token += "." + base64url(*signature);
    co_return std::move(*grant);
}

}  // namespace countersign::http
