#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "cli/answer.hpp"
#include "cli/channel.hpp"
#include "cli/console.hpp"
#include "cli/outcome.hpp"
#include "cli/permission.hpp"
#include "cli/verbs.hpp"
#include "cli/watch.hpp"
#include "countersign/agents/approvals.hpp"
#include "countersign/base/text.hpp"
#include "countersign/rt/tasks.hpp"

namespace countersign::cli {
namespace {

using agents::McpApprovals;
using core::Value;

constexpr std::size_t mcp_connections_max = 1'100;
constexpr std::size_t mcp_tasks_max = 2'200;
constexpr std::int64_t wait_s_usual = 25;
constexpr std::int64_t list_usual = 50;
constexpr std::int64_t list_max = 200;
constexpr core::Duration mcp_progress_every = std::chrono::seconds{10};
constexpr core::Duration mcp_call_patience = std::chrono::seconds{15};
constexpr core::Duration mcp_last_patience = std::chrono::milliseconds{200};
constexpr core::Duration mcp_ending_patience = std::chrono::seconds{2};

// What an agent needs to know of a request.
Value summary_of(const Value& request) {
    Value summary = Value::object({{"id", request["id"]},
                                   {"number", request["number"]},
                                   {"status", request["state"]},
                                   {"action", request["action"]},
                                   {"digest", request["digest"]},
                                   {"expires_at", request["expires_at"]},
                                   {"text", decision_line(request)}});
    if (auto missing = missing_text(request); !missing.empty()) summary.set("waits_for", missing);
    if (!request["reason"].is_null()) summary.set("reason", request["reason"]);
    return summary;
}

std::string_view status_of(Permission::Word word) {
    switch (word) {
        case Permission::Word::granted:
            return "approved";
        case Permission::Word::denied:
            return "denied";
        case Permission::Word::refused:
            return "refused";
        case Permission::Word::ended:
            return "expired";
        case Permission::Word::pending:
            return "pending";
        case Permission::Word::unknown:
            break;
    }
    return "unknown";
}

// The tools for one client on our standard input and output.
class McpRun {
  public:
    McpRun(Client& client, const AgentOptions& options)
        : client_(client),
          options_(options),
          permissions_(client),
          tasks_(client.loop().executor(), mcp_tasks_max, rt::report_bug),
          from_client_(client.loop().executor(), STDIN_FILENO),
          to_client_(client.loop().executor(), client.loop().timers(), STDOUT_FILENO),
          changed_(client.loop().executor()),
          session_(permissions_.random_text()) {}
    int run();

  private:
    // An answer for the agent, and whether the tool failed.
    struct Told {
        Value result;
        bool failed = false;
    };
    Later<Done> serve();
    Later<Done> end();
    Later<Done> end_tasks();
    rt::asio::awaitable<void> hear();
    rt::asio::awaitable<void> tell_of_progress();
    rt::asio::awaitable<void> answer(McpApprovals::Call call);
    rt::asio::awaitable<void> withdraw(std::string id);
    Later<Value> request(const McpApprovals::Call& call);
    Later<Value> get(const McpApprovals::Call& call);
    Later<Value> act(const McpApprovals::Call& call);
    Later<Value> list(const McpApprovals::Call& call);
    Later<Value> look_up(std::string path, Shape shape);
    core::Instant until(const McpApprovals::Call& call, std::int64_t otherwise) const;
    void perform(McpApprovals::Step step);

