#include "countersign/app/plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/world.hpp"

// What a store is told to write, without a store.
namespace countersign::app {
namespace {

using namespace std::chrono_literals;
using core::State;
using core::Verdict;
using core::testing::asks;
using core::testing::requires_of;
using testing::ElementsAre;
using testing::IsEmpty;

struct Planned : testing::Test {
    core::testing::World company;
    std::shared_ptr<const core::Directory> directory =
        std::make_shared<const core::Directory>(company.directory());
    core::Instant now = core::testing::start;
    OnRecord record{{core::testing::request_of(), core::Applied{}, {}}, {}, State::pending, false};

    void open(core::Applied applied) {
        core::Request request = core::testing::request_of();
        Opening opening = plan_opening(request, applied, *directory, now);
        record = {{std::move(request), std::move(applied), {core::Entry{opening.opened}}},
                  {std::string{}},
                  opening.ruling.state,
                  false};
    }
    Append append(core::Command command) const {
        return {.request = record.c.request->id,
                .command = std::move(command),
                .directory = directory,
                .age_max = 1h,
                .origin = {},
                .lease = {core::ProcessId{core::ProcessId::Bytes{}}, now},
                .served = {core::Surface::slack}};
    }
    Append vote(const std::string& user, Verdict verdict = Verdict::approve) const {
        return append(core::Cast{core::testing::slack(user), verdict, "", core::Surface::slack, {}});
    }
    Plan plan_all(const std::vector<std::pair<Append, std::string>>& commands, bool maybe_ours = false) {
        std::vector<PlanCommand> all;
        for (const auto& [what, origin] : commands) all.push_back({&what, origin, maybe_ours, {}});
        return plan(record, all, now, {});
    }
    std::vector<std::string_view> events(const PlannedEntry& entry) const {
        return events_of(record.c.entries[static_cast<std::size_t>(entry.version) - 1], entry.before,
                         entry.after);
    }
};

TEST_F(Planned, EachCommandSeesWhatTheOneBeforeItDid) {
    open(requires_of({asks({{2, "security"}})}));
    Plan made = plan_all({{vote("U0AMY"), "a"}, {vote("U0BEN"), "b"}});
    ASSERT_EQ(made.entries.size(), 2U);
    EXPECT_EQ(made.entries[0].after, State::pending);
    EXPECT_EQ(made.entries[1].after, State::approved);
    EXPECT_THAT(events(made.entries[1]), ElementsAre("request.voted", "request.approved"));
    EXPECT_EQ(made.answers.at(0)->now->c.version(), 2);
    EXPECT_EQ(made.answers.at(1)->now->ruling.state, State::approved);
    EXPECT_THAT(record.origins, ElementsAre("", "a", "b"));
}

TEST_F(Planned, AnOriginOnRecordIsAnsweredFromTheRecord) {
    open(requires_of({asks({{2, "security"}})}));
    plan_all({{vote("U0AMY"), "a"}});
    Plan again = plan_all({{vote("U0AMY"), "a"}});
    EXPECT_FALSE(again.wrote());
    EXPECT_TRUE(again.answers.at(0)->repeat);
    EXPECT_EQ(again.answers.at(0)->repeated, 1U);
    EXPECT_EQ(again.answers.at(0)->first_new, 2U);
}

TEST_F(Planned, WhatAnAttemptOfOursMayHaveWrittenIsNoRepeat) {
    open(requires_of({asks({{2, "security"}})}));
    plan_all({{vote("U0AMY"), "a"}});
    Plan again = plan_all({{vote("U0AMY"), "a"}}, true);
    EXPECT_FALSE(again.wrote());
    EXPECT_FALSE(again.answers.at(0)->repeat);
    EXPECT_EQ(again.answers.at(0)->first_new, 1U);
}

TEST_F(Planned, AVoteThatComesTooLateLeavesTheLapseAndNoTraceOfItsOrigin) {
    open(requires_of({asks({{2, "security"}})}));
    now += 2h;
    Plan late = plan_all({{vote("U0AMY"), "a"}});
    ASSERT_EQ(late.entries.size(), 1U);
    EXPECT_THAT(events(late.entries[0]), ElementsAre("request.expired"));
    EXPECT_TRUE(late.answers.at(0)->refusal);
    EXPECT_EQ(late.answers.at(0)->first_new, 1U);
    EXPECT_THAT(record.origins, ElementsAre("", ""));
}

TEST_F(Planned, ARefusedVoteIsNotedAndIsNoEntry) {
    open(requires_of({asks({{2, "security"}})}));
    Plan made = plan_all({{vote("U0RILEY"), "a"}});
    EXPECT_FALSE(made.wrote());
    ASSERT_EQ(made.refused.size(), 1U);
    EXPECT_EQ(made.refused[0].person, core::PersonId{"riley"});
    EXPECT_EQ(made.refused[0].why, core::Why::self_approval);
    EXPECT_EQ(record.c.version(), 1);
}

TEST_F(Planned, AVoteThatChangesNothingIsNotNotedAsRefused) {
    open(requires_of({asks({{2, "security"}})}));
    Plan made = plan_all({{vote("U0AMY"), "a"}, {vote("U0AMY"), "b"}});
    EXPECT_EQ(made.entries.size(), 1U);
    EXPECT_THAT(made.refused, IsEmpty());
}

TEST_F(Planned, AnEscalationWantsItsCardsInTheChatsThatAreServed) {
    core::Applied applied = requires_of({asks({{2, "security"}})});
    applied.escalate = core::Escalation{
        2min, {{core::Surface::slack, {"#sre", "#duty"}}, {core::Surface::teams, {"19:sre"}}}};
    open(applied);
    now += 2min;
    Plan made = plan_all({{append(core::Tick{}), ""}});
    ASSERT_EQ(made.cards.size(), 2U);
    EXPECT_EQ(made.cards[0].target.channel, "#sre");
    EXPECT_NE(made.cards[0].id, made.cards[1].id);
}

TEST_F(Planned, ACaseWhoseWordsAreErasedDoesNotGoOn) {
    open(requires_of({asks({{2, "security"}})}));
    record.words_erased = true;
    Plan made = plan_all({{vote("U0AMY"), ""}});
    ASSERT_FALSE(made.answers.at(0));
    EXPECT_EQ(made.answers.at(0).error().trouble, Trouble::conflict);
    EXPECT_EQ(record.c.version(), 1);
}

TEST_F(Planned, AnEntryIsNeverEarlierThanTheOneBefore) {
    open(requires_of({asks({{2, "security"}})}));
    now -= 10min;
    plan_all({{vote("U0AMY"), ""}});
    EXPECT_EQ(core::at_of(record.c.entries.back()), core::testing::start);
}

TEST_F(Planned, WhatARequestComesToFollowsFromItsEntries) {
    open(requires_of({asks({{2, "security"}}), asks({{1, "dba"}, {2, "security"}})}));
    plan_all({{vote("U0AMY"), ""}});
    Summary summary = summary_of(record.c, core::decide(record.c));
    EXPECT_EQ(summary.version, 2);
    EXPECT_EQ(summary.quorum, 2U);
    EXPECT_THAT(summary.counted, ElementsAre(core::PersonId{"amy"}));
    EXPECT_THAT(summary.behind, ElementsAre(core::PersonId{"riley"}));
    EXPECT_EQ(summary.due_at, record.c.request->expires_at);
}

TEST_F(Planned, WhoTurnsOutToBeBehindTheRequestIsTakenFromTheLastWordOnIt) {
    open(requires_of({asks({{2, "security"}})}));
    company.links = {{core::testing::slack("U0DAN"), core::PersonId{"riley"}},
                     {core::testing::slack("U0AMY"), core::PersonId{"riley"}}};
    directory = std::make_shared<const core::Directory>(company.directory());
    Plan made = plan_all({{append(core::Rejudge{}), ""}});
    EXPECT_TRUE(made.wrote());
    Summary summary = summary_of(record.c, made.ruling);
    EXPECT_THAT(summary.behind, testing::Contains(core::PersonId{"riley"}));
}

}  // namespace
}  // namespace countersign::app
