#include "sandbox/sockets.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <utility>
#include <vector>

#include "countersign/base/log.hpp"
#include "sandbox/json.hpp"
#include "sandbox/tapped_stream.hpp"

namespace countersign::sandbox {

namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr seconds write_time_max{2};
constexpr seconds close_time_max{1};
constexpr seconds warning_before_close{10};
constexpr seconds ping_every{5};
constexpr seconds silence_max{30};
constexpr minutes ticket_life{1};
constexpr int event_attempts_max = 4;

// Returns how long after an attempt (0, 1, 2) the next one follows.
core::Duration retry_gap(int attempt, core::Duration ack_within) {
    if (attempt == 0) return ack_within;
    return attempt == 1 ? core::Duration{minutes{1}} : core::Duration{minutes{5}};
}

Value envelope_of(const std::string& id, std::string_view type, const Value& payload, bool takes_answer) {
    return Value::object({{"envelope_id", id},
                          {"type", type},
                          {"payload", payload},
                          {"accepts_response_payload", takes_answer}});
}

}  // namespace

Sockets::Sockets(Workspace& workspace, rt::asio::any_io_executor executor, const rt::Clock& clock,
                 rt::Timers& timers, rt::Entropy& entropy, core::Duration ack_within)
    : workspace_(workspace),
      executor_(executor),
      clock_(clock),
      timers_(timers),
      entropy_(entropy),
      ack_within_(ack_within),
      work_(std::move(executor)) {}

std::string Sockets::new_ticket() {
    std::erase_if(tickets_, [&](const auto& ticket) { return ticket.second < clock_.now(); });
    std::string id = workspace_.uuid();
    tickets_[id] = clock_.now() + ticket_life;
    return id;
}

std::size_t Sockets::live() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(links_, [](const auto& l) { return l.second->live; }));
}

rt::asio::awaitable<void> Sockets::serve(net::HttpExchange& exchange, std::string_view ticket) {
    auto known = tickets_.find(ticket);
    const bool valid = known != tickets_.end() && known->second >= clock_.now();
    if (known != tickets_.end()) tickets_.erase(known);
    unsigned refuse = valid ? 0 : 404;
    if (valid && faults.refuse_handshakes > 0) {
        --faults.refuse_handshakes;
        refuse = faults.refuse_status;
    }
    if (refuse != 0) {
        net::HttpResponse refusal;
        refusal.status = refuse;
        refusal.body = "the link is not valid\n";
        co_await exchange.respond(std::move(refusal));
        co_return;
    }
    if (faults.hang_handshakes > 0) {
        --faults.hang_handshakes;
        co_await timers_.sleep_until(clock_.now() + seconds{30});
        exchange.drop();
        co_return;
    }
    auto link = std::make_shared<Link>(++last_link_);
    link->tap->on_frame = [this](const FrameHead& head) {
        if (head.opcode == 0 || (!head.final && head.opcode < 8)) ++figures_.continuation_frames;
        if (head.bytes > client_frame_bytes_max) ++figures_.oversized_frames;
    };
    // It pings by itself, as Slack does.
    const net::WebSocketLimits limits{.message_bytes_max = client_frame_bytes_max, .silence_max = {}};
    auto between = [link](net::StreamPtr connection, std::string first_bytes) {
        return tapped(std::move(connection), std::move(first_bytes), link->tap);
    };
    auto socket = co_await exchange.upgrade(limits, std::move(between));
    if (!socket) co_return;
    link->socket = std::move(*socket);
    ++figures_.opened;
    bool welcome = co_await greet(link);
    if (welcome) co_await listen(link);
}

rt::asio::awaitable<bool> Sockets::greet(LinkPtr link) {
    const bool full = links_.size() >= sockets_max;
    if (full || faults.too_many_first > 0) {
        if (!full) --faults.too_many_first;
        co_await send(link, disconnect_text("too_many_websockets"));
        co_await close(link, 1000);
        co_return false;
    }
    const auto now = clock_.now();
    link->close_at = now + seconds{faults.connection_s};
    link->warn_at = link->close_at - warning_before_close;
    link->ping_at = now + ping_every;
    links_[link->number] = link;
    // A ping goes out first, because Slack's pings may come before its hello.
    co_await link->socket->ping(Deadline{now + write_time_max});
    if (faults.withhold_hellos > 0) {
        --faults.withhold_hellos;
        co_return true;
    }
    link->live = true;
    Value hello = Value::object(
        {{"type", "hello"},
         {"num_connections", live()},
         {"connection_info", Value::object({{"app_id", app_id}})},
         {"debug_info", Value::object({{"host", "applink-sim-1"},
                                       {"started", core::rfc3339(now)},
                                       {"build_number", 1},
                                       {"approximate_connection_time", faults.connection_s}})}});
    co_await send(link, core::canonical(hello));
    workspace_.feed.publish("sockets", describe());
    work_.notify_all();
    co_return true;
}

