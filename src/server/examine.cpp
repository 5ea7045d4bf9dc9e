#include "countersign/server/examine.hpp"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "countersign/adapters/pg.hpp"
#include "countersign/base/text.hpp"
#include "countersign/net/guarded_dialer.hpp"
#include "countersign/net/http_client.hpp"
#include "countersign/net/network.hpp"
#include "countersign/rt/tasks.hpp"
#include "countersign/rt/workbench.hpp"
#include "countersign/server/keys.hpp"
#include "server/chats.hpp"
#include "server/client_limits.hpp"
#include "server/issuers.hpp"
#include "server/reach.hpp"

namespace countersign::server {
namespace {

using app::Check;

void look_at_files(const config::Settings& settings, const std::string& home, app::Checks& checks) {
    auto keys = load_keys(settings, home);
    checks.push_back({"keys", keys ? Check::State::ok : Check::State::failed,
                      keys ? "all four, for the server's eyes alone" : keys.error().detail,
                      keys ? "" : "`countersign keys create` makes what is missing"});
    auto loose = loose_secrets(settings);
    if (!loose.empty())
        checks.push_back({"secrets", Check::State::warning, join(loose, "; "), "chmod 0600 these files"});
    auto outward = settings.public_url.empty() ? settings.listen : settings.public_url;
    bool open = settings.tls_key.empty() && !settings.public_url.starts_with("https:") &&
                !settings.listen.starts_with("127.") && !settings.listen.starts_with("[::1]");
    checks.push_back(
        {"tls", open ? Check::State::warning : Check::State::ok,
         open ? "tokens cross the network in the clear: " + outward : outward,
         open ? "set tls.certificate and tls.key, or listen on 127.0.0.1 behind a proxy with TLS" : ""});
}

// A process that stands still keeps its sockets, and what people click on them is lost to them.
Check check_watchdog(core::Duration patience) {
    constexpr std::string_view managed =
        "have a service manager watch it: WatchdogSec of systemd, or a liveness probe of /healthz";
    if (patience <= core::Duration::zero())
        return {"watchdog", Check::State::warning,
                "a process whose loop hangs goes on holding its chats' connections, and what people click "
                "there is lost",
                fmt::format("set `watchdog` to 5s, and {}", managed)};
    return {"watchdog", Check::State::ok,
            fmt::format(
                "a process whose loop hangs ends after {}; one that is stopped as a whole does not: {}",
                duration_text(std::chrono::duration_cast<std::chrono::seconds>(patience).count()), managed),
            ""};
}

Later<app::Checks> look_at_database(rt::Workbench& bench, const config::Settings& settings,
                                    const rt::Clock& clock) {
    if (settings.database.empty())
        co_return app::Checks{{"database", Check::State::failed,
                               config::missing("database", "a libpq URI").detail,
                               "postgresql://countersign@db.example.com/countersign"}};
    rt::Workbench::Job<app::Checks> job = [&](rt::Bench&) -> Result<app::Checks> {
        return pg::examine(settings.database, settings.database_pool, clock);
    };
    co_return co_await rt::work<app::Checks>(bench, true, std::move(job));
}

// Asks the on-call service once about every group that is whoever is on call.
Later<app::Checks> look_at_on_call(const config::Settings& settings, const core::Policy& policy,
                                   const Ground& ground, Deadline deadline) {
    std::vector<std::string> keys;
    for (const auto& group : policy.groups)
        if (const auto* on_call = std::get_if<core::GroupRecord::OnCall>(&group.members))
            keys.push_back(on_call->key());
    const auto chats = chats_of(settings);
    if (keys.empty() || settings.on_call.token.reveal().empty())
        co_return app::check_on_call(policy, {}, chats);
    net::GuardedDialer dialer{ground.network, ground.clock, on_call_guard(settings)};
    auto client =
        net::make_http_client(dialer, ground.clock, ground.timers, ground.executor, on_call_answers);
    auto rota = make_rota(
        settings,
        {.clock = ground.clock, .timers = ground.timers, .client = *client, .executor = ground.executor});
    auto read = co_await rota->refresh(std::nullopt, std::move(keys), settings.identity_age_max, deadline);
    const auto people = rota->workspace();
    co_return app::check_on_call(
        policy,
        {.asked = true, .people = people.get(), .problem = read ? std::string{} : read.error().detail},
        chats);
}

void add(app::Checks& all, const app::Checks& more) {
    all.insert(all.end(), more.begin(), more.end());
}

app::Runtime runtime_for(const Ground& ground) {
    return {.clock = ground.clock,
            .timers = ground.timers,
            .entropy = ground.entropy,
            .process = core::ProcessId::mint(ground.clock.now(), rt::chance(ground.entropy)),
            .limits = {}};
}

}  // namespace

Result<Done> check_settings(const config::Settings& settings, const Ground& ground) {
    auto issuers = trusted_issuers(settings);
    if (!issuers) return pass(issuers);
    auto chats = check_chats(settings);
    if (!chats) return pass(chats);
    if (settings.tls_key.empty()) return Done{};
    net::TlsFiles tls{.certificate = settings.tls_certificate, .key = settings.tls_key};
    auto listener = ground.network.listen("127.0.0.1:0", &tls);  // reads them
    if (!listener) return fail(Trouble::invalid_input, "tls: " + listener.error().detail);
    return Done{};
}

Later<app::Checks> examine(const config::Settings& settings, const std::string& home,
                           const core::Policy& policy, const Ground& ground, Deadline deadline) {
    app::Checks all;
    look_at_files(settings, home, all);
    all.push_back(check_watchdog(settings.loop_patience));
    const auto runtime = runtime_for(ground);
    rt::Workbench bench{ground.executor, {.threads = 1, .background = 1, .queue_max = 1}, [] {
                            return std::make_unique<rt::Bench>();
                        }};
    std::optional<Result<app::Checks>> database;
    std::optional<Result<app::Checks>> chats;
    std::optional<Result<app::Checks>> on_call;
    rt::TaskGroup tasks{ground.executor, 3, rt::report_bug};
    auto of_database = look_at_database(bench, settings, ground.clock);
    tasks.start("database", rt::keep(std::move(of_database), database));
    auto of_chats = examine_chats(settings, policy, runtime, ground, deadline);
    tasks.start("chats", rt::keep(std::move(of_chats), chats));
    auto of_on_call = look_at_on_call(settings, policy, ground, deadline);
    tasks.start("on call", rt::keep(std::move(of_on_call), on_call));
    constexpr core::Duration grace = std::chrono::seconds{2};
    co_await tasks.end(ground.timers, deadline.at + grace);
    for (auto* part : {&database, &chats, &on_call})
        if (*part && **part) add(all, ***part);
    add(all, app::check_sign_in(policy, !settings.login.issuer.empty()));
    auto surfaces = chats_of(settings);
    if (surfaces.empty()) {
        all.push_back({"chats", Check::State::warning,
                       "no chat is configured: nobody is asked, and only tokens can vote",
                       "`countersign init` prints the steps for Slack and Teams"});
    } else {
        add(all, app::check_approvers(policy, surfaces));
    }
    co_return all;
}

Later<app::Checks> examine_names(const config::Settings& settings, const core::Policy& policy,
                                 const Ground& ground, Deadline deadline) {
    if (chats_of(settings).empty())
        co_return fail(Trouble::invalid_input,
                       "no chat is configured: give the server's --config FILE, or set "
                       "COUNTERSIGN_SLACK_BOT_TOKEN and COUNTERSIGN_SLACK_APP_TOKEN");
    const auto runtime = runtime_for(ground);
    auto all = co_await examine_chats(settings, policy, runtime, ground, deadline);
    if (!all) co_return all;
    auto on_call = co_await look_at_on_call(settings, policy, ground, deadline);
    if (on_call) add(*all, *on_call);
    add(*all, app::check_sign_in(policy, !settings.login.issuer.empty()));
    co_return all;
}

}  // namespace countersign::server
