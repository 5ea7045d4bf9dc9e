#include "app/card_play.hpp"

namespace countersign::test {
namespace {

// ---- a second card that nobody knows

TEST_F(CardsOf, APostOfUnknownOutcomeIsLookedForBeforeItIsMadeAgain) {
    opened();
    fails(Act::post, How::unknown);
    auto row = settles();
    EXPECT_EQ(row.how, Row::put_off);
    EXPECT_TRUE(settled_card(row).unsure);
    EXPECT_TRUE(row.failed);
    machine.settled(lease(), std::nullopt);
    ASSERT_TRUE(machine.over());

    keep(row);
    now = row.again_at;
    claim();
    succeeds(Act::look, {.messages = {message("7")}});
    succeeds(Act::edit);
    EXPECT_EQ(settled_card(settles()).message, message("7"));
}

TEST_F(CardsOf, APostThatComesLateIsFoundAndBecomesACard) {
    opened();
    fails(Act::post, How::unknown);
    auto row = settles();
    machine.settled(lease(), std::nullopt);
    keep(row);
    now = row.again_at;
    claim();
    succeeds(Act::look);  // nothing there yet
    posts("2");
    row = settles();
    EXPECT_EQ(row.how, Row::put_off) << "it may still come";
    EXPECT_TRUE(settled_card(row).unsure);
    machine.settled(lease(), std::nullopt);

    keep(row);
    now = row.again_at;
    claim();
    succeeds(Act::look, {.messages = {message("1"), message("2")}});
    auto adopt = step(Act::adopt);
    EXPECT_EQ(adopt.message, message("1"));
    answer(adopt);
    succeeds(Act::edit);
    row = settles();
    EXPECT_EQ(row.how, Row::done);
    EXPECT_FALSE(settled_card(row).unsure);
}

TEST_F(CardsOf, WhatADeadHolderMayHavePostedIsLookedFor) {
    claim(true);
    succeeds(Act::look, {.messages = {message("1")}});
    succeeds(Act::edit);
    auto row = settles();
    EXPECT_EQ(row.how, Row::done);
    EXPECT_FALSE(settled_card(row).unsure);
}

TEST_F(CardsOf, ASecondMessageInTheChannelIsRetired) {
    posted();
    auto copy = card;
    copy.id = card_id(2);
    copy.message = message("2");
    copy.shown_version = 0;
    claim(false, {card, copy});
    auto retire = step(Act::retire);
    EXPECT_EQ(retire.message, message("2"));
    answer(retire);
    auto row = settles();
    EXPECT_EQ(row.how, Row::done);
    EXPECT_TRUE(settled_card(row).closed);
}

// Somebody clicked on the message before it was written down whose it is.
TEST_F(CardsOf, TheVeryMessageOfACardIsNotASecondOne) {
    opened();
    posts();
    auto settling = machine.settling(now);
    keep(settling);
    vote("U0AMY");
    machine.committed(known(), std::nullopt, lease());
    auto edit = step(Act::edit);
    auto theirs = card;
    theirs.message.reset();
    theirs.shown_version = 0;
    theirs.closed = true;  // as the store would have it
    auto twin = card;
    twin.id = card_id(2);
    twin.shown_version = 0;
    twin.told_version = 2;
    machine.settled(lease(), app::OutboxRow{.request = id, .version = 2, .cards = {theirs, twin}});
    EXPECT_FALSE(machine.next(now)) << "nothing is done to it twice";
    answer(edit);
    succeeds(Act::say);
    auto row = settles();
    ASSERT_EQ(row.cards.size(), 2U);
    EXPECT_EQ(row.cards[0].state.message, message("1"));
    EXPECT_FALSE(row.cards[0].state.closed);
    EXPECT_EQ(row.cards[0].state.told_version, 2);
    EXPECT_TRUE(row.cards[1].state.closed);
    EXPECT_FALSE(row.cards[1].state.message);
}

TEST_F(CardsOf, AMessageThatACopyHasIsFoundByTheCardThatPostedIt) {
    auto copy = card;
    copy.id = card_id(2);
    copy.message = message("1");
    claim(true, {card, copy});
    auto look = step(Act::look);
    EXPECT_FALSE(machine.next(now)) << "it may be the first card's";
    answer(look, {.messages = {message("1")}});
    succeeds(Act::edit);
    auto row = settles();
    ASSERT_EQ(row.cards.size(), 2U);
    EXPECT_EQ(row.cards[0].state.message, message("1"));
    EXPECT_FALSE(row.cards[0].state.closed);
    EXPECT_TRUE(row.cards[1].state.closed);
}

TEST_F(CardsOf, WhatTheOtherCardOfOneMessageSaidIsLookedUpInTheThread) {
    posted();
    vote("U0AMY");
    auto twin = card;  // worked on by somebody else
    twin.id = card_id(2);
    twin.shown_version = twin.told_version = 2;
    now += 10min;
    claim(true, {card, twin});
    succeeds(Act::edit);
    succeeds(Act::read_thread, {.told = 2});
    auto row = settles();
    ASSERT_EQ(row.cards.size(), 2U);
    EXPECT_EQ(row.cards[0].state.told_version, 2);
    EXPECT_TRUE(row.cards[1].state.closed);
}

TEST_F(CardsOf, ASecondMessageThatIsUnsureIsRetiredOnceMoreBeforeItIsLeftAlone) {
    posted();
    auto copy = card;
    copy.id = card_id(2);
    copy.message = message("2");
    copy.shown_version = 0;
    copy.unsure = true;
    now += 10min;
    claim(false, {card, copy});
    succeeds(Act::retire);
    auto row = settles();
    EXPECT_EQ(row.how, Row::put_off) << "an older edit may still come";
    EXPECT_EQ(row.again_at, now + 15s);
    copy = settled_card(row);
    EXPECT_FALSE(copy.closed);
    machine.settled(lease(), std::nullopt);
    now = row.again_at;
    claim(false, {card, copy});
    succeeds(Act::retire);
    row = settles();
    EXPECT_EQ(row.how, Row::done);
    EXPECT_TRUE(settled_card(row).closed);
    EXPECT_FALSE(settled_card(row).unsure);
}

TEST_F(CardsOf, OfTwoCardsPostedInOneChannelTheSecondIsRetired) {
    auto twin = card;
    twin.id = card_id(2);
    twin.target.channel = "C1";
    machine.committed(known(), std::vector{card, twin}, lease());
    auto first = step(Act::post);
    auto second = step(Act::post);
    answer(second, {.messages = {message("2")}});
    answer(first, {.messages = {message("1")}});
    EXPECT_EQ(step(Act::retire).message, message("2"));
}

TEST_F(CardsOf, WhatIsWrittenDownSaysWhichMessageItWasBasedOn) {
    posted();
    vote("U0AMY");
    machine.committed(known(), std::vector{card}, lease());
    fails(Act::edit, How::gone);
    posts("2");
    succeeds(Act::say);
    auto row = settles();
    EXPECT_EQ(settled_card(row).message, message("2"));
    EXPECT_EQ(row.cards.at(0).known, message("1"));
}

TEST_F(CardsOf, AMessageOfSomebodyElseThatComesToLightWhilePostingIsNotOverwritten) {
    opened();
    auto post = step(Act::post);
    auto theirs = card;
    theirs.message = message("9");
    machine.claimed({.request = id, .version = 1, .cards = {theirs}}, lease());
    answer(post, {.messages = {message("1")}});
    ASSERT_TRUE(machine.to_settle(now));
    auto row = machine.settling(now);
    EXPECT_EQ(settled_card(row).message, message("1"));
    EXPECT_FALSE(row.cards.at(0).known);
    auto copy = card;
    copy.id = card_id(2);
    copy.message = message("1");
    copy.unsure = true;
    machine.settled(lease(), app::OutboxRow{.request = id, .version = 1, .cards = {theirs, copy}});
    EXPECT_EQ(step(Act::edit).message, message("9"));
    EXPECT_EQ(step(Act::look).card, copy.id);
}

TEST_F(CardsOf, ARowClaimedAnewWhileTheLastResultIsWrittenGoesOn) {
    opened();
    posts();
    keep(settles());
    machine.claimed({.request = id, .version = 1, .cards = {card}}, lease());
    machine.settled(lease(), std::nullopt);
    EXPECT_FALSE(machine.over()) << "its lease is not the one that was settled";
    EXPECT_EQ(settles().how, Row::done);
}

TEST_F(CardsOf, ACopyInAnotherChannelIsACardLikeTheOthers) {
    posted();
    auto copy = card;
    copy.id = card_id(2);
    copy.message = app::MessageRef{"C2", "2"};
    copy.shown_version = 0;
    claim(false, {card, copy});
    auto edit = step(Act::edit);
    EXPECT_EQ(edit.message, (app::MessageRef{"C2", "2"}));
    answer(edit);
    EXPECT_EQ(settles().how, Row::done);
}

TEST_F(CardsOf, NothingIsBegunWithALeaseThatMayRunOutMeanwhile) {
    opened();
    now += 21s;
    EXPECT_FALSE(machine.next(now));
    ASSERT_TRUE(machine.to_settle(now)) << "it is prolonged first";
    EXPECT_EQ(machine.settling(now).how, Row::goes_on);
    machine.settled(lease(), std::nullopt);
    posts();
}

TEST_F(CardsOf, WhoLostTheLeaseWritesDownWhatItPostedAndLetsGo) {
    opened();
    auto post = step(Act::post);
    now += 40s;  // stopped, say
    answer(post, {.messages = {message("1")}});
    EXPECT_FALSE(machine.next(now));
    ASSERT_TRUE(machine.to_settle(now));
    EXPECT_EQ(settled_card(machine.settling(now)).message, message("1"));
    machine.lost();
    EXPECT_TRUE(machine.over());
    EXPECT_FALSE(machine.certain());
}

TEST_F(CardsOf, WhatEndsAfterTheLeaseWasLostIsWrittenDownToo) {
    posted();
    auto other = card;
    other.id = card_id(2);
    other.message = app::MessageRef{"C2", "2"};
    vote("U0AMY");
    machine.committed(known(), std::vector{card, other}, lease());
    auto first = step(Act::edit);
    auto second = step(Act::edit);
    now += 40s;
    answer(first);
    ASSERT_TRUE(machine.to_settle(now));
    (void)machine.settling(now);
    machine.lost();
    EXPECT_FALSE(machine.over());
    answer(second);
    EXPECT_FALSE(machine.next(now));
    ASSERT_TRUE(machine.to_settle(now));
    auto row = machine.settling(now);
    EXPECT_EQ(settled_card(row).id, card_id(2));
    machine.lost();
    EXPECT_TRUE(machine.over());
}

TEST_F(CardsOf, WhatIsUnderWayWhenTheProcessEndsIsUnsure) {
    opened();
    auto post = step(Act::post);
    machine.abandon();
    ASSERT_TRUE(machine.to_settle(now));
    auto row = machine.settling(now);
    EXPECT_EQ(row.how, Row::put_off);
    EXPECT_EQ(row.again_at, now);
    EXPECT_TRUE(settled_card(row).unsure);
    machine.settled(lease(), std::nullopt);
    EXPECT_TRUE(machine.over());
    answer(post, {.messages = {message("1")}});  // it ended after all
}

// ---- a card that shows something old

TEST_F(CardsOf, ACardThatIsUnsureIsEditedAgainThoughItShouldShowAll) {
    posted();
    card.unsure = true;
    now += 10min;
    claim();
    succeeds(Act::edit);
    auto row = settles();
    EXPECT_EQ(row.how, Row::done);
    EXPECT_FALSE(settled_card(row).unsure);
}

TEST_F(CardsOf, AnEditOfUnknownOutcomeIsMadeSureOfOnceItCannotComeAnyMore) {
    posted();
    vote("U0AMY");
    machine.committed(known(), std::vector{card}, lease());
    fails(Act::edit, How::unknown);
    auto row = settles();
    EXPECT_LE(row.again_at, now + 2s);
    machine.settled(lease(), std::nullopt);
    keep(row);
    now = row.again_at + 10min;  // nobody looks for messages of so old a card
    claim();
    succeeds(Act::edit);
    row = settles();
    EXPECT_EQ(row.how, Row::put_off);
    EXPECT_FALSE(row.failed);
    machine.settled(lease(), std::nullopt);
    keep(row);
    now = row.again_at;
    claim();
    succeeds(Act::edit);
    succeeds(Act::read_thread);
    succeeds(Act::say);
    row = settles();
    EXPECT_EQ(row.how, Row::done);
    EXPECT_FALSE(settled_card(row).unsure);
}

TEST_F(CardsOf, ADoubtRestsThoughAnotherCardOfTheRequestIsDueSooner) {
    posted();
    auto other = card;
    other.id = card_id(2);
    other.message = app::MessageRef{"C2", "2"};
    vote("U0AMY");
    machine.committed(known(), std::vector{card, other}, lease());
    auto first = step(Act::edit);
    auto second = step(Act::edit);
    answer(first);
    answer(step(Act::say), {.how = How::unknown});
    answer(second, {.how = How::unavailable});
    auto row = settles();
    EXPECT_TRUE(row.failed);
    EXPECT_EQ(row.again_at, now + 15s) << "the line may come until then";
}

TEST_F(CardsOf, WhatIsGivenUpAtTheEndRestsToo) {
    posted();
    vote("U0AMY");
    machine.committed(known(), std::vector{card}, lease());
    succeeds(Act::edit);
    step(Act::say);
    machine.abandon();
    auto row = machine.settling(now);
    EXPECT_TRUE(settled_card(row).unsure);
    EXPECT_EQ(row.again_at, now + 15s);
}

TEST_F(CardsOf, ACommitThatLeasesTheRowEndsNoDoubt) {
    posted();
    vote("U0AMY");
    card.shown_version = 2;
    card.unsure = true;  // a line may have been said a moment ago
    now += 10min;
    machine.committed(known(), std::vector{card}, lease());
    succeeds(Act::edit);
    auto row = settles();
    EXPECT_EQ(row.how, Row::put_off);
    EXPECT_EQ(row.again_at, now + 15s);
    EXPECT_TRUE(row.cards.empty()) << "it stays as it is";
}

TEST_F(CardsOf, NothingIsBegunThatMayHaveItsEffectAfterTheLease) {
    opened();
    now += 16s;
    EXPECT_FALSE(machine.next(now));
    EXPECT_TRUE(machine.to_settle(now));
}

TEST_F(CardsOf, WhatTheStoreFoundBehindGoesOn) {
    posted();
    vote("U0AMY");
    machine.committed(known(), std::vector{card}, lease());
    succeeds(Act::edit);
    succeeds(Act::say);
    auto row = settles();
    keep(row);
    auto disturbed = card;
    disturbed.unsure = true;  // by somebody who had lost the lease
    now += 10min;
    machine.settled(lease(), app::OutboxRow{.request = id, .version = 2, .cards = {disturbed}});
    EXPECT_FALSE(machine.over());
    succeeds(Act::edit);
    row = settles();
    ASSERT_EQ(row.cards.size(), 1U);
    EXPECT_TRUE(row.cards[0].doubted);
    EXPECT_FALSE(row.cards[0].state.unsure);
}

TEST_F(CardsOf, AFinalCardIsClosedOnceItIsShownAndTold) {
    posted();
    vote("U0AMY", core::Verdict::deny);
    machine.committed(known(), std::vector{card}, lease());
    succeeds(Act::edit);
    succeeds(Act::say);
    EXPECT_TRUE(settled_card(settles()).closed);
}

TEST_F(CardsOf, AFinalCardOfUnknownOutcomeIsNotClosedYet) {
    posted();
    card.unsure = true;
    vote("U0AMY", core::Verdict::deny);
    now += 10min;
    claim();
    succeeds(Act::edit);
    auto row = settles();
    EXPECT_EQ(row.how, Row::put_off);
    EXPECT_FALSE(settled_card(row).closed);
}

}  // namespace
}  // namespace countersign::test