rt::asio::awaitable<void> Sockets::listen(LinkPtr link) {
    // However this coroutine ends, nothing is sent to its link any more.
    struct Leave {
        Sockets* sockets;
        std::uint64_t number;
        ~Leave() { sockets->lost(number); }
    } leave{this, link->number};
    for (;;) {
        auto frame = co_await link->socket->read();
        if (!frame) co_return;
        on_frame(*link, *frame);
    }
}

void Sockets::lost(std::uint64_t number) {
    links_.erase(number);
    for (auto& [id, pending] : pending_) {
        if (pending->link != number || pending->acked) continue;
        pending->link_lost = true;
        pending->wake->notify_all();
    }
    workspace_.feed.publish("sockets", describe());
    work_.notify_all();
}

void Sockets::on_frame(Link&, const net::WebSocketFrame& frame) {
    auto json = frame.text ? read_json(frame.payload) : std::nullopt;
    if (!json || !json->members()) {
        ++figures_.odd_frames;
        return;
    }
    if (faults.lose_acks > 0) {
        --faults.lose_acks;
        return;
    }
    std::string_view id = (*json)["envelope_id"].text();
    auto pending = pending_.find(id);
    if (pending != pending_.end()) {
        ++figures_.acks;
        pending->second->acked = true;
        pending->second->answer = (*json)["payload"];
        pending->second->wake->notify_all();
        return;
    }
    auto event = std::ranges::find(events_, id, &Event::envelope_id);
    if (event == events_.end()) {
        ++figures_.late_or_unknown_acks;
    } else {
        ++figures_.acks;
        events_.erase(event);
    }
}

Sockets::LinkPtr Sockets::pick() {
    std::vector<LinkPtr> choice;
    for (const auto& [number, link] : links_)
        if (link->live) choice.push_back(link);
    if (choice.empty()) return nullptr;
    auto index = static_cast<std::size_t>(rt::fraction(entropy_) * static_cast<double>(choice.size()));
    return choice[std::min(index, choice.size() - 1)];
}

rt::asio::awaitable<bool> Sockets::send(LinkPtr link, std::string text) {
    if (link->tap->deaf) co_return true;
    auto sent = co_await link->socket->write(std::move(text), Deadline{clock_.now() + write_time_max});
    if (!sent) link->socket->shut();
    co_return sent.has_value();
}

rt::asio::awaitable<void> Sockets::close(LinkPtr link, std::uint16_t code) {
    const Deadline deadline{clock_.now() + close_time_max};
    // A half-open peer says nothing at its end either.
    if (link->tap->deaf)
        link->socket->shut();
    else
        co_await link->socket->close(code, "", deadline);
}

rt::asio::awaitable<Delivery> Sockets::deliver(std::string_view type, Value payload, bool takes_answer) {
    const auto start = clock_.now();
    const auto until = start + ack_within_;
    std::string id = workspace_.uuid();
    rt::Signal wake{executor_};
    Pending pending;
    pending.wake = &wake;
    pending_[id] = &pending;
    struct Leave {
        Sockets* sockets;
        const std::string* id;
        ~Leave() { sockets->pending_.erase(*id); }
    } leave{this, &id};

    Delivery delivery;
    while (!pending.acked && clock_.now() < until) {
        LinkPtr link = pick();
        if (!link) {
            // A payload that found a socket once may find the next one; one that found none is refused.
            if (delivery.attempts == 0) break;
            co_await work_.wait_until(timers_, until);
            continue;
        }
        const int attempt = delivery.attempts++;
        if (attempt > 0) ++figures_.redelivered;
        pending.link = link->number;
        pending.link_lost = false;
        Value envelope = envelope_of(id, type, payload, takes_answer);
        if (attempt > 0) envelope.set("retry_attempt", attempt).set("retry_reason", "connection_failed");
        std::string text = core::canonical(envelope);
        if (attempt == 0 && faults.duplicate_next > 0) {
            --faults.duplicate_next;
            co_await send(link, text);
            LinkPtr other = pick();
            if (other) link = other;
        }
        co_await send(link, std::move(text));
        while (!pending.acked && !pending.link_lost && clock_.now() < until) {
            co_await wake.wait_until(timers_, until);
        }
    }
    delivery.acked = pending.acked;
    delivery.no_socket = delivery.attempts == 0;
    delivery.answer = std::move(pending.answer);
    delivery.took = clock_.now() - start;
    co_return delivery;
}

void Sockets::queue_event(Value wrapper) {
    if (events_.size() >= events_waiting_max) events_.pop_front();
    events_.push_back(Event{workspace_.uuid(), std::move(wrapper), 0, clock_.now()});
    work_.notify_all();
}

