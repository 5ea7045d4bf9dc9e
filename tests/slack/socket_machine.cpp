#include "slack/socket_machine.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

namespace countersign::slack {
namespace {

using namespace std::chrono_literals;
using core::Duration;
using core::Instant;

// A slot whose jitter is what the test says, and whose clock moves when told to.
struct SlotTest : testing::Test {
    double chance = 0.5;
    SocketMachine machine{[this] { return chance; }};
    Instant now{std::chrono::sys_days{std::chrono::year{2026} / 1 / 2}};
    std::vector<SocketOutput> out;

    void start() { out = machine.start(now); }
    void give(SocketInput input) { out = machine.step(std::move(input), now); }
    void pass(Duration time) { now += time; }
    void tick() { give(TimeCame{}); }
    // Passes to when the machine wants to be woken, and wakes it.
    Duration wait_for_wake() {
        auto before = now;
        now = machine.wake_at();
        tick();
        return now - before;
    }
    template <class Output>
    const Output* find() const {
        for (const auto& output : out)
            if (const auto* found = std::get_if<Output>(&output)) return found;
        return nullptr;
    }
    Generation opened() const {
        const auto* open = find<OpenUrl>();
        EXPECT_NE(open, nullptr);
        return open ? open->socket : 0;
    }
    // From an open call that is under way to a socket past its hello.
    void go_live(Generation socket, std::optional<Duration> lives_for = {}) {
        give(UrlCame{socket, "wss://x/link"});
        give(Dialed{socket});
        give(HelloCame{socket, lives_for});
    }
    Generation live() {
        start();
        auto socket = opened();
        go_live(socket);
        return socket;
    }
};

TEST_F(SlotTest, OpensThenDialsThenWaitsForHelloBeforeItCountsAsLive) {
    start();
    auto socket = opened();
    EXPECT_EQ(machine.state(), SocketState::opening);
    give(UrlCame{socket, "wss://x/link?ticket=1"});
    ASSERT_NE(find<Dial>(), nullptr);
    EXPECT_EQ(find<Dial>()->url, "wss://x/link?ticket=1");
    EXPECT_EQ(machine.state(), SocketState::dialing);
    give(Dialed{socket});
    EXPECT_EQ(machine.state(), SocketState::awaiting_hello);
    EXPECT_FALSE(machine.live());
    give(HelloCame{socket, {}});
    EXPECT_TRUE(machine.live());
    EXPECT_EQ(machine.wake_at(), Instant::max());
}

TEST_F(SlotTest, AWarningStartsTheSuccessorAtOnceAndKeepsTheOldSocketDraining) {
    auto old = live();
    give(DisconnectCame{old, "warning"});
    auto next = opened();
    EXPECT_NE(next, old);
    EXPECT_EQ(find<CloseSocket>(), nullptr);
    EXPECT_EQ(machine.sockets(), 1U);
    go_live(next);
    EXPECT_EQ(machine.sockets(), 2U);
    EXPECT_EQ(wait_for_wake(), 30s);
    ASSERT_NE(find<CloseSocket>(), nullptr);
    EXPECT_EQ(find<CloseSocket>()->socket, old);
    EXPECT_EQ(machine.sockets(), 1U);
}

TEST_F(SlotTest, ARefreshRequestIsHandledLikeAWarning) {
    auto old = live();
    give(DisconnectCame{old, "refresh_requested"});
    EXPECT_NE(opened(), old);
    EXPECT_EQ(find<CloseSocket>(), nullptr);
}

TEST_F(SlotTest, AnUnknownReasonIsHandledLikeARefresh) {
    auto old = live();
    give(DisconnectCame{old, "something_new"});
    EXPECT_NE(opened(), old);
}

TEST_F(SlotTest, TheOldSocketIsNotClosedWhileItsSuccessorHasNoHello) {
    auto old = live();
    give(DisconnectCame{old, "warning"});
    auto next = opened();
    for (int i = 0; i < 5; ++i) {
        give(OpenFailed{next, OpenTrouble::transient, {}, "down"});
        wait_for_wake();
        next = opened();
        EXPECT_EQ(find<CloseSocket>(), nullptr);
    }
    EXPECT_EQ(machine.sockets(), 1U);
}

TEST_F(SlotTest, ASecondWordToADrainingSocketStartsNoSecondSuccessor) {
    auto old = live();
    give(DisconnectCame{old, "warning"});
    give(DisconnectCame{old, "refresh_requested"});
    EXPECT_TRUE(out.empty());
}

TEST_F(SlotTest, TheEndOfADrainingSocketIsNoFailure) {
    auto old = live();
    give(DisconnectCame{old, "warning"});
    auto next = opened();
    give(SocketClosed{old, "closed"});
    EXPECT_TRUE(out.empty());
    go_live(next);
    EXPECT_TRUE(machine.live());
    EXPECT_EQ(machine.wake_at(), Instant::max());
}

TEST_F(SlotTest, TooManyWebSocketsClosesAndTriesOnceAfterALongJitteredWait) {
    for (double c : {0.0, 0.5, 0.999}) {
        SocketMachine fresh{[c] { return c; }};
        auto made = fresh.start(now);
        auto socket = std::get<OpenUrl>(made.at(0)).socket;
        fresh.step(UrlCame{socket, "wss://x"}, now);
        fresh.step(Dialed{socket}, now);
        auto after = fresh.step(DisconnectCame{socket, "too_many_websockets"}, now);  // before any hello
        ASSERT_EQ(after.size(), 1U);
        EXPECT_EQ(std::get<CloseSocket>(after[0]).socket, socket);
        auto wait = fresh.wake_at() - now;
        EXPECT_GE(wait, 30s);
        EXPECT_LE(wait, 60s);
        EXPECT_EQ(fresh.step(TimeCame{}, fresh.wake_at()).size(), 1U);
    }
}

TEST_F(SlotTest, LinkDisabledRaisesAnAlarmAndProbesEveryFiveMinutes) {
    auto socket = live();
    give(DisconnectCame{socket, "link_disabled"});
    ASSERT_NE(find<Alarm>(), nullptr);
    EXPECT_NE(find<Alarm>()->text.find("Socket Mode"), std::string::npos);
    EXPECT_NE(find<CloseSocket>(), nullptr);
    EXPECT_EQ(wait_for_wake(), 5min);
    opened();
}

TEST_F(SlotTest, AConfigurationErrorRaisesAnAlarmAndProbesEveryFiveMinutes) {
    start();
    give(OpenFailed{opened(), OpenTrouble::configuration, {}, "slack.app_token: wrong"});
    ASSERT_NE(find<Alarm>(), nullptr);
    EXPECT_EQ(find<Alarm>()->text, "slack.app_token: wrong");
    EXPECT_EQ(wait_for_wake(), 5min);
    go_live(opened());
    ASSERT_NE(find<Alarm>(), nullptr);
    EXPECT_TRUE(find<Alarm>()->text.empty());  // all is well again
}

TEST_F(SlotTest, RetryAfterOverridesTheBackoffUpward) {
    chance = 0;
    start();
    give(OpenFailed{opened(), OpenTrouble::rate_limited, Duration{45s}, ""});
    EXPECT_EQ(wait_for_wake(), 45s);
}

TEST_F(SlotTest, A429WithoutRetryAfterWaitsThirtySeconds) {
    chance = 0;
    start();
    give(OpenFailed{opened(), OpenTrouble::rate_limited, {}, ""});
    EXPECT_EQ(wait_for_wake(), 30s);
}

TEST_F(SlotTest, TransientFailuresBackOffExponentiallyUpToAMinuteAndNeverGiveUp) {
    chance = 1.0;
    start();
    std::vector<Duration> waits;
    for (int i = 0; i < 10; ++i) {
        give(OpenFailed{opened(), OpenTrouble::transient, {}, ""});
        waits.push_back(wait_for_wake());
    }
    EXPECT_EQ(waits, (std::vector<Duration>{1s, 2s, 4s, 8s, 16s, 32s, 60s, 60s, 60s, 60s}));
}

TEST_F(SlotTest, WhoeverIsNotReachedIsTriedAgainSoon) {
    chance = 1.0;
    start();
    std::vector<Duration> waits;
    for (int i = 0; i < 3; ++i) {
        give(OpenFailed{opened(), OpenTrouble::unreached, {}, ""});
        waits.push_back(wait_for_wake());
    }
    for (int i = 0; i < 4; ++i) {
        auto socket = opened();
        give(UrlCame{socket, "wss://x"});
        give(DialFailed{socket, "reset", false});
        waits.push_back(wait_for_wake());
    }
    EXPECT_EQ(waits, (std::vector<Duration>{1s, 2s, 4s, 8s, 10s, 10s, 10s}));
    // A hello says that Slack can be reached.
    auto socket = opened();
    go_live(socket);
    give(SocketClosed{socket, "reset"});
    wait_for_wake();
    give(OpenFailed{opened(), OpenTrouble::unreached, {}, ""});
    EXPECT_EQ(wait_for_wake(), 1s);
}

TEST_F(SlotTest, LostLiveSocketsAreReplacedWithinSecondsHoweverOftenTheyBreak) {
    chance = 1.0;
    start();
    std::vector<Duration> waits;
    for (int i = 0; i < 6; ++i) {
        auto socket = opened();
        go_live(socket);
        pass(100ms);
        give(SocketClosed{socket, "reset"});
        waits.push_back(wait_for_wake());
    }
    EXPECT_EQ(waits, (std::vector<Duration>{1s, 2s, 4s, 5s, 5s, 5s}));
}

TEST_F(SlotTest, AHelloAloneDoesNotForgetRefusals) {
    chance = 1.0;
    start();
    for (int i = 0; i < 3; ++i) {
        give(OpenFailed{opened(), OpenTrouble::transient, {}, ""});
        wait_for_wake();
    }
    auto socket = opened();
    go_live(socket);
    pass(59s);
    give(SocketClosed{socket, "reset"});
    EXPECT_EQ(wait_for_wake(), 1s);  // the loss of a live socket is no refusal
    give(OpenFailed{opened(), OpenTrouble::transient, {}, ""});
    EXPECT_EQ(wait_for_wake(), 8s);
}

TEST_F(SlotTest, AStableMinuteForgetsFailures) {
    chance = 1.0;
    start();
    for (int i = 0; i < 3; ++i) {
        give(OpenFailed{opened(), OpenTrouble::transient, {}, ""});
        wait_for_wake();
    }
    auto socket = opened();
    go_live(socket);
    pass(60s);
    give(SocketClosed{socket, "reset"});
    EXPECT_EQ(wait_for_wake(), 1s);
    give(OpenFailed{opened(), OpenTrouble::transient, {}, ""});
    EXPECT_EQ(wait_for_wake(), 1s);
}

TEST_F(SlotTest, AFailedDialGetsAFreshUrlNotTheOldOne) {
    start();
    auto first = opened();
    give(UrlCame{first, "wss://x/1"});
    give(DialFailed{first, "409"});
    EXPECT_EQ(find<Dial>(), nullptr);
    wait_for_wake();
    EXPECT_NE(opened(), first);
}

TEST_F(SlotTest, ErrorAndCloseOfOneSocketAreOneFailure) {
    auto socket = live();
    give(SocketClosed{socket, "error"});
    auto wake = machine.wake_at();
    give(SocketClosed{socket, "close"});
    give(DialFailed{socket, "late"});
    EXPECT_TRUE(out.empty());
    EXPECT_EQ(machine.wake_at(), wake);
}

TEST_F(SlotTest, NoHelloWithinItsTimeClosesTheSocketAndTriesAgain) {
    start();
    auto socket = opened();
    give(UrlCame{socket, "wss://x"});
    give(Dialed{socket});
    EXPECT_EQ(wait_for_wake(), 20s);
    ASSERT_NE(find<CloseSocket>(), nullptr);
    EXPECT_EQ(find<CloseSocket>()->socket, socket);
    EXPECT_FALSE(find<CloseSocket>()->handshake);
    wait_for_wake();
    EXPECT_NE(opened(), socket);
}

TEST_F(SlotTest, ASocketThatConnectsAfterItWasGivenUpIsClosedNotLeaked) {
    start();
    auto socket = opened();
    give(UrlCame{socket, "wss://x"});
    wait_for_wake();  // the dial's own limit
    wait_for_wake();
    EXPECT_NE(opened(), socket);
    give(Dialed{socket});
    ASSERT_NE(find<CloseSocket>(), nullptr);
    EXPECT_EQ(find<CloseSocket>()->socket, socket);
}

TEST_F(SlotTest, ALateEndOfAnOldGenerationDoesNotTouchTheNewOne) {
    auto old = live();
    give(DisconnectCame{old, "warning"});
    auto next = opened();
    go_live(next);
    wait_for_wake();  // the old one is closed
    give(SocketClosed{old, "late"});
    EXPECT_TRUE(out.empty());
    EXPECT_TRUE(machine.live());
}

TEST_F(SlotTest, ASuccessorIsMadeAtNineTenthsOfTheSocketsLife) {
    start();
    auto socket = opened();
    go_live(socket, Duration{360s});
    EXPECT_EQ(wait_for_wake(), 324s);
    EXPECT_NE(opened(), socket);
    EXPECT_EQ(find<CloseSocket>(), nullptr);
}

TEST_F(SlotTest, ADisconnectBeforeHelloIsAFailureWithBackoff) {
    start();
    auto socket = opened();
    give(UrlCame{socket, "wss://x"});
    give(Dialed{socket});
    give(DisconnectCame{socket, "refresh_requested"});
    EXPECT_NE(find<CloseSocket>(), nullptr);
    EXPECT_EQ(find<OpenUrl>(), nullptr);
    EXPECT_GT(machine.wake_at(), now);
}

TEST_F(SlotTest, StopClosesEverySocketInEveryStateAndNothingFollows) {
    auto old = live();
    give(DisconnectCame{old, "warning"});
    auto next = opened();
    give(UrlCame{next, "wss://x"});
    give(StopAsked{});
    std::vector<Generation> closed;
    for (const auto& output : out) closed.push_back(std::get<CloseSocket>(output).socket);
    EXPECT_EQ(closed, (std::vector{old, next}));
    give(StopAsked{});
    EXPECT_TRUE(out.empty());
    give(Dialed{next});
    give(SocketClosed{old, ""});
    tick();
    EXPECT_TRUE(out.empty());
    EXPECT_EQ(machine.wake_at(), Instant::max());
}

TEST_F(SlotTest, StopDuringABackoffOpensNothingMore) {
    start();
    give(OpenFailed{opened(), OpenTrouble::transient, {}, ""});
    give(StopAsked{});
    pass(10min);
    tick();
    EXPECT_TRUE(out.empty());
}

// Whatever comes in whatever order: never more than two sockets beside one being opened, and no input of a
// closed generation brings a socket back.
TEST_F(SlotTest, NoOrderOfInputsLeaksSockets) {
    std::uint64_t state = 42;
    auto random = [&](std::uint64_t below) {
        state = state * 6364136223846793005U + 1442695040888963407U;
        return (state >> 33U) % below;
    };
    for (int round = 0; round < 200; ++round) {
        SocketMachine slot{[&] { return static_cast<double>(random(1000)) / 1000.0; }};
        std::vector<Generation> open;  // sockets that exist for the network
        Generation newest = 0;
        auto carry_out = [&](const std::vector<SocketOutput>& outputs) {
            for (const auto& output : outputs) {
                if (const auto* made = std::get_if<OpenUrl>(&output)) newest = made->socket;
                if (const auto* gone = std::get_if<CloseSocket>(&output)) std::erase(open, gone->socket);
            }
        };
        carry_out(slot.start(now));
        for (int i = 0; i < 300; ++i) {
            now += Duration{static_cast<Duration::rep>(random(20'000'000))};
            Generation any =
                newest == 0 ? 0
                            : newest - static_cast<Generation>(random(std::min<std::uint64_t>(newest, 3)));
            const char* reasons[] = {"warning", "refresh_requested", "too_many_websockets", "link_disabled",
                                     "x"};
            switch (random(8)) {
                case 0:
                    carry_out(slot.step(UrlCame{any, "wss://x"}, now));
                    break;
                case 1:
                    carry_out(slot.step(OpenFailed{any, OpenTrouble::transient, {}, ""}, now));
                    break;
                case 2:
                    if (std::ranges::find(open, any) == open.end()) open.push_back(any);
                    carry_out(slot.step(Dialed{any}, now));
                    break;
                case 3:
                    carry_out(slot.step(DialFailed{any, ""}, now));
                    break;
                case 4:
                    carry_out(slot.step(HelloCame{any, Duration{360s}}, now));
                    break;
                case 5:
                    carry_out(slot.step(DisconnectCame{any, reasons[random(5)]}, now));
                    break;
                case 6:
                    std::erase(open, any);
                    carry_out(slot.step(SocketClosed{any, ""}, now));
                    break;
                default:
                    carry_out(slot.step(TimeCame{}, now));
                    break;
            }
            ASSERT_LE(slot.sockets(), 2U);
            ASSERT_LE(open.size(), 2U) << "round " << round << " step " << i;
            ASSERT_TRUE(slot.state() != SocketState::closed || slot.wake_at() != Instant::max());
        }
    }
}

}  // namespace
}  // namespace countersign::slack
