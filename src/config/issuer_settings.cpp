#include "config/issuer_settings.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <system_error>
#include <utility>
#include <vector>

#include "config/setters.hpp"
#include "countersign/base/text.hpp"

namespace countersign::config {
namespace {

constexpr std::size_t issuers_max = 50;
constexpr std::size_t jwks_bytes_max = 64 * 1024;

struct IssuerText {
    std::string_view name;
    std::string Settings::Issuer::* member;
};
constexpr std::array<IssuerText, 5> issuer_texts{{{"issuer", &Settings::Issuer::issuer},
                                                  {"audience", &Settings::Issuer::audience},
                                                  {"kind", &Settings::Issuer::kind},
                                                  {"jwks_uri", &Settings::Issuer::jwks_uri},
                                                  {"run", &Settings::Issuer::run}}};

std::vector<std::string> listed(const Item& item) {
    return item.list ? item.items : std::vector{item.text};
}

// Sets the member whose `name` follows "identity.issuers[0].". Dots part the names of a claim within a claim.
Result<Done> set_issuer(Settings::Issuer& issuer, const std::string& name, const Item& item,
                        const std::string& folder) {
    constexpr std::string_view claims = "claims.";
    if (name.starts_with(claims)) {
        issuer.claims.emplace_back(name.substr(claims.size()), listed(item));
        return Done{};
    }
    if (name == "humans") {
        issuer.humans = listed(item);
        return Done{};
    }
    if (item.list) return wrong(item, "must be one value");
    for (const auto& known : issuer_texts) {
        if (known.name != name) continue;
        issuer.*known.member = item.text;
        return Done{};
    }
    if (name == "single_use") {
        if (item.text != "true" && item.text != "false") return wrong(item, "must be true or false");
        issuer.single_use = item.text == "true";
        return Done{};
    }
    if (name == "lifetime_max") {
        auto seconds = parse_duration_s(item.text);
        if (!seconds) return wrong(item, "must be a duration such as 1h");
        issuer.lifetime_max = std::chrono::seconds{*seconds};
        return Done{};
    }
    if (name == "jwks_file") {
        auto content = read_file(path_in(folder, item.text), jwks_bytes_max);
        if (!content) return wrong(item, fmt::format("cannot be read: {}", content.error().detail));
        issuer.jwks = std::move(*content);
        return Done{};
    }
    std::vector<std::string> known{"claims", "humans", "single_use", "lifetime_max", "jwks_file"};
    for (const auto& each : issuer_texts) known.emplace_back(each.name);
    std::string hint;
    if (auto near = nearest(name, known)) hint = fmt::format("; did you mean '{}'?", *near);
    return fail(Trouble::invalid_input,
                fmt::format("{}: unknown key '{}' of an issuer{}", item.location, visible(name), hint));
}

}  // namespace

bool of_an_issuer(std::string_view key) {
    return key.starts_with(std::string(issuers_key) + "[");
}

Result<Done> apply_issuer(Settings& settings, const Item& item, const std::string& folder) {
    std::string_view rest = std::string_view(item.key).substr(issuers_key.size() + 1);
    std::size_t index = 0;
    auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), index);
    auto after = rest.substr(static_cast<std::size_t>(end - rest.data()));
    if (error != std::errc{} || !after.starts_with("].") || index >= issuers_max)
        return wrong(item, fmt::format("is not one of at most {} issuers", issuers_max));
    if (settings.issuers.size() <= index) {
        settings.issuers.resize(index + 1);
        settings.issuers[index].location = item.location;
    }
    return set_issuer(settings.issuers[index], std::string(after.substr(2)), item, folder);
}

Result<Done> issuers_from_variable(Settings& settings, const std::string& variable,
                                   const std::string& value) {
    auto items = read_document(variable, fmt::format("{{identity: {{issuers: {}}}}}", value));
    if (!items) return pass(items);
    settings.issuers.clear();
    for (const Item& item : *items) {
        if (!of_an_issuer(item.key)) return wrong(item, "must be a list of maps with issuer and audience");
        auto applied = apply_issuer(settings, item, "");
        if (!applied) return applied;
    }
    return Done{};
}

}  // namespace countersign::config
