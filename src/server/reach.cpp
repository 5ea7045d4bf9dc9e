#include "server/reach.hpp"

#include <fmt/format.h>

#include <utility>

#include "countersign/adapters/policy.hpp"
#include "countersign/base/check.hpp"
#include "countersign/base/log.hpp"
#include "countersign/base/text.hpp"

namespace countersign::server {
namespace {

std::shared_ptr<const core::Zone> read_zone(const std::string& name) {
    auto bytes = system_zones().read(name);
    auto zone = bytes ? core::Zone::parse(name, *bytes) : Result<core::Zone>{fail(Trouble::not_found, "")};
    if (zone) return std::make_shared<const core::Zone>(std::move(*zone));
    log::warn("server",
              "there is no time zone {} on this machine: quiet hours do not hold for whoever has it",
              visible(name));
    return nullptr;
}

}  // namespace

Result<Done> check_reach(const config::Settings& settings) {
    const std::string& zone = settings.quiet.zone;
    if (zone.empty() || system_zones().read(zone)) return Done{};
    const auto names = system_zones().names();
    if (names.empty())
        return fail(Trouble::invalid_input,
                    "quiet_hours.timezone: this machine has no time zone database: install tzdata");
    auto near = nearest(zone, names);
    return fail(Trouble::invalid_input,
                fmt::format("quiet_hours.timezone: there is no time zone \"{}\"; {}", visible(zone),
                            near ? "did you mean " + *near + "?" : "write one like Europe/Berlin"));
}

std::unique_ptr<app::QuietTimes> make_quiet_times(const config::Settings& settings) {
    if (!settings.quiet.from || !settings.quiet.to) return nullptr;
    return std::make_unique<app::QuietTimes>(core::QuietHours{*settings.quiet.from, *settings.quiet.to},
                                             settings.quiet.zone, read_zone);
}

net::GuardedDialer::Guard on_call_guard(const config::Settings& settings) {
    auto url = net::parse_url(settings.on_call.url);
    COUNTERSIGN_CHECK(url.has_value());  // the settings were checked when they were read
    return {.in_house = [host = url->host](const std::string& asked) { return asked == host; },
            .how_to_allow = "name it as `on_call.url`"};
}

std::unique_ptr<on_call::Rota> make_rota(const config::Settings& settings, on_call::Parts parts) {
    auto url = net::parse_url(settings.on_call.url);
    COUNTERSIGN_CHECK(url.has_value());
    return on_call::make_pagerduty({std::move(*url), settings.on_call.token}, std::move(parts));
}

}  // namespace countersign::server
