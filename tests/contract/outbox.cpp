#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "contract/outbox.hpp"

namespace countersign::contract {
namespace {

TYPED_TEST(Outbox, ANewRequestsRowIsLeasedToWhoeverOpenedIt) {
    EXPECT_EQ(this->card.target, (app::CardTarget{core::Surface::slack, "#approvals"}));
    EXPECT_EQ(this->card.shown_version, 0);
    EXPECT_FALSE(this->card.message);
    EXPECT_EQ(this->card.created_at, this->on.clock.now());
    EXPECT_TRUE(this->claimed(this->lease_of_another()).empty());
}

TYPED_TEST(Outbox, ALeaseThatRanOutIsAnybodysAndSaysSo) {
    auto row = this->taken();
    EXPECT_TRUE(row.taken_over);
    EXPECT_EQ(row.request, this->id);
    EXPECT_EQ(row.version, 1);
    EXPECT_EQ(row.cards, std::vector{this->card});
    EXPECT_TRUE(this->claimed(this->on.lease()).empty());
}

TYPED_TEST(Outbox, AVoteLeasesNoRowOfSomebodyElseEvenIfTheirLeaseRanOut) {
    this->pass(31s);
    EXPECT_FALSE(this->vote("U0AMY", this->lease_of_another()).leased);
    auto rows = this->claimed(this->lease_of_another());
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_TRUE(rows[0].taken_over);
    EXPECT_EQ(rows[0].version, 2);
}

TYPED_TEST(Outbox, WhatIsShownAndToldIsLeftAloneUntilSomethingChanges) {
    auto answer = this->done(1);
    EXPECT_TRUE(answer.behind.empty());
    EXPECT_TRUE(answer.lost.empty());
    EXPECT_EQ(this->stored(), this->shown(1));
    this->pass(1h - 1s);
    EXPECT_TRUE(this->claimed(this->on.lease()).empty());
    EXPECT_TRUE(this->vote("U0AMY").leased);
}

TYPED_TEST(Outbox, ARowThatFellBehindMeanwhileComesBackLeased) {
    EXPECT_TRUE(this->vote("U0AMY").leased);
    auto answer = this->done(1);
    ASSERT_EQ(answer.behind.size(), 1U);
    EXPECT_EQ(answer.behind[0].version, 2);
    EXPECT_EQ(answer.behind[0].cards, std::vector{this->shown(1)});
    EXPECT_TRUE(this->claimed(this->lease_of_another()).empty());
    EXPECT_TRUE(this->done(2).behind.empty());
}

TYPED_TEST(Outbox, ARowIsNotDoneWhileACardIsBehind) {
    auto answer = this->settled({this->row(How::done, 1, this->card)}, this->on.lease());
    EXPECT_EQ(answer.behind.size(), 1U);
}

TYPED_TEST(Outbox, ARowThatGoesOnKeepsItsLeaseAndItsMessage) {
    this->pass(20s);
    auto answer = this->settled({this->row(How::goes_on, 1, this->shown(1))}, this->on.lease());
    EXPECT_TRUE(answer.behind.empty() && answer.lost.empty());
    EXPECT_EQ(this->stored().message, (app::MessageRef{"C1", "1.1"}));
    this->pass(20s);
    EXPECT_TRUE(this->claimed(this->lease_of_another()).empty());
    this->pass(11s);
    EXPECT_EQ(this->claimed(this->lease_of_another()).size(), 1U);
}

TYPED_TEST(Outbox, ARowPutOffIsDueAtItsTimeAndCountsItsFailures) {
    auto unsure = this->card;
    unsure.unsure = true;
    this->put_off(5s, true, unsure);
    EXPECT_TRUE(this->claimed(this->on.lease()).empty());
    this->pass(5s);
    auto rows = this->claimed(this->on.lease());
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows[0].attempts, 1);
    EXPECT_FALSE(rows[0].taken_over);
    EXPECT_TRUE(rows[0].cards.at(0).unsure);
    auto again = this->row(How::put_off, 1, this->shown(1), true);
    again.again_at = this->on.clock.now() + 1s;
    this->settled({again}, this->on.lease());
    this->pass(1s);
    rows = this->claimed(this->on.lease());
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows[0].attempts, 0);
    EXPECT_FALSE(rows[0].cards.at(0).unsure);
}

