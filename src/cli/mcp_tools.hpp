#pragma once
#include <functional>
#include <string>

#include "cli/permission.hpp"
#include "cli/verbs.hpp"
#include "countersign/agents/approvals.hpp"

namespace countersign::cli {

// Does what the tools of `countersign mcp` promise, whichever way a call came.
class McpTools {
  public:
    // Whoever waits for the answer to one call.
    struct Hearer {
        std::string session;                              // approvals are picked up within it
        std::function<void(const std::string&)> on_wait;  // the id of a request that people are asked about
        std::function<bool()> gone;                       // nobody waits any more
    };
    McpTools(Client& client, const AgentOptions& options)
        : client_(client), options_(options), permissions_(client) {}

    Later<core::Value> answer(const agents::McpApprovals::Call& call, const Hearer& hearer);
    // Takes back what nobody waits for; a failure is told on stderr.
    rt::asio::awaitable<void> withdraw(std::string id);
    std::string random_text() { return permissions_.random_text(); }

  private:
    Later<core::Value> request(const agents::McpApprovals::Call& call, const Hearer& hearer);
    Later<core::Value> get(const agents::McpApprovals::Call& call);
    Later<core::Value> act(const agents::McpApprovals::Call& call);
    Later<core::Value> list(const agents::McpApprovals::Call& call);
    Later<core::Value> look_up(std::string path, Shape shape);
    core::Instant until(const agents::McpApprovals::Call& call, std::int64_t otherwise) const;

    Client& client_;
    const AgentOptions& options_;
    Permissions permissions_;
};

}  // namespace countersign::cli
