#include "app/cards.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace countersign::test {
namespace {

TEST_F(Cards, ANewRequestIsPostedInTheDefaultChannel) {
    auto request = process->open("db.export");
    office.pass(100ms);
    auto messages = shown(request->c.request->id);
    ASSERT_EQ(messages.size(), 1U);
    EXPECT_EQ(messages[0].channel, "#approvals");
    expect_calm(request->c.request->id, 1);
}

TEST_F(Cards, ARulesChannelsGetOneCardEach) {
    auto request = process->open("deploy");
    office.pass(100ms);
    auto messages = shown(request->c.request->id);
    ASSERT_EQ(messages.size(), 2U);
    EXPECT_THAT((std::vector{messages[0].channel, messages[1].channel}),
                testing::UnorderedElementsAre("#deploys", "#watch"));
}

TEST_F(Cards, AnOpenRequestIsComparedWithTheLastApprovedOne) {
    auto first = process->open("deploy");
    office.pass(1s);
    ASSERT_TRUE(process->vote(first->c.request->id, "U0AMY"));
    office.pass(1s);
    auto second = process->open("deploy");
    office.pass(1s);
    EXPECT_EQ(shown(first->c.request->id)[0].compared_with, 0) << "it has ended";
    for (const auto& message : shown(second->c.request->id))
        EXPECT_EQ(message.compared_with, first->c.request->number);
    ASSERT_TRUE(process->vote(second->c.request->id, "U0AMY", core::Verdict::hold));
    office.pass(1s);
    EXPECT_EQ(shown(second->c.request->id)[0].compared_with, first->c.request->number) << "also when edited";
}

TEST_F(Cards, WhatCannotBeComparedIsShownAllTheSame) {
    auto first = process->open("deploy");
    ASSERT_TRUE(process->vote(first->c.request->id, "U0AMY"));
    office.pass(1s);
    office.store.fault = [](std::string_view call) {
        return call == "last_approved" ? std::optional{Failure{Trouble::unavailable, "down", {}, {}}}
                                       : std::optional<Failure>{};
    };
    auto second = process->open("deploy");
    office.pass(1s);
    ASSERT_EQ(shown(second->c.request->id).size(), 2U);
    EXPECT_EQ(shown(second->c.request->id)[0].compared_with, 0);
}

TEST_F(Cards, AVoteRefreshesTheCardInTheTurnOfItsCommit) {
    auto request = process->open("db.export");
    office.pass(1s);
    auto before = office.chat.calls(Act::refresh);
    ASSERT_TRUE(process->vote(request->c.request->id, "U0AMY"));
    office.world.settle();
    EXPECT_EQ(office.chat.calls(Act::refresh), before + 1) << "without any time passing";
    office.pass(1s);
    expect_calm(request->c.request->id, 1);
    EXPECT_THAT(shown(request->c.request->id)[0].lines, testing::SizeIs(1));
}

TEST_F(Cards, TheCardComesBeforeItsThreadLine) {
    auto request = process->open("db.export");
    office.pass(1s);
    std::vector<Act> order;
    office.chat.weather = [&](Act act) {
        order.push_back(act);
        return Fault::none;
    };
    ASSERT_TRUE(process->vote(request->c.request->id, "U0AMY"));
    office.pass(1s);
    EXPECT_THAT(order, testing::ElementsAre(Act::refresh, Act::say));
}

TEST_F(Cards, ManyChangesCollapseIntoFewEditsAndEveryLineAppearsOnce) {
    office.chat.latency = 2s;
    auto request = process->open("db.export");
    office.pass(3s);
    auto edits = office.chat.calls(Act::refresh);
    for (const char* user : {"U0AMY", "U0CAT"}) ASSERT_TRUE(process->vote(request->c.request->id, user));
    for (int i = 0; i < 8; ++i)
        ASSERT_TRUE(process->vote(request->c.request->id, "U0AMY",
                                  i % 2 == 0 ? core::Verdict::withdraw : core::Verdict::approve));
    office.pass(30s);
    EXPECT_LE(office.chat.calls(Act::refresh) - edits, 3U);
    EXPECT_LE(office.chat.calls(Act::say), 4U);
    expect_calm(request->c.request->id, 1);
    std::string all;
    auto messages = shown(request->c.request->id);
    for (const auto& line : messages[0].lines) all += line + "\n";
    std::size_t withdrawn = 0;
    for (auto at = all.find("withdrew"); at != std::string::npos; at = all.find("withdrew", at + 1))
        ++withdrawn;
    EXPECT_EQ(withdrawn, 4U) << all;
}

TEST_F(Cards, OneCardIsEditedOnceAtATime) {
    office.chat.latency = 500ms;
    auto request = process->open("db.export");
    for (const char* user : {"U0AMY", "U0CAT", "U0BEN"})
        ASSERT_TRUE(process->vote(request->c.request->id, user));
    office.pass(100ms);
    EXPECT_EQ(office.chat.most_at_once, 1U);
    office.pass(10s);
    expect_calm(request->c.request->id, 1);
    EXPECT_EQ(shown(request->c.request->id)[0].state, State::approved);
}

TEST_F(Cards, ManyCardsAreCarriedOutTogetherUpToTheLimit) {
    process->kill();
    process = fresh({.cards_in_flight_max = 8});
    for (int i = 0; i < 40; ++i) process->open("db.export");
    office.pass(20s);
    EXPECT_EQ(office.chat.most_at_once, 8U);
    EXPECT_EQ(office.chat.messages.size(), 40U);
    EXPECT_EQ(office.store.rows_behind(), 0U);
}

TEST_F(Cards, ResultsAreSettledInBatches) {
    std::size_t settles = 0;
    office.store.fault = [&](std::string_view call) -> std::optional<Failure> {
        settles += call == "settle" ? 1 : 0;
        return std::nullopt;
    };
    for (int i = 0; i < 60; ++i) process->open("db.export");
    office.pass(5s);
    EXPECT_LE(settles, 6U);
    EXPECT_EQ(office.store.rows_behind(), 0U);
}

TEST_F(Cards, AnUnavailableChatOnlyDelays) {
    fail_next(Act::post, Fault::unavailable, 3);
    auto request = process->open("db.export");
    office.pass(100ms);
    EXPECT_TRUE(office.chat.messages.empty());
    office.pass(30s);
    expect_calm(request->c.request->id, 1);
}

TEST_F(Cards, AnOverloadedChatIsLeftAloneUntilItSaysSo) {
    auto request = process->open("db.export");
    office.pass(1s);
    fail_next(Act::refresh, Fault::overloaded);
    ASSERT_TRUE(process->vote(request->c.request->id, "U0AMY"));
    office.pass(6s);
    EXPECT_EQ(shown(request->c.request->id)[0].version, 1);
    office.pass(4s);
    expect_calm(request->c.request->id, 1);
}

TEST_F(Cards, APostWhoseAnswerWasLostIsFoundInsteadOfPostedTwice) {
    fail_next(Act::post, Fault::lost_answer);
    auto request = process->open("db.export");
    office.pass(40s);
    expect_calm(request->c.request->id, 1);
    EXPECT_EQ(office.chat.calls(Act::post), 1U);
}

TEST_F(Cards, APostThatNeverArrivedIsLookedForAndThenPosted) {
    fail_next(Act::post, Fault::lost_call);
    auto request = process->open("db.export");
    office.pass(40s);
    expect_calm(request->c.request->id, 1);
    EXPECT_EQ(office.chat.calls(Act::post), 2U);
}

TEST_F(Cards, AnEditOfUnknownOutcomeIsMadeAgain) {
    auto request = process->open("db.export");
    office.pass(1s);
    fail_next(Act::refresh, Fault::lost_call);
    ASSERT_TRUE(process->vote(request->c.request->id, "U0AMY"));
    office.pass(5s);
    EXPECT_EQ(shown(request->c.request->id)[0].version, 2);
    office.pass(35s);
    expect_calm(request->c.request->id, 1);
}

TEST_F(Cards, ACardThatSomebodyDeletedIsPostedAgain) {
    auto request = process->open("db.export");
    office.pass(1s);
    office.chat.messages.clear();
    ASSERT_TRUE(process->vote(request->c.request->id, "U0AMY"));
    office.pass(5s);
    expect_calm(request->c.request->id, 1);
}

TEST_F(Cards, ADeletedCardOfAFinalRequestStaysDeleted) {
    auto request = process->open("db.export");
    office.pass(1s);
    office.chat.messages.clear();
    ASSERT_TRUE(process->vote(request->c.request->id, "U0AMY", core::Verdict::deny));
    office.pass(10s);
    EXPECT_TRUE(office.chat.messages.empty());
    EXPECT_EQ(office.store.rows_behind(), 0U);
}

TEST_F(Cards, AChannelThatRefusesIsTriedAgainUntilItIsMended) {
    fail_next(Act::post, Fault::refused, 2);
    auto request = process->open("db.export");
    office.pass(70s);
    EXPECT_TRUE(office.chat.messages.empty());
    EXPECT_LE(office.chat.calls(Act::post), 2U);
    office.pass(70s);
    expect_calm(request->c.request->id, 1);
}

TEST_F(Cards, LinesWaitForTheirCard) {
    fail_next(Act::post, Fault::unavailable, 2);
    auto request = process->open("db.export");
    ASSERT_TRUE(process->vote(request->c.request->id, "U0AMY"));
    office.pass(60s);
    expect_calm(request->c.request->id, 1);
    EXPECT_THAT(shown(request->c.request->id)[0].lines, testing::SizeIs(1));
}

TEST_F(Cards, ALineThatFailedInOneChannelIsNotRepeatedInTheOther) {
    auto request = process->open("deploy");
    office.pass(1s);
    fail_next(Act::say, Fault::unavailable);
    ASSERT_TRUE(process->vote(request->c.request->id, "U0AMY", core::Verdict::hold));
    office.pass(30s);
    expect_calm(request->c.request->id, 2);
    for (const auto& message : shown(request->c.request->id)) EXPECT_THAT(message.lines, testing::SizeIs(1));
}

TEST_F(Cards, AStoreThatIsDownDelaysSettlingAndLosesNothing) {
    bool down = false;
    office.store.fault = [&](std::string_view call) -> std::optional<Failure> {
        if (down && call == "settle") return Failure{Trouble::unavailable, "down", "", ""};
        return std::nullopt;
    };
    down = true;
    auto request = process->open("db.export");
    office.pass(3s);
    EXPECT_EQ(office.chat.messages.size(), 1U);
    EXPECT_EQ(office.store.rows_behind(), 1U);
    down = false;
    office.pass(3s);
    expect_calm(request->c.request->id, 1);
    EXPECT_EQ(office.chat.calls(Act::post), 1U);
}

TEST_F(Cards, PeopleAreRemindedInTheCardsThread) {
    auto request = process->open("slow.deploy");
    office.pass(10min + 2s);
    expect_calm(request->c.request->id, 1);
    EXPECT_THAT(
        shown(request->c.request->id)[0].lines,
        testing::ElementsAre("Reminder: this still needs 2 of security, and expires in 19m. @amy @ben"));
    ASSERT_TRUE(process->vote(request->c.request->id, "U0BEN"));
    office.pass(10min);
    EXPECT_EQ(shown(request->c.request->id)[0].lines.back(),
              "Reminder: this still needs 1 of security, and expires in 9m. @amy");
}

TEST_F(Cards, AnEscalationPostsACardThatStaysTrueAndSaysWhyItCame) {
    auto request = process->open("slow.deploy");
    office.pass(15min + 10s);
    auto id = request->c.request->id;
    expect_calm(id, 2);
    auto further = [&] {
        auto messages = shown(id);
        auto found = std::ranges::find(messages, "#sre-oncall", &FakeChat::Message::channel);
        return found == messages.end() ? FakeChat::Message{id, "nowhere", 0, State::pending, 0} : *found;
    };
    const std::string why =
        "Escalated to #sre-oncall: nobody decided within 15m. It still needs 2 of security, which only those "
        "named on "
        "the card can give, and expires in 14m.";
    EXPECT_EQ(further().channel, "#sre-oncall");
    EXPECT_THAT(further().lines, testing::ElementsAre(why));
    ASSERT_TRUE(process->vote(id, "U0AMY", core::Verdict::deny));
    office.pass(2s);
    expect_calm(id, 2);
    EXPECT_EQ(further().state, State::denied);
    EXPECT_THAT(further().lines, testing::SizeIs(2));
}

TEST_F(Cards, AnEscalationsReasonArrivesThoughItsCardIsLate) {
    auto request = process->open("slow.deploy");
    office.pass(14min);
    fail_next(Act::post, Fault::unavailable, 3);
    office.pass(3min);
    expect_calm(request->c.request->id, 2);
    for (const auto& message : shown(request->c.request->id)) {
        auto said = std::ranges::count_if(message.lines,
                                          [](const auto& line) { return line.starts_with("Escalated to"); });
        EXPECT_EQ(said, 1) << message.channel;
    }
}

TEST_F(Cards, WhatWasMissedWhileNobodyRanIsMadeUpForWithOneReminder) {
    auto request = process->open("slow.deploy");
    office.pass(1s);
    process->kill();
    office.pass(25min);
    process = fresh();
    office.pass(5s);
    auto lines = shown(request->c.request->id).at(0).lines;
    std::string all;
    for (const auto& line : lines) all += line + "\n";
    EXPECT_EQ(version(request->c.request->id), 3);
    EXPECT_EQ(all.find("Reminder"), all.rfind("Reminder")) << all;
}

TEST_F(Cards, NobodyIsCalledForWhatIsDecidedWhenTheChatComesBack) {
    auto request = process->open("slow.deploy");
    office.pass(9min);
    office.chat.weather = [](Act) { return Fault::unavailable; };
    office.pass(2min);
    ASSERT_TRUE(process->vote(request->c.request->id, "U0AMY", core::Verdict::deny));
    office.chat.weather = nullptr;
    office.pass(3min);
    expect_calm(request->c.request->id, 1);
    auto lines = shown(request->c.request->id)[0].lines;
    EXPECT_THAT(lines, testing::Each(testing::Not(testing::HasSubstr("Reminder")))) << lines.front();
}

TEST_F(Cards, TheNextProcessFinishesWhatADeadOneLeft) {
    office.chat.latency = 5s;
    auto request = process->open("db.export");
    office.pass(1s);
    process->kill();
    office.chat.latency = 50ms;
    process = fresh();
    office.pass(40s);  // until the dead one's lease has run out
    expect_calm(request->c.request->id, 1);
}

TEST_F(Cards, ADeathBetweenPostingAndRememberingLeavesOneCard) {
    auto request = process->open("db.export");
    office.pass(51ms);  // posted, not yet settled
    ASSERT_EQ(office.chat.messages.size(), 1U);
    ASSERT_EQ(office.store.rows_behind(), 1U);
    process->kill();
    process = fresh();
    office.pass(40s);
    expect_calm(request->c.request->id, 1);
    EXPECT_EQ(office.chat.calls(Act::post), 1U);
}

TEST_F(Cards, DrainingFinishesWhatIsUnderWayAndHandsTheRestBack) {
    process->kill();
    process = fresh({.cards_in_flight_max = 2});
    office.chat.latency = 1s;
    for (int i = 0; i < 6; ++i) process->open("db.export");
    office.pass(100ms);
    auto before = office.now();
    ASSERT_TRUE(office.get(process->outbox.drain({office.now() + 5s})));
    EXPECT_LE(office.now() - before, 2s);
    EXPECT_EQ(office.chat.messages.size(), 2U);
    EXPECT_EQ(office.store.rows_behind(), 4U);
    process->kill();
    process = fresh();
    office.pass(10s);  // long before any lease would have run out
    EXPECT_EQ(office.chat.messages.size(), 6U);
    EXPECT_EQ(office.store.rows_behind(), 0U);
}

TEST_F(Cards, AnUnknownCopyIsBroughtInLineToo) {
    auto request = process->open("db.export");
    office.pass(1s);
    office.chat.messages.emplace("99",
                                 FakeChat::Message{request->c.request->id, "#copy", 0, State::pending, 0});
    auto adopted = office.get(office.store.adopt(request->c.request->id, {core::Surface::slack, "C-#copy"},
                                                 {"C-#copy", "99"}, office.soon()));
    ASSERT_TRUE(adopted && *adopted);
    office.pass(2s);
    expect_calm(request->c.request->id, 2);
    ASSERT_TRUE(process->vote(request->c.request->id, "U0AMY"));
    office.pass(2s);
    expect_calm(request->c.request->id, 2);
}

TEST_F(Cards, TwoReplicasConverge) {
    Process other{office};
    other.start();
    auto request = process->open("db.export");
    office.pass(1s);
    ASSERT_TRUE(process->vote(request->c.request->id, "U0AMY"));
    ASSERT_TRUE(other.vote(request->c.request->id, "U0CAT", core::Verdict::approve, "elsewhere"));
    ASSERT_TRUE(process->vote(request->c.request->id, "U0BEN"));
    office.pass(5s);
    expect_calm(request->c.request->id, 1);
    EXPECT_EQ(shown(request->c.request->id)[0].state, State::approved);
}

TEST_F(Cards, AChannelThatTakesNoCardsForAWhileIsSpokenOf) {
    fail_next(Act::post, Fault::unavailable, 1'000);
    testing::internal::CaptureStderr();
    auto id = process->open("db.export")->c.request->id;
    office.pass(5s);
    auto at_first = testing::internal::GetCapturedStderr();
    EXPECT_THAT(at_first, testing::Not(testing::HasSubstr("has taken no card")))
        << "it may be over in a moment";
    testing::internal::CaptureStderr();
    office.pass(150s);
    auto said = testing::internal::GetCapturedStderr();
    EXPECT_THAT(said, testing::HasSubstr("#approvals in slack has taken no card for"));
    std::size_t times = 0;
    for (auto at = said.find("has taken no card"); at != said.npos;
         at = said.find("has taken no card", at + 1))
        ++times;
    EXPECT_GE(times, 2U);
    EXPECT_LE(times, 3U) << "once a minute";
    office.chat.weather = nullptr;
    testing::internal::CaptureStderr();
    office.pass(2min);
    EXPECT_THAT(testing::internal::GetCapturedStderr(),
                testing::HasSubstr("#approvals in slack takes cards again"));
    EXPECT_EQ(shown(id).size(), 1U);
}

TEST_F(Cards, ACardThatCannotBeChangedForAWhileIsSpokenOfThoughLinesGoThrough) {
    auto id = process->open("db.export")->c.request->id;
    office.pass(2s);
    fail_next(Act::refresh, Fault::unavailable, 1'000);
    testing::internal::CaptureStderr();
    ASSERT_TRUE(process->vote(id, "U0AMY"));
    office.pass(20s);
    ASSERT_TRUE(process->vote(id, "U0CAT"));
    office.pass(20s);
    EXPECT_THAT(testing::internal::GetCapturedStderr(),
                testing::HasSubstr("#approvals in slack has taken no change of a card for"));
}

TEST_F(Cards, ALineThatFailedOnceIsNoTroubleOfTheNextHour) {
    auto id = process->open("db.export")->c.request->id;
    office.pass(2s);
    testing::internal::CaptureStderr();
    fail_next(Act::say, Fault::unavailable, 1);
    ASSERT_TRUE(process->vote(id, "U0AMY"));
    office.pass(10min);
    fail_next(Act::say, Fault::unavailable, 1);
    ASSERT_TRUE(process->vote(id, "U0CAT"));
    office.pass(1min);
    EXPECT_THAT(testing::internal::GetCapturedStderr(),
                testing::Not(testing::HasSubstr("has taken no line")));
}

}  // namespace
}  // namespace countersign::test
