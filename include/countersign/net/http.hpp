#pragma once
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "countersign/net/stream.hpp"
#include "countersign/rt/clock.hpp"
#include "countersign/rt/tasks.hpp"

namespace countersign::net {

// Header fields in order; look-up ignores case (RFC 9110 §5.1).
class Fields {
  public:
    void add(std::string name, std::string value) { fields_.emplace_back(std::move(name), std::move(value)); }
    std::optional<std::string_view> find(std::string_view name) const;  // the first one
    std::size_t count(std::string_view name) const;
    auto begin() const { return fields_.begin(); }
    auto end() const { return fields_.end(); }

  private:
    std::vector<std::pair<std::string, std::string>> fields_;
};

struct HttpRequest {
    std::string method;
    std::string target;  // origin-form, byte-exact; a server sees only what starts with "/"
    Fields fields;       // a client adds neither Host nor Content-Length nor Connection: the library does
    std::string body;
    std::string peer;  // server side: the peer's address
};

struct HttpResponse {
    unsigned status = 200;
    Fields fields;
    std::string body;
};

// ---- client

struct HttpClientLimits {
    std::size_t header_bytes_max = 64 * 1024;
    std::size_t body_bytes_max = 16 * 1024 * 1024;
    bool cuts_bodies = false;  // a larger body is cut there and is no failure; its connection is not kept
    std::size_t connections_max = 32;  // per origin; more calls wait, within their deadline
    std::chrono::seconds idle_max{25};
};

// HTTP/1.1 with kept-alive connections. Redirects are not followed, cookies and proxies do not exist.
class HttpClient {
  public:
    virtual ~HttpClient() = default;
    // unavailable: the request was certainly not processed (could not connect, or failed before a byte of it
    // was written; a kept-alive connection found dead that way is retried once on a fresh one).
    // timed_out: it may have been (deadline, or the connection broke after the request was written).
    virtual Later<HttpResponse> send(const Url& url, HttpRequest request, Deadline deadline) = 0;
};
std::unique_ptr<HttpClient> make_http_client(Dialer& dialer, const rt::Clock& clock, rt::Timers& timers,
                                             rt::asio::any_io_executor executor,
                                             HttpClientLimits limits = {});

// ---- server

struct HttpServerLimits {
    std::size_t header_bytes_max = 16 * 1024;  // more: 431
    std::size_t body_bytes_max = 320 * 1024;   // more: 413, told before the body is read
    std::size_t connections_max = 25'000;      // more: 503 and close
    std::chrono::seconds header_time_max{10};  // slow clients: 408 and close
    std::chrono::seconds body_time_max{20};
    std::chrono::seconds idle_max{75};        // between requests on a kept-alive connection
    std::chrono::seconds write_time_max{20};  // one response or one stream write
};

class WebSocket;
struct FrameTap;  // net/frame_tap.hpp

// One request and the way to answer it. A handler answers exactly once: `respond`, or `begin_stream`
// followed by writes, or `upgrade`. A handler that returns without answering is a bug: 500 is sent.
class HttpExchange {
  public:
    virtual ~HttpExchange() = default;
    virtual HttpRequest& request() = 0;
    virtual Later<Done> respond(HttpResponse response) = 0;
    // Chunked response without an end of its own (server-sent events).
    virtual Later<Done> begin_stream(HttpResponse head) = 0;
    virtual Later<Done> write(std::string_view chunk) = 0;
    // RFC 6455 handshake; the connection belongs to the WebSocket from then on. A message over
    // `message_bytes_max` closes it with 1009. With a tap (which must outlive the WebSocket) it
    // reports each inbound frame and can be made deaf.
    virtual Later<std::unique_ptr<WebSocket>> upgrade(std::size_t message_bytes_max,
                                                      FrameTap* tap = nullptr) = 0;
    // Closes the connection without an answer; counts as the answer. For servers that play a failing one.
    virtual void drop() = 0;
    // Whether the peer has hung up while it waits for the answer. The first call of this or of `on_peer_gone`
    // begins to watch; until then a hang-up shows only in `respond`.
    virtual bool peer_gone() = 0;
    // Runs once when the peer goes away before the answer; for waking a waiting handler. May be empty.
    virtual void on_peer_gone(std::function<void()> wake) = 0;
};

using HttpHandler = std::function<rt::asio::awaitable<void>(HttpExchange&)>;

// Serves until the listener closes; each connection is a task of `sessions`. Requests that HTTP itself
// refuses (RFC 9112: bad syntax, two Host fields, Content-Length with Transfer-Encoding, absolute-form of
// another authority, …) are answered here with `application/problem+json` and never reach the handler.
// Pipelined requests are answered in order.
rt::asio::awaitable<void> serve_http(Listener& listener, HttpHandler handler, rt::TaskGroup& sessions,
                                     const rt::Clock& clock, rt::Timers& timers,
                                     HttpServerLimits limits = {});

// "a=1&b=%20" helpers; invalid escapes: nullopt.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space);
std::string percent_encode(std::string_view text);
std::optional<std::vector<std::pair<std::string, std::string>>> parse_form(std::string_view text);

}  // namespace countersign::net
