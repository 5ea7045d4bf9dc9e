#include "net/websocket.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/recycling_allocator.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/websocket/error.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <deque>
#include <utility>

#include "countersign/base/text.hpp"
#include "countersign/rt/background.hpp"
#include "countersign/rt/signal.hpp"
#include "countersign/rt/wake.hpp"
#include "net/frame_stream.hpp"
#include "net/http_text.hpp"

// This is Beast's WebSocket (RFC 6455) behind our own interface. Beast draws its masking keys itself: they
// need not be secret or repeatable, only different.
namespace countersign::net {
namespace {

namespace http = boost::beast::http;
namespace websocket = boost::beast::websocket;

constexpr std::size_t queued_bytes_max = 8 * 1024 * 1024;
constexpr std::size_t unread_bytes_max = 64 * 1024;  // of messages kept while nobody reads
constexpr std::size_t kept_buffer_bytes_max = 8 * 1024;
constexpr std::size_t close_reason_bytes_max = 123;
constexpr int pings_per_silence = 3;
constexpr std::string_view product = "Countersign";

using Beast = websocket::stream<FrameStream&, false>;  // without permessage-deflate

// Holds a message or ping on its way out. The queue, whoever waits for it, and Beast's operation share it.
struct Outgoing {
    enum class Kind : std::uint8_t { text, binary, ping };
    Outgoing(const asio::any_io_executor& executor, std::string p, Kind k, Deadline d)
        : payload(std::move(p)), kind(k), deadline(d.at), sent(executor) {}
    std::string payload;
    Kind kind;
    core::Instant deadline;
    rt::Wake sent;
    bool done = false;
    bool ok = false;
};
using OutgoingPtr = std::shared_ptr<Outgoing>;

struct SocketRole {
    bool is_client;
    WebSocketLimits limits;
};

// Holds all of one WebSocket but its handle. Beast's operations, the keep-alive coroutine and calls under way
// share it, because they may outlast the handle by a moment.
struct SocketState {
    SocketState(StreamPtr stream, std::string first_bytes, SocketRole role, const rt::Clock& c,
                rt::Timers& t);

    FrameStream frames;
    std::optional<Beast> beast;  // none once the handle has gone: with it go the operations that only wait
    bool is_client;
    const rt::Clock& clock;
    rt::Timers& timers;
    WebSocketLimits limits;

    // ---- reading
    boost::beast::flat_buffer incoming;
    bool reading = false;  // whether a read of Beast's is under way
    std::deque<WebSocketFrame> unread;
    std::size_t unread_bytes = 0;
    rt::Wake arrival;
    bool ended = false;  // nothing more will be read
    Failure end{Trouble::unavailable, "the WebSocket is closed", {}, {}};
    std::uint16_t peer_code = 0;
    std::string peer_reason;

    // ---- writing
    std::deque<OutgoingPtr> outgoing;  // the first one is being written if `writing`
    std::size_t outgoing_bytes = 0;
    bool writing = false;
    bool broken = false;   // nothing more can be written
    bool closing = false;  // we have begun the closing handshake
    bool shut = false;
    core::Instant closes_tcp_at = core::Instant::max();

