#pragma once
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "countersign/net/http.hpp"
#include "countersign/net/stream.hpp"
#include "countersign/rt/clock.hpp"
#include "countersign/rt/tasks.hpp"

namespace countersign::net {

struct HttpServerLimits {
    std::size_t header_bytes_max = 16 * 1024;  // beyond it the answer is 431
    std::size_t body_bytes_max = 320 * 1024;   // beyond it the answer is 413, before the body is read
    std::size_t connections_max = 25'000;      // beyond it the answer is 503, and a close
    std::chrono::seconds header_time_max{10};  // a slower client gets 408, and a close
    std::chrono::seconds body_time_max{20};
    std::chrono::seconds idle_max{75};        // between requests on a kept-alive connection
    std::chrono::seconds write_time_max{20};  // for one response or one write to a stream
};

class WebSocket;
struct WebSocketLimits;  // both defined in net/websocket.hpp

// Wraps a connection: whoever reads the result gets `first_bytes` before what the connection brings. It
// exists for servers that simulate a faulty peer.
using Interposed = std::function<StreamPtr(StreamPtr connection, std::string first_bytes)>;

// Holds one request and the ways to answer it. A handler answers exactly once: `respond`, or `begin_stream`
// followed by writes, or `upgrade`. A handler that returns without answering is a bug: 500 is sent.
class HttpExchange {
  public:
    virtual ~HttpExchange() = default;
    virtual HttpRequest& request() = 0;
    virtual Later<Done> respond(HttpResponse response) = 0;
    // Begins a chunked response that goes on until the handler returns (server-sent events).
    virtual Later<Done> begin_stream(HttpResponse head) = 0;
    virtual Later<Done> write(std::string_view chunk) = 0;
    // Does the RFC 6455 handshake; the connection belongs to the WebSocket from then on. A message over
    // the limit closes it with 1009. `between`: what is put between the connection and its frames.
    virtual Later<std::unique_ptr<WebSocket>> upgrade(const WebSocketLimits& limits,
                                                      Interposed between = {}) = 0;
    // Closes the connection without an answer, which counts as the answer. It exists for servers that
    // simulate a failing one.
    virtual void drop() = 0;
    virtual bool answered() const = 0;
    // Says whether the peer has hung up while it waits for the answer. The first call of this or of
    // `on_peer_gone` begins to watch; until then a hang-up shows only in `respond`.
    virtual bool peer_gone() = 0;
    // Sets what runs once when the peer goes away before the answer, to wake a waiting handler. May be empty.
    virtual void on_peer_gone(std::function<void()> wake) = 0;
};

// Is shown a request's head before more of its body is read from the connection. What it returns is the
// answer, and the connection ends; nullopt: go on. It may see none of the requests whose body came with the
// head.
using HttpDoorkeeper =
    std::function<rt::asio::awaitable<std::optional<HttpResponse>>(const HttpRequest& head)>;
using HttpHandler = std::function<rt::asio::awaitable<void>(HttpExchange&)>;
// Puts what HTTP itself refuses in the words of the path that was asked, as some clients take any status but
// one for leave. `head` has what was understood of the request, and at least its method and target.
using HttpRefusalWords = std::function<HttpResponse(const HttpRequest& head, HttpResponse refusal)>;
// What serves requests. A handler alone is one, too.
struct HttpService {
    template <class Handler>
    HttpService(Handler given, HttpDoorkeeper keeper = {}, HttpRefusalWords words = {})
        : handler(std::move(given)), doorkeeper(std::move(keeper)), refusal_words(std::move(words)) {}
    HttpHandler handler;
    HttpDoorkeeper doorkeeper;       // may be empty
    HttpRefusalWords refusal_words;  // may be empty
};

// Serves until the listener closes; each connection is a task of `sessions`. Requests that HTTP itself
// refuses (RFC 9112: bad syntax, two Host fields, Content-Length with Transfer-Encoding, absolute-form of
// another authority, …) are answered here with `application/problem+json` and never reach the handler.
// Pipelined requests are answered in order.
rt::asio::awaitable<void> serve_http(Listener& listener, HttpService service, rt::TaskGroup& sessions,
                                     const rt::Clock& clock, rt::Timers& timers,
                                     HttpServerLimits limits = {});

}  // namespace countersign::net
