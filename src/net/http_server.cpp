#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <list>
#include <utility>

#include "countersign/base/check.hpp"
#include "countersign/base/log.hpp"
#include "countersign/base/text.hpp"
#include "countersign/net/http.hpp"
#include "net/buffered_reader.hpp"
#include "net/http_parser.hpp"
#include "net/http_text.hpp"
#include "net/websocket.hpp"

namespace countersign::net {
namespace {

constexpr std::size_t watch_read_bytes = 128;  // per waiting request; thousands may wait at once
constexpr std::size_t head_read_bytes = 4 * 1024;
constexpr std::size_t body_read_bytes = 16 * 1024;
constexpr std::size_t refusals_max = 256;              // connections over the limit being told so
constexpr std::size_t drained_bytes_max = 512 * 1024;  // of a refused body, so that the answer gets through
constexpr std::chrono::seconds drain_time_max{2};
constexpr std::chrono::milliseconds accept_pause{100};

struct ServerConnection;

// A request as it arrived, and what it means for its connection.
struct Received {
    HttpRequest request;
    bool keep_alive = true;
    bool version_1_0 = false;
};

// What all connections of one listener have in common. Shared: they outlive the accepting loop.
struct Server {
    Server(HttpHandler h, const rt::Clock& c, rt::Timers& t, HttpServerLimits l)
        : handler(std::move(h)), clock(c), timers(t), limits(l) {}
    HttpHandler handler;
    const rt::Clock& clock;
    rt::Timers& timers;
    HttpServerLimits limits;
    bool ending = false;
    std::size_t connections = 0;
    std::size_t refusals = 0;
    std::list<ServerConnection*> between_requests;
    core::Instant date_at{};
    std::string date_text;

    const std::string& date() {
        auto now = std::chrono::floor<std::chrono::seconds>(clock.now());
        if (now == date_at && !date_text.empty()) return date_text;
        date_at = now;
        static constexpr std::string_view weekdays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
        static constexpr std::string_view months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
        auto day = std::chrono::floor<std::chrono::days>(now);
        std::chrono::year_month_day ymd{day};
        std::chrono::hh_mm_ss time{now - day};
        date_text =
            fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT",
                        weekdays[std::chrono::weekday{day}.c_encoding()], static_cast<unsigned>(ymd.day()),
                        months[static_cast<unsigned>(ymd.month()) - 1], static_cast<int>(ymd.year()),
                        time.hours().count(), time.minutes().count(), time.seconds().count());
        return date_text;
    }
};

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

struct ServerConnection {
    ServerConnection(Server& s, StreamPtr given)
        : server(s),
          stream(std::move(given)),
          reader(std::make_unique<BufferedReader>(*stream)),
          peer(stream->peer_address()) {}
    Server& server;
    StreamPtr stream;
    std::unique_ptr<BufferedReader> reader;
    std::string peer;
    bool first = true;

    core::Instant after(std::chrono::seconds time) const { return server.clock.now() + time; }
};

// On the server's list while it waits for a next request, which a server that ends need not wait for.
class BetweenRequests {
  public:
    explicit BetweenRequests(ServerConnection& connection)
        : list_(connection.server.between_requests), place_(list_.insert(list_.end(), &connection)) {}
    BetweenRequests(const BetweenRequests&) = delete;
    BetweenRequests& operator=(const BetweenRequests&) = delete;
    ~BetweenRequests() { list_.erase(place_); }

  private:
    std::list<ServerConnection*>& list_;
    std::list<ServerConnection*>::iterator place_;
};

bool has_own_field(std::string_view name) {
    return equal_ignoring_case(name, "Content-Length") || equal_ignoring_case(name, "Transfer-Encoding") ||
           equal_ignoring_case(name, "Connection") || equal_ignoring_case(name, "Date");
}

void append_head(std::string& out, Server& server, const HttpResponse& response) {
    out += "HTTP/1.1 ";
    out += std::to_string(response.status);
    out += ' ';
    out += reason_phrase(response.status);
    out += "\r\n";
    out += "Date: ";
    out += server.date();
    out += "\r\n";
    for (const auto& [name, value] : response.fields)
        if (!has_own_field(name) && is_token(name)) append_field(out, name, value);
}

bool has_no_body(unsigned status) {
    return status < 200 || status == 204 || status == 304;
}

bool asks_for_websocket(const HttpRequest& request) {
    auto key = request.fields.find("Sec-WebSocket-Key");
    auto key_bytes = key ? unbase64(*key) : std::nullopt;
    return request.method == "GET" && list_has(request.fields, "Upgrade", "websocket") &&
           list_has(request.fields, "Connection", "upgrade") && key_bytes && key_bytes->size() == 16 &&
           request.fields.find("Sec-WebSocket-Version") == "13";
}

class Exchange final : public HttpExchange {
  public:
    Exchange(ServerConnection& connection, Received received)
        : connection_(connection),
          received_(std::move(received)),
          keep_alive_(received_.keep_alive && !connection.server.ending) {
        head_only_ = received_.request.method == "HEAD";
    }
    Exchange(const Exchange&) = delete;
    Exchange& operator=(const Exchange&) = delete;
    ~Exchange() override {
        if (watching_) connection_.reader->on_idle_read(nullptr);
    }