    void limit_stream(core::Instant at) { frames.close_under_at(std::min(at, closes_tcp_at)); }
    // Closes TCP at `at` at the latest, whatever else is going on.
    void close_tcp_at(core::Instant at) {
        closes_tcp_at = std::min(closes_tcp_at, at);
        frames.close_under_at(std::min(closes_tcp_at, frames.under_closes_at()));
    }
    void finish_reading(Failure why) {
        if (ended) return;
        ended = true;
        end = std::move(why);
        arrival.wake_soon();
    }
    void finish_writing() {
        broken = true;
        for (const OutgoingPtr& item : std::exchange(outgoing, {})) {
            item->done = true;
            item->sent.wake_soon();
        }
    }
    void kill(std::string why) {
        frames.close();
        finish_writing();
        finish_reading({Trouble::unavailable, std::move(why), {}, {}});
    }
    void note_close_frame();
    Failure why_ended(const error_code& ec) const;
};
using StatePtr = std::shared_ptr<SocketState>;

SocketState::SocketState(StreamPtr stream, std::string first_bytes, SocketRole role, const rt::Clock& c,
                         rt::Timers& t)
    : frames(std::move(stream), std::move(first_bytes), c),
      beast(std::in_place, frames),
      is_client(role.is_client),
      clock(c),
      timers(t),
      limits(role.limits),
      arrival(frames.get_executor()) {
    // Beast's own timeouts are off, because time is told by our own clock.
    const auto never = websocket::stream_base::none();
    beast->set_option(websocket::stream_base::timeout{never, never, false});
    beast->auto_fragment(false);
    beast->read_message_max(limits.message_bytes_max);
    beast->control_callback([this](websocket::frame_type kind, boost::beast::string_view) {
        if (kind == websocket::frame_type::close) note_close_frame();
    });
}

void SocketState::note_close_frame() {
    const websocket::close_reason& reason = beast->reason();
    bool has_code = reason.code != websocket::close_code::none;
    peer_code = has_code ? reason.code : static_cast<std::uint16_t>(websocket::close_code::no_status);
    peer_reason = std::string(reason.reason.data(), reason.reason.size());
    if (!is_client) frames.ends_at_once = true;
    close_tcp_at(clock.now() + last_word_time_max);
}

Failure SocketState::why_ended(const error_code& ec) const {
    std::string why;
    if (peer_code != 0)
        why = fmt::format("the WebSocket was closed by its peer ({}) {}", peer_code, visible(peer_reason));
    else if (ec == websocket::condition::protocol_violation || ec == websocket::error::message_too_big ||
             ec == websocket::error::bad_frame_payload)
        why = "the WebSocket was closed by us: " + ec.message();
    else
        why = "the WebSocket's connection broke: " + ec.message();
    return {Trouble::unavailable, std::move(why), {}, {}};
}

// Makes a completion handler take its memory from the thread's own store.
template <class Handler>
auto recycled(Handler handler) {
    return asio::bind_allocator(asio::recycling_allocator<void>{}, std::move(handler));
}

// ---- reading

void read_next(const StatePtr& core);

void on_read(const StatePtr& core, const error_code& ec) {
    SocketState& c = *core;
    c.reading = false;
    if (ec) {
        bool handshake_goes_on = c.closing && c.peer_code == 0 && ec == asio::error::operation_aborted;
        bool told = ec.category() == websocket::make_error_code(websocket::error::closed).category();
        if (!told && !handshake_goes_on) c.frames.close();
        if (!handshake_goes_on) c.finish_writing();
        c.finish_reading(c.why_ended(ec));
        return;
    }
    auto bytes = c.incoming.data();
    WebSocketFrame frame{c.beast->got_text(), {static_cast<const char*>(bytes.data()), bytes.size()}};
    c.incoming.consume(bytes.size());
    if (c.incoming.capacity() > kept_buffer_bytes_max) c.incoming.shrink_to_fit();
    c.unread_bytes += frame.payload.size();
    c.unread.push_back(std::move(frame));
    c.arrival.wake_now();
}

// Begins to read a message unless a read is under way. The read goes on when whoever waits for it is
// cancelled.
void read_next(const StatePtr& core) {
    SocketState& c = *core;
    if (c.reading || c.ended || c.shut || c.unread_bytes > unread_bytes_max) return;
    c.reading = true;
    c.beast->async_read(c.incoming, recycled([core](error_code ec, std::size_t) { on_read(core, ec); }));
}

Later<WebSocketFrame> read_one(StatePtr core) {
    SocketState& c = *core;
    while (c.unread.empty() && !c.ended) {
        read_next(core);
        auto ec = co_await c.arrival.wait();
        if (ec && !c.shut) co_return fail(Trouble::cancelled, "reading was cancelled");
    }
    if (c.shut) co_return fail(Trouble::cancelled, "the WebSocket was shut");
    if (c.unread.empty()) co_return std::unexpected(c.end);
    WebSocketFrame frame = std::move(c.unread.front());
    c.unread.pop_front();
    c.unread_bytes -= frame.payload.size();
    co_return std::move(frame);
}

// ---- writing

void write_next(const StatePtr& core);

void on_written(const StatePtr& core, const OutgoingPtr& item, const error_code& ec) {
    SocketState& c = *core;
    c.writing = false;
    item->done = true;
    item->ok = !ec;
    if (!c.outgoing.empty() && c.outgoing.front() == item) {
        c.outgoing.pop_front();
        c.outgoing_bytes -= item->payload.size();
    }
    if (ec) {
        // Part of a frame may have left, after which the peer could follow nothing. A closing handshake ends
        // the connection itself.
        bool handshake_goes_on = c.closing || c.peer_code != 0;
        if (!handshake_goes_on) c.frames.close();
        c.finish_writing();
    } else {
        core::Instant next = core::Instant::max();
        if (item->deadline != next)
            for (const OutgoingPtr& waiting : c.outgoing) next = std::min(next, waiting->deadline);
        c.limit_stream(next);
        write_next(core);
    }
    item->sent.wake_now();
}

void write_next(const StatePtr& core) {
    SocketState& c = *core;
    if (c.writing || c.outgoing.empty() || c.broken || c.shut) return;
    c.writing = true;
    OutgoingPtr item = c.outgoing.front();
    auto completed = [core, item](error_code ec, std::size_t = 0) { on_written(core, item, ec); };
    if (item->kind == Outgoing::Kind::ping) {
        c.beast->async_ping({}, recycled(std::move(completed)));
        return;
    }
    c.beast->binary(item->kind == Outgoing::Kind::binary);
    c.beast->async_write(asio::buffer(item->payload), recycled(std::move(completed)));
}

OutgoingPtr enqueue(const StatePtr& core, std::string payload, Outgoing::Kind kind, Deadline deadline) {
    SocketState& c = *core;
    auto item = std::make_shared<Outgoing>(c.frames.get_executor(), std::move(payload), kind, deadline);
    c.outgoing_bytes += item->payload.size();
    c.outgoing.push_back(item);
    if (deadline.at < c.frames.under_closes_at()) c.limit_stream(deadline.at);
    write_next(core);
    return item;
}

// `payloads` is not empty.
Later<Done> send(StatePtr core, std::vector<std::string> payloads, Outgoing::Kind kind, Deadline deadline) {
    SocketState& c = *core;
    if (c.broken || c.closing || c.ended) co_return fail(Trouble::unavailable, "the WebSocket is closed");
    std::size_t bytes = 0;
    for (const std::string& payload : payloads) bytes += payload.size();
    if (!c.outgoing.empty() && c.outgoing_bytes + bytes > queued_bytes_max)
        co_return fail(Trouble::overloaded, "too much is waiting to be sent on the WebSocket");
    OutgoingPtr item;  // the last one: those before it have left when it has
    for (std::string& payload : payloads) item = enqueue(core, std::move(payload), kind, deadline);
    while (!item->done) {
        auto ec = co_await item->sent.wait();
        if (ec && !item->done) co_return fail(Trouble::cancelled, "cancelled while waiting to send");
    }
    if (item->ok) co_return Done{};
    if (c.clock.now() >= deadline.at)
        co_return fail(Trouble::timed_out, "the WebSocket's peer took too long to listen");
    co_return fail(Trouble::unavailable, "the WebSocket's connection broke");
}

// ---- living and ending

// Sends pings, and ends a connection whose peer is silent.
rt::asio::awaitable<void> keep_alive(StatePtr core) {
    SocketState& c = *core;
    core::Duration silence = c.limits.silence_max;
    core::Duration period = silence / pings_per_silence;
    core::Instant next_ping = c.clock.now() + period;
    OutgoingPtr ping;
    while (!c.ended) {
        core::Instant dies = c.frames.heard_at + silence;
        auto ec = co_await c.timers.sleep_until(std::min(next_ping, dies));
        if (ec || c.ended) co_return;
        if (c.clock.now() >= c.frames.heard_at + silence) {
            c.kill(fmt::format("the WebSocket's peer was silent for {} s", c.limits.silence_max.count()));
            co_return;
        }
        read_next(core);  // frames are heard even while nobody reads
        if (c.clock.now() < next_ping) continue;
        next_ping = c.clock.now() + period;
        bool sends = !c.broken && !c.closing && (!ping || ping->done);
        if (sends) ping = enqueue(core, {}, Outgoing::Kind::ping, Deadline{core::Instant::max()});
    }
}

websocket::close_reason close_reason_of(std::uint16_t code, std::string_view reason) {
    if (code == 0 || code == websocket::close_code::no_status) return {};
    return {static_cast<websocket::close_code>(code), clip_utf8(reason, close_reason_bytes_max)};
}

// Does as much of the closing handshake as fits before `deadline`; false where the peer has not answered.
Later<bool> closing_handshake(StatePtr core, std::uint16_t code, std::string reason, Deadline deadline) {
    struct CloseResult {
        explicit CloseResult(const asio::any_io_executor& executor) : over(executor) {}
        rt::Signal over;
        std::optional<error_code> ec;
    };
    SocketState& c = *core;
    // It is shared because Beast may wait for longer than we do.
    auto result = std::make_shared<CloseResult>(c.frames.get_executor());
    auto completed = [core, result](error_code ec) {
        result->ec = ec;
        result->over.notify_all();
    };
    c.beast->async_close(close_reason_of(code, reason), recycled(std::move(completed)));
    while (!result->ec && !c.shut && c.clock.now() < deadline.at)
        co_await result->over.wait_until(c.timers, deadline.at);
    if (c.shut) co_return fail(Trouble::cancelled, "the WebSocket was shut");
    bool answered = result->ec == error_code{};
    if (answered && c.peer_code == 0) c.note_close_frame();
    co_return c.peer_code != 0;
}

Later<Done> close_gracefully(StatePtr core, std::uint16_t code, std::string reason, Deadline deadline) {
    SocketState& c = *core;
    if (c.ended || c.shut || c.closing) co_return Done{};
    c.closing = true;
    c.frames.ends_at_once = true;
    c.close_tcp_at(deadline.at);
    auto answered = co_await closing_handshake(core, code, std::move(reason), deadline);
    c.frames.close();
    c.finish_writing();
    c.finish_reading(c.why_ended(websocket::error::closed));
    if (!answered) co_return pass(answered);
    if (!*answered) co_return fail(Trouble::timed_out, "the WebSocket's peer did not answer the close");
    co_return Done{};
}

class Socket final : public WebSocket {
  public:
    explicit Socket(StatePtr core) : core_(std::move(core)) {
        if (core_->limits.silence_max.count() > 0)
            keep_alive_ =
                rt::Background{core_->frames.get_executor(), "websocket keep-alive", keep_alive(core_)};
    }
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;
    ~Socket() override {
        shut();
        core_->beast.reset();
    }

