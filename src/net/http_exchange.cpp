#include "net/http_exchange.hpp"

#include <fmt/format.h>

#include <chrono>

#include "countersign/base/check.hpp"
#include "countersign/base/text.hpp"
#include "net/http_text.hpp"
#include "net/websocket.hpp"

namespace countersign::net {
namespace {

constexpr std::size_t watch_read_bytes = 128;  // for each waiting request, of which there may be thousands

bool has_own_field(std::string_view name) {
    return equal_ignoring_case(name, "Content-Length") || equal_ignoring_case(name, "Transfer-Encoding") ||
           equal_ignoring_case(name, "Connection") || equal_ignoring_case(name, "Date");
}

void append_head(std::string& out, HttpServer& server, const HttpResponse& response) {
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

}  // namespace

const std::string& HttpServer::date() {
    auto now = std::chrono::floor<std::chrono::seconds>(clock.now());
    if (now == date_at && !date_text.empty()) return date_text;
    date_at = now;
    static constexpr std::string_view weekdays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr std::string_view months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    auto day = std::chrono::floor<std::chrono::days>(now);
    std::chrono::year_month_day ymd{day};
    std::chrono::hh_mm_ss time{now - day};
    date_text = fmt::format(
        "{}, {:02} {} {} {:02}:{:02}:{:02} GMT", weekdays[std::chrono::weekday{day}.c_encoding()],
        static_cast<unsigned>(ymd.day()), months[static_cast<unsigned>(ymd.month()) - 1],
        static_cast<int>(ymd.year()), time.hours().count(), time.minutes().count(), time.seconds().count());
    return date_text;
}

void ServerExchange::watch() {
    if (watching_ || answer_ == Answer::gone) return;
    watching_ = true;
    connection_.reader->shrink();
    connection_.reader->on_idle_read([this] { read_while_waiting(); });
    connection_.reader->start(watch_read_bytes);
}

void ServerExchange::read_while_waiting() {
    BufferedReader& reader = *connection_.reader;
    if (reader.ended()) {
        tell_peer_gone();
    } else if (reader.bytes().size() < connection_.server.limits.header_bytes_max) {
        reader.start(head_read_bytes);  // a pipelined request, which is answered in its turn
    }
}

Later<Done> ServerExchange::send(std::string_view first, std::string_view second) {
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

Later<Done> ServerExchange::respond(HttpResponse response) {
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

Later<Done> ServerExchange::begin_stream(HttpResponse response) {
    if (answer_ == Answer::gone) co_return fail(Trouble::unavailable, "the connection was dropped");
    COUNTERSIGN_CHECK(answer_ == Answer::none);
    answer_ = Answer::streaming;
    std::string head;
    append_head(head, connection_.server, response);
    if (received_.version_1_0)
        keep_alive_ = false;  // the stream's end is the connection's end
    else
        head += "Transfer-Encoding: chunked\r\n";
    if (!keep_alive_) head += "Connection: close\r\n";
    head += "\r\n";
    watch();
    co_return co_await send(head);
}

Later<Done> ServerExchange::write(std::string_view chunk) {
    if (answer_ == Answer::gone) co_return fail(Trouble::unavailable, "the connection was dropped");
    COUNTERSIGN_CHECK(answer_ == Answer::streaming);
    if (chunk.empty() || head_only_) co_return Done{};
    if (received_.version_1_0) co_return co_await send(chunk);
    std::string framed = fmt::format("{:x}\r\n", chunk.size());
    framed += chunk;
    framed += "\r\n";
    co_return co_await send(framed);
}

Later<Done> ServerExchange::end_stream() {
    answer_ = Answer::whole;
    if (received_.version_1_0 || head_only_) co_return Done{};
    co_return co_await send("0\r\n\r\n");
}

Later<std::unique_ptr<WebSocket>> ServerExchange::upgrade(const WebSocketLimits& limits, Interposed between) {
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
        c.stream->cancel();  // what the read got is in the reader's buffer by then
        co_await c.reader->more(0);
    }
    UpgradedConnection upgraded{std::move(c.stream), std::string(c.reader->bytes()), received_.request,
                                c.server.date()};
    if (between)
        upgraded.stream = between(std::move(upgraded.stream), std::exchange(upgraded.first_bytes, {}));
    Deadline deadline{c.after(c.server.limits.write_time_max)};
    co_return co_await accept_websocket(std::move(upgraded), c.server.clock, c.server.timers, limits,
                                        deadline);
}

}  // namespace countersign::net
