#include "net/websocket.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <list>
#include <utility>

#include "countersign/base/crypto.hpp"
#include "countersign/base/text.hpp"
#include "countersign/rt/background.hpp"
#include "countersign/rt/wake.hpp"
#include "net/http_text.hpp"
#include "net/websocket_frames.hpp"

namespace countersign::net {
namespace {

constexpr std::size_t read_bytes = 4 * 1024;
constexpr std::size_t read_bytes_large = 64 * 1024;  // while a large payload arrives
constexpr std::size_t queued_bytes_max = 8 * 1024 * 1024;
constexpr std::size_t close_reason_bytes_max = 123;
constexpr std::chrono::seconds control_time_max{5};    // for the answer to a ping to leave
constexpr std::chrono::seconds last_word_time_max{1};  // between the close frames and the end of TCP
constexpr int pings_per_silence = 3;

// Masking keys need chance, but not a system call each.
class Masks {
  public:
    std::uint32_t next() {
        if (at_ == words_.size()) {
            entropy_->fill(std::as_writable_bytes(std::span{words_}));
            at_ = 0;
        }
        return words_[at_++];
    }

  private:
    std::unique_ptr<rt::Entropy> entropy_ = rt::system_entropy();
    std::array<std::uint32_t, 32> words_{};
    std::size_t at_ = words_.size();
};

// All of one WebSocket but its handle. Shared with the keep-alive coroutine and with calls under way, which
// may outlast the handle by a moment.
struct Core {
    Core(UpgradedConnection given, bool client, const rt::Clock& c, rt::Timers& t, WebSocketLimits l,
         FrameTap* f)
        : stream(std::move(given.stream)),
          reader(std::move(given.reader)),
          is_client(client),
          clock(c),
          timers(t),
          limits(l),
          tap(f),
          heard(c.now()),
          read_side_ended(stream->get_executor()) {}

    StreamPtr stream;
    std::unique_ptr<BufferedReader> reader;
    bool is_client;
    const rt::Clock& clock;
    rt::Timers& timers;
    WebSocketLimits limits;
    FrameTap* tap;
    Masks masks;
    core::Instant heard;

    // reading
    std::string message;
    std::optional<Opcode> message_opcode;  // a message is under way
    bool reading = false;                  // a `read` is under way
    bool ended = false;                    // nothing more will be read
    Failure end{Trouble::unavailable, "the WebSocket is closed", {}, {}};
    std::uint16_t peer_code = 0;
    std::string peer_reason;
    rt::Wake read_side_ended;

    // writing
    std::string queued;
    std::uint64_t queued_total = 0;   // bytes ever queued
    std::uint64_t written_total = 0;  // bytes ever written
    core::Instant queued_deadline = core::Instant::max();
    bool writing = false;
    bool broken = false;  // nothing more can be written
    bool close_sent = false;
    bool shut = false;
    core::Instant closes_tcp_at = core::Instant::max();
    std::list<rt::Wake*> writers;

    bool deaf() const { return tap != nullptr && tap->deaf; }
    void limit_stream(core::Instant at) { stream->close_at(std::min(at, closes_tcp_at)); }
    // From now on the connection has until `at`, whatever else is going on.
    void close_tcp_at(core::Instant at) {
        closes_tcp_at = std::min(closes_tcp_at, at);
        stream->close_at(std::min(closes_tcp_at, stream->closes_at()));
    }
    void finish_reading(Failure why) {
        if (ended) return;
        ended = true;
        end = std::move(why);
        read_side_ended.wake_soon();
    }
    void kill(std::string why) {
        stream->close();
        broken = true;
        finish_reading({Trouble::unavailable, std::move(why), {}, {}});
    }
};
using CorePtr = std::shared_ptr<Core>;

// One write under way. However it ends, an exception of cancellation included, the next one can begin.
class Writing {
  public:
    Writing(Core& core, std::size_t bytes) : core_(core), bytes_(bytes) { core_.writing = true; }
    Writing(const Writing&) = delete;
    Writing& operator=(const Writing&) = delete;
    ~Writing() {
        core_.writing = false;
        if (!whole_) core_.broken = true;
        core_.written_total += bytes_;
        // Whoever comes first writes what the others have queued meanwhile.
        for (rt::Wake* writer : std::exchange(core_.writers, {})) writer->wake_soon();
    }
    void whole() { whole_ = true; }

