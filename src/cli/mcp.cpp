#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "cli/channel.hpp"
#include "cli/mcp_http.hpp"
#include "cli/mcp_tools.hpp"
#include "cli/outcome.hpp"
#include "cli/verbs.hpp"
#include "countersign/agents/approvals.hpp"
#include "countersign/base/text.hpp"
#include "countersign/rt/tasks.hpp"

namespace countersign::cli {
namespace {

using agents::McpApprovals;
using core::Value;

constexpr std::size_t mcp_connections_max = 1'100;
constexpr std::size_t mcp_tasks_max = 2'200;
constexpr core::Duration mcp_progress_every = std::chrono::seconds{10};
constexpr core::Duration mcp_last_patience = std::chrono::milliseconds{200};
constexpr core::Duration mcp_ending_patience = std::chrono::seconds{2};

// The tools for one client on our standard input and output.
class McpRun {
  public:
    McpRun(Client& client, const AgentOptions& options)
        : client_(client),
          tools_(client, options),
          tasks_(client.loop().executor(), mcp_tasks_max, rt::report_bug),
          from_client_(client.loop().executor(), STDIN_FILENO),
          to_client_(client.loop().executor(), client.loop().timers(), STDOUT_FILENO),
          changed_(client.loop().executor()),
          session_(tools_.random_text()) {}
    int run();

  private:
    Later<Done> serve();
    Later<Done> end();
    Later<Done> end_tasks();
    rt::asio::awaitable<void> hear();
    rt::asio::awaitable<void> tell_of_progress();
    rt::asio::awaitable<void> answer(McpApprovals::Call call);
    void perform(McpApprovals::Step step);

    Client& client_;
    McpTools tools_;
    McpApprovals server_;
    rt::TaskGroup tasks_;
    LineSource from_client_;
    LineSink to_client_;
    rt::Signal changed_;
    std::string session_;
    std::map<std::uint64_t, std::string> open_;  // requests that a call waits for
    std::set<std::uint64_t> cancelled_;
    bool client_gone_ = false;
};

void McpRun::perform(McpApprovals::Step step) {
    for (auto& line : step.to_client) to_client_.add(std::move(line));
    for (auto key : step.cancelled) {
        cancelled_.insert(key);
        if (auto it = open_.find(key); it != open_.end())
            (void)tasks_.start("mcp withdrawal", tools_.withdraw(it->second));
    }
    for (auto& call : step.calls) {
        auto key = call.key;
        bool started = tasks_.start("mcp call", answer(std::move(call)));
        if (!started) perform(server_.answered(key, "too much is under way; try again later", true));
    }
}

rt::asio::awaitable<void> McpRun::answer(McpApprovals::Call call) {
    const auto key = call.key;
    const McpTools::Hearer hearer{.session = session_,
                                  .on_wait =
                                      [this, key](const std::string& id) {
                                          open_[key] = id;
                                          if (cancelled_.contains(key))
                                              (void)tasks_.start("mcp withdrawal", tools_.withdraw(id));
                                      },
                                  .gone = [this, key] { return client_gone_ || cancelled_.contains(key); }};
    auto result = co_await tools_.answer(call, hearer);
    open_.erase(key);
    cancelled_.erase(key);
    if (client_gone_) co_return;
    perform(result ? server_.answered(key, std::move(*result), false)
                   : server_.answered(key, printable(result.error().detail), true));
}

rt::asio::awaitable<void> McpRun::hear() {
    while (true) {
        auto line = co_await from_client_.next();
        if (!line) break;
        perform(server_.from_client(*line));
        co_await to_client_.room();
    }
    client_gone_ = true;
    changed_.notify_all();
}

rt::asio::awaitable<void> McpRun::tell_of_progress() {
    while (true) {
        auto ec = co_await client_.loop().timers().sleep_until(client_.now() + mcp_progress_every);
        if (ec) co_return;
        perform(server_.still_waiting("waiting for people to decide"));
    }
}

Later<Done> McpRun::serve() {
    (void)tasks_.start("mcp writer", to_client_.write());
    (void)tasks_.start_loop("mcp reader", hear());
    (void)tasks_.start_loop("mcp progress", tell_of_progress());
    while (!client_gone_ && !to_client_.ended())
        co_await changed_.wait_until(client_.loop().timers(), client_.now() + std::chrono::seconds{1});
    co_return Done{};
}

// What the agent asked for stays open: people may decide, and the agent may come back to it by its id.
Later<Done> McpRun::end() {
    client_gone_ = true;
    to_client_.close();
    from_client_.close();
    co_await tasks_.end(client_.loop().timers(), client_.now() + mcp_ending_patience);
    co_return Done{};
}

Later<Done> McpRun::end_tasks() {
    co_await tasks_.end(client_.loop().timers(), client_.now() + mcp_last_patience);
    co_return Done{};
}

int McpRun::run() {
    (void)client_.finish(serve());
    const int number = client_.interrupted();
    (void)client_.finish(end());
    // Another signal may have cut that short.
    while (tasks_.size() > 0) (void)client_.finish(end_tasks());
    return number == 0 ? exit_ok : exit_signal_base + number;
}

}  // namespace

int mcp_verb(const McpOptions& options) {
    auto settings = client_settings(options.agent.server);
    if (!settings) return complained(settings.error());
    Client client{std::move(*settings), mcp_connections_max};
    if (!options.listen.empty()) return serve_mcp(client, options);
    return std::make_unique<McpRun>(client, options.agent)->run();
}

}  // namespace countersign::cli
