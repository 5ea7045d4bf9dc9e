#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "contract/world.hpp"

// Cards that list several requests which are alike, in both stores.
namespace countersign::contract {
namespace {

using Joins = app::Joined::How;

template <class Backend>
class Batches : public testing::Test {
  protected:
    Backend on;

    struct Opened {
        core::RequestId request;
        app::CardState card;
    };
    Opened opened(std::string channel = "#approvals") {
        pass(1ms);  // ids are in order
        auto made = on.get(
            on.cases().open(on.fresh(core::testing::requires_of({core::testing::asks({{2, "security"}})}),
                                     {{core::Surface::slack, std::move(channel)}}),
                            on.soon()));
        EXPECT_TRUE(made) << made.error().detail;
        return {made->opened.request->id, made->cards.at(0)};
    }
    app::Joined join(const Opened& what, std::string alike = "alike") {
        auto joined = on.get(on.batches().join(what.card.id, std::move(alike), on.soon()));
        EXPECT_TRUE(joined) << joined.error().detail;
        return joined.value_or(app::Joined{});
    }
    void post(const Opened& what, const std::string& ts) {
        app::SettledRow row{.request = what.request, .how = app::SettledRow::How::done, .version = 1};
        auto state = what.card;
        state.message = app::MessageRef{"C1", ts};
        state.shown_version = state.told_version = 1;
        row.cards.push_back({state});
        EXPECT_TRUE(on.get(on.outbox().settle({row}, on.lease(), on.soon())));
    }
    Opened third() {
        for (const char* ts : {"1.1", "1.2"}) {
            auto one = opened();
            EXPECT_EQ(join(one).how, Joins::alone);
            post(one, ts);
        }
        auto it = opened();
        EXPECT_EQ(join(it).how, Joins::batch);
        return it;
    }
    std::vector<app::Batch> due(std::optional<app::Lease> lease = {}) {
        auto all =
            on.get(on.batches().batches_due(lease.value_or(on.lease()), on.clock.now(), 100, on.soon()));
        EXPECT_TRUE(all) << all.error().detail;
        return all.value_or(std::vector<app::Batch>{});
    }
    void shown(app::ShownBatch what, std::optional<app::Lease> lease = {}) {
        auto done = on.get(on.batches().batch_shown(std::move(what), lease.value_or(on.lease()), on.soon()));
        EXPECT_TRUE(done) << done.error().detail;
    }
    static app::ShownBatch all_of(const app::Batch& batch, bool closed = false) {
        return {.id = batch.id,
                .message = app::MessageRef{"C1", "9.9"},
                .revision = batch.revision,
                .closed = closed};
    }
    app::CardState stored(const Opened& what) {
        return on.get(on.outbox().cards_of(what.request, on.soon())).value().at(0);
    }
    void pass(core::Duration time) { on.clock.set(on.clock.now() + time); }
};

using Backends = testing::Types<InMemory, OnPostgres>;
TYPED_TEST_SUITE(Batches, Backends);

TYPED_TEST(Batches, FromTheThirdAlikeCardOnTheyShareOne) {
    auto third = this->third();
    auto fourth = this->opened();
    EXPECT_EQ(this->join(fourth).how, Joins::batch);
    EXPECT_EQ(this->stored(third).batch, this->stored(fourth).batch);
    EXPECT_EQ(this->join(third).how, Joins::batch) << "asked again, it is in it already";
    auto due = this->due();
    ASSERT_EQ(due.size(), 1U);
    EXPECT_THAT(due[0].cards, testing::ElementsAre(std::pair(third.card.id, third.request),
                                                   std::pair(fourth.card.id, fourth.request)));
    EXPECT_EQ(due[0].target, third.card.target);
    EXPECT_FALSE(due[0].message);
    EXPECT_FALSE(due[0].unsure);
    auto known = this->on.get(this->on.batches().batched(due[0].id, this->on.soon()));
    ASSERT_TRUE(known);
    EXPECT_EQ(known->requests, (std::vector{third.request, fourth.request}));
    EXPECT_FALSE(known->message);
    EXPECT_FALSE(known->closed);
    auto none =
        this->on.get(this->on.batches().batched(core::BatchId{core::BatchId::Bytes{}}, this->on.soon()));
    EXPECT_EQ(none.error().trouble, Trouble::not_found);
}

TYPED_TEST(Batches, WhatIsNotAlikeNotAtTheSameTimeOrNotThereIsAlone) {
    this->third();
    auto other = this->opened();
    EXPECT_EQ(this->join(other, "another rule").how, Joins::alone);
    auto elsewhere = this->opened("#elsewhere");
    EXPECT_EQ(this->join(elsewhere).how, Joins::alone);
    this->pass(core::alike_within + 1s);
    auto late = this->opened();
    EXPECT_EQ(this->join(late).how, Joins::alone);
}

TYPED_TEST(Batches, ThoseBeforeItAreWaitedForUnlessTheyCannotBePosted) {
    std::vector<typename TestFixture::Opened> first{this->opened(), this->opened()};
    for (const auto& one : first) EXPECT_EQ(this->join(one).how, Joins::alone);
    auto third = this->opened();
    EXPECT_EQ(this->join(third).how, Joins::later);
    for (const auto& one : first) {
        auto noted = this->on.get(
            this->on.outbox().note_problem(one.card.id, {.problem = "not_in_channel"}, this->on.soon()));
        EXPECT_TRUE(noted);
    }
    EXPECT_EQ(this->join(third).how, Joins::alone) << "its own card says why nobody sees it";
}

TYPED_TEST(Batches, AFullListBeginsAnother) {
    auto third = this->third();
    std::set<core::BatchId> batches{*this->stored(third).batch};
    for (std::size_t i = 1; i < core::batch_rows_max; ++i) {
        auto one = this->opened();
        EXPECT_EQ(this->join(one).how, Joins::batch);
        batches.insert(*this->stored(one).batch);
    }
    EXPECT_EQ(batches.size(), 1U);
    auto next = this->opened();
    EXPECT_EQ(this->join(next).how, Joins::batch);
    EXPECT_NE(this->stored(next).batch, this->stored(third).batch);
    EXPECT_EQ(this->due().size(), 2U);
}

TYPED_TEST(Batches, WhatChangesWhileItIsShownIsShownAgain) {
    auto third = this->third();
    auto batch = this->due().at(0);
    EXPECT_TRUE(this->due(this->on.lease_of_another()).empty()) << "it is leased";
    EXPECT_TRUE(this->on.get(this->on.batches().batch_changed(third.card.id, this->on.soon())));
    this->shown(this->all_of(batch, true));
    auto again = this->due();
    ASSERT_EQ(again.size(), 1U) << "it is not closed, because something came after it was read";
    EXPECT_GT(again[0].revision, batch.revision);
    EXPECT_EQ(again[0].message, (app::MessageRef{"C1", "9.9"}));
    this->shown(this->all_of(again[0], true));
    EXPECT_TRUE(this->due().empty());
    EXPECT_TRUE(this->on.get(this->on.batches().batch_changed(third.card.id, this->on.soon())));
    EXPECT_EQ(this->due().size(), 1U) << "what changes after the end is shown, too";
}

TYPED_TEST(Batches, AFailureIsTriedAgainWhenItSays) {
    this->third();
    auto batch = this->due().at(0);
    this->shown({.id = batch.id, .unsure = true, .again_at = this->on.clock.now() + 15s});
    EXPECT_TRUE(this->due().empty());
    this->pass(15s);
    auto again = this->due();
    ASSERT_EQ(again.size(), 1U);
    EXPECT_TRUE(again[0].unsure);
    EXPECT_EQ(again[0].attempts, 1);
    this->shown(this->all_of(again[0]));
    EXPECT_TRUE(this->due().empty());
}

TYPED_TEST(Batches, WhoeverTakesOneOverKnowsThatSomethingMayHaveBeenDone) {
    this->third();
    auto batch = this->due().at(0);
    this->pass(31s);
    const auto another = this->on.lease_of_another();
    auto taken = this->due(another);
    ASSERT_EQ(taken.size(), 1U);
    EXPECT_TRUE(taken[0].unsure);
    // The first holder posted it after all, and its message is kept.
    this->shown(this->all_of(batch));
    this->shown({.id = batch.id, .message = {}, .again_at = this->on.clock.now()},
                this->on.lease_of_another());
    this->shown({.id = batch.id,
                 .message = app::MessageRef{"C1", "9.9"},
                 .unsure = true,
                 .again_at = this->on.clock.now()},
                another);
    auto again = this->due();
    ASSERT_EQ(again.size(), 1U);
    EXPECT_EQ(again[0].message, (app::MessageRef{"C1", "9.9"}));
}

TYPED_TEST(Batches, LeasesAreHandedBack) {
    this->third();
    ASSERT_EQ(this->due().size(), 1U);
    EXPECT_TRUE(this->on.get(this->on.batches().hand_batches_back(this->on.lease(), this->on.soon())));
    auto again = this->due(this->on.lease_of_another());
    ASSERT_EQ(again.size(), 1U);
    EXPECT_FALSE(again[0].unsure);
}

TYPED_TEST(Batches, AClickOnAnotherMessageMakesItUnsure) {
    auto third = this->third();
    auto clicked = [&](std::string channel, std::string ts) {
        EXPECT_TRUE(this->on.get(this->on.batches().batch_clicked(
            third.request, core::Surface::slack, {std::move(channel), std::move(ts)}, this->on.soon())));
    };
    auto batch = this->due().at(0);
    clicked("C1", "9.9");
    this->shown(this->all_of(batch, true));
    EXPECT_TRUE(this->due().empty()) << "whoever works on it has just posted that message";
    auto known = this->on.get(this->on.batches().batched(batch.id, this->on.soon()));
    EXPECT_EQ(known->message, (app::MessageRef{"C1", "9.9"}));
    EXPECT_TRUE(known->closed);
    clicked("C1", "9.9");
    clicked("C2", "8.8");
    EXPECT_TRUE(this->due().empty()) << "it is the one that is known, or stands elsewhere";
    clicked("C1", "8.8");
    auto again = this->due();
    ASSERT_EQ(again.size(), 1U);
    EXPECT_TRUE(again[0].unsure);
    EXPECT_EQ(again[0].message, (app::MessageRef{"C1", "9.9"}));
    this->shown(this->all_of(again[0], true));
    EXPECT_TRUE(this->due().empty());
}

TYPED_TEST(Batches, ItsMessageIsWhereEachOfItsRequestsStands) {
    auto third = this->third();
    auto batch = this->due().at(0);
    this->shown(this->all_of(batch));
    auto where =
        this->on.get(this->on.outbox().messages_of(core::Surface::slack, {third.request}, this->on.soon()));
    ASSERT_EQ(where.value().size(), 1U);
    EXPECT_EQ(where.value()[0].second, (app::MessageRef{"C1", "9.9"}));
    auto in = this->on.get(
        this->on.outbox().shown_in({core::Surface::slack, "C1"}, {third.request}, this->on.soon()));
    EXPECT_EQ(in.value(), std::vector{third.request});
    // The card has shown its request without a message of its own, and nothing is left to do for it.
    auto state = this->stored(third);
    state.shown_version = state.told_version = 1;
    app::SettledRow row{.request = third.request, .how = app::SettledRow::How::done, .version = 1};
    row.cards.push_back({state});
    auto done = this->on.get(this->on.outbox().settle({row}, this->on.lease(), this->on.soon()));
    EXPECT_TRUE(done.value().behind.empty());
    EXPECT_EQ(this->stored(third), state);
}

}  // namespace
}  // namespace countersign::contract
