#include "sandbox/teams_line.hpp"

#include <utility>

#include "countersign/net/url.hpp"
#include "countersign/net/websocket.hpp"

namespace countersign::sandbox {

using rt::asio::awaitable;

namespace {

constexpr core::Duration dial_within = std::chrono::seconds{5};
constexpr core::Duration dial_again_after = std::chrono::milliseconds{500};
constexpr core::Duration end_within = std::chrono::seconds{1};
constexpr core::Duration look_every = std::chrono::minutes{1};
constexpr std::uint16_t normal_close = 1000;
constexpr std::string_view channel_id = "msteams";

}  // namespace

void TeamsLine::bot_is_at(std::string messages_url) {
    messages_url_ = std::move(messages_url);
    news_.notify_all();
}

Later<std::shared_ptr<streaming::Peer>> TeamsLine::dial(core::Value claims, Deadline deadline) {
    auto url = net::parse_url(messages_url_);
    if (!url) co_return pass(url);
    auto all = core::Value::object({{"serviceurl", service_url}});
    if (const auto* others = claims.members())
        for (const auto& [name, value] : *others) all.set(name, value);
    net::Fields fields;
    fields.add("Authorization", "Bearer " + parts_.connector.mint(all));
    fields.add("channelid", std::string(channel_id));
    auto socket =
        co_await net::connect_websocket(parts_.dialer, {*url, std::move(fields)}, parts_.clock, parts_.timers,
                                        {.message_bytes_max = body_bytes_max}, deadline);
    if (!socket) co_return pass(socket);
    streaming::PeerParts parts{parts_.clock, parts_.timers, parts_.entropy, tasks_, parts_.executor};
    auto handler = [this](streaming::Request request) { return answer(std::move(request)); };
    auto peer = std::make_shared<streaming::Peer>(std::move(parts), std::move(*socket), body_bytes_max,
                                                  std::move(handler));
    if (!tasks_.start_loop("teams socket", serve(peer)))
        co_return fail(Trouble::overloaded, "too many sockets are open to the bot");
    co_return peer;
}

awaitable<void> TeamsLine::serve(std::shared_ptr<streaming::Peer> peer) {
    co_await streaming::Peer::run(peer, core::Instant::max());
    news_.notify_all();
}

awaitable<streaming::Response> TeamsLine::answer(streaming::Request request) {
    net::HttpRequest asked{.method = std::move(request.verb),
                           .target = "/teams/connector" + request.path,
                           .fields = {},
                           .body = std::move(request.body),
                           .peer = {}};
    auto answered = parts_.connector.over_socket(asked);
    if (!answered && peer_) {
        co_await peer_->close(normal_close, "as was ordered", {parts_.clock.now() + end_within});
        co_return streaming::Response{500};
    }
    co_return answered ? streaming::Response{answered->status, std::move(answered->body)}
                       : streaming::Response{500};
}

Later<streaming::Response> TeamsLine::deliver(std::string activity, core::Value claims, Deadline deadline) {
    std::shared_ptr<streaming::Peer> peer;
    const bool its_own = claims.members() != nullptr;
    if (its_own) {
        auto dialed = co_await dial(std::move(claims), deadline);
        if (!dialed) co_return pass(dialed);
        peer = std::move(*dialed);
    } else {
        while (!open() && parts_.clock.now() < deadline.at)
            co_await news_.wait_until(parts_.timers, deadline.at);
        if (!open()) co_return fail(Trouble::unavailable, "the socket to the bot is not open");
        peer = peer_;
    }
    streaming::Request request{.verb = "POST", .path = "/api/messages", .body = std::move(activity)};
    auto answered = co_await peer->ask(std::move(request), deadline);
    if (its_own) co_await peer->close(normal_close, "", {parts_.clock.now() + end_within});
    co_return answered;
}

awaitable<void> TeamsLine::hold() {
    for (;;) {
        if (!wanted()) {
            co_await news_.wait_until(parts_.timers, parts_.clock.now() + look_every);
            continue;
        }
        peer_url_ = messages_url_;
        auto dialed = co_await dial({}, {parts_.clock.now() + dial_within});
        if (dialed) {
            peer_ = std::move(*dialed);
            news_.notify_all();
            while (open()) co_await news_.wait_until(parts_.timers, parts_.clock.now() + look_every);
            co_await peer_->close(normal_close, "", {parts_.clock.now() + end_within});
            peer_.reset();
        }
        co_await parts_.timers.sleep_until(parts_.clock.now() + dial_again_after);
    }
}

awaitable<void> TeamsLine::run() {
    tasks_.start_loop("teams line", hold());
    co_await rt::until_asked();
    co_await tasks_.end(parts_.timers, parts_.clock.now() + end_within);
}

}  // namespace countersign::sandbox
