#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "contract/outbox.hpp"

// Acts that come a second time, copies of cards, and where cards stand.
namespace countersign::contract {
namespace {

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
    problem.fell_back = problem.request_shown = true;
    EXPECT_EQ(problems(this->id), std::vector{problem})
        << "which message it is, is written down a moment later";
    this->done(1);
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
