#include "countersign/app/token.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace countersign::app {
namespace {

constexpr std::array<std::pair<Scope, std::string_view>, 5> scopes{{{Scope::request, "request"},
                                                                    {Scope::read, "read"},
                                                                    {Scope::vote, "vote"},
                                                                    {Scope::subscribe, "subscribe"},
                                                                    {Scope::admin, "admin"}}};

}  // namespace

std::string_view name_of(Scope scope) {
    for (const auto& [known, name] : scopes)
        if (known == scope) return name;
    return "unknown";
}

std::optional<Scope> parse_scope(std::string_view text) {
    for (const auto& [known, name] : scopes)
        if (name == text) return known;
    return std::nullopt;
}

bool Token::has(Scope scope) const {
    return std::ranges::find(scopes, scope) != scopes.end();
}

AdminEvent token_event(AdminAct act, const Token& token, std::string_view by, core::Instant now,
                       rt::Entropy& entropy) {
    auto words = core::Value::array();
    for (Scope scope : token.scopes) words.push(name_of(scope));
    auto facts = core::Value::object({{"name", token.name}, {"scopes", std::move(words)}, {"by", by}});
    if (token.owner) facts.set("owner", token.owner->text());
    return admin_event(act, token.id.text(), std::move(facts), now, entropy);
}

}  // namespace countersign::app