    Client& client_;
    const AgentOptions& options_;
    McpApprovals server_;
    Permissions permissions_;
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
            (void)tasks_.start("mcp withdrawal", withdraw(it->second));
    }
    for (auto& call : step.calls) {
        auto key = call.key;
        bool started = tasks_.start("mcp call", answer(std::move(call)));
        if (!started) perform(server_.answered(key, "too much is under way; try again later", true));
    }
}

core::Instant McpRun::until(const McpApprovals::Call& call, std::int64_t otherwise) const {
    auto most = std::min(McpApprovals::wait_s_max, agents::mcp_patience_s(call.client));
    auto wait = std::clamp<std::int64_t>(call.arguments["wait_seconds"].whole(otherwise), 0, most);
    return client_.now() + std::chrono::seconds{wait} + std::chrono::milliseconds{500};
}

rt::asio::awaitable<void> McpRun::withdraw(std::string id) {
    auto told = co_await permissions_.withdraw(std::move(id), mcp_ending_patience);
    if (!told) complain(fmt::format("a request could not be cancelled: {}", told.error().detail));
}

Later<Value> McpRun::request(const McpApprovals::Call& call) {
    const Value& given = call.arguments;
    ToolCall asked{.action = std::string{given["action"].text()},
                   .resource = std::string{given["resource"].text()},
                   .environment = std::string{given["environment"].text(options_.environment)},
                   .parameters = given["parameters"].is_null() ? Value::object() : given["parameters"],
                   .labels = desk_labels(),
                   .on_behalf_of = people_behind(options_)};
    auto session = call.thread.empty() ? session_ : call.thread;
    asked.labels.emplace_back("agent", visible(call.client));
    asked.labels.emplace_back("session", visible(session));
    auto body = body_of(asked);
    body.set("intent", given["summary"]);
    Wanted wanted{.body = std::move(body),
                  .digest = digest_of(asked),
                  .session = fmt::format("mcp\n{}\n{}", call.client, session),
                  .until = until(call, wait_s_usual),
                  .on_wait = [this, key = call.key](const Value& seen) {
                      open_[key] = seen["id"].text();
                      if (cancelled_.contains(key))
                          (void)tasks_.start("mcp withdrawal", withdraw(open_[key]));
                  }};
    auto permission = co_await permissions_.ask(std::move(wanted));
    open_.erase(call.key);
    if (permission.word == Permission::Word::unknown) co_return fail(Trouble::unavailable, permission.text);
    const bool granted = permission.word == Permission::Word::granted;
    if (granted && (cancelled_.contains(call.key) || client_gone_))
        (void)co_await permissions_.report(permission.request, true, "the agent had gone; it was not done",
                                           mcp_ending_patience);
    co_return Value::object(
        {{"id", permission.request},
         {"status", status_of(permission.word)},
         {"text", granted
                      ? permission.text + ". Do exactly this, once, and tell its outcome with report_outcome."
                      : permission.text}});
}

Later<Value> McpRun::look_up(std::string path, Shape shape) {
    Call call{.path = std::move(path), .fields = {}, .body = {}, .shape = std::move(shape)};
    auto reply = co_await client_.insist(std::move(call), mcp_call_patience, {});
    if (!reply) co_return pass(reply);
    if (reply->status != 200) co_return std::unexpected(failure_of(*reply));
    co_return std::move(reply->body);
}

Later<Value> McpRun::get(const McpApprovals::Call& call) {
    auto name = request_name(std::string{call.arguments["id"].text()});
    if (!name) co_return pass(name);
    Watch watch{client_, *name, {.unreachable_after = mcp_call_patience, .until = until(call, 0)}};
    auto request = co_await watch.decided();
    if (!request) co_return pass(request);
    co_return summary_of(*request);
}

Later<Value> McpRun::act(const McpApprovals::Call& call) {
    auto name = request_name(std::string{call.arguments["id"].text()});
    if (!name) co_return pass(name);
    Result<Value> request = Value{};
    if (call.tool == McpApprovals::Tool::withdraw) {
        request = co_await permissions_.withdraw(*name, mcp_call_patience);
    } else {
        auto status = call.arguments["status"].text();
        if (status != "succeeded" && status != "failed")
            co_return fail(Trouble::invalid_input, "`status` is succeeded or failed");
        std::string detail{call.arguments["detail"].text()};
        request =
            co_await permissions_.report(*name, status == "failed", std::move(detail), mcp_call_patience);
    }
    if (!request) co_return pass(request);
    co_return summary_of(*request);
}

Later<Value> McpRun::list(const McpApprovals::Call& call) {
    auto limit = std::clamp<std::int64_t>(call.arguments["limit"].whole(list_usual), 1, list_max);
    auto page = co_await look_up(fmt::format("/v1/requests?state=pending&limit={}", limit), is_request_list);
    if (!page) co_return pass(page);
    Value requests = Value::array();
    for (const Value& request : *(*page)["requests"].items()) requests.push(summary_of(request));
    co_return Value::object({{"requests", std::move(requests)}});
}

rt::asio::awaitable<void> McpRun::answer(McpApprovals::Call call) {
    Result<Value> result = Value{};
    switch (call.tool) {
        case McpApprovals::Tool::request:
            result = co_await request(call);
            break;
        case McpApprovals::Tool::get:
            result = co_await get(call);
            break;
        case McpApprovals::Tool::withdraw:
        case McpApprovals::Tool::report:
            result = co_await act(call);
            break;
        case McpApprovals::Tool::list:
            result = co_await list(call);
            break;
    }
    cancelled_.erase(call.key);
    if (client_gone_) co_return;
    perform(result ? server_.answered(call.key, std::move(*result), false)
                   : server_.answered(call.key, printable(result.error().detail), true));
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

int mcp_verb(const AgentOptions& options) {
    auto settings = client_settings(options.server);
    if (!settings) return complained(settings.error());
    Client client{std::move(*settings), mcp_connections_max};
    return std::make_unique<McpRun>(client, options)->run();
}

}  // namespace countersign::cli
