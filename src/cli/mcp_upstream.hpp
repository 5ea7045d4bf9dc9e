#pragma once
#include <memory>
#include <string>
#include <vector>

#include "cli/loop.hpp"
#include "countersign/agents/mcp.hpp"
#include "countersign/base/secret.hpp"
#include "countersign/net/http_client.hpp"
#include "countersign/net/network.hpp"

namespace countersign::cli {

// A server of the Model Context Protocol over streamable HTTP, of both eras: each message is a POST, and what
// it says back comes as JSON or as a stream of events, which is taken whole when it has ended.
class McpUpstream {
  public:
    // `token` is for the server itself; it may be empty.
    McpUpstream(Loop& loop, net::Url url, Secret token);
    ~McpUpstream();
    // Sends one message, and gives the messages that came back: lines without their ends. A request that
    // failed is answered with an error.
    rt::asio::awaitable<std::vector<std::string>> exchange(std::string line);
    // Ends the session where there is one.
    rt::asio::awaitable<void> end();

  private:
    net::HttpRequest request(std::string method, const agents::McpMessage* message) const;
    std::vector<std::string> understood(const agents::McpMessage& message, net::HttpResponse answer);

    Loop& loop_;
    net::Url url_;
    Secret token_;
    std::string session_;
    std::string version_;  // of the protocol, as it was agreed upon by `initialize`
    std::unique_ptr<net::Network> network_;
    std::unique_ptr<net::HttpClient> http_;
};

}  // namespace countersign::cli
