#include "app/cards.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace countersign::test {
namespace {

// What two replicas do to each other, and what a chat does late, is driven through the whole worker.
struct CardsOfTwo : Cards {
    // Messages of this request that no card in the store stands for.
    std::size_t unknown(core::RequestId request) {
        auto cards = office.get(office.store.cards_of(request, office.soon())).value();
        std::size_t found = 0;
        for (const auto& [ref, message] : office.chat.messages)
            if (message.request == request && std::ranges::none_of(cards, [&](const auto& card) {
                    return card.message && card.message->message == ref;
                }))
                ++found;
        return found;
    }
    // A process that is stopped in the middle of a call claims nothing, not even what it had.
    static app::Limits stops() { return {.poll = 24h}; }
    // Whoever clicks on a message of the request makes the store take note of it.
    void click(core::RequestId request) {
        for (const auto& [ref, message] : office.chat.messages) {
            if (message.request != request || message.retired) continue;
            const app::MessageRef clicked{"C-" + message.channel, ref};
            (void)office.get(
                office.store.adopt(request, {core::Surface::slack, clicked.channel}, clicked, office.soon()));
        }
    }
    std::size_t in_use(core::RequestId request) {
        auto messages = shown(request);
        return static_cast<std::size_t>(std::ranges::count(messages, false, &FakeChat::Message::retired));
    }
};

TEST_F(CardsOfTwo, AProcessStoppedWhilePostingLeavesNoCardThatNobodyKnows) {
    process->kill();
    process = fresh(stops());
    office.chat.latency = 40s;
    auto id = process->open("db.export")->c.request->id;
    office.pass(1s);
    office.chat.latency = 50ms;
    Process other{office};
    other.start();
    office.pass(35s);
    EXPECT_EQ(shown(id).size(), 1U) << "posted by the other one";
    office.pass(10s);
    EXPECT_EQ(shown(id).size(), 2U) << "and by the stopped one";
    office.pass(60s);
    EXPECT_EQ(unknown(id), 0U);
    EXPECT_EQ(in_use(id), 1U);
    ASSERT_TRUE(other.vote(id, "U0AMY", core::Verdict::deny));
    office.pass(5s);
    expect_calm(id, 2);
}

TEST_F(CardsOfTwo, AnOlderEditThatLandsLastDoesNotStay) {
    process->kill();
    process = fresh(stops());
    auto id = process->open("db.export")->c.request->id;
    office.pass(1s);
    office.chat.latency = 45s;
    ASSERT_TRUE(process->vote(id, "U0AMY"));
    office.pass(1s);
    office.chat.latency = 50ms;
    Process other{office};
    other.start();
    office.pass(35s);
    ASSERT_TRUE(other.vote(id, "U0BEN", core::Verdict::deny, "elsewhere"));
    office.pass(3s);
    EXPECT_EQ(shown(id)[0].state, State::denied);
    office.pass(6s);
    EXPECT_EQ(shown(id)[0].edits, 3U) << "the older edit has landed";
    office.pass(60s);
    EXPECT_EQ(shown(id)[0].state, State::denied);
    expect_calm(id, 1);
}

TEST_F(CardsOfTwo, ALineWhoseAnswerWasLostIsNotSaidAgain) {
    for (auto fault : {Fault::lost_answer, Fault::late}) {
        auto id = process->open("db.export")->c.request->id;
        office.pass(1s);
        fail_next(Act::say, fault);
        ASSERT_TRUE(process->vote(id, "U0AMY"));
        office.pass(2min);
        EXPECT_THAT(shown(id)[0].lines, testing::SizeIs(1));
        expect_calm(id, 1);
    }
}

TEST_F(CardsOfTwo, ALineThatNeverArrivedIsSaidAgain) {
    auto id = process->open("db.export")->c.request->id;
    office.pass(1s);
    fail_next(Act::say, Fault::lost_call);
    ASSERT_TRUE(process->vote(id, "U0AMY"));
    office.pass(2min);
    EXPECT_THAT(shown(id)[0].lines, testing::SizeIs(1));
}

TEST_F(CardsOfTwo, ADeathBetweenSayingAndRememberingLeavesOneLine) {
    auto id = process->open("db.export")->c.request->id;
    office.pass(1s);
    ASSERT_TRUE(process->vote(id, "U0AMY"));
    office.pass(105ms);  // edited and said, not settled
    ASSERT_THAT(shown(id)[0].lines, testing::SizeIs(1));
    ASSERT_EQ(office.store.rows_behind(), 1U);
    process->kill();
    process = fresh();
    office.pass(40s);
    EXPECT_THAT(shown(id)[0].lines, testing::SizeIs(1));
    expect_calm(id, 1);
}

TEST_F(CardsOfTwo, APostThatComesLateBecomesTheCardAndNoSecondOneStays) {
    fail_next(Act::post, Fault::late);
    auto id = process->open("db.export")->c.request->id;
    office.pass(2min);
    office.chat.catch_up();
    office.pass(1s);
    EXPECT_EQ(shown(id).size(), 2U);
    EXPECT_EQ(unknown(id), 0U);
    EXPECT_EQ(in_use(id), 1U);
}

TEST_F(CardsOfTwo, AMessageThatTheChatMadeTwiceIsRetiredOnceItIsKnown) {
    fail_next(Act::post, Fault::twice);
    auto id = process->open("db.export")->c.request->id;
    office.pass(1s);
    ASSERT_EQ(unknown(id), 1U);
    ASSERT_TRUE(office.get(office.store.adopt(id, {core::Surface::slack, "C-#approvals"},
                                              {"C-#approvals", "1"}, office.soon())));
    office.pass(5s);
    EXPECT_EQ(unknown(id), 0U);
    EXPECT_EQ(in_use(id), 1U);
    EXPECT_TRUE(shown(id)[0].retired != shown(id)[1].retired);
}

TEST_F(CardsOfTwo, AClickOnAMessageThatIsNotWrittenDownYetLeavesItTheCard) {
    bool down = true;
    office.store.fault = [&](std::string_view call) -> std::optional<Failure> {
        if (down && call == "settle") return Failure{Trouble::unavailable, "down", "", ""};
        return std::nullopt;
    };
    auto id = process->open("db.export")->c.request->id;
    office.pass(200ms);
    ASSERT_EQ(shown(id).size(), 1U);
    ASSERT_TRUE(process->vote(id, "U0AMY"));
    click(id);
    office.chat.latency = 1s;  // an edit is under way when the message is written down
    office.pass(100ms);
    down = false;
    office.pass(10s);
    expect_calm(id, 1);
    EXPECT_EQ(in_use(id), 1U);
    EXPECT_THAT(shown(id)[0].lines, testing::SizeIs(1));
}

TEST_F(CardsOfTwo, AMessageThatWasClickedAndWhosePosterDiedIsStillTheOnlyOne) {
    process->kill();
    process = fresh(stops());
    auto id = process->open("db.export")->c.request->id;
    office.pass(55ms);  // posted, not settled
    ASSERT_EQ(shown(id).size(), 1U);
    ASSERT_TRUE(process->vote(id, "U0AMY"));
    click(id);
    process->kill();
    process = fresh();
    office.pass(2min);
    expect_calm(id, 1);
    EXPECT_EQ(in_use(id), 1U);
    EXPECT_THAT(shown(id)[0].lines, testing::SizeIs(1));
}

TEST_F(CardsOfTwo, TheChatHearsOfAMessageOnlyOnceTheStoreKnowsIt) {
    bool down = true;
    office.store.fault = [&](std::string_view call) -> std::optional<Failure> {
        if (down && call == "settle") return Failure{Trouble::unavailable, "down", "", ""};
        return std::nullopt;
    };
    process->open("db.export");
    office.pass(3s);
    ASSERT_EQ(office.chat.messages.size(), 1U);
    EXPECT_TRUE(office.chat.remembered.empty());
    down = false;
    office.pass(3s);
    EXPECT_EQ(office.chat.remembered.size(), 1U);
}

TEST_F(CardsOfTwo, AVoteWhoseAnswerWasLostIsShownWhenItComesAgain) {
    auto id = process->open("db.export")->c.request->id;
    office.pass(1s);
    core::Cast cast{.account = core::AccountId{"slack:T0/U0AMY"},
                    .verdict = core::Verdict::approve,
                    .reason = "",
                    .via = core::Surface::slack,
                    .shown_digest = std::nullopt};
    app::Append lost{.request = id,
                     .command = cast,
                     .directory = process->roster.snapshot(),
                     .age_max = 5min,
                     .origin = app::Origin{"click"},
                     .lease = {process->runtime.process, office.now() + 30s}};
    ASSERT_TRUE(office.get(office.store.append(lost, office.soon())));
    office.pass(5s);
    EXPECT_EQ(shown(id)[0].version, 1) << "nobody here knows of it";
    auto again = process->vote(id, "U0AMY", core::Verdict::approve, "click");
    ASSERT_TRUE(again && again->repeat);
    office.pass(1s);
    expect_calm(id, 1);
}

TEST_F(CardsOfTwo, WhatIsUnderWayWhenTheDrainEndsIsLookedForByTheNext) {
    office.chat.latency = 8s;
    auto id = process->open("db.export")->c.request->id;
    office.pass(100ms);
    ASSERT_TRUE(office.get(process->outbox.drain({office.now() + 2s})));
    process->kill();
    office.chat.latency = 50ms;
    process = fresh();
    office.pass(2min);
    EXPECT_EQ(unknown(id), 0U);
    EXPECT_EQ(in_use(id), 1U);
}

TEST_F(CardsOfTwo, WhatCannotBeWrittenDownAtTheEndIsNotHandedBackAsIfItWereCertain) {
    office.chat.latency = 8s;
    auto id = process->open("db.export")->c.request->id;
    office.pass(100ms);
    office.store.fault = [&](std::string_view call) -> std::optional<Failure> {
        if (call == "settle") return Failure{Trouble::unavailable, "down", "", ""};
        return std::nullopt;
    };
    EXPECT_FALSE(office.get(process->outbox.drain({office.now() + 2s})));
    process->kill();
    office.store.fault = nullptr;
    office.chat.latency = 50ms;
    process = fresh();
    office.pass(2min);
    EXPECT_EQ(shown(id).size(), 1U) << "it was looked for";
    EXPECT_EQ(unknown(id), 0U);
    expect_calm(id, 1);
}

// Entries of which the lines tell, several of which may have been joined into one.
std::ptrdiff_t told(const FakeChat::Message& message) {
    std::ptrdiff_t lines = 0;
    for (const std::string& line : message.lines)
        lines += 1 + std::ranges::count(line, '\xb7');  // the second byte of a middle dot
    return lines;
}
std::ptrdiff_t to_tell(const core::Case& c) {
    return std::ranges::count_if(c.entries, core::has_thread_line);
}

// Everything that can go wrong does, at random, and in the end every card tells the truth.
class Storm : public CardsOfTwo, public testing::WithParamInterface<std::uint64_t> {};

TEST_P(Storm, CardsConvergeAndNoLineIsLost) {
    std::mt19937_64 engine(GetParam());
    auto roll = [&](std::size_t sides) { return static_cast<std::size_t>(engine() % sides); };
    bool storm = true;
    office.chat.weather = [&](Act) {
        if (!storm || roll(3) != 0) return Fault::none;
        constexpr std::array faults{Fault::unavailable, Fault::lost_answer, Fault::lost_call, Fault::late,
                                    Fault::overloaded};
        return faults[roll(faults.size())];
    };
    office.store.fault = [&](std::string_view call) -> std::optional<Failure> {
        bool outbox = call == "settle" || call == "claim" || call == "adopt" || call == "cards_of";
        if (!storm || !outbox || roll(5) != 0) return std::nullopt;
        return Failure{Trouble::unavailable, "down", "", ""};
    };
    std::optional<Process> other{std::in_place, office};
    other->start();
    std::vector<core::RequestId> requests;
    std::set<core::RequestId> deleted;  // with the lines that were in its thread
    for (int step = 0; step < 60; ++step) {
        office.chat.latency = std::chrono::milliseconds{10 + roll(2'000)};
        auto what = roll(10);
        if (what < 2 || requests.empty()) {
            requests.push_back(process->open(roll(2) == 0 ? "db.export" : "deploy")->c.request->id);
        } else if (what == 2) {
            process->kill();
            process = fresh();
        } else if (what == 3 && !office.chat.messages.empty()) {
            deleted.insert(office.chat.messages.begin()->second.request);
            office.chat.messages.erase(office.chat.messages.begin());
        } else if (what == 4) {
            click(requests[roll(requests.size())]);
        } else {
            constexpr std::array users{"U0AMY", "U0BEN", "U0CAT"};
            auto verdict = roll(6) == 0 ? core::Verdict::withdraw : core::Verdict::approve;
            // A restarted process must not use an old click's name.
            auto& who = roll(3) == 0 ? *other : *process;
            (void)who.vote(requests[roll(requests.size())], users[roll(users.size())], verdict,
                           "step " + std::to_string(step));
        }
        office.pass(std::chrono::milliseconds{roll(3'000)});
    }
    storm = false;
    office.chat.latency = 20ms;
    office.pass(6min);
    EXPECT_EQ(office.store.rows_behind(), 0U);
    for (auto request : requests) {
        auto now = office.get(process->requests.read(request, office.soon())).value();
        EXPECT_EQ(unknown(request), 0U);
        EXPECT_TRUE(in_use(request) > 0 || deleted.contains(request)) << "nobody sees it";
        for (const auto& message : shown(request)) {
            if (message.retired) continue;
            EXPECT_EQ(message.version, now->c.version());
            EXPECT_EQ(message.state, now->ruling.state);
            auto said = message.marks;
            std::ranges::sort(said);
            EXPECT_EQ(std::ranges::adjacent_find(said), said.end()) << "a line was said twice";
            if (!deleted.contains(request)) EXPECT_EQ(told(message), to_tell(now->c)) << "a line was lost";
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Seeds, Storm, testing::Range<std::uint64_t>(1, 41));

}  // namespace
}  // namespace countersign::test