rt::asio::awaitable<bool> Sockets::send_event(Event& event) {
    LinkPtr link = pick();
    if (!link) co_return false;
    const int attempt = event.attempt++;
    if (attempt > 0) ++figures_.redelivered;
    // Field reports differ on whether a retry keeps its envelope id; here the first one does, and later ones
    // do not.
    if (attempt > 1) event.envelope_id = workspace_.uuid();
    event.due = clock_.now() + retry_gap(attempt, ack_within_);
    Value envelope = envelope_of(event.envelope_id, "events_api", event.wrapper, false);
    envelope.set("retry_attempt", attempt).set("retry_reason", attempt > 0 ? "timeout" : "");
    std::string text = core::canonical(envelope);
    const bool twice = faults.duplicate_next > 0;
    if (twice) --faults.duplicate_next;
    // `event` may be acknowledged and gone during these waits.
    if (twice) co_await send(link, text);
    co_await send(link, std::move(text));
    co_return true;
}

rt::asio::awaitable<void> Sockets::send_due_events() {
    for (;;) {
        const auto now = clock_.now();
        std::erase_if(events_,
                      [&](const Event& e) { return e.due <= now && e.attempt >= event_attempts_max; });
        auto due = std::ranges::find_if(events_, [&](const Event& e) { return e.due <= now; });
        if (due == events_.end()) co_return;
        bool sent = co_await send_event(*due);
        if (!sent) co_return;
    }
}

rt::asio::awaitable<void> Sockets::care_for(LinkPtr link) {
    const auto now = clock_.now();
    if (now >= link->close_at) {
        link->live = false;
        link->close_at = core::Instant::max();
        co_await close(link, 1000);
        co_return;
    }
    if (!link->warned && now >= link->warn_at) {
        link->warned = true;
        co_await send(link, disconnect_text("warning"));
    }
    if (now < link->ping_at) co_return;
    link->ping_at = now + ping_every;
    if (link->tap->deaf) co_return;
    if (now - link->socket->last_heard() > silence_max) {
        link->socket->shut();
        co_return;
    }
    co_await link->socket->ping(Deadline{now + write_time_max});
}

core::Instant Sockets::next_due() const {
    auto next = clock_.now() + seconds{60};
    for (const auto& [number, link] : links_) {
        next = std::min({next, link->ping_at, link->close_at});
        if (!link->warned) next = std::min(next, link->warn_at);
    }
    if (live() > 0)
        for (const auto& event : events_) next = std::min(next, event.due);
    return next;
}

rt::asio::awaitable<void> Sockets::run() {
    for (;;) {
        std::vector<LinkPtr> links;
        for (const auto& [number, link] : links_) links.push_back(link);
        for (auto& link : links) co_await care_for(link);
        co_await send_due_events();
        const auto next = next_due();
        if (next <= clock_.now()) continue;
        co_await work_.wait_until(timers_, next);
    }
}

std::string Sockets::disconnect_text(std::string_view reason) const {
    return core::canonical(Value::object({{"type", "disconnect"},
                                          {"reason", reason},
                                          {"debug_info", Value::object({{"host", "applink-sim-1"}})}}));
}

rt::asio::awaitable<void> Sockets::disconnect_all(std::string_view reason, core::Duration grace) {
    std::vector<LinkPtr> links;
    for (const auto& [number, link] : links_) links.push_back(link);
    std::string text = disconnect_text(reason);
    for (auto& link : links) {
        link->warned = true;
        link->close_at = clock_.now() + grace;
        // A socket that was told to leave gets nothing new.
        link->live = false;
        co_await send(link, text);
    }
    work_.notify_all();
}

rt::asio::awaitable<void> Sockets::close_all(std::uint16_t code) {
    std::vector<LinkPtr> links;
    for (const auto& [number, link] : links_) links.push_back(link);
    for (auto& link : links) co_await close(link, code);
}

rt::asio::awaitable<void> Sockets::send_raw(std::string text) {
    LinkPtr link = pick();
    if (link) co_await send(link, std::move(text));
}

void Sockets::drop_all() {
    for (const auto& [number, link] : links_) link->socket->shut();
}

void Sockets::set_deaf(bool deaf) {
    for (const auto& [number, link] : links_) link->tap->deaf = deaf;
}

Value Sockets::describe() const {
    return Value::object({{"live", live()},
                          {"sockets", links_.size()},
                          {"opened", figures_.opened},
                          {"acks", figures_.acks},
                          {"late_or_unknown_acks", figures_.late_or_unknown_acks},
                          {"redelivered", figures_.redelivered},
                          {"continuation_frames", figures_.continuation_frames},
                          {"oversized_frames", figures_.oversized_frames},
                          {"odd_frames", figures_.odd_frames},
                          {"events_waiting", events_.size()}});
}

}  // namespace countersign::sandbox