  private:
    Core& core_;
    std::size_t bytes_;
    bool whole_ = false;
};

rt::asio::awaitable<void> write_queued(CorePtr core) {
    Core& c = *core;
    std::string batch = std::exchange(c.queued, {});
    Writing writing{c, batch.size()};
    c.limit_stream(std::exchange(c.queued_deadline, core::Instant::max()));
    auto ec = co_await write_all(*c.stream, batch);
    if (ec) co_return;
    c.limit_stream(core::Instant::max());
    writing.whole();
}

// A place in the list of those who wait for their bytes to leave.
class WaitingWriter {
  public:
    explicit WaitingWriter(Core& core) : core_(core), wake_(core.stream->get_executor()) {
        core_.writers.push_back(&wake_);
    }
    WaitingWriter(const WaitingWriter&) = delete;
    WaitingWriter& operator=(const WaitingWriter&) = delete;
    ~WaitingWriter() { core_.writers.remove(&wake_); }
    rt::asio::awaitable<error_code> wait() { return wake_.wait(); }

  private:
    Core& core_;
    rt::Wake wake_;
};

Later<Done> send_frame(CorePtr core, Opcode opcode, std::string payload, Deadline deadline) {
    Core& c = *core;
    if (c.deaf()) co_return Done{};
    if (c.broken || c.close_sent) co_return fail(Trouble::unavailable, "the WebSocket is closed");
    if (!c.queued.empty() && c.queued.size() + payload.size() > queued_bytes_max)
        co_return fail(Trouble::overloaded, "too much is waiting to be sent on the WebSocket");
    if (opcode == Opcode::close) c.close_sent = true;
    std::size_t before = c.queued.size();
    std::optional<std::uint32_t> mask;
    if (c.is_client) mask = c.masks.next();
    append_frame(c.queued, opcode, payload, mask);
    c.queued_total += c.queued.size() - before;
    c.queued_deadline = std::min(c.queued_deadline, deadline.at);
    std::uint64_t my_end = c.queued_total;
    while (c.written_total < my_end && !c.broken) {
        if (!c.writing) {
            co_await write_queued(core);
            continue;
        }
        WaitingWriter waiting{c};
        auto ec = co_await waiting.wait();
        if (ec) co_return fail(Trouble::cancelled, "cancelled while waiting to send");
    }
    if (!c.broken) co_return Done{};
    c.stream->close();  // part of a frame may have left: nobody could follow it
    if (c.clock.now() >= deadline.at)
        co_return fail(Trouble::timed_out, "the WebSocket's peer took too long to listen");
    co_return fail(Trouble::unavailable, "the WebSocket's connection broke");
}

std::string close_payload(std::uint16_t code, std::string_view reason) {
    if (code == 0 || code == close_code::none_given) return {};
    std::string payload;
    payload.push_back(static_cast<char>(code >> 8));
    payload.push_back(static_cast<char>(code & 0xFF));
    payload += clip_utf8(reason, close_reason_bytes_max);
    return payload;
}

// Tells the peer why, and gives TCP a moment to carry it there.
rt::asio::awaitable<void> fail_with(CorePtr core, std::uint16_t code, std::string why) {
    auto told = co_await send_frame(core, Opcode::close, close_payload(code, why),
                                    Deadline{core->clock.now() + last_word_time_max});
    core->close_tcp_at(core->clock.now() + last_word_time_max);
    core->finish_reading(
        {Trouble::unavailable, fmt::format("the WebSocket was closed by us ({}): {}", code, why), {}, {}});
    static_cast<void>(told);  // it is over either way
}

rt::asio::awaitable<void> on_close_frame(CorePtr core, std::string payload) {
    Core& c = *core;
    c.peer_code = close_code::none_given;
    bool good = payload.size() != 1;
    if (payload.size() >= 2) {
        c.peer_code = static_cast<std::uint16_t>(static_cast<unsigned char>(payload[0]) << 8 |
                                                 static_cast<unsigned char>(payload[1]));
        c.peer_reason = payload.substr(2);
        good = may_be_sent(c.peer_code) && valid_utf8(c.peer_reason);
        if (!valid_utf8(c.peer_reason)) c.peer_reason.clear();
    }
    if (!c.close_sent) {
        std::uint16_t answer = good ? c.peer_code : close_code::protocol_error;
        auto told = co_await send_frame(core, Opcode::close, close_payload(answer, {}),
                                        Deadline{c.clock.now() + last_word_time_max});
        static_cast<void>(told);  // it is over either way
    }
    // The server ends TCP first (RFC 6455 §7.1.1); a client waits a moment for that.
    if (c.is_client)
        c.close_tcp_at(c.clock.now() + last_word_time_max);
    else
        c.stream->close();
    c.finish_reading(
        {Trouble::unavailable,
         fmt::format("the WebSocket was closed by its peer ({}) {}", c.peer_code, visible(c.peer_reason)),
         {},
         {}});
}

// More bytes, or the end of it all.
rt::asio::awaitable<bool> read_more(CorePtr core, std::size_t room) {
    Core& c = *core;
    auto ec = co_await c.reader->more(room);
    if (!ec) {
        c.heard = c.clock.now();
        co_return true;
    }
    if (ec == asio::error::operation_aborted && c.stream->closes_at() > c.clock.now() && !c.shut && !c.broken)
        co_return false;  // the caller was cancelled; the WebSocket lives on
    c.broken = true;
    c.stream->close();
    c.finish_reading({Trouble::unavailable, "the WebSocket's connection broke: " + ec.message(), {}, {}});
    co_return false;
}

// The next frame's head once it has arrived, within the rules for messages in pieces.
rt::asio::awaitable<std::optional<ParsedHead>> read_head(CorePtr core) {
    Core& c = *core;
    for (;;) {
        auto head = parse_frame_head(c.reader->bytes(), !c.is_client);
        std::optional<Violation> violation;
        if (!head) {
            violation = head.error();
        } else if (*head) {
            Opcode opcode = (*head)->opcode;
            if (c.tap != nullptr && c.tap->on_frame)
                c.tap->on_frame(
                    FrameHead{(*head)->final, static_cast<std::uint8_t>(opcode), (*head)->payload_bytes});
            bool starts = opcode == Opcode::text || opcode == Opcode::binary;
            if (starts && c.message_opcode)
                violation = Violation{close_code::protocol_error, "a message inside another"};
            if (opcode == Opcode::continuation && !c.message_opcode)
                violation = Violation{close_code::protocol_error, "a continuation of nothing"};
            std::size_t room =
                c.limits.message_bytes_max - std::min(c.message.size(), c.limits.message_bytes_max);
            if ((starts || opcode == Opcode::continuation) && (*head)->payload_bytes > room)
                violation = Violation{close_code::too_big, "the message is too big"};
        }
        if (violation) {
            co_await fail_with(core, violation->code, std::string(violation->why));
            co_return std::nullopt;
        }
        if (*head) {
            c.reader->consume((*head)->head_bytes);
            co_return **head;
        }
        bool more = co_await read_more(core, read_bytes);
        if (!more) co_return std::nullopt;
    }
}

rt::asio::awaitable<bool> read_payload(CorePtr core, const ParsedHead& head, std::string& payload) {
    Core& c = *core;
    std::uint64_t taken = 0;
    for (;;) {
        std::string_view bytes = c.reader->bytes();
        auto count =
            static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), head.payload_bytes - taken));
        std::size_t start = payload.size();
        payload.append(bytes.substr(0, count));
        if (head.mask) unmask(payload.data() + start, count, *head.mask, taken);
        c.reader->consume(count);
        taken += count;
        if (taken == head.payload_bytes) co_return true;
        bool large = head.payload_bytes - taken > read_bytes;
        bool more = co_await read_more(core, large ? read_bytes_large : read_bytes);
        if (!more) co_return false;
    }
}

