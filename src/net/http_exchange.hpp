#pragma once
#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "countersign/net/http_server.hpp"
#include "countersign/rt/clock.hpp"
#include "net/buffered_reader.hpp"

// An HTTP server handles a connection, and one request on it, through these. net/http_server.cpp reads
// requests and calls the handler; a ServerExchange sends the answer.
namespace countersign::net {

inline constexpr std::size_t head_read_bytes = 4 * 1024;

struct ServerConnection;

// Holds a request as it arrived, and what it means for its connection.
struct Received {
    HttpRequest request;
    bool keep_alive = true;
    bool version_1_0 = false;
};

// Holds what all connections of one listener share. It is owned together, because connections outlive the
// accepting loop.
struct HttpServer {
    HttpServer(HttpService s, const rt::Clock& c, rt::Timers& t, HttpServerLimits l)
        : service(std::move(s)), clock(c), timers(t), limits(l) {}
    HttpService service;
    const rt::Clock& clock;
    rt::Timers& timers;
    HttpServerLimits limits;
    bool ending = false;
    std::size_t connections = 0;
    std::size_t refusals = 0;
    std::list<ServerConnection*> between_requests;
    core::Instant date_at{};
    std::string date_text;

    // Returns the Date field (RFC 9110 §5.6.7), which is written once a second.
    const std::string& date();
};

struct ServerConnection {
    ServerConnection(HttpServer& s, StreamPtr given)
        : server(s),
          stream(std::move(given)),
          reader(std::make_unique<BufferedReader>(*stream)),
          peer(stream->peer_address()) {}
    HttpServer& server;
    StreamPtr stream;
    std::unique_ptr<BufferedReader> reader;
    std::string peer;
    bool first = true;

    core::Instant after(std::chrono::seconds time) const { return server.clock.now() + time; }
};

// Answers one request for its handler. The connection must outlive it.
class ServerExchange final : public HttpExchange {
  public:
    ServerExchange(ServerConnection& connection, Received received)
        : connection_(connection),
          received_(std::move(received)),
          keep_alive_(received_.keep_alive && !connection.server.ending) {
        head_only_ = received_.request.method == "HEAD";
    }
    ServerExchange(const ServerExchange&) = delete;
    ServerExchange& operator=(const ServerExchange&) = delete;
    ~ServerExchange() override {
        if (watching_) connection_.reader->on_idle_read(nullptr);
    }

    HttpRequest& request() override { return received_.request; }
    Later<Done> respond(HttpResponse response) override;
    Later<Done> begin_stream(HttpResponse head) override;
    Later<Done> write(std::string_view chunk) override;
    Later<std::unique_ptr<WebSocket>> upgrade(const WebSocketLimits& limits, Interposed between) override;
    void drop() override {
        answer_ = Answer::gone;
        connection_.stream->close();
    }
    bool peer_gone() override {
        watch();
        return connection_.reader->ended();
    }
    void on_peer_gone(std::function<void()> wake) override {
        wake_ = std::move(wake);
        watch();
        if (connection_.reader->ended()) tell_peer_gone();
    }

    bool answered() const override { return answer_ != Answer::none; }
    bool streaming() const { return answer_ == Answer::streaming; }
    bool keep_alive() const { return keep_alive_ && answer_ != Answer::gone; }
    void close_after() { keep_alive_ = false; }
    Later<Done> end_stream();

  private:
    enum class Answer { none, whole, streaming, gone };

    void watch();
    void read_while_waiting();
    void tell_peer_gone() {
        if (auto wake = std::exchange(wake_, nullptr)) wake();
    }
    Later<Done> send(std::string_view first, std::string_view second = {});

    ServerConnection& connection_;
    Received received_;
    bool keep_alive_;
    bool head_only_ = false;
    bool watching_ = false;
    Answer answer_ = Answer::none;
    std::function<void()> wake_;
};

}  // namespace countersign::net
