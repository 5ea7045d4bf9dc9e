#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <list>
#include <utility>

#include "countersign/base/log.hpp"
#include "countersign/base/text.hpp"
#include "countersign/net/http_server.hpp"
#include "net/http_exchange.hpp"
#include "net/http_parser.hpp"
#include "net/http_text.hpp"

namespace countersign::net {
namespace {

constexpr std::size_t body_read_bytes = 16 * 1024;
constexpr std::size_t refusals_max = 256;  // connections over the limit that are being refused at once
// So much of a refused request's body is read, so that the answer gets through.
constexpr std::size_t drained_bytes_max = 512 * 1024;
constexpr std::chrono::seconds drain_time_max{2};
constexpr std::chrono::milliseconds accept_retry_pause{100};

// Counts one up for as long as it lives.
class Counted {
  public:
    explicit Counted(std::size_t& count) : count_(count) { ++count_; }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;
    ~Counted() { --count_; }

  private:
    std::size_t& count_;
};

// Keeps a connection on the server's list while it waits for its next request, which a server that ends does
// not wait for.
class BetweenRequests {
  public:
    explicit BetweenRequests(ServerConnection& connection)
        : list_(connection.server.between_requests), position_(list_.insert(list_.end(), &connection)) {}
    BetweenRequests(const BetweenRequests&) = delete;
    BetweenRequests& operator=(const BetweenRequests&) = delete;
    ~BetweenRequests() { list_.erase(position_); }

