#pragma once
#include <cstddef>
#include <memory>
#include <string>

#include "countersign/base/secret.hpp"
#include "countersign/net/http_server.hpp"
#include "countersign/rt/clock.hpp"

namespace countersign::sandbox {

// What the listener of a workspace should let through: views may have 250 kB, and forms triple their bytes.
inline constexpr std::size_t request_bytes_max = 4 * 1024 * 1024;

struct SandboxSettings {
    std::string base_url;  // "http://127.0.0.1:8490", what the links it hands out start with
    // What the app has to show. Empty: nothing it shows is right.
    Secret app_token;  // "xapp-…"
    Secret bot_token;  // "xoxb-…"
    core::Duration ack_within{std::chrono::seconds{3}};
};

// Makes tokens that nobody can guess, where the settings have none: any page in a browser of this machine can
// reach the workspace.
void make_tokens(SandboxSettings& settings, rt::Entropy& entropy);

// The local workspace: Slack's Web API and Socket Mode with their real limits and refusals, a control API
// for scripts and faults under /control/, and a web page. Users and groups of the sample team are in it.
// It outlives every exchange given to its handler: end the listener's sessions first.
class Sandbox {
  public:
    virtual ~Sandbox() = default;
    virtual net::HttpHandler handler() = 0;
    virtual rt::asio::awaitable<void> run() = 0;  // pings, redelivery, refresh; until cancelled
};
std::unique_ptr<Sandbox> make_sandbox(SandboxSettings settings, rt::asio::any_io_executor executor,
                                      const rt::Clock& clock, rt::Timers& timers, rt::Entropy& entropy);

}  // namespace countersign::sandbox
