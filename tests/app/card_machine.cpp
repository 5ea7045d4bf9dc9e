#include "app/card_play.hpp"

namespace countersign::test {
namespace {

TEST_F(CardsOf, ANewRequestIsPostedAndDone) {
    opened();
    posts();
    auto row = settles();
    EXPECT_EQ(row.how, Row::done);
    EXPECT_EQ(row.version, 1);
    EXPECT_EQ(settled_card(row).message, message("1"));
    machine.settled(lease(), std::nullopt);
    EXPECT_TRUE(machine.over());
    EXPECT_TRUE(machine.certain());
}

TEST_F(CardsOf, AVoteIsShownAndThenTold) {
    posted();
    vote("U0AMY");
    machine.committed(known(), std::vector{card}, lease());
    auto edit = step(Act::edit);
    EXPECT_EQ(edit.message, message("1"));
    EXPECT_FALSE(machine.next(now)) << "one thing at a time";
    answer(edit);
    auto say = step(Act::say);
    EXPECT_EQ(say.from, 1);
    EXPECT_EQ(say.to, 2);
    answer(say);
    EXPECT_EQ(settles().how, Row::done);
}

TEST_F(CardsOf, WhatChangesMeanwhileIsShownWithOneMoreEdit) {
    posted();
    vote("U0AMY");
    machine.committed(known(), std::vector{card}, lease());
    auto edit = step(Act::edit);
    vote("U0CAT");
    vote("U0BEN");
    machine.committed(known(), std::nullopt, lease());
    answer(edit);
    succeeds(Act::edit);
    auto say = step(Act::say);
    EXPECT_EQ(say.to, play.c.version());
    answer(say);
    EXPECT_EQ(settles().version, play.c.version());
}

TEST_F(CardsOf, AMessageIsWrittenDownBeforeEverythingElseIsDone) {
    opened();
    auto post = step(Act::post);
    vote("U0AMY");
    machine.committed(known(), std::nullopt, lease());
    answer(post, {.messages = {message("1")}});
    ASSERT_TRUE(machine.to_settle(now));
    auto row = machine.settling(now);
    EXPECT_EQ(row.how, Row::goes_on);
    EXPECT_EQ(settled_card(row).message, message("1"));
    EXPECT_TRUE(machine.next(now)) << "and it goes on meanwhile";
}

TEST_F(CardsOf, ACommitWhileTheLastOneIsBeingWrittenGoesOnAtOnce) {
    opened();
    posts();
    (void)settles();
    vote("U0AMY");
    machine.committed(known(), std::nullopt, lease());
    auto edit = step(Act::edit);
    machine.settled(lease(), std::nullopt);
    EXPECT_FALSE(machine.over());
    answer(edit);
    succeeds(Act::say);
    EXPECT_EQ(settles().version, 2);
}

// ---- in a batch

struct CardsInABatch : CardsOf {
    const core::BatchId batch{core::BatchId::Bytes{}};
    CardsInABatch() { card.batch = batch; }
    void listed() { card.shown_version = card.told_version = play.c.version(); }
};

TEST_F(CardsInABatch, ACardThatJoinsOneIsShownByIt) {
    card.batch.reset();
    opened();
    succeeds(Act::post, {.batch = batch});
    auto row = settles();
    EXPECT_EQ(row.how, Row::done);
    EXPECT_EQ(settled_card(row).shown_version, 1);
}

TEST_F(CardsInABatch, AVoteIsListedAndThenTold) {
    listed();
    vote("U0AMY");
    machine.committed(known(), std::vector{card}, lease());
    succeeds(Act::list);
    auto say = step(Act::say);
    EXPECT_EQ(say.batch, batch);
    EXPECT_EQ(say.from, 1);
    EXPECT_EQ(say.to, 2);
    answer(say);
    EXPECT_EQ(settles().how, Row::done);
}

TEST_F(CardsInABatch, ALineOfUnknownOutcomeIsLookedForInTheThread) {
    listed();
    vote("U0AMY");
    machine.committed(known(), std::vector{card}, lease());
    succeeds(Act::list);
    fails(Act::say, How::unknown);
    auto row = settles();
    EXPECT_TRUE(settled_card(row).unsure);
    machine.settled(lease(), std::nullopt);
    keep(row);
    now = row.again_at + 10min;
    claim();
    succeeds(Act::read_thread, {.told = 2});
    row = settles();
    EXPECT_EQ(row.how, Row::done);
    EXPECT_EQ(settled_card(row).told_version, 2);
    EXPECT_FALSE(settled_card(row).unsure);
}

TEST_F(CardsInABatch, WhatADeadHolderMayHaveSaidIsLookedFor) {
    listed();
    vote("U0AMY");
    now += 10min;
    claim(true);
    succeeds(Act::list);
    succeeds(Act::read_thread, {.told = 0});
    succeeds(Act::say);
    EXPECT_EQ(settles().how, Row::done);
}

TEST_F(CardsInABatch, ALineWaitsWhereTheListIsNotPostedYet) {
    listed();
    vote("U0AMY");
    machine.committed(known(), std::vector{card}, lease());
    succeeds(Act::list);
    fails(Act::say, How::unavailable);
    auto row = settles();
    EXPECT_EQ(row.how, Row::put_off);
    machine.settled(lease(), std::nullopt);
    keep(row);
    EXPECT_EQ(card.told_version, 1);
    now = row.again_at;
    claim();
    succeeds(Act::say);
    EXPECT_EQ(settles().how, Row::done);
}

// ---- lines

TEST_F(CardsOf, LinesWaitForTheMessageAndAreNotForgotten) {
    opened();
    auto post = step(Act::post);
    vote("U0AMY");
    machine.committed(known(), std::nullopt, lease());
    answer(post, {.how = How::unavailable});
    auto row = settles();
    EXPECT_EQ(row.how, Row::put_off);
    machine.settled(lease(), std::nullopt);
    keep(row);
    EXPECT_EQ(card.told_version, 1);
    now = row.again_at;
    claim();
    posts();
    auto say = step(Act::say);
    EXPECT_EQ(say.from, 1);
}

TEST_F(CardsOf, ALineOfUnknownOutcomeIsLookedForInTheThread) {
    posted();
    vote("U0AMY");
    machine.committed(known(), std::vector{card}, lease());
    succeeds(Act::edit);
    fails(Act::say, How::unknown);
    auto row = settles();
    EXPECT_TRUE(settled_card(row).unsure);
    EXPECT_EQ(settled_card(row).told_version, 1);
    machine.settled(lease(), std::nullopt);
    keep(row);
    now = row.again_at + 10min;
    claim();
    succeeds(Act::edit);
    succeeds(Act::read_thread, {.told = 2});
    row = settles();
    EXPECT_EQ(row.how, Row::done);
    EXPECT_EQ(settled_card(row).told_version, 2);
}

TEST_F(CardsOf, LinesThatADeadHolderMayHaveSaidAreLookedFor) {
    posted();
    vote("U0AMY");
    vote("U0BEN");
    now += 10min;
    claim(true);
    succeeds(Act::edit);
    succeeds(Act::read_thread, {.told = 2});
    auto say = step(Act::say);
    EXPECT_EQ(say.from, 2);
    EXPECT_EQ(say.to, 3);
}

TEST_F(CardsOf, ALineIsNeverDroppedHoweverOftenItFails) {
    posted();
    vote("U0AMY");
    card.shown_version = 2;
    for (int i = 0; i < 30; ++i) {
        machine = app::CardMachine{id, {}};
        machine.claimed({.request = id, .version = 2, .attempts = i, .cards = {card}}, lease());
        step(Act::read);
        machine.read(known(), std::nullopt);
        fails(Act::say, How::unavailable);
        auto row = settles();
        EXPECT_EQ(row.how, Row::put_off);
        EXPECT_LE(row.again_at, now + 72s);
        now = row.again_at;
    }
}

TEST_F(CardsOf, AMessageThatTakesNoEditsStillGetsItsLine) {
    posted();
    vote("U0AMY");
    machine.committed(known(), std::vector{card}, lease());
    fails(Act::edit, How::refused);
    succeeds(Act::say);
    auto row = settles();
    EXPECT_EQ(row.how, Row::put_off);
    EXPECT_EQ(row.again_at, now + 60s);
}

TEST_F(CardsOf, AMessageThatTakesNeitherEditsNorLinesIsLeftAloneForAWhile) {
    for (auto how : {How::refused, How::unavailable, How::unknown, How::overloaded}) {
        machine = app::CardMachine{id, {}};
        play = core::testing::Play{core::testing::requires_of({core::testing::asks({{2, "security"}})})};
        posted();
        vote("U0AMY");
        machine.committed(known(), std::vector{card}, lease());
        fails(Act::edit, How::refused);
        fails(Act::say, how);
        auto row = settles();
        EXPECT_EQ(row.how, Row::put_off);
        EXPECT_GE(row.again_at, now + 1s);
        card = {.id = card.id, .target = card.target, .told_version = 1, .created_at = card.created_at};
    }
}

// ---- trouble

TEST_F(CardsOf, AMessageThatSomebodyRemovedIsPostedAgain) {
    posted();
    vote("U0AMY");
    machine.committed(known(), std::vector{card}, lease());
    fails(Act::edit, How::gone);
    posts("2");
    succeeds(Act::say);
    EXPECT_EQ(settled_card(settles()).message, message("2"));
}

TEST_F(CardsOf, ARemovedMessageOfAFinalRequestStaysRemoved) {
    posted();
    vote("U0AMY", core::Verdict::deny);
    machine.committed(known(), std::vector{card}, lease());
    fails(Act::edit, How::gone);
    auto row = settles();
    EXPECT_EQ(row.how, Row::done);
    EXPECT_TRUE(settled_card(row).closed);
}

TEST_F(CardsOf, AnOverloadedChatIsLeftAloneUntilItSaysSo) {
    opened();
    answer(step(Act::post), {.how = How::overloaded, .not_before = now + 7s});
    auto row = settles();
    EXPECT_EQ(row.how, Row::put_off);
    EXPECT_EQ(row.again_at, now + 7s);
}

TEST_F(CardsOf, FailuresInARowWaitLonger) {
    core::Duration before{};
    for (int i = 0; i < 5; ++i) {
        app::CardMachine fresh{id, {}};
        fresh.claimed({.request = id, .version = 1, .attempts = i, .cards = {card}}, lease());
        fresh.next(now);
        fresh.read(known(), std::nullopt);
        auto post = fresh.next(now);
        ASSERT_TRUE(post);
        fresh.answered(*post, {.how = How::unavailable}, now, 0);
        auto pause = fresh.settling(now).again_at - now;
        EXPECT_GT(pause, before);
        before = pause;
    }
}

TEST_F(CardsOf, ACaseThatCannotBeReadIsTriedAgainLater) {
    machine.claimed({.request = id, .version = 1, .cards = {card}}, lease());
    step(Act::read);
    machine.cannot_read(now, 0);
    auto row = settles();
    EXPECT_EQ(row.how, Row::put_off);
    EXPECT_EQ(row.again_at, now + 1s);
    EXPECT_TRUE(row.failed);
}

TEST_F(CardsOf, AResultThatCouldNotBeWrittenIsWrittenNextTime) {
    opened();
    posts();
    auto row = settles();
    machine.not_settled();
    EXPECT_EQ(settled_card(settles()).message, settled_card(row).message);
}

TEST_F(CardsOf, ACardThatNobodyCanShowIsGivenUpOnlyWhenAllIsOver) {
    opened();
    fails(Act::post, How::refused);
    auto row = settles();
    EXPECT_EQ(row.how, Row::put_off);
    EXPECT_EQ(row.again_at, now + 60s);
    machine.settled(lease(), std::nullopt);
    vote("U0AMY", core::Verdict::deny);
    now += 60s;
    claim();
    fails(Act::post, How::refused);
    row = settles();
    EXPECT_EQ(row.how, Row::done);
    EXPECT_TRUE(settled_card(row).closed);
}

}  // namespace
}  // namespace countersign::test