  private:
    std::list<ServerConnection*>& list_;
    std::list<ServerConnection*>::iterator position_;
};

// ---- reading

// Tells what came of waiting for a request: the request, a refusal to send, or neither (the connection is
// over).
struct Incoming {
    std::optional<Received> request;
    std::optional<HttpResponse> refusal;
};

// Tells what came of reading a request's head or body: all of it, a refusal to send, or neither (the
// connection is over).
struct Reading {
    bool is_whole = false;
    std::optional<HttpResponse> refusal;
    bool by_http = false;  // not by the doorkeeper, which knows the words of each path
    static Reading whole() { return {true, std::nullopt}; }
};

Reading over() {
    return {};
}
Reading refused(Refusal refusal) {
    return {false, problem_response(refusal), true};
}
Reading too_slow(std::string_view what) {
    return refused({408, "too_slow", fmt::format("the request's {} took too long to arrive", what)});
}

rt::asio::awaitable<bool> first_bytes(ServerConnection& c) {
    if (!c.reader->bytes().empty()) co_return true;
    if (c.server.ending) co_return false;
    BetweenRequests waiting{c};
    c.reader->shrink();
    c.stream->close_at(c.after(c.first ? c.server.limits.header_time_max : c.server.limits.idle_max));
    auto ec = co_await c.reader->more(idle_read_bytes);
    co_return !ec;
}

// Reads until `parser` has a whole head.
rt::asio::awaitable<Reading> read_head(ServerConnection& c, RequestParser& parser) {
    const HttpServerLimits& limits = c.server.limits;
    bool some = co_await first_bytes(c);
    if (!some) co_return over();
    c.first = false;
    core::Instant until = c.after(limits.header_time_max);
    c.stream->cancel_at(until);
    std::size_t seen = 0;
    bool forgiving = true;
    for (;;) {
        // One empty line before a request is forgiven (RFC 9112 §2.2).
        if (forgiving && c.reader->bytes().starts_with("\r\n")) {
            forgiving = false;
            seen = 0;
            c.reader->consume(2);
        }
        std::string_view bytes = c.reader->bytes();
        auto end = find_head_end(bytes, seen);
        if ((end ? *end : bytes.size()) > limits.header_bytes_max)
            co_return refused(
                {431, "headers_too_large",
                 fmt::format("the request's header is larger than {} bytes", limits.header_bytes_max)});
        if (end) {
            auto refusal = parser.take_head(bytes.substr(0, *end));
            if (refusal) co_return refused(std::move(*refusal));
            c.reader->consume(*end);
            co_return Reading::whole();
        }
        if (has_bare_line_feed(bytes, seen))
            co_return refused({400, "bad_line_end", "a header line does not end with CR LF"});
        seen = bytes.size();
        auto ec = co_await c.reader->more(head_read_bytes);
        if (ec && c.server.clock.now() >= until && !c.reader->ended()) co_return too_slow("header");
        if (ec) co_return over();
    }
}

rt::asio::awaitable<Reading> read_body(ServerConnection& c, RequestParser& parser) {
    if (parser.whole()) co_return Reading::whole();
    auto with_head = parser.take_body(c.reader->bytes());
    if (!with_head) co_return refused(std::move(with_head).error());
    c.reader->consume(*with_head);
    if (parser.whole()) co_return Reading::whole();
    if (c.server.service.doorkeeper) {
        c.stream->close_at(core::Instant::max());  // its time is its own to limit
        HttpRequest head{parser.method(), parser.target(), parser.fields(), {}, c.peer};
        auto asked = c.server.service.doorkeeper(head);
        auto answer = co_await std::move(asked);
        if (answer) co_return Reading{false, std::move(answer)};
    }
    core::Instant until = c.after(c.server.limits.body_time_max);
    c.stream->cancel_at(until);
    if (parser.expects_continue() && *with_head == 0) {
        auto ec = co_await write_all(*c.stream, "HTTP/1.1 100 Continue\r\n\r\n");
        if (ec) co_return over();
    }
    for (;;) {
        auto used = parser.take_body(c.reader->bytes());
        if (!used) co_return refused(std::move(used).error());
        c.reader->consume(*used);
        if (parser.whole()) co_return Reading::whole();
        auto ec = co_await c.reader->more(body_read_bytes);
        if (ec && c.server.clock.now() >= until && !c.reader->ended()) co_return too_slow("body");
        if (ec) co_return over();
    }
}

rt::asio::awaitable<Incoming> read_request(ServerConnection& c) {
    RequestParser parser{c.server.limits.header_bytes_max, c.server.limits.body_bytes_max};
    auto reading = co_await read_head(c, parser);
    if (reading.is_whole) reading = co_await read_body(c, parser);
    const bool reworded = reading.by_http && c.server.service.refusal_words && !parser.target().empty();
    if (reworded) {
        HttpRequest head{parser.method(), parser.target(), {}, {}, c.peer};
        reading.refusal = c.server.service.refusal_words(head, std::move(*reading.refusal));
    }
    if (!reading.is_whole) co_return Incoming{std::nullopt, std::move(reading.refusal)};
    Received received;
    received.request = {std::move(parser.method()), std::move(parser.target()), std::move(parser.fields()),
                        std::move(parser.body()), c.peer};
    received.keep_alive = parser.keeps_alive();
    received.version_1_0 = parser.version_1_0();
    co_return Incoming{std::move(received), std::nullopt};
}

// ---- answering

// Answers and lets the peer finish sending what is not wanted: closing on unread bytes would reset the
// connection and could destroy the answer on its way.
rt::asio::awaitable<void> send_refusal(ServerConnection& c, HttpResponse refusal) {
    Received nothing;
    nothing.keep_alive = false;
    ServerExchange exchange{c, std::move(nothing)};
    auto sent = co_await exchange.respond(std::move(refusal));
    if (!sent) co_return;
    c.stream->close_at(c.after(drain_time_max));
    std::size_t drained = c.reader->bytes().size();
    c.reader->consume(drained);
    while (drained < drained_bytes_max) {
        auto ec = co_await c.reader->more(body_read_bytes);
        if (ec) co_return;
        std::size_t count = c.reader->bytes().size();
        c.reader->consume(count);
        drained += count;
    }
}

rt::asio::awaitable<void> run_handler(ServerConnection& c, ServerExchange& exchange) {
    std::exception_ptr thrown;
    try {
        co_await c.server.service.handler(exchange);
    } catch (const boost::system::system_error& e) {
        if (e.code() == asio::error::operation_aborted) throw;  // cancelled
        thrown = std::current_exception();
    } catch (...) {
        thrown = std::current_exception();
    }
    if (thrown) rt::report_bug("http handler", thrown);
    if (exchange.streaming() && !thrown) {
        co_await exchange.end_stream();
    } else if (exchange.streaming()) {
        exchange.close_after();
    } else if (!exchange.answered()) {
        if (!thrown)
            log::error("net", "the handler of {} did not answer", visible(exchange.request().target));
        exchange.close_after();
        co_await exchange.respond(
            problem_response({500, "internal", "this server has a bug; its log says more"}));
    }
}

rt::asio::awaitable<void> serve_connection(std::shared_ptr<HttpServer> server, StreamPtr stream) {
    Counted counted{server->connections};
    ServerConnection c{*server, std::move(stream)};
    for (;;) {
        auto incoming = co_await read_request(c);
        if (incoming.refusal) co_await send_refusal(c, std::move(*incoming.refusal));
        if (!incoming.request) co_return;
        c.stream->close_at(core::Instant::max());
        ServerExchange exchange{c, std::move(*incoming.request)};
        co_await run_handler(c, exchange);
        if (!exchange.keep_alive()) co_return;
    }
}

rt::asio::awaitable<void> refuse_connection(std::shared_ptr<HttpServer> server, StreamPtr stream) {
    Counted counted{server->refusals};
    ServerConnection c{*server, std::move(stream)};
    auto full = problem_response({503, "too_many_connections", "too many connections; try again later"});
    co_await send_refusal(c, std::move(full));
}

}  // namespace

rt::asio::awaitable<void> serve_http(Listener& listener, HttpService service, rt::TaskGroup& sessions,
                                     const rt::Clock& clock, rt::Timers& timers, HttpServerLimits limits) {
    auto server = std::make_shared<HttpServer>(std::move(service), clock, timers, limits);
    for (;;) {
        auto stream = co_await listener.accept();
        if (!stream && stream.error().trouble == Trouble::cancelled) break;
        if (!stream) {
            // The process may be out of file descriptors; a moment later some may be free.
            co_await timers.sleep_until(clock.now() + accept_retry_pause);
            continue;
        }
        bool room = server->connections < limits.connections_max;
        if (room && sessions.start("http session", serve_connection(server, std::move(*stream)))) continue;
        if (!room && server->refusals < refusals_max)
            sessions.start("http refusal", refuse_connection(server, std::move(*stream)));
    }
    server->ending = true;
    for (ServerConnection* connection : server->between_requests) connection->stream->close();
}

}  // namespace countersign::net
