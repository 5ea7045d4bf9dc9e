#include <fmt/core.h>
#include <unistd.h>

#include <boost/asio/ip/address.hpp>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <initializer_list>
#include <utility>

#include "cli/console.hpp"
#include "cli/ground.hpp"
#include "cli/home.hpp"
#include "cli/outcome.hpp"
#include "cli/process.hpp"
#include "cli/sample_policy.hpp"
#include "cli/verbs.hpp"
#include "countersign/adapters/sandbox.hpp"
#include "countersign/base/log.hpp"
#include "countersign/base/text.hpp"
#include "countersign/net/http_server.hpp"
#include "countersign/server/files.hpp"
#include "countersign/server/server.hpp"
#include "countersign/wire/token.hpp"

namespace countersign::cli {
namespace {

constexpr std::size_t token_bytes_max = 1024;
constexpr core::Duration ready_max = std::chrono::seconds{15};
constexpr core::Duration ready_poll = std::chrono::milliseconds{50};
constexpr std::size_t pending_page = 200;
constexpr std::size_t pending_pages_max = 5;
constexpr core::Duration token_patience = std::chrono::seconds{5};
// Who `dev`'s own requests are from: the sample team's requester, so that her own click shows what happens.
constexpr const char* token_owner = "slack:T0SIM/U0RILEY";
constexpr const char* default_listen = "127.0.0.1:8480";

bool is_loopback(std::string_view listen) {
    auto host = listen.substr(0, listen.rfind(':'));
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    if (host == "localhost") return true;
    boost::system::error_code not_one;
    auto address = boost::asio::ip::make_address(host, not_one);
    return !not_one && address.is_loopback();
}

// Nobody signs in to the workspace: whoever reaches it chooses who they are.
Result<Done> only_here(std::initializer_list<std::pair<std::string_view, const std::string*>> addresses,
                       bool unsafe) {
    for (const auto& [option, address] : addresses)
        if (!unsafe && !is_loopback(*address))
            return fail(
                Trouble::invalid_input,
                fmt::format("{} {}: anybody who reaches this address can act as anybody, so only "
                            "127.0.0.1, [::1] and localhost are taken; --unsafe-listen takes it all the "
                            "same",
                            option, visible(*address)));
    return Done{};
}

// The workspace with its listener; its tasks belong to the process.
class Workspace {
  public:
    // What the app shows the workspace; made where they are empty.
    struct Tokens {
        Secret app;
        Secret bot;
        Secret teams_password;
    };
    static Result<std::unique_ptr<Workspace>> make(Process& process, const std::string& listen,
                                                   Tokens tokens) {
        server::Ground ground = process.ground();
        auto listener = ground.network.listen(listen);
        if (!listener) {
            return fail(listener.error().trouble, fmt::format("workspace: {}", listener.error().detail));
        }
        return std::unique_ptr<Workspace>{
            new Workspace{ground, listen, std::move(*listener), std::move(tokens)}};
    }
    void start(Process& process) {
        process.start_loop("workspace", sandbox_->run());
        process.start("workspace listener", net::serve_http(*listener_, sandbox_->handler(), sessions_,
                                                            ground_.clock, ground_.timers, limits()));
    }
    rt::asio::awaitable<void> end() {
        listener_->close();
        co_await sessions_.end(ground_.timers, ground_.clock.now() + std::chrono::milliseconds{200});
    }
    void bot_is_at(const std::string& api) {
        sandbox_->teams_bot_is_at(api + "/api/messages", sandbox::TeamsTransport::websocket);
    }
    const std::string& url() const { return settings_.base_url; }
    const sandbox::SandboxSettings& settings() const { return settings_; }

  private:
    static constexpr std::size_t sessions_max = 1'024;

    Workspace(const server::Ground& ground, const std::string& listen,
              std::unique_ptr<net::Listener> listener, Tokens tokens)
        : ground_(ground),
          listener_(std::move(listener)),
          sessions_(ground.executor, sessions_max, rt::report_bug) {
        settings_.base_url = server::local_url(listen, listener_->port(), false);
        settings_.app_token = std::move(tokens.app);
        settings_.bot_token = std::move(tokens.bot);
        settings_.teams_password = std::move(tokens.teams_password);
        sandbox::make_tokens(settings_, ground.entropy);
        settings_.dialer = &ground.network;
        sandbox_ =
            sandbox::make_sandbox(settings_, ground.executor, ground.clock, ground.timers, ground.entropy);
    }
    static net::HttpServerLimits limits() {
        net::HttpServerLimits limits;
        limits.body_bytes_max = sandbox::request_bytes_max;  // the chats take more than our own API does
        return limits;
    }

