#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "cli/channel.hpp"
#include "cli/child.hpp"
#include "cli/console.hpp"
#include "cli/home.hpp"
#include "cli/mcp_upstream.hpp"
#include "cli/outcome.hpp"
#include "cli/permission.hpp"
#include "cli/pins.hpp"
#include "cli/spawn.hpp"
#include "cli/verbs.hpp"
#include "countersign/adapters/config.hpp"
#include "countersign/agents/gate.hpp"
#include "countersign/agents/hook.hpp"
#include "countersign/base/text.hpp"
#include "countersign/rt/tasks.hpp"

namespace countersign::cli {
namespace {

using agents::McpGate;

constexpr std::size_t connections_max = 1'100;  // one for each held call, and some for the others
constexpr std::size_t tasks_max = 4'000;
constexpr core::Duration tick = std::chrono::seconds{1};
constexpr core::Duration progress_every = std::chrono::seconds{10};
constexpr core::Duration list_patience = std::chrono::seconds{10};
constexpr core::Duration ending_patience = std::chrono::seconds{2};
// Clients that close a server wait about two seconds themselves before they send a signal.
constexpr core::Duration leaving_patience = std::chrono::milliseconds{800};
constexpr core::Duration last_patience = std::chrono::milliseconds{200};
constexpr core::Duration reporting_patience = std::chrono::seconds{30};
constexpr std::size_t server_token_bytes_max = 16 * 1024;
constexpr core::Duration waited_long = std::chrono::seconds{5};  // the tool may be another one afterwards

// What the gate stands before: a server that was started, or one that is reached over HTTP.
struct Guarded {
    std::optional<Child> child = {};
    std::unique_ptr<McpUpstream> upstream = {};
};

// One gate between one client, on our standard input and output, and one server.
class McpGateRun {
  public:
    McpGateRun(Client& client, const GateOptions& options, McpGate gate, Guarded server)
        : client_(client),
          options_(options),
          gate_(std::move(gate)),
          server_(std::move(server)),
          permissions_(client),
          tasks_(client.loop().executor(), tasks_max, rt::report_bug),
          from_client_(client.loop().executor(), STDIN_FILENO),
          to_client_(client.loop().executor(), client.loop().timers(), STDOUT_FILENO),
          changed_(client.loop().executor()),
          session_(permissions_.random_text()) {
        if (!server_.child) return;
        from_server_.emplace(client.loop().executor(), server_.child->output());
        to_server_.emplace(client.loop().executor(), client.loop().timers(), server_.child->input());
        server_.child->close_input();  // the sink and the source have their own
        server_.child->close_output();
    }
    int run();

  private:
    Later<Done> serve();
    Later<Done> end();
    Later<Done> end_tasks();
    rt::asio::awaitable<void> hear_client();
    rt::asio::awaitable<void> hear_server();
    rt::asio::awaitable<void> exchange(std::string line);
    rt::asio::awaitable<void> watch_time();
    rt::asio::awaitable<void> hold(McpGate::Question question);
    rt::asio::awaitable<void> cancel_request(std::string id);
    rt::asio::awaitable<void> report(std::string id, bool failed, std::string detail);
    rt::asio::awaitable<void> wait_for(core::Duration patience, std::function<bool()> done);
    void perform(McpGate::Step step);
    void withdraw(std::uint64_t key);
    Wanted wanted_for(const McpGate::Question& question);
    core::Instant now() const { return client_.now(); }

