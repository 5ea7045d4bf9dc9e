#pragma once
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "app/card_machine.hpp"
#include "core/world.hpp"

namespace countersign::test {

using namespace std::chrono_literals;

inline core::CardId card_id(int number) {
    core::CardId::Bytes bytes{};
    bytes[15] = static_cast<std::byte>(number);
    return core::CardId{bytes};
}

inline app::MessageRef message(const std::string& ts) {
    return {"C1", ts};
}

// A request with one card, and the machine that holds its row.
struct CardsOf : testing::Test {
    using Act = app::CardStep::Act;
    using How = app::CardAnswer::How;
    using Row = app::SettledRow::How;

    core::testing::Play play{core::testing::requires_of({core::testing::asks({{2, "security"}})})};
    core::RequestId id = play.c.request->id;
    core::Instant now = core::testing::start;
    app::CardMachine machine{id, {}};
    app::CardState card{.id = card_id(1),
                        .target = {core::Surface::slack, "#approvals"},
                        .told_version = 1,
                        .created_at = now};

    app::CasePtr known() const { return app::with_ruling(play.c); }
    core::Instant lease() const { return now + 30s; }
    void opened() { machine.committed(known(), std::vector{card}, lease()); }
    void vote(const std::string& user, core::Verdict verdict = core::Verdict::approve) {
        play.cast(user, verdict, verdict == core::Verdict::approve ? "" : "no");
    }
    // Somebody shows and tells what there is until now.
    void posted(const std::string& ts = "1") {
        card.message = message(ts);
        card.shown_version = card.told_version = play.c.version();
    }
    void claim(bool taken_over = false, std::vector<app::CardState> cards = {}) {
        if (cards.empty()) cards = {card};
        machine.claimed(
            {.request = id, .version = play.c.version(), .taken_over = taken_over, .cards = std::move(cards)},
            lease());
        if (machine.now() && machine.now()->c.version() == play.c.version()) return;
        step(Act::read);
        machine.read(known(), std::nullopt);
    }
    // The next step must be this one.
    app::CardStep step(Act act) {
        auto next = machine.next(now);
        EXPECT_TRUE(next && next->act == act) << "another step" << (next ? static_cast<int>(next->act) : -1);
        return next.value_or(app::CardStep{});
    }
    void answer(const app::CardStep& step, app::CardAnswer answer = {}) {
        machine.answered(step, answer, now, 0);
    }
    void fails(Act act, How how) { answer(step(act), {.how = how}); }
    void succeeds(Act act, app::CardAnswer with = {}) { answer(step(act), std::move(with)); }
    void posts(const std::string& ts = "1") { succeeds(Act::post, {.messages = {message(ts)}}); }
    app::SettledRow settles() {
        EXPECT_FALSE(machine.next(now));
        EXPECT_TRUE(machine.to_settle(now));
        return machine.settling(now);
    }
    app::CardState settled_card(const app::SettledRow& row) {
        EXPECT_EQ(row.cards.size(), 1U);
        return row.cards.empty() ? card : row.cards.front().state;
    }
    void keep(const app::SettledRow& row) {
        for (const auto& one : row.cards)
            if (one.state.id == card.id) card = one.state;
    }
};

}  // namespace countersign::test