    HttpRequest& request() override { return received_.request; }
    Later<Done> respond(HttpResponse response) override;
    Later<Done> begin_stream(HttpResponse head) override;
    Later<Done> write(std::string_view chunk) override;
    Later<std::unique_ptr<WebSocket>> upgrade(std::size_t message_bytes_max, FrameTap* tap) override;
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

    bool answered() const { return answer_ != Answer::none; }
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

void Exchange::watch() {
    if (watching_ || answer_ == Answer::gone) return;
    watching_ = true;
    connection_.reader->shrink();
    connection_.reader->on_idle_read([this] { read_while_waiting(); });
    connection_.reader->start(watch_read_bytes);
}

void Exchange::read_while_waiting() {
    BufferedReader& reader = *connection_.reader;
    if (reader.ended()) {
        tell_peer_gone();
    } else if (reader.bytes().size() < connection_.server.limits.header_bytes_max) {
        reader.start(head_read_bytes);  // a pipelined request; it has its turn later
    }
}

Later<Done> Exchange::send(std::string_view first, std::string_view second) {
    ServerConnection& c = connection_;
    core::Instant until = c.after(c.server.limits.write_time_max);
    c.stream->close_at(until);
    auto ec = co_await write_all(*c.stream, first, second);
    if (!ec) {
        c.stream->close_at(core::Instant::max());
        co_return Done{};
    }
    keep_alive_ = false;
    if (c.server.clock.now() >= until)
        co_return fail(Trouble::timed_out, "the client was too slow to take its answer");
    co_return fail(Trouble::unavailable, "the client has gone");
}

Later<Done> Exchange::respond(HttpResponse response) {
    if (answer_ == Answer::gone) co_return fail(Trouble::unavailable, "the connection was dropped");
    COUNTERSIGN_CHECK(answer_ == Answer::none);
    answer_ = Answer::whole;
    std::string head;
    bool with_body = !head_only_ && !has_no_body(response.status);
    bool together = with_body && response.body.size() <= one_write_bytes_max;
    head.reserve(512 + (together ? response.body.size() : 0));
    append_head(head, connection_.server, response);
    if (!has_no_body(response.status))
        append_field(head, "Content-Length", std::to_string(response.body.size()));
    if (!keep_alive_) head += "Connection: close\r\n";
    head += "\r\n";
    if (together) head += response.body;
    std::string_view rest = with_body && !together ? std::string_view{response.body} : std::string_view{};
    co_return co_await send(head, rest);
}

Later<Done> Exchange::begin_stream(HttpResponse response) {
    if (answer_ == Answer::gone) co_return fail(Trouble::unavailable, "the connection was dropped");
    COUNTERSIGN_CHECK(answer_ == Answer::none);
    answer_ = Answer::streaming;
    std::string head;
    append_head(head, connection_.server, response);
    if (received_.version_1_0)
        keep_alive_ = false;  // ends with the connection
    else
        head += "Transfer-Encoding: chunked\r\n";
    if (!keep_alive_) head += "Connection: close\r\n";
    head += "\r\n";
    watch();
    co_return co_await send(head);
}

Later<Done> Exchange::write(std::string_view chunk) {
    if (answer_ == Answer::gone) co_return fail(Trouble::unavailable, "the connection was dropped");
    COUNTERSIGN_CHECK(answer_ == Answer::streaming);
    if (chunk.empty() || head_only_) co_return Done{};
    if (received_.version_1_0) co_return co_await send(chunk);
    std::string framed = fmt::format("{:x}\r\n", chunk.size());
    framed += chunk;
    framed += "\r\n";
    co_return co_await send(framed);
}

Later<Done> Exchange::end_stream() {
    answer_ = Answer::whole;
    if (received_.version_1_0 || head_only_) co_return Done{};
    co_return co_await send("0\r\n\r\n");
}

Later<std::unique_ptr<WebSocket>> Exchange::upgrade(std::size_t message_bytes_max, FrameTap* tap) {
    if (answer_ == Answer::gone) co_return fail(Trouble::unavailable, "the connection was dropped");
    COUNTERSIGN_CHECK(answer_ == Answer::none);
    if (received_.version_1_0 || !asks_for_websocket(received_.request)) {
        HttpResponse response =
            problem_response({426, "websocket_only", "this address speaks WebSocket version 13"});
        response.fields.add("Upgrade", "websocket");
        response.fields.add("Sec-WebSocket-Version", "13");
        auto sent = co_await respond(std::move(response));
        if (!sent) co_return pass(sent);
        co_return fail(Trouble::invalid_input, "not a WebSocket handshake", "websocket_only");
    }
    ServerConnection& c = connection_;
    c.reader->on_idle_read(nullptr);
    watching_ = false;
    answer_ = Answer::gone;
    while (c.reader->reading()) {
        c.stream->cancel();  // what it has read by then is in the reader's buffer
        co_await c.reader->more(0);
    }
    WebSocketLimits limits;
    limits.message_bytes_max = message_bytes_max;
    limits.silence_max = {};
    co_return co_await accept_websocket(std::move(c.stream), std::string(c.reader->bytes()),
                                        received_.request, c.server.date(), c.server.clock, c.server.timers,
                                        limits, tap, Deadline{c.after(c.server.limits.write_time_max)});
}

// ---- reading

// What came of waiting for a request: one, a refusal to send, or neither (the connection is over).
struct Incoming {
    std::optional<Received> request;
    std::optional<Refusal> refusal;
};

// The same of one of its parts.
struct Reading {
    bool is_whole = false;
    std::optional<Refusal> refusal;
    static Reading whole() { return {true, std::nullopt}; }
};

Reading over() {
    return {};
}
Reading refused(Refusal refusal) {
    return {false, std::move(refusal)};
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

// Reads on until `parser` has a whole head.
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
    core::Instant until = c.after(c.server.limits.body_time_max);
    c.stream->cancel_at(until);
    if (parser.expects_continue() && c.reader->bytes().empty()) {
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
rt::asio::awaitable<void> send_refusal(ServerConnection& c, Refusal refusal) {
    Received nothing;
    nothing.keep_alive = false;
    Exchange exchange{c, std::move(nothing)};
    auto sent = co_await exchange.respond(problem_response(refusal));
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

rt::asio::awaitable<void> run_handler(ServerConnection& c, Exchange& exchange) {
    std::exception_ptr thrown;
    try {
        co_await c.server.handler(exchange);
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

rt::asio::awaitable<void> serve_connection(std::shared_ptr<Server> server, StreamPtr stream) {
    Counted counted{server->connections};
    ServerConnection c{*server, std::move(stream)};
    for (;;) {
        auto incoming = co_await read_request(c);
        if (incoming.refusal) co_await send_refusal(c, std::move(*incoming.refusal));
        if (!incoming.request) co_return;
        c.stream->close_at(core::Instant::max());
        Exchange exchange{c, std::move(*incoming.request)};
        co_await run_handler(c, exchange);
        if (!exchange.keep_alive()) co_return;
    }
}

rt::asio::awaitable<void> refuse_connection(std::shared_ptr<Server> server, StreamPtr stream) {
    Counted counted{server->refusals};
    ServerConnection c{*server, std::move(stream)};
    co_await send_refusal(c, {503, "too_many_connections", "too many connections; try again later"});
}

}  // namespace

rt::asio::awaitable<void> serve_http(Listener& listener, HttpHandler handler, rt::TaskGroup& sessions,
                                     const rt::Clock& clock, rt::Timers& timers, HttpServerLimits limits) {
    auto server = std::make_shared<Server>(std::move(handler), clock, timers, limits);
    for (;;) {
        auto stream = co_await listener.accept();
        if (!stream && stream.error().trouble == Trouble::cancelled) break;
        if (!stream) {
            // Out of file descriptors, say: a moment later there may be some.
            co_await timers.sleep_until(clock.now() + accept_pause);
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
