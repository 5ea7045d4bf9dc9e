#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "contract/world.hpp"

namespace countersign::contract {
namespace {

using core::testing::asks;
using core::testing::requires_of;
using How = app::SettledRow::How;

template <class Backend>
class Outbox : public testing::Test {
  protected:
    Backend on;
    core::RequestId id{core::RequestId::Bytes{}};
    app::CardState card{.id = core::CardId{core::CardId::Bytes{}}, .target = {}, .created_at = {}};
    std::optional<core::ProcessId> another;

    void SetUp() override {
        auto opened = on.get(on.cases().open(on.fresh(), on.soon())).value();
        id = opened.opened.request->id;
        ASSERT_TRUE(opened.leased);
        ASSERT_EQ(opened.cards.size(), 1U);
        card = opened.cards[0];
        EXPECT_EQ(card, stored());
    }
    app::Appended append(app::Append what, std::optional<app::Lease> lease = {}) {
        if (lease) what.lease = *lease;
        auto answer = on.get(on.cases().append(std::move(what), on.soon()));
        EXPECT_TRUE(answer) << answer.error().detail;
        return std::move(answer).value();
    }
    app::Appended vote(const std::string& user, std::optional<app::Lease> lease = {}) {
        return append(on.vote(id, user), lease);
    }
    std::vector<app::OutboxRow> claimed(app::Lease lease) {
        return on.get(on.outbox().claim(lease, on.clock.now(), 10, on.soon())).value();
    }
    app::SettleAnswer settled(std::vector<app::SettledRow> rows, app::Lease lease) {
        auto answer = on.get(on.outbox().settle(std::move(rows), lease, on.soon()));
        EXPECT_TRUE(answer) << answer.error().detail;
        return answer ? *answer : app::SettleAnswer{};
    }
    // The card as it would be if everything up to `version` were shown and told.
    app::CardState shown(std::int32_t version, const std::string& message = "1.1", bool closed = false) {
        auto state = card;
        state.message = app::MessageRef{"C1", message};
        state.shown_version = state.told_version = version;
        state.closed = closed;
        return state;
    }
    app::SettledRow row(How how, std::int32_t version, app::CardState state, bool doubted = false) {
        return {.request = id, .how = how, .version = version, .cards = {{std::move(state), doubted}}};
    }
    app::SettleAnswer done(std::int32_t version, std::optional<app::Lease> lease = {}) {
        return settled({row(How::done, version, shown(version))}, lease.value_or(on.lease()));
    }
    app::SettleAnswer put_off(core::Duration pause, bool failed, app::CardState state) {
        auto what = row(How::put_off, 1, std::move(state));
        what.again_at = on.clock.now() + pause;
        what.failed = failed;
        return settled({what}, on.lease());
    }
    app::Lease lease_of_another() {
        if (!another) another = on.lease_of_another().holder;
        return {*another, on.lease().until};
    }
    std::vector<app::CardState> cards() { return on.get(on.outbox().cards_of(id, on.soon())).value(); }
    app::CardState stored() { return cards().at(0); }
    void pass(core::Duration time) { on.clock.set(on.clock.now() + time); }
    // Somebody else takes the row over.
    app::OutboxRow taken() {
        pass(31s);
        auto rows = claimed(lease_of_another());
        EXPECT_EQ(rows.size(), 1U);
        return rows.at(0);
    }
};

using Backends = testing::Types<InMemory, OnPostgres>;
TYPED_TEST_SUITE(Outbox, Backends);

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

// ---- what comes a second time, copies, the end

TYPED_TEST(Outbox, AVoteThatComesASecondTimeHandsOutWhatIsStillToDo) {
    this->done(1);
    auto what = this->on.vote(this->id, "U0AMY");
    EXPECT_TRUE(this->append(what).leased);
    auto again = this->append(what);
    EXPECT_TRUE(again.repeat);
    EXPECT_TRUE(again.leased) << "its answer may have been lost";
    EXPECT_FALSE(this->append(what, this->lease_of_another()).leased) << "but only to whoever holds it";
    this->done(2);
    EXPECT_FALSE(this->append(what).leased) << "nothing is left";
}

TYPED_TEST(Outbox, AnUnknownCopyBecomesACardThatIsBehind) {
    this->done(1);
    auto adopt = [&] {
        return this->on
            .get(this->on.outbox().adopt(this->id, {core::Surface::slack, "C9"}, {"C9", "7.7"},
                                         this->on.soon()))
            .value();
    };
    EXPECT_TRUE(adopt());
    EXPECT_FALSE(adopt()) << "the second time it is known";
    auto rows = this->claimed(this->on.lease());
    ASSERT_EQ(rows.size(), 1U);
    ASSERT_EQ(rows[0].cards.size(), 2U);
    const auto& copy = rows[0].cards[0].id == this->card.id ? rows[0].cards[1] : rows[0].cards[0];
    EXPECT_EQ(copy.message, (app::MessageRef{"C9", "7.7"}));
    EXPECT_EQ(copy.shown_version, 0);
    EXPECT_EQ(copy.told_version, 1) << "nobody is told all of it again";
}

TYPED_TEST(Outbox, AMessageIsACardOnceItIsKnownAsOne) {
    auto is_card = [&](core::Surface surface, app::MessageRef message) {
        return this->on.get(this->on.outbox().is_card(surface, std::move(message), this->on.soon())).value();
    };
    EXPECT_FALSE(is_card(core::Surface::slack, {"C1", "1.1"}));
    this->done(1);
    EXPECT_TRUE(is_card(core::Surface::slack, {"C1", "1.1"}));
    EXPECT_FALSE(is_card(core::Surface::slack, {"C1", "1.2"}));
    EXPECT_FALSE(is_card(core::Surface::slack, {"C2", "1.1"}));
    EXPECT_FALSE(is_card(core::Surface::teams, {"C1", "1.1"}));
}

TYPED_TEST(Outbox, ACopyClickedWhileItsPostIsUnderWayIsThatCard) {
    auto adopted = this->on.get(this->on.outbox().adopt(this->id, {core::Surface::slack, "#approvals"},
                                                        {"C1", "1.1"}, this->on.soon()));
    EXPECT_TRUE(adopted.value());
    EXPECT_EQ(this->cards().size(), 1U);
    EXPECT_TRUE(this->claimed(this->lease_of_another()).empty()) << "its worker lives";
    auto answer = this->done(1);
    ASSERT_EQ(answer.behind.size(), 1U) << "its worker looks at it anew";
    EXPECT_EQ(answer.behind[0].cards, this->cards());
    EXPECT_EQ(this->cards().size(), 1U);
}

// The click comes from a channel's id, the card was to be posted in a channel's name.
TYPED_TEST(Outbox, AMessageClickedBeforeItIsWrittenDownStaysWithTheCardThatPostedIt) {
    this->pass(1s);
    auto adopted = this->on.get(
        this->on.outbox().adopt(this->id, {core::Surface::slack, "C1"}, {"C1", "1.1"}, this->on.soon()));
    EXPECT_TRUE(adopted.value());
    ASSERT_EQ(this->cards().size(), 2U);
    EXPECT_TRUE(this->done(1).behind.empty());
    auto all = this->cards();
    EXPECT_EQ(all[0], this->shown(1));
    EXPECT_TRUE(all[1].closed);
    EXPECT_FALSE(all[1].message);
    EXPECT_TRUE(this->vote("U0AMY").leased) << "it is brought in line with what follows";
}

TYPED_TEST(Outbox, AMessageClickedBeforeWhoeverLostTheRowWritesItDownStaysWithItsCardToo) {
    this->taken();
    ASSERT_TRUE(this->on.get(
        this->on.outbox().adopt(this->id, {core::Surface::slack, "C1"}, {"C1", "1.1"}, this->on.soon())));
    EXPECT_THAT(this->done(1).lost, testing::ElementsAre(this->id));
    auto all = this->cards();
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[0].message, (app::MessageRef{"C1", "1.1"}));
    EXPECT_TRUE(all[0].unsure);
    EXPECT_TRUE(all[1].closed);
}

TYPED_TEST(Outbox, AMessageThatTakesTheLostOnesPlaceMayBeClickedBeforeItIsWrittenDown) {
    this->done(1);
    this->vote("U0AMY");
    this->pass(1s);
    ASSERT_TRUE(this->on.get(
        this->on.outbox().adopt(this->id, {core::Surface::slack, "C1"}, {"C1", "2.2"}, this->on.soon())));
    auto row = this->row(How::done, 2, this->shown(2, "2.2"));
    row.cards[0].known = this->stored().message;
    this->settled({row}, this->on.lease());
    EXPECT_EQ(this->stored(), this->shown(2, "2.2"));
    EXPECT_TRUE(this->cards().at(1).closed);
}

TYPED_TEST(Outbox, WhatAChannelShowsIsWhatHasAMessageThere) {
    auto shown_in = [&](const char* channel, core::Surface chat = core::Surface::slack) {
        return this->on.get(this->on.outbox().shown_in({chat, channel}, {this->id}, this->on.soon())).value();
    };
    EXPECT_TRUE(shown_in("#approvals").empty()) << "it is yet to be posted";
    this->done(1);
    EXPECT_EQ(shown_in("C1"), std::vector{this->id});
    EXPECT_TRUE(shown_in("#approvals").empty()) << "channels are asked for by their ids";
    EXPECT_TRUE(shown_in("C2").empty());
    EXPECT_TRUE(shown_in("C1", core::Surface::teams).empty());
}

TYPED_TEST(Outbox, ProblemsOfCardsAreRememberedUntilTheyAreMended) {
    auto problems = [&](std::optional<core::RequestId> of) {
        return this->on.get(this->on.outbox().problems(of, 10, this->on.soon())).value();
    };
    auto note = [&](std::string why, bool fell_back) {
        auto noted = this->on.outbox().note_problem(
            this->card.id, {.problem = std::move(why), .fell_back = fell_back}, this->on.soon());
        ASSERT_TRUE(this->on.get(std::move(noted)));
    };
    EXPECT_TRUE(problems(this->id).empty());
    note("no such channel", false);
    app::CardProblem problem{this->id, this->card.target, "no such channel", false, false};
    EXPECT_EQ(problems(this->id), std::vector{problem});
    EXPECT_EQ(problems(std::nullopt), std::vector{problem});
    note("", false);
    EXPECT_TRUE(problems(this->id).empty());
    note("no such channel", true);
    this->done(1);
    problem.fell_back = problem.request_shown = true;
    EXPECT_EQ(problems(this->id), std::vector{problem}) << "it stands elsewhere";
    note("no such channel", false);
    EXPECT_TRUE(problems(this->id).empty()) << "it was posted after all";
}

TYPED_TEST(Outbox, WhatIsHeldFromAPersonIsToldOfTheirRequestAndIsNoTrouble) {
    auto problems = [&](std::optional<core::RequestId> of) {
        return this->on.get(this->on.outbox().problems(of, 10, this->on.soon())).value();
    };
    const core::Instant morning = this->on.clock.now() + 8h;
    auto held = this->on.outbox().note_problem(this->card.id, {.held_until = morning}, this->on.soon());
    ASSERT_TRUE(this->on.get(std::move(held)));
    app::CardProblem expected{this->id, this->card.target, "", false, false, morning};
    EXPECT_EQ(problems(this->id), std::vector{expected});
    EXPECT_TRUE(problems(std::nullopt).empty());
    this->done(1);
    expected.request_shown = true;
    EXPECT_EQ(problems(this->id), std::vector{expected}) << "its thread may be held as well";
    ASSERT_TRUE(this->on.get(this->on.outbox().note_problem(this->card.id, {}, this->on.soon())));
    EXPECT_TRUE(problems(this->id).empty());
}

TYPED_TEST(Outbox, ACopyOfARequestThatIsNotThereIsNothing) {
    auto adopted =
        this->on.get(this->on.outbox().adopt(core::RequestId{core::RequestId::Bytes{}},
                                             {core::Surface::slack, "C9"}, {"C9", "7.7"}, this->on.soon()));
    EXPECT_FALSE(adopted.value());
}

TYPED_TEST(Outbox, ACardAtRestIsDrawnAnewWithoutAnEntry) {
    auto redraw = [&] { return this->on.get(this->on.outbox().redraw({this->id}, this->on.soon())).value(); };
    EXPECT_EQ(redraw(), std::vector{this->id}) << "somebody works on it";
    this->done(1);
    EXPECT_TRUE(this->claimed(this->on.lease()).empty());
    redraw();
    EXPECT_EQ(this->stored().told_version, 1) << "nobody is told anything again";
    auto rows = this->claimed(this->lease_of_another());
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows[0].version, 1);
    EXPECT_EQ(rows[0].cards.at(0).shown_version, 0);
    EXPECT_FALSE(rows[0].taken_over);
    EXPECT_TRUE(this->done(1, this->lease_of_another()).behind.empty());
    EXPECT_EQ(this->stored(), this->shown(1));
}

