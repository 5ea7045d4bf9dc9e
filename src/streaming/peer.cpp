#include "countersign/streaming/peer.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include "countersign/base/log.hpp"

namespace countersign::streaming {

using Kind = wire::StreamingMessage::Kind;
using Problem = wire::StreamingMessage::Problem;
using rt::asio::awaitable;

namespace {

constexpr core::Duration look_every = std::chrono::seconds{5};
// Close codes of RFC 6455 §7.4.1.
constexpr std::uint16_t normal = 1000;
constexpr std::uint16_t only_binary = 1003;
constexpr std::uint16_t against_rules = 1008;

unsigned status_of(Problem problem) {
    switch (problem) {
        case Problem::none:
            return 200;
        case Problem::malformed:
            return 400;
        case Problem::too_large:
            return 413;
        case Problem::overdue:
            return 408;
    }
    return 400;
}

}  // namespace

std::string Peer::new_id() {
    std::array<std::byte, 16> random{};
    parts_.entropy.fill(random);
    return wire::streaming_id(random);
}

awaitable<Failure> Peer::run(std::shared_ptr<Peer> self, core::Instant ends_at) {
    // Whoever waits for an answer must hear of the end, however it comes.
    struct Ending {
        Peer& peer;
        ~Ending() { peer.end(); }
    } ending{*self};
    if (!self->parts_.tasks.start_loop("streaming watch", watch(self, ends_at)))
        co_return Failure{Trouble::overloaded, "too many streaming sockets are open", {}, {}};
    for (;;) {
        auto frame = co_await self->socket_->read();
        if (!frame) co_return std::move(frame).error();
        Result<Done> fed = Done{};
        std::uint16_t code = against_rules;
        if (frame->text) {
            fed = fail(Trouble::invalid_input, "only binary messages are understood");
            code = only_binary;
        } else {
            fed = self->reader_.feed(frame->payload, self->parts_.clock.now());
        }
        while (auto message = self->reader_.next()) self->take(self, std::move(*message));
        if (fed) continue;
        Failure why = std::move(fed).error();
        co_await self->socket_->close(code, why.detail, Deadline{self->parts_.clock.now() + close_within});
        co_return why;
    }
}

void Peer::end() {
    over_ = true;
    over_signal_.notify_all();
    for (auto& [id, asked] : std::exchange(asked_, {})) {
        asked->done = true;
        asked->answered.notify_all();
    }
}

awaitable<void> Peer::watch(std::shared_ptr<Peer> self, core::Instant ends_at) {
    while (!self->over_) {
        const auto now = self->parts_.clock.now();
        if (now >= ends_at) {
            co_await self->socket_->close(normal, "the token that opened this socket has ended",
                                          Deadline{now + close_within});
            co_return;
        }
        self->reader_.give_up(now - incomplete_max);
        while (auto message = self->reader_.next()) self->take(self, std::move(*message));
        co_await self->over_signal_.wait_until(self->parts_.timers,
                                               std::min<core::Instant>(ends_at, now + look_every));
    }
}

void Peer::take(const std::shared_ptr<Peer>& self, wire::StreamingMessage message) {
    if (message.kind == Kind::response) {
        auto found = asked_.find(message.id);
        if (found == asked_.end()) return;  // nobody waits for it any more, or nobody asked
        auto asked = found->second;
        asked_.erase(found);
        asked->done = true;
        asked->understood = message.problem == Problem::none;
        asked->response = {message.status, std::move(message.body)};
        asked->answered.notify_all();
        return;
    }
    auto id = message.id;
    unsigned refused = status_of(message.problem);
    if (message.problem == Problem::none && in_flight_ >= in_flight_max) refused = 503;
    const bool taken =
        refused == 200 && parts_.tasks.start("streaming request", answer(self, std::move(message)));
    if (taken) return;
    if (refused == 200) refused = 503;
    // Where even this cannot be started, the other side waits in vain, as on a socket that broke.
    auto refusing = [](std::shared_ptr<Peer> peer, std::string its, unsigned status) -> awaitable<void> {
        co_await peer->respond(std::move(its), {status, {}});
    };
    if (!parts_.tasks.start("streaming refusal", refusing(self, std::move(id), refused)))
        log::warn("streaming", "too much is under way: a request was not answered");
}

awaitable<void> Peer::answer(std::shared_ptr<Peer> self, wire::StreamingMessage message) {
    struct Flight {
        std::size_t& count;
        explicit Flight(std::size_t& its) : count(its) { ++count; }
        ~Flight() { --count; }
    } flight{self->in_flight_};
    Response response{500, {}};
    try {
        auto answering =
            self->handler_({std::move(message.verb), std::move(message.path), std::move(message.body)});
        response = co_await std::move(answering);
    } catch (const std::exception& bug) {
        log::error("streaming", "a request could not be answered: {}", bug.what());
    }
    co_await self->respond(std::move(message.id), std::move(response));
}

awaitable<void> Peer::respond(std::string id, Response response) {
    wire::StreamingMessage message{.kind = Kind::response,
                                   .id = std::move(id),
                                   .verb = {},
                                   .path = {},
                                   .status = response.status,
                                   .body = std::move(response.body)};
    auto sent = co_await socket_->write_binary(wire::streaming_frames(message, new_id()),
                                               Deadline{parts_.clock.now() + write_within});
    if (!sent) log::info("streaming", "an answer did not leave: {}", sent.error().detail);
}

Later<Response> Peer::ask(Request request, Deadline deadline) {
    if (over_) co_return fail(Trouble::unavailable, "the streaming socket is closed");
    if (asked_.size() >= asked_max)
        co_return fail(Trouble::overloaded, "too many requests wait on the streaming socket");
    wire::StreamingMessage message{.kind = Kind::request,
                                   .id = new_id(),
                                   .verb = std::move(request.verb),
                                   .path = std::move(request.path),
                                   .status = 0,
                                   .body = std::move(request.body)};
    auto asked = std::make_shared<Asked>(parts_.executor);
    asked_.emplace(message.id, asked);
    struct Leave {
        Peer& peer;
        const std::string& id;
        ~Leave() { peer.asked_.erase(id); }
    } leave{*this, message.id};
    auto sent = co_await socket_->write_binary(wire::streaming_frames(message, new_id()), deadline);
    if (!sent) co_return fail(Trouble::unavailable, sent.error().detail);
    if (!asked->done) co_await asked->answered.wait_until(parts_.timers, deadline.at);
    if (!asked->done) co_return fail(Trouble::timed_out, "no answer came over the streaming socket in time");
    if (!asked->understood)
        co_return fail(Trouble::timed_out, over_ ? "the streaming socket ended before the answer came"
                                                 : "the answer over the streaming socket was not understood");
    co_return std::move(asked->response);
}

}  // namespace countersign::streaming
