#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "contract/world.hpp"

namespace countersign::contract {
namespace {

using core::testing::asks;
using core::testing::requires_of;

template <class Backend>
class Outbox : public testing::Test {
  protected:
    Backend on;
    core::RequestId id{core::RequestId::Bytes{}};
    app::CardJob card{
        core::CardId{core::CardId::Bytes{}}, id, {core::Surface::slack, ""}, {}, false, 0, 0, {}};

    void SetUp() override {
        auto opened = on.get(on.cases().open(on.fresh(), on.soon())).value();
        id = opened.opened.request->id;
        ASSERT_EQ(opened.cards.size(), 1U);
        card = opened.cards[0];
    }
    app::Appended vote(const std::string& user, std::optional<app::Lease> lease = {}) {
        auto what = on.vote(id, user);
        if (lease) what.lease = *lease;
        auto answer = on.get(on.cases().append(std::move(what), on.soon()));
        EXPECT_TRUE(answer) << answer.error().detail;
        return std::move(answer).value();
    }
    std::vector<app::CardJob> claimed(app::Lease lease) {
        return on.get(on.outbox().claim_cards(lease, on.clock.now(), 10, on.soon())).value();
    }
    std::vector<app::CardJob> settled(app::OutboxStore::Batch batch, app::Lease lease) {
        auto answer = on.get(on.outbox().settle(std::move(batch), lease, on.soon()));
        EXPECT_TRUE(answer) << answer.error().detail;
        return answer ? *answer : std::vector<app::CardJob>{};
    }
    std::vector<app::CardJob> shown(std::int32_t version, bool closed = false,
                                    const std::string& message = "1.1") {
        app::OutboxStore::Batch batch;
        batch.cards.push_back({card.id, {"C1", message}, version, closed});
        return settled(std::move(batch), on.lease());
    }
    app::CardJob stored() { return on.get(on.outbox().cards_of(id, on.soon())).value().at(0); }
};

using Backends = testing::Types<InMemory, OnPostgres>;
TYPED_TEST_SUITE(Outbox, Backends);

TYPED_TEST(Outbox, AFreshCardIsLeasedToWhoeverOpenedTheRequest) {
    EXPECT_EQ(this->card.target, (app::CardTarget{core::Surface::slack, "#approvals"}));
    EXPECT_EQ(this->card.rendered_version, 0);
    EXPECT_FALSE(this->card.posted);
    EXPECT_EQ(this->card.created_at, this->on.clock.now());
    EXPECT_TRUE(this->claimed(this->on.lease_of_another()).empty());
}

TYPED_TEST(Outbox, ALeaseThatRanOutIsAnybodys) {
    this->on.clock.set(this->on.clock.now() + 31s);
    auto taken = this->claimed(this->on.lease_of_another());
    ASSERT_EQ(taken.size(), 1U);
    EXPECT_EQ(taken[0].id, this->card.id);
    EXPECT_TRUE(this->claimed(this->on.lease()).empty());
}

TYPED_TEST(Outbox, ACardThatIsShownIsLeftAloneUntilSomethingChanges) {
    EXPECT_TRUE(this->shown(1).empty());
    this->on.clock.set(this->on.clock.now() + 1h - 1s);
    EXPECT_TRUE(this->claimed(this->on.lease()).empty());
    auto voted = this->vote("U0AMY");
    ASSERT_EQ(voted.cards.size(), 1U);
    EXPECT_EQ(voted.cards[0].posted, (app::MessageRef{"C1", "1.1"}));
    EXPECT_EQ(voted.cards[0].rendered_version, 1);
}

TYPED_TEST(Outbox, ACardThatFellBehindMeanwhileComesBackLeased) {
    this->vote("U0AMY");
    auto behind = this->shown(1);
    ASSERT_EQ(behind.size(), 1U);
    EXPECT_EQ(behind[0].rendered_version, 1);
    EXPECT_TRUE(this->claimed(this->on.lease_of_another()).empty());
    EXPECT_TRUE(this->shown(2).empty());
}

TYPED_TEST(Outbox, ACardSomebodyElseIsAtIsNotHandedOutTwice) {
    this->on.clock.set(this->on.clock.now() + 31s);
    app::Lease theirs = this->on.lease_of_another();
    ASSERT_EQ(this->claimed(theirs).size(), 1U);
    EXPECT_TRUE(this->vote("U0AMY").cards.empty());
    app::OutboxStore::Batch batch;
    batch.cards.push_back({this->card.id, {"C1", "1.1"}, 1, false});
    auto behind = this->settled(std::move(batch), theirs);
    ASSERT_EQ(behind.size(), 1U) << "they see that it fell behind";
}

TYPED_TEST(Outbox, WhoLostTheLeaseSettlesNothing) {
    this->on.clock.set(this->on.clock.now() + 31s);
    app::Lease theirs = this->on.lease_of_another();
    this->claimed(theirs);
    this->shown(1);
    EXPECT_FALSE(this->stored().posted);
}

TYPED_TEST(Outbox, AClosedCardIsNeverTouchedAgain) {
    this->vote("U0AMY");
    EXPECT_TRUE(this->shown(2, true).empty());
    this->on.clock.set(this->on.clock.now() + 2h);
    EXPECT_TRUE(this->claimed(this->on.lease()).empty());
    auto tick =
        this->on.get(this->on.cases().append(this->on.command(this->id, core::Tick{}), this->on.soon()));
    ASSERT_TRUE(tick);
    EXPECT_TRUE(tick->cards.empty());
}

TYPED_TEST(Outbox, ACardWhoseMessageIsAnotherCardsIsClosed) {
    auto other = this->on.get(this->on.cases().open(this->on.fresh(), this->on.soon())).value();
    app::OutboxStore::Batch batch;
    batch.cards.push_back({this->card.id, {"C1", "1.1"}, 1, false});
    batch.cards.push_back({other.cards.at(0).id, {"C1", "1.1"}, 1, false});
    EXPECT_TRUE(this->settled(std::move(batch), this->on.lease()).empty());
    EXPECT_EQ(this->vote("U0AMY").cards.size(), 1U) << "the first one goes on";
    auto voted = this->on.get(
        this->on.cases().append(this->on.vote(other.opened.request->id, "U0AMY"), this->on.soon()));
    ASSERT_TRUE(voted) << voted.error().detail;
    EXPECT_TRUE(voted->cards.empty());
    this->on.clock.set(this->on.clock.now() + 2h);
    EXPECT_EQ(this->claimed(this->on.lease_of_another()).size(), 1U) << "the first one's alone";
}

TYPED_TEST(Outbox, ACardPutOffIsDueAtItsTimeAndCountsItsAttempts) {
    app::OutboxStore::Batch batch;
    batch.cards_again.push_back({this->card.id, this->on.clock.now() + 5s, true, false});
    this->settled(std::move(batch), this->on.lease());
    EXPECT_TRUE(this->claimed(this->on.lease()).empty());
    this->on.clock.set(this->on.clock.now() + 5s);
    auto again = this->claimed(this->on.lease());
    ASSERT_EQ(again.size(), 1U);
    EXPECT_EQ(again[0].attempts, 1);
    EXPECT_TRUE(again[0].post_may_have_happened);
    EXPECT_TRUE(this->shown(1).empty());
    EXPECT_EQ(this->stored().attempts, 0);
    EXPECT_FALSE(this->stored().post_may_have_happened);
}

TYPED_TEST(Outbox, AMessageThatIsGoneIsPostedAgain) {
    this->shown(1);
    this->vote("U0AMY");
    app::OutboxStore::Batch batch;
    batch.cards_again.push_back({this->card.id, this->on.clock.now(), false, true});
    this->settled(std::move(batch), this->on.lease());
    auto again = this->claimed(this->on.lease());
    ASSERT_EQ(again.size(), 1U);
    EXPECT_FALSE(again[0].posted);
    EXPECT_EQ(again[0].rendered_version, 0);
}

TYPED_TEST(Outbox, AVoteLeavesOneThreadLineAndItGoesWhenDone) {
    auto voted = this->vote("U0AMY");
    ASSERT_EQ(voted.errands.size(), 1U);
    EXPECT_EQ(voted.errands[0].entry, 1);
    EXPECT_TRUE(
        this->on
            .get(this->on.outbox().claim_errands(this->on.lease(), this->on.clock.now(), 10, this->on.soon()))
            ->empty());
    app::OutboxStore::Batch batch;
    batch.errands.push_back(voted.errands[0].id);
    this->settled(std::move(batch), this->on.lease());
    EXPECT_EQ(this->on.errands_left(), 0U);
}

TYPED_TEST(Outbox, AnErrandPutOffIsClaimedAtItsTime) {
    auto voted = this->vote("U0AMY");
    app::OutboxStore::Batch batch;
    batch.errands_again.push_back({voted.errands[0].id, this->on.clock.now() + 5s});
    this->settled(std::move(batch), this->on.lease());
    auto claim = [&] {
        return this->on
            .get(this->on.outbox().claim_errands(this->on.lease_of_another(), this->on.clock.now(), 10,
                                                 this->on.soon()))
            .value();
    };
    EXPECT_TRUE(claim().empty());
    this->on.clock.set(this->on.clock.now() + 5s);
    auto again = claim();
    ASSERT_EQ(again.size(), 1U);
    EXPECT_EQ(again[0].id, voted.errands[0].id);
    EXPECT_EQ(again[0].attempts, 1);
    EXPECT_TRUE(claim().empty());
}

TYPED_TEST(Outbox, ARequestWithoutCardsHasNoThreadLines) {
    auto opened = this->on
                      .get(this->on.cases().open(this->on.fresh(requires_of({asks({{2, "security"}})}), {}),
                                                 this->on.soon()))
                      .value();
    this->id = opened.opened.request->id;
    auto voted = this->vote("U0AMY");
    EXPECT_TRUE(voted.errands.empty());
    EXPECT_TRUE(voted.cards.empty());
    EXPECT_EQ(this->on.errands_left(), 0U);
}

TYPED_TEST(Outbox, AnUnknownCopyBecomesACardThatIsBehind) {
    this->shown(1);
    auto adopt = [&] {
        return this->on
            .get(this->on.outbox().adopt(this->id, {core::Surface::slack, "C9"}, {"C9", "7.7"},
                                         this->on.soon()))
            .value();
    };
    EXPECT_TRUE(adopt());
    EXPECT_FALSE(adopt()) << "the second time it is known";
    auto behind = this->claimed(this->on.lease());
    ASSERT_EQ(behind.size(), 1U);
    EXPECT_EQ(behind[0].posted, (app::MessageRef{"C9", "7.7"}));
    EXPECT_EQ(this->on.get(this->on.outbox().cards_of(this->id, this->on.soon()))->size(), 2U);
}

TYPED_TEST(Outbox, ACopyClickedWhileItsPostIsUnderWayIsThatCard) {
    auto adopted = this->on.get(this->on.outbox().adopt(this->id, {core::Surface::slack, "#approvals"},
                                                        {"C1", "1.1"}, this->on.soon()));
    EXPECT_FALSE(adopted.value());
    EXPECT_TRUE(this->shown(1).empty());
    EXPECT_EQ(this->on.get(this->on.outbox().cards_of(this->id, this->on.soon()))->size(), 1U);
}

TYPED_TEST(Outbox, WhatIsHandedBackIsAnybodysAtOnce) {
    this->vote("U0AMY");
    ASSERT_TRUE(this->on.get(this->on.outbox().hand_back(this->on.lease(), this->on.soon())));
    app::Lease theirs = this->on.lease_of_another();
    EXPECT_EQ(this->claimed(theirs).size(), 1U);
    EXPECT_EQ(
        this->on.get(this->on.outbox().claim_errands(theirs, this->on.clock.now(), 10, this->on.soon()))
            ->size(),
        1U);
}

}  // namespace
}  // namespace countersign::contract
