#include "teams/clouds.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "countersign/base/text.hpp"
#include "countersign/tokens/issuer_keys.hpp"

namespace countersign::teams {
namespace {

// Microsoft's clouds; their constants are in the environments table of Microsoft's Teams SDK.
struct KnownCloud {
    std::string_view metadata;
    std::string_view issuer;
    std::string_view scope;
    std::string_view login;
    std::string_view service;
};
constexpr std::array clouds{
    KnownCloud{"https://login.botframework.com/v1/.well-known/openidconfiguration",
               "https://api.botframework.com", "https://api.botframework.com/.default",
               "https://login.microsoftonline.com", "https://smba.trafficmanager.net/teams/"},
    KnownCloud{"https://login.botframework.azure.us/v1/.well-known/openidconfiguration",
               "https://api.botframework.us", "https://api.botframework.us/.default",
               "https://login.microsoftonline.us", "https://smba.infra.gov.teams.microsoft.us/teams/"},
    KnownCloud{"https://login.botframework.azure.cn/v1/.well-known/openidconfiguration",
               "https://api.botframework.azure.cn", "https://api.botframework.azure.cn/.default",
               "https://login.partner.microsoftonline.cn", ""},
};
// Further hosts of a cloud, beside the one to begin with.
constexpr std::array public_hosts{"https://smba.trafficmanager.net/",
                                  "https://smba.infra.gcc.teams.microsoft.com/"};
constexpr std::array government_hosts{"https://smba.infra.gov.teams.microsoft.us/",
                                      "https://smba.infra.dod.teams.microsoft.us/"};

const KnownCloud* known_cloud(std::string_view metadata) {
    const auto* found = std::ranges::find(clouds, metadata, &KnownCloud::metadata);
    return found == clouds.end() ? nullptr : found;
}

std::optional<std::string> address_problem(std::string_view key, const std::string& address) {
    auto url = net::parse_url(address);
    if (!url) return fmt::format("{}: {} is no address: {}", key, visible(address), url.error().detail);
    if (!tokens::private_enough(address))
        return fmt::format("{}: {} must be https (http only on this machine)", key, visible(address));
    return std::nullopt;
}

// Identity endpoints are plain http on the machine itself or on its link.
bool on_this_machine(const std::string& address) {
    auto url = net::parse_url(address);
    if (!url || url->target.find('?') != std::string::npos) return false;
    const std::string_view link_local = "169.254.";
    const bool numbers = url->host.find_first_not_of("0123456789.") == std::string::npos;
    return tokens::private_enough(address) ||
           (url->scheme == "http" && numbers && url->host.starts_with(link_local));
}

}  // namespace

Cloud cloud_of(const TeamsSettings& settings) {
    const auto* known = known_cloud(settings.openid_metadata_url);
    const KnownCloud& its = known ? *known : clouds.front();
    return {std::string(its.issuer), std::string(its.scope)};
}

TeamsSettings completed(TeamsSettings settings) {
    if (settings.openid_metadata_url.empty()) settings.openid_metadata_url = clouds.front().metadata;
    const auto* known = known_cloud(settings.openid_metadata_url);
    const KnownCloud& its = known ? *known : clouds.front();
    if (settings.login_url.empty()) settings.login_url = its.login;
    while (settings.login_url.ends_with('/')) settings.login_url.pop_back();
    if (settings.service_url_allow.empty() && !its.service.empty()) {
        settings.service_url_allow.emplace_back(its.service);
        const bool government = its.issuer == clouds[1].issuer;
        const auto& hosts = government ? government_hosts : public_hosts;
        settings.service_url_allow.insert(settings.service_url_allow.end(), hosts.begin(), hosts.end());
    }
    return settings;
}

std::optional<std::string> problem_of(const TeamsSettings& given) {
    const auto settings = completed(given);
    if (settings.tenant.empty() && settings.channel.empty())
        return "teams.tenant: not set, and there is no teams.channel either to tell it by; set the id of "
               "your "
               "Entra tenant";
    if (auto wrong = address_problem("teams.openid_metadata_url", settings.openid_metadata_url)) return wrong;
    if (auto wrong = address_problem("teams.login_url", settings.login_url)) return wrong;
    if (!settings.managed_identity_url.empty() && !on_this_machine(settings.managed_identity_url))
        return "teams.managed_identity_url: must be an address of this machine or its link (127.0.0.1, "
               "169.254.…) without a query, or https";
    if (settings.service_url_allow.empty())
        return "teams.service_url_allow: the hosts of this cloud are not known here; set them";
    for (const std::string& prefix : settings.service_url_allow) {
        if (auto wrong = address_problem("teams.service_url_allow", prefix)) return wrong;
        if (prefix.find('?') != std::string::npos)
            return "teams.service_url_allow: an address that others begin with has no query";
    }
    return std::nullopt;
}

bool may_serve(std::string_view service_url, const std::vector<std::string>& allowed) {
    auto url = net::parse_url(service_url);
    if (!url || url->target.find_first_of("?\\%") != std::string::npos) return false;
    if (url->target.find("/..") != std::string::npos || url->target.find("/./") != std::string::npos)
        return false;
    auto path_of = [](std::string target) {
        if (!target.ends_with('/')) target += '/';
        return target;
    };
    const auto path = path_of(url->target);
    return std::ranges::any_of(allowed, [&](const std::string& prefix) {
        auto its = net::parse_url(prefix);
        return its && its->origin() == url->origin() && path.starts_with(path_of(its->target));
    });
}

}  // namespace countersign::teams
