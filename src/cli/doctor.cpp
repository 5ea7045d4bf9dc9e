#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "cli/console.hpp"
#include "cli/doctor.hpp"
#include "cli/ground.hpp"
#include "cli/home.hpp"
#include "cli/loop.hpp"
#include "cli/outcome.hpp"
#include "cli/verbs.hpp"
#include "countersign/adapters/policy.hpp"
#include "countersign/base/log.hpp"
#include "countersign/base/text.hpp"
#include "countersign/net/network.hpp"
#include "countersign/server/examine.hpp"

namespace countersign::cli {
namespace {

using app::Check;

constexpr core::Duration patience = std::chrono::milliseconds{2'500};

// The policy, and what is to be said of it. An empty one where it cannot be used.
std::shared_ptr<const core::Policy> look_at_policy(const std::string& path, app::Checks& checks) {
    auto none = std::make_shared<const core::Policy>();
    if (path.empty()) {
        checks.push_back({"policy", Check::State::failed,
                          config::missing("policy", "a file or folder").detail,
                          "countersign policy init --from production-deploys > policy.yaml"});
        return none;
    }
    std::vector<PolicyFinding> findings;
    auto loaded = load_policy(path, findings, system_zones(), PolicyLint::run);
    std::vector<std::string> texts;
    for (const auto& finding : findings)
        if (finding.severity != PolicyFinding::Severity::accepted) texts.push_back(finding.text());
    std::string first = texts.empty() ? "" : texts.front();
    if (texts.size() > 1) first += fmt::format(" (and {} more)", texts.size() - 1);
    if (!loaded) {
        checks.push_back({"policy", Check::State::failed, first.empty() ? loaded.error().detail : first,
                          "`countersign policy check` shows every finding"});
        return none;
    }
    bool fine = texts.empty();
    checks.push_back({"policy", fine ? Check::State::ok : Check::State::warning,
                      fine ? fmt::format("{} rules, {} groups, {} people", (*loaded)->rules.size(),
                                         (*loaded)->groups.size(), (*loaded)->people.size())
                           : first,
                      fine ? "" : "`countersign policy check` shows every finding"});
    return *loaded;
}

Paint paint_of(Check::State state) {
    switch (state) {
        case Check::State::ok:
            return Paint::green;
        case Check::State::warning:
            return Paint::yellow;
        case Check::State::failed:
            return Paint::red;
        case Check::State::skipped:
            return Paint::dim;
    }
    return Paint::plain;
}

void print_checks(const app::Checks& checks) {
    std::size_t widest = 0;
    for (const auto& check : checks) widest = std::max(widest, check.name.size());
    for (const auto& check : checks) {
        auto state =
            painted(fmt::format("{:<8}", app::name_of(check.state)), paint_of(check.state), STDOUT_FILENO);
        print(fmt::format("{} {:<{}}  {}", state, check.name, widest, visible(check.detail)));
        if (!check.fix.empty()) print(fmt::format("{:<{}}→ {}", "", widest + 11, visible(check.fix)));
    }
}

core::Value document_of(const app::Checks& checks) {
    auto list = core::Value::array();
    for (const auto& check : checks)
        list.push(core::Value::object({{"name", check.name},
                                       {"state", std::string(app::name_of(check.state))},
                                       {"detail", check.detail},
                                       {"fix", check.fix.empty() ? core::Value{} : core::Value{check.fix}}}));
    return core::Value::object({{"ok", all_well(checks)}, {"checks", std::move(list)}});
}

}  // namespace

bool all_well(const app::Checks& checks) {
    return std::ranges::none_of(checks,
                                [](const Check& check) { return check.state == Check::State::failed; });
}

app::Checks diagnose(const std::string& config_file) {
    app::Checks checks;
    auto settings = config::load(config_file, config::process_environment());
    if (!settings) {
        checks.push_back({"configuration", Check::State::failed, settings.error().detail,
                          "correct it there; docs/configuration.md lists every key"});
        return checks;
    }
    checks.push_back({"configuration",
                      Check::State::ok,
                      config_file.empty() ? "from the environment alone" : visible(config_file),
                      {}});
    auto policy = look_at_policy(settings->policy, checks);
    Loop loop;
    auto network = net::make_network(loop.executor(), loop.clock(), loop.timers());
    const server::Ground ground{loop.executor(), loop.clock(), loop.timers(), loop.entropy(), *network};
    auto sound = server::check_settings(*settings, ground);
    if (!sound) {
        checks.push_back({"settings", Check::State::failed, sound.error().detail, "correct this setting"});
        return checks;
    }
    auto found =
        loop.finish(server::examine(*settings, home_folder(), *policy, ground, loop.within(patience)));
    if (found)
        checks.insert(checks.end(), found->begin(), found->end());
    else
        checks.push_back({"doctor", Check::State::failed, found.error().detail, "run it again"});
    return checks;
}

int report(const app::Checks& checks, bool json) {
    if (json)
        print_json(document_of(checks));
    else
        print_checks(checks);
    return all_well(checks) ? exit_ok : exit_failed;
}

int doctor_verb(const DoctorOptions& options) {
    log::start(log::Level::off, log::Format::text);  // what adapters would log is in the table
    return report(diagnose(options.config_file), options.json);
}

}  // namespace countersign::cli
