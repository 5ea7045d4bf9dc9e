#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "countersign/net/websocket.hpp"
#include "countersign/rt/clock.hpp"
#include "countersign/rt/signal.hpp"
#include "countersign/rt/tasks.hpp"
#include "countersign/wire/streaming.hpp"

// The Bot Framework's streaming extensions: HTTP-like requests in both directions over one WebSocket. A
// channel opens it to a bot; from then on both sides are alike.
namespace countersign::streaming {

struct Request {
    std::string verb;  // "POST"
    std::string path;  // "/api/messages"
    std::string body;  // JSON; empty: none
};
struct Response {
    unsigned status = 200;
    std::string body = {};
};

// A peer is lent these by its owner. All of them outlive the peer's tasks.
struct PeerParts {
    const rt::Clock& clock;
    rt::Timers& timers;
    rt::Entropy& entropy;
    rt::TaskGroup& tasks;  // runs what answers requests, and the watch over the socket
    rt::asio::any_io_executor executor;
};

// Speaks for one end of such a WebSocket. Its owners share it with its tasks.
class Peer {
  public:
    static constexpr std::size_t in_flight_max = 64;  // requests of the other side; one more is answered 503
    static constexpr std::size_t asked_max = 256;     // requests of ours that wait for their answers
    static constexpr core::Duration incomplete_max = std::chrono::seconds{30};  // for all frames of a message
    static constexpr core::Duration write_within = std::chrono::seconds{10};
    static constexpr core::Duration close_within = std::chrono::seconds{1};

    using Handler = std::function<rt::asio::awaitable<Response>(Request)>;
    // `handler` answers what the other side asks; bodies over `body_bytes_max` never reach it (413).
    Peer(PeerParts parts, std::unique_ptr<net::WebSocket> socket, std::size_t body_bytes_max, Handler handler)
        : parts_(std::move(parts)),
          socket_(std::move(socket)),
          handler_(std::move(handler)),
          reader_(body_bytes_max),
          over_signal_(parts_.executor) {}

    // Serves until the socket ends, and closes it at `ends_at`. Returns why it ended.
    static rt::asio::awaitable<Failure> run(std::shared_ptr<Peer> self, core::Instant ends_at);
    // Asks the other side. Fails with unavailable where nothing was sent, and with timed_out where what was
    // sent has no answer: it may have been done.
    Later<Response> ask(Request request, Deadline deadline);
    Later<Done> close(std::uint16_t code, std::string reason, Deadline deadline) {
        return socket_->close(code, std::move(reason), deadline);
    }
    bool over() const { return over_; }

  private:
    struct Asked {
        explicit Asked(rt::asio::any_io_executor executor) : answered(std::move(executor)) {}
        rt::Signal answered;
        bool done = false;
        bool understood = false;
        Response response;
    };

    static rt::asio::awaitable<void> watch(std::shared_ptr<Peer> self, core::Instant ends_at);
    static rt::asio::awaitable<void> answer(std::shared_ptr<Peer> self, wire::StreamingMessage message);
    void take(const std::shared_ptr<Peer>& self, wire::StreamingMessage message);
    rt::asio::awaitable<void> respond(std::string id, Response response);
    void end();
    std::string new_id();

    PeerParts parts_;
    std::unique_ptr<net::WebSocket> socket_;
    Handler handler_;
    wire::StreamingReader reader_;
    std::map<std::string, std::shared_ptr<Asked>, std::less<>> asked_;  // by id
    std::size_t in_flight_ = 0;
    bool over_ = false;
    rt::Signal over_signal_;
};

}  // namespace countersign::streaming