TYPED_TEST(Outbox, AVoteLeasesARowThatWasPutOff) {
    this->put_off(1h, true, this->card);
    EXPECT_TRUE(this->vote("U0AMY", this->lease_of_another()).leased);
}

TYPED_TEST(Outbox, AMessageThatIsGoneIsForgotten) {
    this->done(1);
    this->vote("U0AMY");
    auto forgotten = this->shown(2);
    forgotten.message.reset();
    forgotten.shown_version = 0;
    auto row = this->row(How::goes_on, 2, forgotten);
    row.cards[0].known = this->stored().message;
    EXPECT_TRUE(this->settled({row}, this->on.lease()).behind.empty());
    EXPECT_FALSE(this->stored().message);
    EXPECT_EQ(this->stored().shown_version, 0);
    EXPECT_EQ(this->stored().told_version, 2);
}

TYPED_TEST(Outbox, AMessagePostedForOneThatIsGoneTakesItsPlace) {
    this->done(1);
    this->vote("U0AMY");
    auto row = this->row(How::done, 2, this->shown(2, "2.2"));
    row.cards[0].known = this->stored().message;
    EXPECT_TRUE(this->settled({row}, this->on.lease()).behind.empty());
    EXPECT_EQ(this->cards(), std::vector{this->shown(2, "2.2")});
}

// ---- whoever settles without the lease

TYPED_TEST(Outbox, AMessageThatSomebodyElsePostedIsNotForgotten) {
    this->taken();
    this->done(1);  // by whoever lost it
    auto unsure = this->card;
    unsure.unsure = true;
    auto row = this->row(How::put_off, 1, unsure);
    row.again_at = this->on.clock.now() + 1min;
    auto answer = this->settled({row}, this->lease_of_another());
    EXPECT_EQ(this->stored().message, (app::MessageRef{"C1", "1.1"}));
    EXPECT_TRUE(this->stored().unsure);
    ASSERT_EQ(answer.behind.size(), 1U) << "its worker hears of it at once";
    EXPECT_EQ(answer.behind[0].cards, std::vector{this->stored()});
}

TYPED_TEST(Outbox, WhereBothHavePostedBothMessagesAreCards) {
    this->taken();
    this->done(1);  // by whoever lost it
    // Its worker goes on and would never ask again.
    auto answer =
        this->settled({this->row(How::goes_on, 1, this->shown(1, "2.2"))}, this->lease_of_another());
    auto all = this->cards();
    ASSERT_EQ(answer.behind.size(), 1U);
    EXPECT_EQ(answer.behind[0].cards, all);
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[0].message, (app::MessageRef{"C1", "1.1"}));
    EXPECT_EQ(all[1].message, (app::MessageRef{"C1", "2.2"}));
    EXPECT_EQ(all[1].shown_version, 0);
}

TYPED_TEST(Outbox, WhatWasPostedIsRememberedWhoeverHoldsTheRow) {
    this->taken();
    auto answer = this->done(1);
    EXPECT_THAT(answer.lost, testing::ElementsAre(this->id));
    EXPECT_EQ(this->stored().message, (app::MessageRef{"C1", "1.1"}));
    EXPECT_TRUE(this->stored().unsure);
}

TYPED_TEST(Outbox, AnotherMessageOfACardBecomesACardOfItsOwn) {
    this->taken();
    EXPECT_TRUE(this->done(1, this->lease_of_another()).lost.empty());
    auto answer = this->settled({this->row(How::done, 1, this->shown(1, "2.2"))}, this->on.lease());
    EXPECT_THAT(answer.lost, testing::ElementsAre(this->id));
    auto all = this->cards();
    ASSERT_EQ(all.size(), 2U);
    auto copy = all[0].message->message == "2.2" ? all[0] : all[1];
    EXPECT_EQ(copy.message, (app::MessageRef{"C1", "2.2"}));
    EXPECT_EQ(copy.target, this->card.target);
    EXPECT_EQ(copy.shown_version, 0);
    EXPECT_EQ(copy.told_version, 1);
    EXPECT_TRUE(copy.unsure);
    auto rows = this->claimed(this->on.lease());
    ASSERT_EQ(rows.size(), 1U) << "somebody must see to it";
    EXPECT_EQ(rows[0].cards.size(), 2U);
}

