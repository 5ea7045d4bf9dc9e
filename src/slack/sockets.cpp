#include "slack/sockets.hpp"

#include <fmt/format.h>

#include <utility>

#include "countersign/base/log.hpp"
#include "countersign/base/overload.hpp"
#include "countersign/base/text.hpp"
#include "slack/api_errors.hpp"

namespace countersign::slack {

namespace {

constexpr core::Duration open_max = std::chrono::seconds{15};
constexpr core::Duration open_patience = std::chrono::seconds{3};
constexpr core::Duration close_max = std::chrono::seconds{1};
constexpr core::Duration acknowledge_max = std::chrono::seconds{3};
constexpr std::size_t tasks_per_slot_max = 16;

OpenTrouble trouble_of(const Failure& failure) {
    if (failure.trouble == Trouble::overloaded) return OpenTrouble::rate_limited;
    if (failure.trouble == Trouble::unauthenticated || failure.trouble == Trouble::invalid_input)
        return OpenTrouble::configuration;
    return failure.code.empty() ? OpenTrouble::unreached : OpenTrouble::transient;
}

}  // namespace

Later<Done> Socket::acknowledge(const std::string& envelope, const wire::JsonText* payload) {
    std::string text = payload ? wire::json_object("envelope_id", envelope, "payload", *payload).text
                               : wire::json_object("envelope_id", envelope).text;
    if (text.size() >= frame_bytes_max) co_return fail(Trouble::too_large, "the answer does not fit a frame");
    co_return co_await websocket_->write(std::move(text), Deadline{clock_.now() + acknowledge_max});
}

struct Sockets::Slot {
    Slot(std::size_t its_number, SocketMachine::Chance chance, rt::asio::any_io_executor executor)
        : number(its_number), machine(std::move(chance)), nudge(std::move(executor)) {}
    std::size_t number;
    SocketMachine machine;
    rt::Signal nudge;  // the machine wants to be woken at another time
    std::map<Generation, SocketPtr> sockets;
    std::string alarm;         // what people must put right
    std::string last_failure;  // what happened last on the way to a live socket
};

Sockets::Sockets(std::size_t slots, WebApi& api, net::Dialer& dialer, const app::Runtime& runtime,
                 rt::asio::any_io_executor executor, Hooks hooks)
    : api_(api),
      dialer_(dialer),
      runtime_(runtime),
      hooks_(std::move(hooks)),
      tasks_(executor, slots * tasks_per_slot_max, rt::report_bug) {
    for (std::size_t i = 0; i < slots; ++i)
        slots_.push_back(
            std::make_unique<Slot>(i, [this] { return rt::fraction(runtime_.entropy); }, executor));
}

Sockets::~Sockets() = default;

void Sockets::start() {
    for (auto& slot : slots_) {
        carry_out(*slot, slot->machine.start(runtime_.now()));
        tasks_.start("slack slot", keep_time(*slot));
    }
}

rt::asio::awaitable<void> Sockets::stop(core::Instant deadline) {
    for (auto& slot : slots_) apply(*slot, StopAsked{});
    co_await tasks_.end(runtime_.timers, deadline);
}

std::size_t Sockets::live() const {
    std::size_t n = 0;
    for (const auto& slot : slots_) n += slot->machine.live() ? 1U : 0U;
    return n;
}

std::size_t Sockets::ours() const {
    std::size_t n = 0;
    for (const auto& slot : slots_) n += slot->machine.sockets();
    return n;
}

std::string Sockets::problem() const {
    if (live() > 0) return {};
    for (const auto& slot : slots_)
        if (!slot->alarm.empty()) return slot->alarm;
    for (const auto& slot : slots_)
        if (!slot->last_failure.empty())
            return "slack: no Socket Mode connection is up: " + slot->last_failure + "; trying again";
    return "slack: connecting";
}

void Sockets::apply(Slot& slot, SocketInput input) {
    carry_out(slot, slot.machine.step(std::move(input), runtime_.now()));
    slot.nudge.notify_all();
}

void Sockets::carry_out(Slot& slot, std::vector<SocketOutput> outputs) {
    auto does = Overload{
        [&](OpenUrl& what) { tasks_.start("slack open", open_url(slot, what.socket)); },
        [&](Dial& what) {
            tasks_.start("slack socket", live_through(slot, what.socket, std::move(what.url)));
        },
        [&](CloseSocket& what) { close(slot, what); },
        [&](Alarm& what) {
            if (!what.text.empty()) log::error("slack", "{}", what.text);
            slot.alarm = std::move(what.text);
        },
    };
    for (SocketOutput& output : outputs) std::visit(does, output);
}

void Sockets::close(Slot& slot, const CloseSocket& what) {
    auto it = slot.sockets.find(what.socket);
    if (it == slot.sockets.end()) return;  // still being made: refused when it is
    SocketPtr socket = it->second;
    if (!what.handshake || !tasks_.start("slack close", say_goodbye(socket))) socket->websocket().shut();
}

rt::asio::awaitable<void> Sockets::say_goodbye(SocketPtr socket) {
    co_await socket->websocket().close(1000, {}, runtime_.within(close_max));
    socket->websocket().shut();  // Slack does not close TCP after the handshake
}

rt::asio::awaitable<void> Sockets::keep_time(Slot& slot) {
    while (!slot.machine.stopped()) {
        auto at = slot.machine.wake_at();
        if (at <= runtime_.now())
            apply(slot, TimeCame{});
        else
            co_await slot.nudge.wait_until(runtime_.timers, at);
    }
}

rt::asio::awaitable<void> Sockets::open_url(Slot& slot, Generation generation) {
    // Little patience: how long to wait after a 429 is the machine's to say.
    auto answer = co_await api_.call(Method::connections_open, core::Value::object(), {},
                                     runtime_.within(open_max), open_patience);
    if (answer && (*answer)["url"].string()) {
        apply(slot, UrlCame{generation, *(*answer)["url"].string()});
        co_return;
    }
    OpenFailed failed{
        .socket = generation, .trouble = OpenTrouble::transient, .retry_after = {}, .detail = {}};
    if (!answer) {
        failed.trouble = trouble_of(answer.error());
        failed.detail = answer.error().detail;
        if (answer.error().not_before) failed.retry_after = *answer.error().not_before - runtime_.now();
        auto word = classify(answer.error().code);
        if (word == ApiError::credential || word == ApiError::missing_scope)
            failed.detail = advice("slack.app_token", answer.error().code, "connections:write");
    } else {
        failed.detail = "apps.connections.open gave no URL";
    }
    slot.last_failure = failed.detail;
    apply(slot, std::move(failed));
}

rt::asio::awaitable<void> Sockets::live_through(Slot& slot, Generation generation, std::string url_text) {
    auto url = net::parse_url(url_text);
    if (!url) {
        slot.last_failure = "apps.connections.open gave something that is not a URL";
        apply(slot, DialFailed{generation, slot.last_failure});
        co_return;
    }
    auto websocket = co_await net::connect_websocket(dialer_, {*url}, runtime_.clock, runtime_.timers, {},
                                                     runtime_.within(open_max));
    if (!websocket) {
        slot.last_failure = websocket.error().detail;
        log::warn("slack", "slot {}: could not connect: {}", slot.number, slot.last_failure);
        const bool refused = !websocket.error().code.empty();  // an answer came
        apply(slot, DialFailed{generation, slot.last_failure, refused});
        co_return;
    }
    auto socket = std::make_shared<Socket>(std::move(*websocket), runtime_.clock);
    slot.sockets.emplace(generation, socket);
    apply(slot, Dialed{generation});
    for (;;) {
        auto frame = co_await socket->websocket().read();
        if (!frame) {
            // What was given up says why it was, and not how it ended.
            if (slot.machine.state() != SocketState::closed || slot.last_failure.empty())
                slot.last_failure = frame.error().detail;
            break;
        }
        if (frame->text) take(slot, generation, socket, frame->payload);
    }
    socket->websocket().shut();
    slot.sockets.erase(generation);
    log::info("slack", "slot {}: socket {} ended: {}", slot.number, generation, slot.last_failure);
    apply(slot, SocketClosed{generation, slot.last_failure});
}

// Every kind of message is legal in every state; what is not understood is dropped, never fatal.
void Sockets::take(Slot& slot, Generation generation, const SocketPtr& socket, std::string_view text) {
    auto frame = wire::parse_slack_frame(text);
    if (!frame) {
        log::warn("slack", "slot {}: dropped a frame: {}", slot.number, frame.error().detail);
        return;
    }
    auto does = Overload{
        [&](wire::SlackEnvelope& envelope) { hooks_.envelope(socket, std::move(envelope)); },
        [&](wire::SlackHello& hello) { greet(slot, generation, hello); },
        [&](wire::SlackDisconnect& disconnect) {
            log::info("slack", "slot {}: socket {} is to go: {}", slot.number, generation,
                      visible(clip_utf8(disconnect.reason, 60)));
            if (disconnect.reason == "too_many_websockets")
                slot.last_failure = "Slack says that this app has more than 10 connections open";
            apply(slot, DisconnectCame{generation, std::move(disconnect.reason)});
        },
        [&](wire::SlackOther& other) {
            log::debug("slack", "ignored a message of type {}", visible(clip_utf8(other.type, 60)));
        },
    };
    std::visit(does, *frame);
}

void Sockets::greet(Slot& slot, Generation generation, const wire::SlackHello& hello) {
    auto app = hooks_.app_id();
    if (!app.empty() && !hello.app_id.empty() && hello.app_id != app)
        note_ = fmt::format("slack: the app token is of app {}, the bot token of app {}: use both of one app",
                            visible(hello.app_id), visible(app));
    if (app.empty() && !hello.app_id.empty()) hooks_.connected_app(hello.app_id);
    apply(slot, HelloCame{generation, hello.lives_for});
    slot.last_failure.clear();
    auto mine = static_cast<std::int64_t>(ours());
    log::info("slack", "slot {}: socket {} is live; the app has {} connections, {} of them ours", slot.number,
              generation, hello.connections, mine);
    if (hello.connections > mine)
        note_ = fmt::format(
            "slack: this app has {} connections open, {} of them of this process: another one uses the "
            "same app token (fine for a replica), or sockets leaked",
            hello.connections, mine);
    else if (note_.starts_with("slack: this app has"))
        note_.clear();
    if (was_live_ && live() == 1) hooks_.back();
    was_live_ = true;
}

}  // namespace countersign::slack
