#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "countersign/app/runtime.hpp"
#include "countersign/net/websocket.hpp"
#include "countersign/rt/signal.hpp"
#include "countersign/rt/tasks.hpp"
#include "countersign/wire/slack_payload.hpp"
#include "slack/socket_machine.hpp"
#include "slack/web_api.hpp"

namespace countersign::slack {

// One Socket Mode connection as those see it who answer its envelopes.
class Socket {
  public:
    // Slack closes a connection whose client sends 20,480 bytes in a frame.
    static constexpr std::size_t frame_bytes_max = 20'000;

    Socket(std::unique_ptr<net::WebSocket> websocket, const rt::Clock& clock)
        : websocket_(std::move(websocket)), clock_(clock) {}
    // too_large: the answer does not fit a frame, nothing was sent; unavailable: the socket is gone.
    Later<Done> acknowledge(const std::string& envelope, const wire::JsonText* payload = nullptr);
    net::WebSocket& websocket() { return *websocket_; }

  private:
    std::unique_ptr<net::WebSocket> websocket_;
    const rt::Clock& clock_;
};
// It is shared, because an answer may still be on its way when the reader of the socket has ended.
using SocketPtr = std::shared_ptr<Socket>;

// Keeps the Socket Mode connections up: the machine of each slot decides, this carries out.
class Sockets {
  public:
    struct Hooks {
        std::function<void(SocketPtr, wire::SlackEnvelope)> envelope;
        std::function<void()> back;           // live again after none was: announcements may have been missed
        std::function<std::string()> app_id;  // ours; empty: not known
        std::function<void(std::string)> connected_app;  // what a hello says of it
    };
    Sockets(std::size_t slots, WebApi& api, net::Dialer& dialer, const app::Runtime& runtime,
            rt::asio::any_io_executor executor, Hooks hooks);
    ~Sockets();

    void start();
    // Closes all, each with its handshake, until the deadline. Idempotent, in every state.
    rt::asio::awaitable<void> stop(core::Instant deadline);
    std::size_t live() const;
    std::string problem() const;  // why none is live; empty: at least one is
    const std::string& note() const { return note_; }

  private:
    struct Slot;
    void apply(Slot& slot, SocketInput input);
    void carry_out(Slot& slot, std::vector<SocketOutput> outputs);
    void close(Slot& slot, const CloseSocket& what);
    rt::asio::awaitable<void> keep_time(Slot& slot);
    rt::asio::awaitable<void> open_url(Slot& slot, Generation generation);
    rt::asio::awaitable<void> live_through(Slot& slot, Generation generation, std::string url);
    rt::asio::awaitable<void> say_goodbye(SocketPtr socket);
    void take(Slot& slot, Generation generation, const SocketPtr& socket, std::string_view text);
    void greet(Slot& slot, Generation generation, const wire::SlackHello& hello);
    std::size_t ours() const;

    WebApi& api_;
    net::Dialer& dialer_;
    const app::Runtime& runtime_;
    Hooks hooks_;
    std::vector<std::unique_ptr<Slot>> slots_;
    rt::TaskGroup tasks_;
    bool was_live_ = false;
    std::string note_;
};

}  // namespace countersign::slack