TYPED_TEST(Outbox, WhatSomebodyEditedWithoutTheLeaseIsDueAtOnce) {
    this->taken();
    this->vote("U0AMY", this->lease_of_another());
    this->done(2, this->lease_of_another());
    EXPECT_TRUE(this->claimed(this->on.lease()).empty());
    this->done(1);
    EXPECT_EQ(this->stored().shown_version, 2);
    EXPECT_TRUE(this->stored().unsure);
    auto rows = this->claimed(this->on.lease());
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows[0].version, 2);
}

TYPED_TEST(Outbox, ACardThatWasClosedIsOpenAgainWhenSomebodyEditedItWithoutTheLease) {
    this->taken();
    auto closing = this->row(How::done, 1, this->shown(1, "1.1", true));
    this->settled({closing}, this->lease_of_another());
    ASSERT_TRUE(this->stored().closed);
    this->done(1);
    EXPECT_FALSE(this->stored().closed);
    EXPECT_EQ(this->claimed(this->on.lease()).size(), 1U);
}

TYPED_TEST(Outbox, WhoeverHoldsTheRowHearsThatSomebodyElseTouchedACard) {
    this->taken();
    this->done(1);  // by whoever lost it
    EXPECT_TRUE(this->claimed(this->on.lease()).empty()) << "the holder keeps it";
    auto answer = this->done(1, this->lease_of_another());
    ASSERT_EQ(answer.behind.size(), 1U);
    EXPECT_TRUE(answer.behind[0].cards.at(0).unsure);
    auto sure = this->row(How::done, 1, this->shown(1), true);
    EXPECT_TRUE(this->settled({sure}, this->lease_of_another()).behind.empty());
    EXPECT_FALSE(this->stored().unsure);
}

TYPED_TEST(Outbox, LinesThatWereSaidStaySaid) {
    this->vote("U0AMY");
    this->taken();
    this->done(2);
    auto untold = this->shown(2);
    untold.told_version = 1;
    this->settled({this->row(How::goes_on, 2, untold)}, this->lease_of_another());
    EXPECT_EQ(this->stored().told_version, 2);
}

TYPED_TEST(Outbox, ACardWhoseMessageIsAnotherCardsIsClosed) {
    auto other = this->on.get(this->on.cases().open(this->on.fresh(), this->on.soon())).value();
    this->done(1);
    auto theirs = other.cards.at(0);
    theirs.message = app::MessageRef{"C1", "1.1"};
    theirs.shown_version = theirs.told_version = 1;
    app::SettledRow row{
        .request = other.opened.request->id, .how = How::done, .version = 1, .cards = {{theirs, false}}};
    EXPECT_TRUE(this->settled({row}, this->on.lease()).behind.empty());
    auto closed =
        this->on.get(this->on.outbox().cards_of(other.opened.request->id, this->on.soon())).value().at(0);
    EXPECT_TRUE(closed.closed);
    EXPECT_FALSE(closed.message);
}

TYPED_TEST(Outbox, AClosedCardIsNeverTouchedAgain) {
    this->vote("U0AMY");
    this->settled({this->row(How::done, 2, this->shown(2, "1.1", true))}, this->on.lease());
    EXPECT_TRUE(this->stored().closed);
    this->pass(2h);
    EXPECT_TRUE(this->claimed(this->on.lease()).empty());
}

TYPED_TEST(Outbox, SeveralRowsAreSettledTogether) {
    auto other = this->on.get(this->on.cases().open(this->on.fresh(), this->on.soon())).value();
    auto theirs = other.cards.at(0);
    theirs.message = app::MessageRef{"C1", "9.9"};
    theirs.shown_version = theirs.told_version = 1;
    app::SettledRow row{
        .request = other.opened.request->id, .how = How::done, .version = 1, .cards = {{theirs, false}}};
    auto answer = this->settled({row, this->row(How::goes_on, 1, this->shown(1))}, this->on.lease());
    EXPECT_TRUE(answer.behind.empty() && answer.lost.empty());
    this->pass(31s);
    auto rows = this->claimed(this->lease_of_another());
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows[0].request, this->id);
}

}  // namespace
}  // namespace countersign::contract