    Client& client_;
    const GateOptions& options_;
    McpGate gate_;
    Guarded server_;
    Permissions permissions_;
    rt::TaskGroup tasks_;
    LineSource from_client_;
    LineSink to_client_;
    std::optional<LineSource> from_server_;  // these two of a server that was started
    std::optional<LineSink> to_server_;
    rt::Signal changed_;
    std::string session_;
    std::map<std::uint64_t, std::string> open_;     // requests that are pending, by question
    std::map<std::uint64_t, std::string> granted_;  // those whose call has passed
    std::set<std::uint64_t> withdrawn_;             // questions whose request is not known yet
    core::Instant told_at_;
    std::uint64_t listing_ = 0;
    core::Instant listing_since_;
    bool client_gone_ = false;
    bool server_gone_ = false;
};

void McpGateRun::perform(McpGate::Step step) {
    for (auto& line : step.to_server) {
        if (to_server_)
            to_server_->add(std::move(line));
        else if (!tasks_.start("gate exchange", exchange(std::move(line))))
            complain("too much is under way; a message was not passed on");
    }
    for (auto& line : step.to_client) to_client_.add(std::move(line));
    for (auto& text : step.notes) complain(text);
    for (auto key : step.withdraw) withdraw(key);
    for (const auto& ended : step.ended) {
        auto it = granted_.find(ended.key);
        if (it == granted_.end()) continue;
        (void)tasks_.start("gate outcome",
                           report(std::move(it->second), ended.failed, "told by the tool's server"));
        granted_.erase(it);
    }
    if (step.pinned) {
        auto written = write_pins(options_.pins, gate_.pins());
        if (!written) complain(written.error().detail);
    }
    for (auto& question : step.ask) {
        auto key = question.key;
        bool started = tasks_.start("gate question", hold(std::move(question)));
        if (!started)
            perform(gate_.answered(key, {.text = "NOT RUN: too much is under way; try again later"}));
    }
}

Wanted McpGateRun::wanted_for(const McpGate::Question& question) {
    auto patience = options_.hold_s > 0 ? options_.hold_s : agents::mcp_patience_s(question.client);
    auto session = question.thread.empty() ? session_ : question.thread;
    ToolCall call{.action = question.action,
                  .resource = question.resource,
                  .environment = options_.agent.environment,
                  .parameters = question.parameters,
                  .labels = desk_labels(),
                  .on_behalf_of = people_behind(options_.agent)};
    call.labels.emplace_back("agent", visible(question.client));
    call.labels.emplace_back("session", visible(session));
    for (const auto& [name, value] : question.hints) call.labels.emplace_back(name, value);
    return Wanted{.body = body_of(call),
                  .digest = digest_of(call),
                  .session = fmt::format("gate\n{}\n{}", question.client, session),
                  .until = now() + std::chrono::seconds{patience},
                  .on_wait = {},
                  .takes_less = !question.definition};
}

rt::asio::awaitable<void> McpGateRun::hold(McpGate::Question question) {
    const auto key = question.key;
    const auto begun = now();
    auto wanted = wanted_for(question);
    wanted.on_wait = [this, key](const core::Value& request) {
        open_[key] = request["id"].text();
        if (withdrawn_.erase(key) > 0) withdraw(key);
    };
    auto permission = co_await permissions_.ask(std::move(wanted));
    open_.erase(key);
    const bool granted = permission.word == Permission::Word::granted;
    if (withdrawn_.erase(key) > 0 || client_gone_) {
        if (granted) co_await report(permission.request, true, "the client had gone; the tool was not run");
        co_return;
    }
    if (granted && question.definition)
        (void)tasks_.start("gate outcome", report(permission.request, false, "the definition is accepted"));
    else if (granted)
        granted_[key] = permission.request;
    perform(gate_.answered(key, {.granted = granted,
                                 .waited = now() - begun > waited_long,
                                 .text = permission.text,
                                 .arguments = granted ? std::move(permission.parameters) : std::nullopt}));
    changed_.notify_all();
}

// Nobody is to decide about what nobody waits for.
void McpGateRun::withdraw(std::uint64_t key) {
    auto it = open_.find(key);
    if (it == open_.end()) {
        withdrawn_.insert(key);
        return;
    }
    withdrawn_.insert(key);
    (void)tasks_.start("gate withdrawal", cancel_request(it->second));
}

rt::asio::awaitable<void> McpGateRun::cancel_request(std::string id) {
    auto told = co_await permissions_.withdraw(id, ending_patience);
    if (!told) complain(fmt::format("{} could not be cancelled: {}", id, told.error().detail));
}

rt::asio::awaitable<void> McpGateRun::report(std::string id, bool failed, std::string detail) {
    auto told = co_await permissions_.report(id, failed, std::move(detail), reporting_patience);
    if (!told) complain(fmt::format("the outcome of {} could not be reported: {}", id, told.error().detail));
}

rt::asio::awaitable<void> McpGateRun::hear_client() {
    while (true) {
        auto line = co_await from_client_.next();
        if (!line) break;
        perform(gate_.from_client(*line));
        if (to_server_) co_await to_server_->room();
    }
    client_gone_ = true;
    changed_.notify_all();
}

rt::asio::awaitable<void> McpGateRun::exchange(std::string line) {
    auto said = co_await server_.upstream->exchange(std::move(line));
    for (std::string& each : said) {
        if (each.ends_with('\n')) each.pop_back();
        perform(gate_.from_server({.text = std::move(each)}));
    }
}

rt::asio::awaitable<void> McpGateRun::hear_server() {
    while (true) {
        auto line = co_await from_server_->next();
        if (!line) break;
        perform(gate_.from_server(*line));
        co_await to_client_.room();
    }
    server_gone_ = true;
    changed_.notify_all();
}

rt::asio::awaitable<void> McpGateRun::watch_time() {
    while (true) {
        auto ec = co_await client_.loop().timers().sleep_until(now() + tick);
        if (ec) co_return;
        if (gate_.listing() != listing_) {
            listing_ = gate_.listing();
            listing_since_ = now();
        } else if (listing_ != 0 && now() - listing_since_ > list_patience) {
            perform(gate_.list_overdue());
        }
        if (gate_.held() == 0 || now() - told_at_ < progress_every) continue;
        told_at_ = now();
        perform(gate_.still_waiting("waiting for people to decide"));
    }
}

rt::asio::awaitable<void> McpGateRun::wait_for(core::Duration patience, std::function<bool()> done) {
    constexpr core::Duration look_every = std::chrono::milliseconds{20};
    auto until = now() + patience;
    while (!done() && now() < until)
        co_await changed_.wait_until(client_.loop().timers(), now() + look_every);
}

Later<Done> McpGateRun::serve() {
    (void)tasks_.start("gate to client", to_client_.write());
    (void)tasks_.start_loop("gate client", hear_client());
    if (to_server_) (void)tasks_.start("gate to server", to_server_->write());
    if (from_server_) (void)tasks_.start_loop("gate server", hear_server());
    (void)tasks_.start_loop("gate time", watch_time());
    while (!client_gone_ && !server_gone_ && !to_client_.ended())
        co_await changed_.wait_until(client_.loop().timers(), now() + tick);
    co_return Done{};
}

// Whatever ended it: nothing held runs any more, nobody is asked about it, and the server goes with us.
Later<Done> McpGateRun::end() {
    const bool by_server = server_gone_ && !client_gone_;
    perform(gate_.server_ended(by_server ? "the tool's server has ended" : "the gate is ending"));
    client_gone_ = true;
    if (server_.upstream) co_await server_.upstream->end();
    if (server_.child) {
        to_server_->close();
        co_await wait_for(leaving_patience, [this] { return server_.child->ended() && server_gone_; });
        if (!server_.child->ended()) server_.child->signal(SIGTERM);
        co_await wait_for(ending_patience, [this] { return server_.child->ended(); });
    }
    to_client_.close();
    co_await wait_for(ending_patience, [this] { return to_client_.ended() && open_.empty(); });
    from_client_.close();
    if (from_server_) from_server_->close();
    co_await tasks_.end(client_.loop().timers(), now() + ending_patience);
    co_return Done{};
}

Later<Done> McpGateRun::end_tasks() {
    if (server_.child && !server_.child->ended()) server_.child->signal(SIGKILL);
    to_client_.close();
    if (to_server_) to_server_->close();
    co_await tasks_.end(client_.loop().timers(), now() + last_patience);
    co_return Done{};
}

int McpGateRun::run() {
    (void)client_.finish(serve());
    const int number = client_.interrupted();
    (void)client_.finish(end());
    // Another signal may have cut that short.
    while (tasks_.size() > 0) (void)client_.finish(end_tasks());
    if (number != 0) return exit_signal_base + number;
    return server_.child && server_.child->ended() ? server_.child->code() : exit_ok;
}

// "server-filesystem" of `npx -y @modelcontextprotocol/server-filesystem /srv`.
std::string name_of_server(const std::vector<std::string>& argv) {
    constexpr std::array<std::string_view, 12> starters{"npx",  "node", "uvx",  "uv", "python", "python3",
                                                        "deno", "bun",  "bash", "sh", "env",    "docker"};
    auto base = [](std::string_view path) {
        path = path.substr(path.rfind('/') == std::string_view::npos ? 0 : path.rfind('/') + 1);
        return std::string{path.substr(0, path.find('.'))};
    };
    auto name = base(argv.front());
    if (std::ranges::find(starters, name) == starters.end()) return name;
    for (std::size_t i = 1; i < argv.size(); ++i)
        if (!argv[i].starts_with('-') && !base(argv[i]).empty()) return base(argv[i]);
    return name;
}

Result<Guarded> guarded(Client& client, const GateOptions& options) {
    Guarded server;
    if (options.url.empty()) {
        auto child = Child::start(options.command, inherited());
        if (!child) return pass(child);
        server.child.emplace(std::move(*child));
        return server;
    }
    auto url = net::parse_url(options.url);
    if (!url || (url->scheme != "http" && url->scheme != "https"))
        return fail(Trouble::invalid_input, "--url must be an http or https URL");
    Secret token;
    if (!options.url_token_file.empty()) {
        auto text = config::read_file(options.url_token_file, server_token_bytes_max);
        if (!text) return pass(text);
        token = Secret{std::string{trim(*text)}};
    }
    if (!token.empty() && url->scheme == "http" && !on_this_machine(url->host))
        return fail(Trouble::invalid_input,
                    "--url is plain http: whoever is on the way could read the server's token; use https");
    server.upstream = std::make_unique<McpUpstream>(client.loop(), std::move(*url), std::move(token));
    return server;
}

// What is wrong with the words of the call, and what they leave to be worked out; empty: nothing is wrong.
std::string settle(GateOptions& options) {
    if (options.command.empty() == options.url.empty())
        return "say which server to start, or where it is: countersign gate mcp -- SERVER ARGS…, or --url "
               "URL";
    if (!options.hold.empty()) {
        auto seconds = parse_duration_s(options.hold);
        if (!seconds) return "--hold must be a duration such as 10m";
        options.hold_s = *seconds;
    }
    if (options.name.empty() && !options.url.empty()) {
        auto url = net::parse_url(options.url);
        options.name = url ? url->host : "server";
    }
    if (options.name.empty()) options.name = name_of_server(options.command);
    auto action = agents::tool_action("mcp.", options.name);
    if (!action) return action.error().detail;
    if (options.pins.empty())
        options.pins = fmt::format("{}/pins/{}.json", home_folder(), action->substr(action->find('.') + 1));
    return {};
}

}  // namespace

int gate_mcp_verb(GateOptions options) {
    if (auto wrong = settle(options); !wrong.empty()) {
        complain(wrong);
        return exit_usage;
    }
    auto settings = client_settings(options.agent.server);
    if (!settings) return complained(settings.error());
    hide_secrets();
    auto pins = read_pins(options.pins);
    if (!pins) return complained(pins.error());
    Client client{std::move(*settings), connections_max};
    auto server = guarded(client, options);
    if (!server) {
        complain(server.error().detail);
        return server.error().trouble == Trouble::not_found && options.url.empty() ? exit_not_found
                                                                                   : exit_usage;
    }
    McpGate gate{{.server = options.name, .pins = std::move(*pins)}};
    return std::make_unique<McpGateRun>(client, options, std::move(gate), std::move(*server))->run();
}

}  // namespace countersign::cli