rt::asio::awaitable<void> on_control(CorePtr core, Opcode opcode, std::string payload) {
    if (opcode == Opcode::close) {
        co_await on_close_frame(core, std::move(payload));
    } else if (opcode == Opcode::ping && !core->close_sent) {
        auto answered = co_await send_frame(core, Opcode::pong, std::move(payload),
                                            Deadline{core->clock.now() + control_time_max});
        static_cast<void>(answered);  // a broken connection shows in the next read
    }
}

// Reads on until a message is whole; nullopt: the end (`Core::end` says why), or the caller was cancelled.
rt::asio::awaitable<std::optional<WebSocketFrame>> read_message(CorePtr core) {
    Core& c = *core;
    while (!c.ended) {
        auto head = co_await read_head(core);
        if (!head) co_return std::nullopt;
        bool control = (static_cast<std::uint8_t>(head->opcode) & 8) != 0;
        std::string control_payload;
        if (!control && head->opcode != Opcode::continuation) c.message_opcode = head->opcode;
        bool whole = co_await read_payload(core, *head, control ? control_payload : c.message);
        if (!whole) co_return std::nullopt;
        if (control) {
            if (!c.deaf()) co_await on_control(core, head->opcode, std::move(control_payload));
            continue;
        }
        if (!head->final) continue;
        WebSocketFrame frame{*c.message_opcode == Opcode::text, std::exchange(c.message, {})};
        c.message_opcode.reset();
        if (c.deaf()) continue;
        if (frame.text && !valid_utf8(frame.payload)) {
            co_await fail_with(core, close_code::bad_payload, "a text message is not UTF-8");
            co_return std::nullopt;
        }
        co_return frame;
    }
    co_return std::nullopt;
}

