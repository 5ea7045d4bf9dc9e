#include "slack/socket_machine.hpp"

#include <algorithm>
#include <utility>

namespace countersign::slack {

using core::Duration;
using core::Instant;

std::string_view name_of(SocketState state) {
    switch (state) {
        case SocketState::opening:
            return "opening";
        case SocketState::dialing:
            return "dialing";
        case SocketState::awaiting_hello:
            return "awaiting_hello";
        case SocketState::live:
            return "live";
        case SocketState::draining:
            return "draining";
        case SocketState::closed:
            break;
    }
    return "closed";
}

SocketMachine::SocketMachine(Chance chance, Limits limits) : chance_(std::move(chance)), limits_(limits) {}

std::vector<SocketOutput> SocketMachine::start(Instant now) {
    if (!lead_ && !stopped_) open(now);
    return std::exchange(out_, {});
}

std::vector<SocketOutput> SocketMachine::step(SocketInput input, Instant now) {
    forget_old_failures(now);
    if (!stopped_) std::visit([&](auto& what) { on(what, now); }, input);
    return std::exchange(out_, {});
}

Instant SocketMachine::wake_at() const {
    Instant at = open_at_;
    if (lead_) at = std::min({at, lead_->until, lead_->renew_at});
    if (old_) at = std::min(at, old_->until);
    return stopped_ ? Instant::max() : at;
}

SocketState SocketMachine::state() const {
    return lead_ ? lead_->state : SocketState::closed;
}

std::size_t SocketMachine::sockets() const {
    bool lead = lead_ && lead_->state != SocketState::opening;
    return (lead ? 1U : 0U) + (old_ ? 1U : 0U);
}

bool SocketMachine::leads(Generation socket, SocketState state) const {
    return lead_ && lead_->generation == socket && lead_->state == state;
}

void SocketMachine::open(Instant now) {
    open_at_ = Instant::max();
    lead_ = Socket{++last_, SocketState::opening, now + limits_.open_max};
    out_.emplace_back(OpenUrl{last_});
}

// Make before break: the lead goes on reading and acknowledging while its successor is made.
void SocketMachine::hand_over(Instant now) {
    if (old_) out_.emplace_back(CloseSocket{old_->generation});
    old_ = std::exchange(lead_, std::nullopt);
    old_->state = SocketState::draining;
    old_->until = old_->renew_at = Instant::max();
    open(now);
}

void SocketMachine::give_up_lead(bool handshake) {
    out_.emplace_back(CloseSocket{lead_->generation, handshake});
    lead_.reset();
}

void SocketMachine::retry_in(Duration wait, Instant now) {
    lead_.reset();
    open_at_ = now + wait;
}

void SocketMachine::back_off(int& times, Duration most, Instant now) {
    Duration wait = limits_.backoff_base;
    for (int i = 0; i < times && wait < most; ++i) wait *= 2;
    ++times;
    retry_in(jittered(std::min(wait, most)), now);
}

void SocketMachine::forget_old_failures(Instant now) {
    if (lead_ && lead_->state == SocketState::live && now - lead_->live_since >= limits_.stable)
        refusals_ = losses_ = 0;
}

void SocketMachine::alarm(std::string text) {
    if (text.empty() && !alarmed_) return;
    alarmed_ = !text.empty();
    out_.emplace_back(Alarm{std::move(text)});
}

Duration SocketMachine::jittered(Duration most) const {
    return Duration{static_cast<Duration::rep>(chance_() * static_cast<double>(most.count()))};
}

void SocketMachine::on(UrlCame& input, Instant now) {
    if (!leads(input.socket, SocketState::opening)) return;
    lead_->state = SocketState::dialing;
    lead_->until = now + limits_.open_max;
    out_.emplace_back(Dial{input.socket, std::move(input.url)});
}

void SocketMachine::on(OpenFailed& input, Instant now) {
    if (!leads(input.socket, SocketState::opening)) return;
    switch (input.trouble) {
        case OpenTrouble::configuration:
            alarm(std::move(input.detail));
            return retry_in(limits_.probe, now);
        case OpenTrouble::rate_limited: {
            auto wait = input.retry_after.value_or(limits_.retry_after_default);
            refused(now);
            open_at_ = std::max(open_at_, now + wait + jittered(std::chrono::seconds{1}));
            return;
        }
        case OpenTrouble::unreached:
            return unreached(now);
        case OpenTrouble::transient:
            break;
    }
    refused(now);
    if (input.retry_after) open_at_ = std::max(open_at_, now + *input.retry_after);
}

void SocketMachine::on(Dialed& input, Instant now) {
    if (!leads(input.socket, SocketState::dialing)) {
        out_.emplace_back(CloseSocket{input.socket});  // nobody waits for it any more: never leak a socket
        return;
    }
    lead_->state = SocketState::awaiting_hello;
    lead_->until = now + limits_.hello_max;
}

void SocketMachine::on(DialFailed& input, Instant now) {
    if (!leads(input.socket, SocketState::dialing)) return;
    if (input.refused) return refused(now);
    unreached(now);
}

void SocketMachine::on(HelloCame& input, Instant now) {
    if (!leads(input.socket, SocketState::awaiting_hello)) return;
    lead_->state = SocketState::live;
    lead_->live_since = now;
    unreached_ = 0;
    lead_->until = Instant::max();
    if (input.lives_for && *input.lives_for > Duration{0}) {
        auto part = static_cast<double>(input.lives_for->count()) * limits_.renew_at;
        lead_->renew_at = now + Duration{static_cast<Duration::rep>(part)};
    }
    if (old_) old_->until = now + limits_.drain_max;
    alarm({});
}

void SocketMachine::on(DisconnectCame& input, Instant now) {
    bool is_old = old_ && old_->generation == input.socket;
    bool is_lead = lead_ && lead_->generation == input.socket;
    if (input.reason == "link_disabled" && (is_old || is_lead)) {
        if (old_) out_.emplace_back(CloseSocket{old_->generation});
        old_.reset();
        if (lead_) give_up_lead(true);
        alarm("Socket Mode is switched off for this app: switch it on at api.slack.com/apps > Socket Mode");
        return retry_in(limits_.probe, now);
    }
    if (is_old) {
        if (input.reason != "too_many_websockets") return;  // its successor is under way
        out_.emplace_back(CloseSocket{old_->generation});
        old_.reset();
        return;
    }
    if (!is_lead) return;
    if (input.reason == "too_many_websockets") {
        give_up_lead(true);
        ++refusals_;
        return retry_in(limits_.crowded_min + jittered(limits_.crowded_max - limits_.crowded_min), now);
    }
    if (lead_->state == SocketState::live) return hand_over(now);
    give_up_lead(true);  // told to go before its hello: it was never up
    refused(now);
}

void SocketMachine::on(SocketClosed& input, Instant now) {
    if (old_ && old_->generation == input.socket) {
        old_.reset();
        return;
    }
    if (!lead_ || lead_->generation != input.socket) return;
    if (lead_->state == SocketState::live) return lost(now);
    refused(now);
}

void SocketMachine::on(TimeCame&, Instant now) {
    if (old_ && now >= old_->until) {
        out_.emplace_back(CloseSocket{old_->generation});
        old_.reset();
    }
    if (lead_ && now >= lead_->until) {
        give_up_lead(false);
        unreached(now);  // silence, wherever it was waited for
    } else if (lead_ && now >= lead_->renew_at) {
        hand_over(now);
    }
    if (!lead_ && now >= open_at_) open(now);
}

void SocketMachine::on(StopAsked&, Instant) {
    stopped_ = true;
    if (old_) out_.emplace_back(CloseSocket{old_->generation});
    if (lead_) give_up_lead(true);
    old_.reset();
    open_at_ = Instant::max();
}

}  // namespace countersign::slack