    server::Ground ground_;
    std::unique_ptr<net::Listener> listener_;
    sandbox::SandboxSettings settings_;
    std::unique_ptr<sandbox::Sandbox> sandbox_;
    rt::TaskGroup sessions_;
};

// The token client verbs find, made anew unless the database knows the one that is there.
Later<Done> provide_token(const server::Ground& ground, app::TokenStore& tokens, const std::string& path) {
    Deadline deadline{ground.clock.now() + token_patience};
    auto kept = config::read_file(path, token_bytes_max);
    if (kept) {
        auto known = co_await tokens.by_hash(wire::token_hash(trim(*kept)), deadline);
        if (known && !known->revoked_at) co_return Done{};
        if (!known && known.error().trouble != Trouble::not_found) co_return pass(known);
    }
    Secret text = wire::mint_token(ground.entropy);
    app::Token token{.id = core::TokenId::mint(ground.clock.now(), rt::chance(ground.entropy)),
                     .name = "dev",
                     .scopes = {app::Scope::request, app::Scope::read},
                     .owner = core::AccountId{token_owner},
                     .allow_actions = {},
                     .allow_environments = {},
                     .created_at = ground.clock.now(),
                     .expires_at = std::nullopt,
                     .revoked_at = std::nullopt,
                     .hint = std::string{wire::token_hint(text.reveal())}};
    auto event =
        app::token_event(app::AdminAct::token_created, token, "dev", ground.clock.now(), ground.entropy);
    auto created = co_await tokens.create(token, wire::token_hash(text.reveal()), std::move(event), deadline);
    if (!created) co_return pass(created);
    co_return server::write_private_file(path, fmt::format("{}\n", text.reveal()));
}

// The workspace has forgotten everything since it last ended. Whoever says of a card's row that it is theirs
// when it is not makes it due, and the card unsure: it is looked for, and posted again where it is not there.
Later<Done> show_again(const server::Ground& ground, pg::Database& database) {
    const app::Lease nobodys{core::ProcessId::mint(ground.clock.now(), rt::chance(ground.entropy)),
                             ground.clock.now()};
    app::ListFilter filter;
    filter.states = {core::State::pending};
    filter.limit = pending_page;
    for (std::size_t pages = 0; pages < pending_pages_max; ++pages) {
        Deadline deadline{ground.clock.now() + token_patience};
        auto page = co_await database.cases().list(filter, deadline);
        if (!page) co_return pass(page);
        for (const auto& c : page->cases) {
            auto cards = co_await database.outbox().cards_of(c.request->id, deadline);
            if (!cards) co_return pass(cards);
            app::SettledRow row{
                .request = c.request->id, .how = app::SettledRow::How::done, .version = c.version()};
            for (auto& card : *cards) row.cards.push_back({std::move(card), false});
            std::vector<app::SettledRow> rows{std::move(row)};
            auto doubted = co_await database.outbox().settle(std::move(rows), nobodys, deadline);
            if (!doubted) co_return pass(doubted);
        }
        if (!page->next_before) break;
        filter.before_number = page->next_before;
    }
    co_return Done{};
}

// What to type to see it work, from the shell that started us.
std::string command_to_try(const std::string& api) {
    std::string program = "countersign";
    std::error_code error;
    auto path = std::filesystem::read_symlink("/proc/self/exe", error);
    auto here = std::filesystem::current_path(error);
    if (!error) program = path.lexically_relative(here).string();
    if (program.starts_with("../..")) program = path.string();
    if (!error && program.find('/') == std::string::npos) program = "./" + program;
    std::string command =
        api == fmt::format("http://{}", default_listen) ? "" : fmt::format("COUNTERSIGN_URL={} ", api);
    if (std::getenv("COUNTERSIGN_HOME") != nullptr)
        command += fmt::format("COUNTERSIGN_HOME={} ", home_folder());
    return command + program +
           " run --action db.export --environment production --intent 'Monthly churn' -- echo exported";
}

rt::asio::awaitable<void> announce(Process& process, server::Server& server, const Workspace& workspace,
                                   std::string api, bool& fine) {
    server::Ground ground = process.ground();
    core::Instant give_up = ground.clock.now() + ready_max;
    while (!server.ready() && ground.clock.now() < give_up) {
        auto ec = co_await ground.timers.sleep_until(ground.clock.now() + ready_poll);
        if (ec) co_return;
    }
    for (const std::string& problem : server.problems()) complain(problem);
    auto provided = co_await provide_token(ground, server.database().tokens(), home_folder() + "/token");
    if (!provided) {
        complain(provided.error().detail);
        fine = false;
        process.stop();
        co_return;
    }
    auto shown = co_await show_again(ground, server.database());
    if (!shown) complain("cards of pending requests may be missing: " + shown.error().detail);
    print(fmt::format("workspace  {}/", workspace.url()));
    print(fmt::format("api        {}", api));
    print(fmt::format("try        {}", command_to_try(api)));
}

Result<std::string> provide_policy(const std::string& home) {
    std::string path = home + "/policy.yaml";
    if (std::filesystem::exists(path)) return path;  // somebody may have changed it to see what happens
    auto written = server::write_private_file(path, sample_policy);
    if (!written) return pass(written);
    return path;
}

// What `dev` takes from the environment: how much it says, what it limits, and how cards are shown.
config::Settings dev_choices() {
    config::Environment chosen{
        {"COUNTERSIGN_LOG_LEVEL", "warn"}};  // its three lines are what there is to read
    for (const auto& [variable, value] : config::process_environment())
        if (variable == "COUNTERSIGN_LOG_LEVEL" || variable.starts_with("COUNTERSIGN_LIMITS_") ||
            variable.starts_with("COUNTERSIGN_CARDS_"))
            chosen.insert_or_assign(variable, value);
    auto settings = config::load("", chosen);
    if (settings) return std::move(*settings);
    complain(settings.error().detail);
    config::Settings plain;
    plain.log_level = log::Level::warn;
    return plain;
}

Result<config::Settings> dev_settings(const DevOptions& options, const std::string& home,
                                      const Workspace& workspace, const Secret& database) {
    config::Settings settings = dev_choices();
    settings.listen = options.listen;
    settings.database = database;
    settings.database_pool = 8;
    settings.policy = options.policy;
    if (settings.policy.empty()) {
        auto path = provide_policy(home);
        if (!path) return pass(path);
        settings.policy = *path;
    }
    settings.slack.app_token = workspace.settings().app_token;
    settings.slack.bot_token = workspace.settings().bot_token;
    settings.slack.api_url = workspace.url() + "/api/";
    settings.slack.channel = "#approvals";
    const auto teams = sandbox::teams_of(workspace.url());
    settings.teams.app_id = teams.app_id;
    settings.teams.app_password = workspace.settings().teams_password;
    settings.teams.tenant = teams.tenant;
    settings.teams.openid_metadata_url = teams.openid_metadata_url;
    settings.teams.login_url = teams.login_url;
    settings.teams.service_url_allow = {teams.service_url};
    settings.teams.streaming = true;
    settings.teams.channel = teams.channel;
    settings.webhooks_to_private_networks = true;  // whoever tries it has an endpoint on this machine
    return settings;
}

// Waits for SIGTERM, SIGINT or SIGHUP without a thread of its own. One that comes any time after this was
// made ends the wait, not the process.
class WaitForEnd {
  public:
    WaitForEnd() {
        sigemptyset(&set_);
        for (int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set_, number);
        pthread_sigmask(SIG_BLOCK, &set_, nullptr);
    }
    void wait() const {
        int number = 0;
        sigwait(&set_, &number);
    }