rt::asio::awaitable<std::optional<WebSocketFrame>> read_marked(CorePtr core) {
    struct Reading {
        Core& core;
        explicit Reading(Core& c) : core(c) { core.reading = true; }
        Reading(const Reading&) = delete;
        Reading& operator=(const Reading&) = delete;
        ~Reading() { core.reading = false; }
    };
    Reading reading{*core};
    auto frame = co_await read_message(core);
    co_return frame;
}

// Pings, and ends a connection that says nothing.
rt::asio::awaitable<void> keep_alive(CorePtr core) {
    Core& c = *core;
    core::Duration silence = c.limits.silence_max;
    core::Duration period = silence / pings_per_silence;
    core::Instant next_ping = c.clock.now() + period;
    while (!c.ended) {
        core::Instant dies = c.heard + silence;
        auto ec = co_await c.timers.sleep_until(std::min(next_ping, dies));
        if (ec || c.ended) co_return;
        if (c.clock.now() >= c.heard + silence) {
            c.kill(fmt::format("the WebSocket's peer was silent for {} s", c.limits.silence_max.count()));
            co_return;
        }
        // Hear what comes even while nobody reads.
        c.reader->start(read_bytes);
        if (c.clock.now() < next_ping) continue;
        next_ping = c.clock.now() + period;
        auto sent = co_await send_frame(core, Opcode::ping, {}, Deadline{c.clock.now() + silence});
        if (!sent) co_return;
    }
}

class Socket final : public WebSocket {
  public:
    explicit Socket(CorePtr core) : core_(std::move(core)) {
        core_->reader->on_idle_read([c = core_.get()] { c->heard = c->clock.now(); });
        if (core_->limits.silence_max.count() > 0)
            keep_alive_ =
                rt::Background{core_->stream->get_executor(), "websocket keep-alive", keep_alive(core_)};
    }
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;
    ~Socket() override { shut(); }

    Later<WebSocketFrame> read() override { return read_one(core_); }
    Later<Done> write(std::string text, Deadline deadline) override {
        return send_frame(core_, Opcode::text, std::move(text), deadline);
    }
    Later<Done> ping(Deadline deadline) override { return send_frame(core_, Opcode::ping, {}, deadline); }
    Later<Done> close(std::uint16_t code, std::string reason, Deadline deadline) override {
        return close_politely(core_, code, std::move(reason), deadline);
    }
    void shut() override {
        keep_alive_.cancel();
        core_->shut = true;
        core_->broken = true;
        core_->stream->close();
        core_->finish_reading({Trouble::cancelled, "the WebSocket was shut", {}, {}});
    }
    std::uint16_t close_code() const override { return core_->peer_code; }
    std::string close_reason() const override { return core_->peer_reason; }
    core::Instant last_heard() const override { return core_->heard; }

  private:
    static Later<WebSocketFrame> read_one(CorePtr core) {
        if (core->ended) co_return std::unexpected(core->end);
        auto frame = co_await read_marked(core);
        if (core->shut) co_return fail(Trouble::cancelled, "the WebSocket was shut");
        if (frame) co_return std::move(*frame);
        if (core->ended) co_return std::unexpected(core->end);
        co_return fail(Trouble::cancelled, "reading was cancelled");
    }
    static Later<Done> close_politely(CorePtr core, std::uint16_t code, std::string reason,
                                      Deadline deadline);

    CorePtr core_;
    rt::Background keep_alive_;
};

