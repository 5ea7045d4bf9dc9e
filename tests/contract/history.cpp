#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "contract/cases.hpp"

// Rules that ask about other requests, on stores that lock what is kept of them.
namespace countersign::contract {
namespace {

using core::testing::asks;
using core::testing::requires_of;
using testing::IsEmpty;
using testing::Not;

core::Budget counts(std::uint32_t count, core::Duration per) {
    return {"a rule", count, {}, 0, per, {"action"}};
}
core::Applied allowed(std::vector<core::Budget> budgets) {
    core::Applied applied;
    applied.kind = core::Applied::Kind::allow;
    applied.rules = {"a rule"};
    applied.budgets = std::move(budgets);
    return applied;
}
core::Applied reviewed(std::vector<core::Budget> budgets = {}) {
    core::Applied applied = requires_of({asks({{1, "reviewers"}})});
    applied.budgets = std::move(budgets);
    return applied;
}

template <class Backend>
class History : public CaseTest<Backend> {
  protected:
    std::size_t let_through(const std::vector<Result<app::OpenedCase>>& all) {
        std::size_t count = 0;
        for (const auto& one : all) {
            EXPECT_TRUE(one) << one.error().detail;
            if (one && one->held_back.empty()) ++count;
        }
        return count;
    }
    // So many of these votes approve; each of the others is refused for this reason.
    std::size_t approving(std::vector<Later<app::Appended>> work, core::Why otherwise) {
        std::size_t approved = 0;
        for (const auto& answer : this->on.all(std::move(work))) {
            EXPECT_TRUE(answer) << answer.error().detail;
            if (!answer) continue;
            if (answer->now->ruling.state == core::State::approved) {
                ++approved;
                continue;
            }
            EXPECT_TRUE(answer->refusal);
            if (answer->refusal) EXPECT_EQ(answer->refusal->why, otherwise);
        }
        return approved;
    }
    std::vector<Result<app::OpenedCase>> open_at_once(const core::Applied& applied, std::size_t count) {
        std::vector<Later<app::OpenedCase>> work;
        for (std::size_t i = 0; i < count; ++i)
            work.push_back(this->on.cases().open(this->on.fresh(applied, {}), this->on.soon()));
        return this->on.all(std::move(work));
    }
};
TYPED_TEST_SUITE(History, CaseBackends);

TYPED_TEST(History, ABudgetIsNeverExceededByRequestsThatComeAtOnce) {
    EXPECT_EQ(this->let_through(this->open_at_once(allowed({counts(5, 1h)}), 20)), 5U);
    EXPECT_EQ(this->let_through(this->open_at_once(allowed({counts(5, 1h)}), 3)), 0U);
    this->on.clock.set(this->on.clock.now() + 1h);
    EXPECT_EQ(this->let_through(this->open_at_once(allowed({counts(5, 1h)}), 20)), 5U);
}

TYPED_TEST(History, WhatIsHeldBackIsNotStored) {
    const auto applied = allowed({counts(1, 1h)});
    this->opened(this->on.fresh(applied, {}));
    auto fresh = this->on.fresh(applied, {});
    const auto id = fresh.request.id;
    fresh.idempotency = this->key("again");
    auto held = this->opened(fresh);
    ASSERT_EQ(held.held_back.size(), 1U);
    EXPECT_EQ(held.held_back[0].budget, applied.budgets[0]);
    EXPECT_EQ(this->on.get(this->on.cases().read(id, this->on.soon())).error().trouble, Trouble::not_found);
    // Its key is free for what the rules make of it then.
    fresh.applied.budgets.clear();
    EXPECT_THAT(this->opened(fresh).held_back, IsEmpty());
}

TYPED_TEST(History, WhatComesASecondTimeIsNotHeldBackByItself) {
    auto turns = reviewed();
    turns.turns = {{{"resource"}, true}};
    for (const auto& applied : {allowed({counts(1, 1h)}), turns}) {
        auto fresh = this->on.fresh(applied, {});
        fresh.idempotency = this->key("once " + std::to_string(applied.turns.size()));
        this->opened(fresh);
        auto again = this->on.fresh(applied, {});
        again.idempotency = fresh.idempotency;
        auto had = this->opened(again);
        EXPECT_TRUE(had.repeat);
        EXPECT_THAT(had.held_back, IsEmpty());
        EXPECT_EQ(had.opened.request->id.text(), fresh.request.id.text());
    }
}

TYPED_TEST(History, VotesThatDecideAtOnceExceedNoBudget) {
    std::vector<core::RequestId> ids;
    for (int i = 0; i < 12; ++i)
        ids.push_back(this->opened(this->on.fresh(reviewed({counts(3, 1h)}), {})).opened.request->id);
    std::vector<Later<app::Appended>> work;
    for (const auto& id : ids)
        work.push_back(this->on.cases().append(this->on.vote(id, "U0AMY"), this->on.soon()));
    EXPECT_EQ(this->approving(std::move(work), core::Why::budget_spent), 3U);
    std::size_t stored = 0;
    for (const auto& id : ids)
        if (core::decide(this->stored(id)).state == core::State::approved) ++stored;
    EXPECT_EQ(stored, 3U);
}

TYPED_TEST(History, OpeningsAndVotesSpendTheSameBudget) {
    const auto pending = this->opened(this->on.fresh(reviewed({counts(2, 1h)}), {})).opened.request->id;
    EXPECT_EQ(this->let_through(this->open_at_once(allowed({counts(2, 1h)}), 3)), 2U);
    auto late = this->appended(this->on.vote(pending, "U0AMY"));
    ASSERT_TRUE(late.refusal);
    EXPECT_EQ(late.refusal->why, core::Why::budget_spent);
    this->on.clock.set(this->on.clock.now() + 59min);
    EXPECT_TRUE(this->appended(this->on.vote(pending, "U0AMY")).refusal);
}

TYPED_TEST(History, TheSameVoteTwiceSpendsOnce) {
    const auto id = this->opened(this->on.fresh(reviewed({counts(2, 1h)}), {})).opened.request->id;
    auto vote = this->on.vote(id, "U0AMY");
    EXPECT_EQ(this->appended(vote).now->ruling.state, core::State::approved);
    EXPECT_TRUE(this->appended(vote).repeat);
    EXPECT_EQ(this->let_through(this->open_at_once(allowed({counts(2, 1h)}), 3)), 1U);
}

TYPED_TEST(History, WhoeverApprovedLastDoesNotApproveTheNextOneEvenAtOnce) {
    auto applied = reviewed();
    applied.alternatives[0].groups[0].not_last = 1;
    std::vector<Later<app::Appended>> work;
    for (int i = 0; i < 4; ++i) {
        const auto id = this->opened(this->on.fresh(applied, {})).opened.request->id;
        work.push_back(this->on.cases().append(this->on.vote(id, "U0AMY"), this->on.soon()));
    }
    EXPECT_EQ(this->approving(std::move(work), core::Why::filled_last), 1U);
    const auto next = this->opened(this->on.fresh(applied, {})).opened.request->id;
    EXPECT_EQ(this->appended(this->on.vote(next, "U0BEN")).now->ruling.state, core::State::approved);
    EXPECT_TRUE(this->stored(next).entries.size() == 2U);
}

TYPED_TEST(History, WhoeverReadsARequestKnowsWhoFilledItsSlotsLast) {
    auto applied = reviewed();
    applied.alternatives[0].groups[0].not_last = 1;
    const auto read = [&](const core::RequestId& id) {
        const auto one = this->stored(id);
        const auto all = this->on.get(this->on.cases().read_all({id}, this->on.soon()));
        EXPECT_TRUE(all && one.earlier && all->at(0).earlier);
        std::vector<bool> last;
        for (const char* person : {"amy", "ben"}) {
            last.push_back(!filled_last(applied, *one.earlier, core::PersonId{person}).empty());
            EXPECT_EQ(!filled_last(applied, *all->at(0).earlier, core::PersonId{person}).empty(),
                      last.back());
        }
        return last;
    };
    const auto waits = this->opened(this->on.fresh(applied, {})).opened.request->id;
    EXPECT_EQ(read(waits), (std::vector{false, false}));
    const auto first = this->opened(this->on.fresh(applied, {})).opened.request->id;
    EXPECT_EQ(this->appended(this->on.vote(first, "U0AMY")).now->ruling.state, core::State::approved);
    EXPECT_EQ(read(waits), (std::vector{true, false}));
    const auto next = this->opened(this->on.fresh(applied, {})).opened;
    ASSERT_TRUE(next.earlier);
    EXPECT_THAT(filled_last(applied, *next.earlier, core::PersonId{"amy"}), Not(IsEmpty()));
    EXPECT_THAT(filled_last(applied, *next.earlier, core::PersonId{"ben"}), IsEmpty());
    const auto other = this->opened(this->on.fresh(reviewed(), {})).opened.request->id;
    EXPECT_EQ(this->stored(other).earlier, nullptr) << "its rules do not ask";
    EXPECT_EQ(this->stored(first).earlier, nullptr) << "nobody is asked any more";
}

TYPED_TEST(History, OneGoesOnAtATime) {
    auto applied = reviewed();
    applied.turns = {{{"action", "resource"}, false}};
    const auto first = this->opened(this->on.fresh(applied, {})).opened.request->id;
    const auto second = this->opened(this->on.fresh(applied, {})).opened.request->id;
    auto early = this->appended(this->on.vote(second, "U0AMY"));
    ASSERT_TRUE(early.refusal);
    EXPECT_EQ(early.refusal->why, core::Why::not_its_turn);
    EXPECT_EQ(this->appended(this->on.vote(first, "U0AMY")).now->ruling.state, core::State::approved);
    EXPECT_TRUE(this->appended(this->on.vote(second, "U0AMY")).refusal);
    const core::AccountId ci{"token:tok_ci"};
    const std::string digest = this->stored(first).request->digest;
    this->appended(this->on.command(first, core::Claim{ci, digest, ""}));
    EXPECT_TRUE(this->appended(this->on.vote(second, "U0AMY")).refusal);
    this->appended(this->on.command(first, core::Report{ci, true, ""}));
    EXPECT_EQ(this->appended(this->on.vote(second, "U0AMY")).now->ruling.state, core::State::approved);
}

TYPED_TEST(History, WhatNobodyIsAskedForStartsOnceHoweverManyComeAtOnce) {
    auto applied = allowed({});
    applied.turns = {{{"resource"}, false}};
    EXPECT_EQ(this->let_through(this->open_at_once(applied, 10)), 1U);
}

TYPED_TEST(History, ANewerRequestNamesThoseThatAreToEndForIt) {
    auto applied = reviewed();
    applied.turns = {{{"resource"}, true}};
    const auto first = this->opened(this->on.fresh(applied, {})).opened.request->id;
    auto held = this->opened(this->on.fresh(applied, {}));
    ASSERT_EQ(held.held_back.size(), 1U);
    EXPECT_EQ(held.held_back[0].kind, core::HeldBack::Kind::supersedes);
    EXPECT_THAT(held.held_back[0].ahead, testing::ElementsAre(first));
    auto ended = this->appended(
        this->on.command(first, core::Supersede{held.opened.request->id, core::AccountId{"token:tok_ci"}}));
    EXPECT_EQ(ended.now->ruling.state, core::State::cancelled);
    EXPECT_TRUE(this->stored(first) == ended.now->c);
    EXPECT_THAT(this->opened(this->on.fresh(applied, {})).held_back, IsEmpty());
}

TYPED_TEST(History, WhatIsOpenedBesideACommandIsHeldBackWithIt) {
    this->opened(this->on.fresh(allowed({counts(1, 1h)}), {}));
    const auto id = this->pending();
    auto command = this->on.command(id, core::Cancel{core::AccountId{"token:tok_ci"}, {}, "never mind"});
    command.opens = std::make_shared<app::NewCase>(this->on.fresh(allowed({counts(1, 1h)}), {}));
    auto answer = this->on.get(this->on.cases().append(std::move(command), this->on.soon()));
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, app::opening_held_back);
    EXPECT_EQ(core::decide(this->stored(id)).state, core::State::pending) << "nothing was written";
}

// The two replicas have nothing in common but the database.
TEST(HistoryOnTwoReplicas, NoBudgetIsExceeded) {
    OnPostgres one;
    OnPostgres other{one.uri, one.seen_as};
    const auto applied = allowed(
        {counts(7, 1h),
         core::Budget{
             "a rule", 0, "parameters.rows", core::budget_sum_max * core::millionths, 1h, {"action"}}});
    std::atomic<std::size_t> let_through = 0;
    auto rush = [&](OnPostgres& replica) {
        for (int round = 0; round < 5; ++round) {
            std::vector<Later<app::OpenedCase>> work;
            for (int i = 0; i < 6; ++i) {
                auto fresh = replica.fresh(applied, {});
                fresh.request.parameters = core::Value::object({{"rows", 1}});
                fresh.request.digest = core::digest_of(fresh.request);
                work.push_back(replica.cases().open(std::move(fresh), replica.soon()));
            }
            for (const auto& answer : replica.all(std::move(work))) {
                EXPECT_TRUE(answer) << answer.error().detail;
                if (answer && answer->held_back.empty()) ++let_through;
            }
        }
    };
    std::thread second{[&] { rush(other); }};
    rush(one);
    second.join();
    EXPECT_EQ(let_through.load(), 7U);
    EXPECT_EQ(one.sql("SELECT count(*) FROM request"), "7");
}

TEST(HistoryOnTwoReplicas, OneGoesOnAtATime) {
    OnPostgres one;
    OnPostgres other{one.uri, one.seen_as};
    auto applied = reviewed();
    applied.turns = {{{"resource"}, false}};
    std::vector<core::RequestId> ids;
    for (int i = 0; i < 8; ++i) {
        auto opened = one.get(one.cases().open(one.fresh(applied, {}), one.soon()));
        ASSERT_TRUE(opened) << opened.error().detail;
        ids.push_back(opened->opened.request->id);
    }
    std::atomic<std::size_t> approved = 0;
    auto rush = [&](OnPostgres& replica) {
        std::vector<Later<app::Appended>> work;
        for (const auto& id : ids)
            work.push_back(replica.cases().append(replica.vote(id, "U0AMY"), replica.soon()));
        for (const auto& answer : replica.all(std::move(work)))
            if (answer && !answer->refusal && !answer->repeat &&
                answer->now->ruling.state == core::State::approved)
                ++approved;
    };
    std::thread second{[&] { rush(other); }};
    rush(one);
    second.join();
    EXPECT_EQ(approved.load(), 1U);
}

TEST(HistoryOnPostgres, WhoeverChangesARowOfHistoryStopsWhatAsksForIt) {
    OnPostgres on;
    const auto applied = allowed({counts(1, 1h)});
    ASSERT_TRUE(on.get(on.cases().open(on.fresh(applied, {}), on.soon())));
    const std::string before = on.sql("SELECT record FROM history");
    on.sql("UPDATE history SET record = '{\"last\":[],\"line\":[],\"uses\":[]}', version = version + 1");
    auto answer = on.get(on.cases().open(on.fresh(applied, {}), on.soon()));
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().trouble, Trouble::corrupt);
    EXPECT_THAT(before, Not(testing::HasSubstr("db.export"))) << "nothing of a request stands there";
}

TEST(HistoryOnPostgres, NoRowBecomesAgainWhatItWas) {
    OnPostgres on;
    const auto applied = allowed({counts(2, 1h)});
    ASSERT_TRUE(on.get(on.cases().open(on.fresh(applied, {}), on.soon())));
    on.sql("CREATE TABLE kept AS SELECT * FROM history");
    ASSERT_TRUE(on.get(on.cases().open(on.fresh(applied, {}), on.soon())));
    const std::string back =
        "UPDATE history h SET record = k.record, seal = k.seal, version = k.version FROM kept k WHERE k.key "
        "= h.key";
    for (const std::string& statement :
         {back, std::string("DELETE FROM history"), std::string("TRUNCATE history")})
        EXPECT_EQ(support::sqlstate_of(on.uri, statement), "42501") << statement;
    on.sql(
        "UPDATE history h SET record = k.record, seal = k.seal, version = h.version + 1 FROM kept k "
        "WHERE k.key = h.key");
    EXPECT_EQ(on.get(on.cases().open(on.fresh(applied, {}), on.soon())).error().trouble, Trouble::corrupt)
        << "an older record with a newer version has no seal";
}

}  // namespace
}  // namespace countersign::contract
