#include "cli/mcp_tools.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "cli/answer.hpp"
#include "cli/console.hpp"
#include "cli/outcome.hpp"
#include "cli/watch.hpp"
#include "countersign/base/text.hpp"

namespace countersign::cli {
namespace {

using agents::McpApprovals;
using core::Value;

constexpr std::int64_t wait_s_usual = 25;
constexpr std::int64_t list_usual = 50;
constexpr std::int64_t list_max = 200;
constexpr core::Duration mcp_call_patience = std::chrono::seconds{15};
constexpr core::Duration mcp_withdrawing_patience = std::chrono::seconds{2};

// What an agent needs to know of a request.
Value summary_of(const Value& request) {
    Value summary = Value::object({{"id", request["id"]},
                                   {"number", request["number"]},
                                   {"status", request["state"]},
                                   {"action", request["action"]},
                                   {"digest", request["digest"]},
                                   {"expires_at", request["expires_at"]},
                                   {"text", decision_line(request)}});
    if (!request["narrowed_to"].is_null()) summary.set("narrowed_to", request["narrowed_to"]);
    if (!request["narrowed_from"].is_null()) {
        summary.set("narrowed_from", request["narrowed_from"]);
        summary.set("parameters", request["parameters"]);
    }
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
        case Permission::Word::lowered:
            return "pending";
        case Permission::Word::unknown:
            break;
    }
    return "unknown";
}

}  // namespace

core::Instant McpTools::until(const McpApprovals::Call& call, std::int64_t otherwise) const {
    auto most = std::min(McpApprovals::wait_s_max, agents::mcp_patience_s(call.client));
    auto wait = std::clamp<std::int64_t>(call.arguments["wait_seconds"].whole(otherwise), 0, most);
    return client_.now() + std::chrono::seconds{wait} + std::chrono::milliseconds{500};
}

rt::asio::awaitable<void> McpTools::withdraw(std::string id) {
    auto told = co_await permissions_.withdraw(std::move(id), mcp_withdrawing_patience);
    if (!told) complain(fmt::format("a request could not be cancelled: {}", told.error().detail));
}

Later<Value> McpTools::request(const McpApprovals::Call& call, const Hearer& hearer) {
    const Value& given = call.arguments;
    ToolCall asked{.action = std::string{given["action"].text()},
                   .resource = std::string{given["resource"].text()},
                   .environment = std::string{given["environment"].text(options_.environment)},
                   .parameters = given["parameters"].is_null() ? Value::object() : given["parameters"],
                   .labels = desk_labels(),
                   .on_behalf_of = people_behind(options_)};
    const auto& session = call.thread.empty() ? hearer.session : call.thread;
    asked.labels.emplace_back("agent", visible(call.client));
    asked.labels.emplace_back("session", visible(session));
    auto body = body_of(asked);
    body.set("intent", given["summary"]);
    Wanted wanted{.body = std::move(body),
                  .digest = digest_of(asked),
                  .session = fmt::format("mcp\n{}\n{}", call.client, session),
                  .until = until(call, wait_s_usual),
                  .on_wait = [&hearer](const Value& seen) { hearer.on_wait(std::string{seen["id"].text()}); },
                  .takes_less = true};
    auto permission = co_await permissions_.ask(std::move(wanted));
    if (permission.word == Permission::Word::unknown) co_return fail(Trouble::unavailable, permission.text);
    const bool granted = permission.word == Permission::Word::granted;
    if (granted && hearer.gone())
        (void)co_await permissions_.report(permission.request, true, "the agent had gone; it was not done",
                                           mcp_withdrawing_patience);
    auto what = permission.parameters ? ". Do it with `parameters` as they stand here, and not as you asked,"
                                      : ". Do exactly this,";
    auto told = Value::object(
        {{"id", permission.request},
         {"status", status_of(permission.word)},
         {"text", granted ? permission.text + what + " once, and tell its outcome with report_outcome."
                          : permission.text}});
    if (permission.parameters) told.set("parameters", std::move(*permission.parameters));
    co_return told;
}

Later<Value> McpTools::look_up(std::string path, Shape shape) {
    Call call{.path = std::move(path), .fields = {}, .body = {}, .shape = std::move(shape)};
    auto reply = co_await client_.insist(std::move(call), mcp_call_patience, {});
    if (!reply) co_return pass(reply);
    if (reply->status != 200) co_return std::unexpected(failure_of(*reply));
    co_return std::move(reply->body);
}

Later<Value> McpTools::get(const McpApprovals::Call& call) {
    auto name = request_name(std::string{call.arguments["id"].text()});
    if (!name) co_return pass(name);
    Watch watch{client_, *name, {.unreachable_after = mcp_call_patience, .until = until(call, 0)}};
    auto request = co_await watch.decided();
    if (!request) co_return pass(request);
    co_return summary_of(*request);
}

Later<Value> McpTools::act(const McpApprovals::Call& call) {
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

Later<Value> McpTools::list(const McpApprovals::Call& call) {
    auto limit = std::clamp<std::int64_t>(call.arguments["limit"].whole(list_usual), 1, list_max);
    auto page = co_await look_up(fmt::format("/v1/requests?state=pending&limit={}", limit), is_request_list);
    if (!page) co_return pass(page);
    Value requests = Value::array();
    for (const Value& request : *(*page)["requests"].items()) requests.push(summary_of(request));
    co_return Value::object({{"requests", std::move(requests)}});
}

Later<Value> McpTools::answer(const McpApprovals::Call& call, const Hearer& hearer) {
    switch (call.tool) {
        case McpApprovals::Tool::request:
            return request(call, hearer);
        case McpApprovals::Tool::get:
            return get(call);
        case McpApprovals::Tool::list:
            return list(call);
        case McpApprovals::Tool::withdraw:
        case McpApprovals::Tool::report:
            break;
    }
    return act(call);
}

}  // namespace countersign::cli