Later<Done> Socket::close_politely(CorePtr core, std::uint16_t code, std::string reason, Deadline deadline) {
    Core& c = *core;
    if (c.ended || c.shut) co_return Done{};
    c.close_tcp_at(deadline.at);
    auto sent = co_await send_frame(core, Opcode::close, close_payload(code, reason), deadline);
    while (sent && !c.ended) {
        if (c.reading) {
            auto ec = co_await c.read_side_ended.wait();  // comes at the latest when TCP is closed
            if (ec) break;
            continue;
        }
        auto late_message = co_await read_message(core);
        if (!late_message) break;
    }
    bool answered = c.peer_code != 0;
    if (answered && c.is_client) {
        while (!c.reader->ended() && !c.reader->reading()) {
            auto ec = co_await c.reader->more(read_bytes);
            if (ec) break;
            c.reader->consume(c.reader->bytes().size());
        }
    }
    c.broken = true;
    c.stream->close();
    c.finish_reading({Trouble::unavailable, "the WebSocket was closed", {}, {}});
    if (!answered) co_return fail(Trouble::timed_out, "the WebSocket's peer did not answer the close");
    co_return Done{};
}

}  // namespace

std::unique_ptr<WebSocket> make_websocket(UpgradedConnection connection, bool is_client,
                                          const rt::Clock& clock, rt::Timers& timers, WebSocketLimits limits,
                                          FrameTap* tap) {
    return std::make_unique<Socket>(
        std::make_shared<Core>(std::move(connection), is_client, clock, timers, limits, tap));
}

std::string websocket_accept(std::string_view key) {
    std::string text{key};
    text += "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    return base64(as_text(sha1(text)));
}

namespace {

Later<ResponseHead> read_answer(BufferedReader& reader) {
    constexpr std::size_t answer_bytes_max = 64 * 1024;
    std::size_t seen = 0;
    for (;;) {
        std::string_view bytes = reader.bytes();
        auto end = find_head_end(bytes, seen);
        if (end) {
            auto head = parse_response_head(bytes.substr(0, *end));
            if (!head)
                co_return fail(Trouble::unavailable, "WebSocket handshake: " + head.error().detail,
                               "bad_response");
            reader.consume(*end);
            co_return std::move(*head);
        }
        if (bytes.size() > answer_bytes_max)
            co_return fail(Trouble::unavailable, "WebSocket handshake: the answer's header is too large",
                           "bad_response");
        seen = bytes.size();
        auto ec = co_await reader.more(read_bytes);
        if (ec)
            co_return fail(Trouble::unavailable,
                           "WebSocket handshake: the connection broke: " + ec.message());
    }
}

Result<Done> check_answer(const ResponseHead& head, std::string_view key) {
    const HttpResponse& answer = head.response;
    if (answer.status != 101)
        return fail(Trouble::unavailable,
                    fmt::format("WebSocket handshake: answered with status {}", answer.status),
                    fmt::format("status_{}", answer.status));
    bool agreed = list_has(answer.fields, "Upgrade", "websocket") &&
                  list_has(answer.fields, "Connection", "upgrade") &&
                  answer.fields.find("Sec-WebSocket-Accept") == websocket_accept(key) &&
                  answer.fields.count("Sec-WebSocket-Extensions") == 0 &&
                  answer.fields.count("Sec-WebSocket-Protocol") == 0;
    if (!agreed)
        return fail(Trouble::unavailable, "WebSocket handshake: the answer does not fit", "bad_response");
    return Done{};
}

}  // namespace

Later<std::unique_ptr<WebSocket>> connect_websocket(Dialer& dialer, const Url& url, const rt::Clock& clock,
                                                    rt::Timers& timers, WebSocketLimits limits,
                                                    Deadline deadline) {
    auto stream = co_await dialer.dial(url, deadline);
    if (!stream) co_return pass(stream);
    UpgradedConnection connection{std::move(*stream), nullptr};
    connection.reader = std::make_unique<BufferedReader>(*connection.stream);
    connection.stream->close_at(deadline.at);
    std::array<std::byte, 16> nonce{};
    rt::system_entropy()->fill(nonce);
    std::string key = base64(as_text(nonce));
    std::string request = fmt::format("GET {} HTTP/1.1\r\n", url.target);
    append_field(request, "Host", url.authority());
    request += "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n";
    append_field(request, "Sec-WebSocket-Key", key);
    request += "\r\n";
    auto ec = co_await write_all(*connection.stream, request);
    Result<ResponseHead> head = fail(Trouble::unavailable, "WebSocket handshake: " + ec.message());
    if (!ec) head = co_await read_answer(*connection.reader);
    if (!head && clock.now() >= deadline.at)
        co_return fail(Trouble::timed_out, "WebSocket handshake: the deadline passed");
    if (!head) co_return pass(head);
    auto agreed = check_answer(*head, key);
    if (!agreed) co_return pass(agreed);
    connection.stream->close_at(core::Instant::max());
    co_return make_websocket(std::move(connection), true, clock, timers, limits, nullptr);
}

}  // namespace countersign::net
