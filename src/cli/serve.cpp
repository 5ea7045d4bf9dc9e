#include <fmt/core.h>

#include <cstdlib>
#include <optional>
#include <utility>

#include "cli/console.hpp"
#include "cli/home.hpp"
#include "cli/outcome.hpp"
#include "cli/process.hpp"
#include "cli/verbs.hpp"
#include "countersign/base/log.hpp"
#include "countersign/base/text.hpp"

namespace countersign::cli {
namespace {

std::optional<Failure> first_missing(const config::Settings& settings) {
    if (settings.database.empty()) return config::missing("database", "a libpq URI, postgresql://…");
    if (settings.policy.empty()) return config::missing("policy", "the file that says who must approve what");
    if (settings.slack.app_token.empty()) {
        return config::missing("slack.app_token",
                               "an app-level token (xapp-…) with the scope connections:write, from "
                               "api.slack.com/apps > Basic Information > App-Level Tokens");
    }
    if (settings.slack.bot_token.empty()) {
        return config::missing("slack.bot_token",
                               "a bot token (xoxb-…), from api.slack.com/apps > Install App");
    }
    return std::nullopt;
}

}  // namespace

int serve_verb(const std::string& config_file) {
    auto settings = config::load(config_file, config::process_environment());
    if (!settings) return failed(settings.error());
    if (auto absent = first_missing(*settings)) return failed(*absent);
    auto policy = load_policy_aloud(settings->policy);
    if (!policy) return failed(policy.error());
    raise_descriptor_limit();
    log::start(settings->log_level, settings->log_format);
    Process process;
    Ground ground = process.ground();
    // Grants must verify after a restart and with every replica: keys are kept in files.
    auto keys = load_or_make_keys(*settings, home_folder(), ground.entropy);
    if (!keys) return failed(keys.error());
    log::info("server", "grants are signed with the key {}", keys->signing.key_id());
    auto server = Server::make(ground, *settings, std::move(*keys), *policy);
    if (!server) return failed(server.error());
    auto reload = [&] {
        (*server)->reload([](const auto& fresh) {
            if (fresh)
                log::info("policy", "reloaded, {}", (*fresh)->digest);
            else
                log::error("policy", "not reloaded, the last good one stays: {}", fresh.error().detail);
        });
    };
    (*server)->start();
    log::info("server", "listening on {}",
              local_url(settings->listen, (*server)->port(), !settings->tls_key.empty()));
    process.run(reload, [&] { return (*server)->drain(); });
    log::info("server", "ended");
    bool calm = (*server)->calm();
    if (calm) server->reset();
    log::stop();
    if (!calm) std::_Exit(exit_ok);
    return exit_ok;
}

}  // namespace countersign::cli
