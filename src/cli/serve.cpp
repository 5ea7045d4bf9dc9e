#include <fmt/core.h>

#include <chrono>
#include <cstdlib>
#include <optional>
#include <utility>

#include "cli/console.hpp"
#include "cli/ground.hpp"
#include "cli/home.hpp"
#include "cli/loop.hpp"
#include "cli/outcome.hpp"
#include "cli/process.hpp"
#include "cli/verbs.hpp"
#include "countersign/base/log.hpp"
#include "countersign/base/text.hpp"
#include "countersign/net/network.hpp"
#include "countersign/server/examine.hpp"
#include "countersign/server/server.hpp"

namespace countersign::cli {
namespace {

// A chat is optional; half a chat is a slip.
std::optional<Failure> first_missing(const config::Settings& settings) {
    if (settings.database.empty()) return config::missing("database", "a libpq URI, postgresql://…");
    if (settings.policy.empty()) return config::missing("policy", "the file that says who must approve what");
    const auto& slack = settings.slack;
    if (slack.app_token.empty() && !slack.bot_token.empty()) {
        return config::missing("slack.app_token",
                               "an app-level token (xapp-…) with the scope connections:write, from "
                               "api.slack.com/apps > Basic Information > App-Level Tokens");
    }
    if (slack.bot_token.empty() && !slack.app_token.empty()) {
        return config::missing("slack.bot_token",
                               "a bot token (xoxb-…), from api.slack.com/apps > Install App");
    }
    return std::nullopt;
}

// What else is read at the start: certificates, key sets, issuers. Nothing is bound, asked or written.
int checked(const config::Settings& settings) {
    Loop loop;
    auto network = net::make_network(loop.executor(), loop.clock(), loop.timers());
    auto sound = server::check_settings(
        settings, {loop.executor(), loop.clock(), loop.timers(), loop.entropy(), *network});
    if (!sound) return failed(sound.error());
    for (const auto& sentence : server::loose_secrets(settings)) note("warning: " + sentence);
    print("all that `serve` reads is good; `countersign doctor` also asks the database and the chats");
    return exit_ok;
}

}  // namespace

int serve_verb(const ServeOptions& options) {
    keep_memory_private();
    auto settings = config::load(options.config_file, config::process_environment());
    if (!settings) return failed(settings.error());
    if (auto absent = first_missing(*settings)) return failed(*absent);
    auto policy = load_policy_aloud(settings->policy);
    if (!policy) return failed(policy.error());
    // Made by whoever sets the server up and never by the server: replicas that each made their own would
    // refuse one another's grants.
    auto keys = server::load_keys(*settings, home_folder());
    if (!keys) return failed(keys.error());
    if (options.check) return checked(*settings);
    raise_descriptor_limit();
    log::start(settings->log_level, settings->log_format);
    for (const auto& sentence : server::loose_secrets(*settings)) log::warn("server", "{}", sentence);
    Process process;
    auto ground = process.ground();
    log::info("server", "grants are signed with the key {}",
              ed25519_thumbprint(ed25519_of(keys->grant->public_key())));
    auto server = server::Server::make(ground, *settings, std::move(*keys), *policy,
                                       [path = settings->policy] { return load_policy_aloud(path); });
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
              server::local_url(settings->listen, (*server)->port(), !settings->tls_key.empty()));
    process.loop_may_stand_still_for(
        std::chrono::duration_cast<std::chrono::milliseconds>(settings->loop_patience));
    process.run(reload, [&] { return (*server)->drain(); });
    log::info("server", "ended");
    bool calm = (*server)->calm();
    if (calm) server->reset();
    log::stop();
    if (!calm) std::_Exit(exit_ok);
    return exit_ok;
}

}  // namespace countersign::cli