TYPED_TEST(Outbox, WhereRequestsAreShownIsToldForEachChat) {
    auto other = this->on.get(this->on.cases().open(this->on.fresh(), this->on.soon())).value();
    this->done(1);
    auto shown_in = [&](core::Surface chat) {
        return this->on
            .get(this->on.outbox().messages_of(chat, {this->id, other.opened.request->id}, this->on.soon()))
            .value();
    };
    auto in_slack = shown_in(core::Surface::slack);
    ASSERT_EQ(in_slack.size(), 1U) << "the other one has no message yet";
    EXPECT_EQ(in_slack[0].first, this->id);
    EXPECT_EQ(in_slack[0].second, (app::MessageRef{"C1", "1.1"}));
    EXPECT_TRUE(shown_in(core::Surface::teams).empty());
}

TYPED_TEST(Outbox, WhatIsHandedBackIsAnybodysAtOnceAndWasNotTakenOver) {
    ASSERT_TRUE(this->on.get(this->on.outbox().hand_back(this->on.lease(), this->on.soon())));
    auto rows = this->claimed(this->lease_of_another());
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_FALSE(rows[0].taken_over);
}

TYPED_TEST(Outbox, TheLongestDueComeFirstAndNoMoreThanAskedFor) {
    for (int i = 0; i < 3; ++i) {
        this->pass(1s);
        this->on.get(this->on.cases().open(this->on.fresh(), this->on.soon())).value();
    }
    this->pass(1min);
    auto rows =
        this->on.get(this->on.outbox().claim(this->on.lease(), this->on.clock.now(), 2, this->on.soon()))
            .value();
    ASSERT_EQ(rows.size(), 2U);
    bool oldest = std::ranges::find(rows, this->id, &app::OutboxRow::request) != rows.end();
    EXPECT_TRUE(oldest);
    EXPECT_EQ(this->claimed(this->on.lease()).size(), 2U);
}

}  // namespace
}  // namespace countersign::contract
