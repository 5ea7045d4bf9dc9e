#include "server/issuers.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "countersign/base/text.hpp"

namespace countersign::server {

Result<std::vector<identity::Issuer>> trusted_issuers(const config::Settings& settings) {
    std::vector<identity::Issuer> issuers;
    for (const auto& one : settings.issuers) {
        auto wrong = [&](std::string_view what) {
            return fail(Trouble::invalid_input,
                        fmt::format("{}: the issuer {} {}", one.location, visible(one.issuer), what));
        };
        auto kind = one.kind.empty() ? std::optional{identity::kind_of_issuer(one.issuer)}
                                     : identity::parse_issuer_kind(one.kind);
        if (!kind)
            return wrong(
                "has a kind that is none of generic, github, gitlab, kubernetes, buildkite, circleci, "
                "terraform");
        identity::Issuer issuer{.issuer = one.issuer,
                                .audience = one.audience,
                                .kind = *kind,
                                .jwks_uri = one.jwks_uri,
                                .jwks = one.jwks,
                                .claims = {},
                                .humans = one.humans,
                                .run = one.run,
                                .single_use = one.single_use,
                                .lifetime_max = one.lifetime_max};
        for (const auto& [claim, any_of] : one.claims) issuer.claims.push_back({claim, any_of});
        if (auto problem = identity::problem_of(issuer)) return wrong(*problem);
        bool twice =
            std::ranges::any_of(issuers, [&](const auto& other) { return other.issuer == issuer.issuer; });
        if (twice) return wrong("is there twice");
        issuers.push_back(std::move(issuer));
    }
    return issuers;
}

identity::SignInSettings sign_in_settings(const config::Settings& settings) {
    return {.issuer = settings.login.issuer,
            .client_id = settings.login.client_id,
            .client_secret = settings.login.client_secret,
            .audience = settings.login.audience};
}

Result<Done> check_login(const config::Settings& settings) {
    const auto& login = settings.login;
    if (login.issuer.empty()) {
        const bool some = !login.client_id.empty() || !login.client_secret.empty() || !login.audience.empty();
        if (!some) return Done{};
        return std::unexpected(
            config::missing("identity.login.issuer", "the other keys of identity.login need it"));
    }
    auto problem = identity::problem_of(sign_in_settings(settings));
    if (!problem) return Done{};
    return fail(Trouble::invalid_input, "identity.login: " + *problem);
}

}  // namespace countersign::server