  private:
    sigset_t set_{};
};

}  // namespace

int dev_verb(const DevOptions& options) {
    auto here = only_here({{"--listen", &options.listen}, {"--workspace", &options.workspace}},
                          options.unsafe_listen);
    if (!here) return failed(here.error());
    std::string home = home_folder();
    auto folder = server::make_private_folder(home);
    if (!folder) return failed_on_names(folder.error());
    // First of all, while there is one thread: the server is our child and dies with us.
    auto postgres = pg::EmbeddedServer::start(home);
    if (!postgres) return failed_on_names(postgres.error());
    keep_memory_private();  // from here on: PostgreSQL may dump as it likes
    log::start(dev_choices().log_level, log::Format::text);
    auto migrated = pg::migrate((*postgres)->uri());
    if (!migrated) return failed_on_names(migrated.error());
    auto noted =
        server::write_private_file(home + "/database", fmt::format("{}\n", (*postgres)->uri().reveal()));
    if (!noted) return failed_on_names(noted.error());

    raise_descriptor_limit();
    Process process;
    server::Ground ground = process.ground();
    auto workspace = Workspace::make(process, options.workspace, {});
    if (!workspace) return failed_on_names(workspace.error());
    auto settings = dev_settings(options, home, **workspace, (*postgres)->uri());
    if (!settings) return failed_on_names(settings.error());
    auto policy = load_policy_aloud(settings->policy, !options.policy.empty());
    if (!policy) return failed_on_names(policy.error());
    std::error_code nowhere;
    auto policy_path = std::filesystem::absolute(settings->policy, nowhere).string();
    auto told = server::write_private_file(fmt::format("{}/{}", home, dev_policy_note), policy_path + "\n");
    if (!told) return failed_on_names(told.error());
    auto made = server::create_keys(*settings, home, ground.entropy);
    if (!made) return failed_on_names(made.error());
    auto keys = server::load_keys(*settings, home);
    if (!keys) return failed_on_names(keys.error());
    auto server = server::Server::make(ground, *settings, std::move(*keys), *policy,
                                       [path = settings->policy] { return load_policy_aloud(path); });
    if (!server) return failed_on_names(server.error());

    auto reload = [&] {
        (*server)->reload([](const auto& fresh) {
            note(fresh ? "policy reloaded" : "policy not reloaded, the last good one stays");
        });
    };
    std::string api = server::local_url(options.listen, (*server)->port(), false);
    (*workspace)->bot_is_at(api);
    (*workspace)->start(process);
    (*server)->start();
    bool fine = true;
    process.start("announcement", announce(process, **server, **workspace, api, fine));
    process.run(reload, [&]() -> rt::asio::awaitable<void> {
        co_await (*server)->drain();
        co_await (*workspace)->end();
    });
    int code = fine ? exit_ok : exit_failed;
    if (!(*server)->calm()) {
        (*server)->database().stop();
        postgres->reset();
        log::stop();
        std::_Exit(code);
    }
    server->reset();
    log::stop();
    return code;
}

int sandbox_verb(const std::string& listen, bool unsafe_listen) {
    auto here = only_here({{"--listen", &listen}}, unsafe_listen);
    if (!here) return failed(here.error());
    raise_descriptor_limit();
    log::start(dev_choices().log_level, log::Format::text);
    Process process;
    auto given = [](const char* variable) {
        const char* text = std::getenv(variable);
        return Secret{text != nullptr ? text : ""};
    };
    Workspace::Tokens tokens{given("COUNTERSIGN_SLACK_APP_TOKEN"), given("COUNTERSIGN_SLACK_BOT_TOKEN"),
                             given("COUNTERSIGN_TEAMS_APP_PASSWORD")};
    const bool made_app = tokens.app.empty();
    const bool made_bot = tokens.bot.empty();
    const bool made_password = tokens.teams_password.empty();
    auto workspace = Workspace::make(process, listen, std::move(tokens));
    if (!workspace) return failed_on_names(workspace.error());
    (*workspace)->start(process);
    print(fmt::format("workspace  {}/", (*workspace)->url()));
    // Those of the environment may be of a real workspace.
    if (made_app) print(fmt::format("app token  {}", (*workspace)->settings().app_token.reveal()));
    if (made_bot) print(fmt::format("bot token  {}", (*workspace)->settings().bot_token.reveal()));
    if (made_password)
        print(fmt::format("Teams password  {}", (*workspace)->settings().teams_password.reveal()));
    process.run({}, [&] { return (*workspace)->end(); });
    log::stop();
    return exit_ok;
}

int postgres_verb(const std::string& home) {
    auto folder = server::make_private_folder(home);
    if (!folder) return failed_on_names(folder.error());
    auto postgres = pg::EmbeddedServer::start(home);
    if (!postgres) return failed_on_names(postgres.error());
    const WaitForEnd end;  // before anybody who reads the line can answer it with a signal
    print((*postgres)->uri().reveal());
    end.wait();
    return exit_ok;
}

}  // namespace countersign::cli
