#include "config/address_settings.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "countersign/base/text.hpp"
#include "countersign/net/network.hpp"
#include "countersign/net/url.hpp"

namespace countersign::config {
namespace {

bool plain_host(std::string_view host) {
    return !host.empty() && host.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.-") == host.npos;
}

}  // namespace

Result<Done> set_listen(Settings& settings, const Item& item, const std::string&) {
    if (!net::can_listen_on(item.text))
        return wrong(
            item, "must be an address and a port to listen on, as 127.0.0.1:8480, 0.0.0.0:8480 or [::]:8480");
    settings.listen = item.text;
    return Done{};
}

Result<Done> set_public_url(Settings& settings, const Item& item, const std::string&) {
    settings.public_url = item.text;
    if (item.text.empty()) return Done{};
    const auto url = net::parse_url(item.text);
    const bool fine = url && (url->scheme == "https" || url->scheme == "http") &&
                      url->target.find('?') == std::string::npos;
    if (!fine)
        return wrong(item,
                     "must be the address by which callers reach the API, as https://approvals.example.com");
    while (settings.public_url.ends_with('/')) settings.public_url.pop_back();
    return Done{};
}

Result<Done> set_slack_api_url(Settings& settings, const Item& item, const std::string&) {
    const auto url = net::parse_url(item.text);
    if (!url || !url->secure() || url->target.find('?') != std::string::npos)
        return wrong(
            item,
            "must be an https address such as https://slack.com/api/ (http only on this machine): the "
            "tokens are sent there");
    settings.slack.api_url = item.text;
    if (!settings.slack.api_url.ends_with('/')) settings.slack.api_url += '/';
    return Done{};
}

Result<Done> set_slack_channel(Settings& settings, const Item& item, const std::string&) {
    const bool fine = item.text.find_first_of(" \t,@") == std::string::npos && item.text != "#";
    if (!fine) return wrong(item, "must be one channel's name or id, as \"#approvals\" or C0123ABCD");
    settings.slack.channel = item.text;
    return Done{};
}

Result<Done> set_link_hosts(Settings& settings, const Item& item, const std::string&) {
    for (const std::string& host : item.items)
        if (!plain_host(lower_ascii(host)))
            return wrong(
                item,
                fmt::format("must list hosts such as ci.example.com, each in full, without scheme, port "
                            "or *; {} is not that",
                            visible(host)));
    settings.link_hosts = item.items;
    return Done{};
}

}  // namespace countersign::config
