#include "http/grant.hpp"

#include <algorithm>
#include <chrono>
#include <variant>

#include "countersign/base/text.hpp"

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

}  // namespace

std::optional<Grant> grant_of(const core::Case& c, const SigningKey& key, const std::string& issuer) {
    const auto* claimed = claim_of(c);
    if (claimed == nullptr) return std::nullopt;
    auto issued = whole_seconds(claimed->at);
    auto ends = whole_seconds(claimed->at + c.applied->grant);
    auto id = c.request->id.text();
    auto header = Value::object({{"alg", "EdDSA"}, {"kid", key.key_id()}, {"typ", "grant+jwt"}});
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
    auto signature = key.sign(text);
    text += "." + base64url(as_text(signature));
    return Grant{std::move(text), core::Instant{std::chrono::seconds{ends}}};
}

}  // namespace countersign::http
