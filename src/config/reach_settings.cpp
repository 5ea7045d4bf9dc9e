#include "config/reach_settings.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "config/address_settings.hpp"
#include "countersign/base/text.hpp"
#include "countersign/core/quiet.hpp"

namespace countersign::config {
namespace {

// Half a registration would be no Teams at all, in silence.
Result<Done> complete_teams(const Settings::Teams& teams) {
    const bool certified = !teams.certificate.empty() || !teams.certificate_key.empty();
    const bool managed = !teams.managed_identity_url.empty();
    const bool some = !teams.app_password.empty() || certified || managed || !teams.tenant.empty() ||
                      !teams.openid_metadata_url.empty() || !teams.login_url.empty() ||
                      !teams.service_url_allow.empty() || !teams.channel.empty();
    if (teams.app_id.empty() && some)
        return std::unexpected(missing("teams.app_id", "the other keys of teams need it"));
    if (teams.app_id.empty()) return Done{};
    if (certified && (teams.certificate.empty() || teams.certificate_key.empty()))
        return std::unexpected(
            missing(teams.certificate.empty() ? "teams.certificate" : "teams.certificate_key",
                    "a certificate and its key come together"));
    if (certified && !teams.app_password.empty())
        return fail(Trouble::invalid_input,
                    "teams.app_password and teams.certificate are both given; keep one");
    if (managed && (certified || !teams.app_password.empty()))
        return fail(
            Trouble::invalid_input,
            "teams.managed_identity_url needs neither teams.app_password nor teams.certificate; keep one");
    if (!managed && !teams.managed_identity_header.empty())
        return std::unexpected(
            missing("teams.managed_identity_url", "teams.managed_identity_header is sent there"));
    if (!managed && !certified && teams.app_password.empty())
        return std::unexpected(
            missing("teams.app_password",
                    "it is a client secret of the bot's registration; or give teams.certificate, or "
                    "teams.managed_identity_url"));
    return Done{};
}

Result<Done> complete_quiet_hours(const Settings::Quiet& quiet) {
    if (quiet.from.has_value() != quiet.to.has_value())
        return std::unexpected(missing(quiet.from ? "quiet_hours.to" : "quiet_hours.from",
                                       "quiet hours have a beginning and an end"));
    if (quiet.from && *quiet.from == *quiet.to)
        return fail(
            Trouble::invalid_input,
            "quiet_hours.from and quiet_hours.to are the same time: leave both out for no quiet hours");
    if (!quiet.from && !quiet.zone.empty())
        return std::unexpected(
            missing("quiet_hours.from", "quiet_hours.timezone says on which clocks it is"));
    return Done{};
}

Result<Done> set_time_of_day(std::optional<int>& into, const Item& item) {
    into = core::read_time_of_day(item.text);
    if (!into) return wrong(item, "must be a time of day such as \"22:00\", in quotes");
    return Done{};
}

}  // namespace

Result<Done> set_quiet_from(Settings& settings, const Item& item, const std::string&) {
    return set_time_of_day(settings.quiet.from, item);
}

Result<Done> set_quiet_to(Settings& settings, const Item& item, const std::string&) {
    return set_time_of_day(settings.quiet.to, item);
}

Result<Done> set_quiet_zone(Settings& settings, const Item& item, const std::string&) {
    settings.quiet.zone = item.text;
    return Done{};
}

Result<Done> set_on_call_url(Settings& settings, const Item& item, const std::string&) {
    auto url = net::parse_url(item.text);
    const bool fine = url && url->secure() && url->target.find('?') == std::string::npos;
    if (!fine) return wrong(item, "must be an https address such as https://api.pagerduty.com/");
    settings.on_call.url = item.text;
    if (!settings.on_call.url.ends_with('/')) settings.on_call.url += '/';
    return Done{};
}

Result<Done> set_on_call_token(Settings& settings, const Item& item, const std::string&) {
    // It stands in a header of its own.
    const bool plain = std::ranges::all_of(item.text, [](char c) { return c > ' ' && c < '\x7f'; });
    if (!plain) return wrong(item, "must be an API key of the on-call service, without blanks");
    settings.on_call.token = Secret{item.text};
    return Done{};
}

Result<Done> complete_reach(const Settings& settings) {
    auto teams = complete_teams(settings.teams);
    if (!teams) return teams;
    return complete_quiet_hours(settings.quiet);
}

}  // namespace countersign::config