    Later<WebSocketFrame> read() override { return read_one(core_); }
    Later<Done> write(std::string text, Deadline deadline) override {
        return send(core_, one(std::move(text)), Outgoing::Kind::text, deadline);
    }
    Later<Done> write_binary(std::vector<std::string> messages, Deadline deadline) override {
        if (messages.empty()) return nothing_to_send();
        return send(core_, std::move(messages), Outgoing::Kind::binary, deadline);
    }
    Later<Done> ping(Deadline deadline) override {
        return send(core_, one({}), Outgoing::Kind::ping, deadline);
    }
    Later<Done> close(std::uint16_t code, std::string reason, Deadline deadline) override {
        return close_gracefully(core_, code, std::move(reason), deadline);
    }
    void shut() override {
        keep_alive_.cancel();
        core_->shut = true;
        core_->frames.close();
        core_->finish_writing();
        core_->finish_reading({Trouble::cancelled, "the WebSocket was shut", {}, {}});
    }
    std::uint16_t close_code() const override { return core_->peer_code; }
    std::string close_reason() const override { return core_->peer_reason; }
    core::Instant last_heard() const override { return core_->frames.heard_at; }

  private:
    static std::vector<std::string> one(std::string payload) {
        std::vector<std::string> payloads;
        payloads.push_back(std::move(payload));
        return payloads;
    }
    static Later<Done> nothing_to_send() { co_return Done{}; }

