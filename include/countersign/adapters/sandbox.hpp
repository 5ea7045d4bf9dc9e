#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "countersign/base/secret.hpp"
#include "countersign/net/http_server.hpp"
#include "countersign/net/stream.hpp"
#include "countersign/rt/clock.hpp"

namespace countersign::sandbox {

// What the listener of a workspace should let through: views may have 250 kB, and forms triple their bytes.
inline constexpr std::size_t request_bytes_max = 4 * 1024 * 1024;

struct SandboxSettings {
    std::string base_url;  // "http://127.0.0.1:8490", what the links it hands out start with
    // What the app has to show. Empty: nothing it shows is right.
    Secret app_token;       // "xapp-…"
    Secret bot_token;       // "xoxb-…"
    Secret teams_password;  // "sim-teams-…", the client secret of the bot
    core::Duration ack_within{std::chrono::seconds{3}};
    net::Dialer* dialer = nullptr;  // how Teams reaches the bot; nullptr: the workspace has no Teams
};

// Makes tokens and a password that nobody can guess, where the settings have none: any page in a browser of
// this machine can reach the workspace.
void make_tokens(SandboxSettings& settings, rt::Entropy& entropy);

// How activities reach the bot: each as a POST, or all over one WebSocket that is held open to it.
enum class TeamsTransport : std::uint8_t { https, websocket };

// A bot with these settings is connected to the workspace's Teams; the addresses start with `base_url`.
struct SandboxTeams {
    std::string app_id;
    std::string tenant;
    std::string openid_metadata_url;
    std::string login_url;
    std::string service_url;
    std::string channel;
};
SandboxTeams teams_of(const std::string& base_url);

// The local workspace: Slack's Web API and Socket Mode with their real limits and refusals, Teams' Connector
// with its login and keys, a control API for scripts and faults under /control/, and a web page. The people
// of the sample team are in both chats. It outlives every exchange given to its handler: end the listener's
// sessions first.
class Sandbox {
  public:
    virtual ~Sandbox() = default;
    virtual net::HttpHandler handler() = 0;
    virtual rt::asio::awaitable<void> run() = 0;  // pings, redelivery, refresh; until cancelled
    // Tells where the bot hears activities: "http://127.0.0.1:8480/api/messages".
    virtual void teams_bot_is_at(std::string messages_url,
                                 TeamsTransport transport = TeamsTransport::https) = 0;
};
std::unique_ptr<Sandbox> make_sandbox(SandboxSettings settings, rt::asio::any_io_executor executor,
                                      const rt::Clock& clock, rt::Timers& timers, rt::Entropy& entropy);

}  // namespace countersign::sandbox