    StatePtr core_;
    rt::Background keep_alive_;
};

Failure handshake_failure(const error_code& ec, const websocket::response_type& answer) {
    bool broke = ec == http::error::end_of_stream || ec == http::error::partial_message;
    bool spoke =
        !broke && (ec.category() == websocket::make_error_code(websocket::error::closed).category() ||
                   ec.category() == http::make_error_code(http::error::end_of_stream).category());
    if (ec == websocket::error::upgrade_declined)
        return {Trouble::unavailable,
                fmt::format("WebSocket handshake: answered with status {}", answer.result_int()),
                fmt::format("status_{}", answer.result_int()),
                {}};
    return {Trouble::unavailable,
            fmt::format("WebSocket handshake: {}{}", spoke ? "" : "the connection broke: ", ec.message()),
            spoke ? "bad_response" : "",
            {}};
}

}  // namespace

Later<std::unique_ptr<WebSocket>> accept_websocket(UpgradedConnection connection, const rt::Clock& clock,
                                                   rt::Timers& timers, WebSocketLimits limits,
                                                   Deadline deadline) {
    const HttpRequest& request = connection.request;
    SocketRole server{.is_client = false, .limits = limits};
    auto core = std::make_shared<SocketState>(std::move(connection.stream), std::move(connection.first_bytes),
                                              server, clock, timers);
    core->frames.close_under_at(deadline.at);
    http::request<http::empty_body> handshake{http::verb::get, request.target, 11};
    for (const auto& [name, value] : request.fields)
        if (!equal_ignoring_case(name, "Expect")) handshake.insert(name, value);
    core->beast->set_option(websocket::stream_base::decorator{
        [date = std::string(connection.date)](websocket::response_type& answer) {
            answer.set(http::field::date, date);
            answer.set(http::field::server, product);
        }});
    error_code ec;
    auto token = asio::redirect_error(asio::use_awaitable_t<>{}, ec);
    co_await core->beast->async_accept(handshake, token);
    if (ec && clock.now() >= deadline.at)
        co_return fail(Trouble::timed_out, "the client was too slow to take its answer");
    if (ec) co_return fail(Trouble::unavailable, "the client has gone");
    core->frames.close_under_at(core::Instant::max());
    co_return std::make_unique<Socket>(std::move(core));
}

Later<std::unique_ptr<WebSocket>> connect_websocket(Dialer& dialer, WebSocketTarget target,
                                                    const rt::Clock& clock, rt::Timers& timers,
                                                    WebSocketLimits limits, Deadline deadline) {
    const Url& url = target.url;
    auto stream = co_await dialer.dial(url, deadline);
    if (!stream) co_return pass(stream);
    SocketRole client{.is_client = true, .limits = limits};
    auto core = std::make_shared<SocketState>(std::move(*stream), std::string{}, client, clock, timers);
    core->frames.close_under_at(deadline.at);
    core->beast->set_option(websocket::stream_base::decorator{
        [fields = std::move(target.fields)](websocket::request_type& request) {
            request.set(http::field::user_agent, product);  // otherwise Beast tells its own name and version
            for (const auto& [name, value] : fields) request.set(name, value);
        }});
    websocket::response_type answer;
    error_code ec;
    auto token = asio::redirect_error(asio::use_awaitable_t<>{}, ec);
    co_await core->beast->async_handshake(answer, url.authority(), url.target, token);
    if (ec && clock.now() >= deadline.at)
        co_return fail(Trouble::timed_out, "WebSocket handshake: the deadline passed");
    if (ec) co_return std::unexpected(handshake_failure(ec, answer));
    bool unasked = answer.count(http::field::sec_websocket_extensions) > 0 ||
                   answer.count(http::field::sec_websocket_protocol) > 0;
    if (unasked)
        co_return fail(Trouble::unavailable, "WebSocket handshake: the answer does not fit", "bad_response");
    core->frames.close_under_at(core::Instant::max());
    co_return std::make_unique<Socket>(std::move(core));
}

}  // namespace countersign::net
