#include "countersign/core/history.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <random>

#include "core/card_words.hpp"
#include "countersign/core/match.hpp"
#include "countersign/core/session.hpp"

namespace countersign::core::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

Budget counts(std::uint32_t count, Duration per, std::vector<std::string> by = {}) {
    return {"a rule", count, {}, 0, per, std::move(by)};
}
Budget sums(std::int64_t max, Duration per = 24h) {
    return {"a rule", 0, "parameters.amount", max * millionths, per, {}};
}
Applied allowed(std::vector<Budget> budgets) {
    Applied applied;
    applied.kind = Applied::Kind::allow;
    applied.rules = {"a rule"};
    applied.budgets = std::move(budgets);
    return applied;
}
Request spends(double amount) {
    Request request = request_of();
    request.parameters = Value::object({{"amount", amount}});
    return request;
}

// What a store would keep, in the clear.
struct Kept {
    std::map<std::string, HistoryRecord> records;
    std::vector<InLine> line;

    History of(const Request& request, const Applied& applied,
               const std::vector<PersonId>& behind = {}) const {
        History history;
        history.name_of = [](const PersonId& person) { return person.text(); };
        for (HistoryKey& key : history_keys(request, applied, behind)) {
            auto found = records.find(key.text);
            history.past.push_back(
                {std::move(key), found == records.end() ? HistoryRecord{} : found->second});
        }
        history.line = line;
        return history;
    }
    void keep(const History& history, const std::vector<HistoryRecord>& after) {
        for (std::size_t i = 0; i < after.size(); ++i) records[history.past[i].key.text] = after[i];
    }
    // Opens it at this moment if nothing holds it back, and says what did.
    std::vector<HeldBack> open(const Request& request, const Applied& applied, Instant now,
                               const std::vector<PersonId>& behind = {}) {
        const History history = of(request, applied, behind);
        Opened opened{.at = now, .behind = behind, .unlinked = {}, .dead_end = std::nullopt};
        const Case c{request, applied, {Entry{opened}}};
        const Ruling ruling = decide(c);
        auto held = held_back_at_opening(request, applied, ruling.state, history, now);
        if (held.empty()) keep(history, after_opening(c, ruling, history, now));
        return held;
    }
};

TEST(Budgets, SoManyRequestsGoThroughWithinAnyStretchOfItsLengthAndNoMore) {
    Kept kept;
    const Applied applied = allowed({counts(2, 1h)});
    const Request request = request_of();
    EXPECT_THAT(kept.open(request, applied, start), IsEmpty());
    EXPECT_THAT(kept.open(request, applied, start + 40min), IsEmpty());
    const auto held = kept.open(request, applied, start + 50min);
    ASSERT_EQ(held.size(), 1U);
    EXPECT_EQ(held[0].budget, applied.budgets[0]);
    EXPECT_EQ(held[0].sentence,
              "the budget of rule a rule (2 requests within 1h) has no room for this: 2 of 2 were let "
              "through; there is room again from 2026-01-02T04:00:00Z");
    EXPECT_THAT(kept.open(request, applied, start + 1h), IsEmpty()) << "the first one left";
    EXPECT_THAT(kept.open(request, applied, start + 99min), Not(IsEmpty()));
    EXPECT_THAT(kept.open(request, applied, start + 100min), IsEmpty());
}

TEST(Budgets, ASumCountsWhatEachRequestSays) {
    Kept kept;
    const Applied applied = allowed({sums(1)});
    for (int i = 0; i < 10; ++i) EXPECT_THAT(kept.open(spends(0.1), applied, start), IsEmpty()) << i;
    EXPECT_THAT(kept.open(spends(0.000001), applied, start), Not(IsEmpty()));
    EXPECT_THAT(kept.open(spends(0), applied, start), IsEmpty());
    EXPECT_THAT(kept.open(spends(1.5), applied, start).at(0).sentence,
                HasSubstr("this alone asks for more than the budget of rule a rule (1 of parameters.amount"));
    EXPECT_THAT(kept.open(spends(1e300), applied, start + 48h), Not(IsEmpty()));
}

TEST(Budgets, EachOtherValueHasABudgetOfItsOwn) {
    Kept kept;
    const Applied applied = allowed({counts(1, 1h, {"resource"})});
    Request other = request_of();
    other.resource = "invoices";
    Request none = request_of();
    none.resource.reset();
    EXPECT_THAT(kept.open(request_of(), applied, start), IsEmpty());
    EXPECT_THAT(kept.open(request_of(), applied, start), Not(IsEmpty()));
    EXPECT_THAT(kept.open(other, applied, start), IsEmpty());
    EXPECT_THAT(kept.open(none, applied, start), IsEmpty());
    EXPECT_THAT(kept.open(none, applied, start), Not(IsEmpty())) << "saying nothing shares one";
}

TEST(Budgets, EverybodyBehindARequestPaysForIt) {
    Kept kept;
    const Applied applied = allowed({counts(1, 1h, {"requester.people"})});
    const PersonId amy{"amy"}, ben{"ben"}, cat{"cat"};
    EXPECT_THAT(kept.open(request_of(), applied, start, {amy, ben}), IsEmpty());
    EXPECT_THAT(kept.open(request_of(), applied, start, {ben, cat}), Not(IsEmpty()));
    EXPECT_THAT(kept.open(request_of(), applied, start, {cat}), IsEmpty());
    EXPECT_THAT(kept.open(request_of(), applied, start), IsEmpty());
    EXPECT_THAT(kept.open(request_of(), applied, start), Not(IsEmpty())) << "nobody is one as well";
}

TEST(Budgets, AnIssuersCallerIsTheSameInEachOfItsRuns) {
    const Applied applied = allowed({counts(1, 1h, {"requester"})});
    Request first = request_of();
    first.requester.account = AccountId{"oidc:https://ci|repo:a"};
    first.requester.run = "1";
    Request second = first;
    second.requester.run = "2";
    Kept kept;
    EXPECT_THAT(kept.open(first, applied, start), IsEmpty());
    EXPECT_THAT(kept.open(second, applied, start), Not(IsEmpty()));
}

TEST(Budgets, ValuesNeverRunTogetherInAKey) {
    const Applied applied = allowed({counts(1, 1h, {"labels.a", "labels.b"})});
    Request one = request_of();
    one.labels = {{"a", "x\",\"y"}};
    Request other = request_of();
    other.labels = {{"a", "x"}, {"b", "y"}};
    EXPECT_NE(history_keys(one, applied, {}).at(0).text, history_keys(other, applied, {}).at(0).text);
}

// A second, naive count of the same: every use by itself, for ever.
TEST(Budgets, ManyUsesAreTakenTogetherSoThatNoStretchOfTimeHoldsMore) {
    std::mt19937 random{7};
    for (int round = 0; round < 8; ++round) {
        const Duration per = std::chrono::minutes{1 + static_cast<int>(random() % 300)};
        const auto most = static_cast<std::uint32_t>(1 + random() % 900);
        const Applied applied = allowed({counts(most, per), sums(2'000, per * 2)});
        Kept kept;
        std::deque<std::pair<Instant, std::int64_t>> let_through;
        Instant now = start;
        for (int i = 0; i < 1'200; ++i) {
            now += std::chrono::seconds{static_cast<int>(random() % (round < 4 ? 60 : 6))};
            const auto amount = static_cast<std::int64_t>(random() % 9);
            std::uint32_t used = 0;
            std::int64_t sum = 0;
            for (const auto& [at, its] : let_through) {
                if (at + per > now) ++used;
                if (at + per * 2 > now) sum += its;
            }
            const bool room = used < most && sum + amount <= 2'000;
            const bool opened = kept.open(spends(static_cast<double>(amount)), applied, now).empty();
            ASSERT_TRUE(room || !opened) << "more than the budget went through";
            const bool few = std::max(used, static_cast<std::uint32_t>(let_through.size())) < uses_kept_max;
            if (few) ASSERT_EQ(room, opened) << "with so few uses it is exact";
            if (opened) let_through.emplace_back(now, amount);
        }
        for (const auto& [text, record] : kept.records) EXPECT_LE(record.uses.size(), uses_kept_max);
    }
}

TEST(Budgets, WhatIsRefusedOrPendingSpendsNothing) {
    Applied asks_first = one_reviewer();
    asks_first.budgets = {counts(1, 1h)};
    Kept kept;
    EXPECT_THAT(kept.open(request_of(), asks_first, start), IsEmpty());
    EXPECT_THAT(kept.open(request_of(), asks_first, start), IsEmpty());
    Applied refused = allowed({counts(1, 1h)});
    refused.kind = Applied::Kind::refuse;
    EXPECT_FALSE(asks_history(refused));
    EXPECT_THAT(history_keys(request_of(), refused, {}), IsEmpty());
}

// A pending case whose votes see what is kept.
struct Vote : Play {
    Kept kept;
    using Play::Play;
    void approve_with_history(const std::string& user) {
        const History history = kept.of(c.request, c.applied, std::get<Opened>(c.entries.front()).behind);
        last = advance(c, Cast{slack(user), Verdict::approve, "", Surface::slack, c.request->digest},
                       world.directory(), now, age_max, history);
        for (const Entry& entry : last.appended) c.entries.push_back(entry);
        if (last.ruling.state == State::approved)
            kept.keep(history, after_approval(c, last.ruling, history, now));
    }
};

TEST(Budgets, TheVoteThatWouldSpendMoreThanThereIsIsRefusedAndMayComeAgain) {
    Applied applied = requires_of({asks({{2, "reviewers"}})});
    applied.budgets = {counts(1, 30min)};
    Vote vote{applied};
    vote.approve_with_history("U0AMY");
    vote.kept.records[history_keys(vote.c.request, applied, {}).at(0).text].uses = {{start, 1, 0}};
    vote.approve_with_history("U0BEN");
    EXPECT_EQ(vote.why(), Why::budget_spent);
    EXPECT_THAT(vote.said(), HasSubstr("there is room again from 2026-01-02T03:30:00Z"));
    EXPECT_EQ(vote.state(), State::pending);
    EXPECT_EQ(vote.c.entries.size(), 2U) << "nothing is on record";
    vote.now = vote.world.read_at = start + 30min;
    for (const char* id : {"U0AMY", "U0BEN", "U0RILEY"}) vote.world.user(id, AccountClass::member, vote.now);
    vote.approve_with_history("U0BEN");
    EXPECT_EQ(vote.state(), State::approved) << vote.said();
    EXPECT_EQ(vote.kept.records.begin()->second.uses.size(), 1U);
}

TEST(BudgetsOnRecord, WhatCannotBeSoIsSaid) {
    using ::testing::ElementsAre;
    using ::testing::HasSubstr;
    Request request = request_of({});
    request.parameters = Value::object().set("amount", Value{500});
    auto applied = [](Applied::Kind kind, std::int64_t max, std::string rule) {
        Applied one;
        one.kind = kind;
        one.rules = {"refunds"};
        one.budgets = {{std::move(rule), 0, "parameters.amount", max * millionths, 24h, {}}};
        return one;
    };
    const auto allow = Applied::Kind::allow;
    EXPECT_THAT(contradictions(request, applied(allow, 500, "refunds"), true), ::testing::IsEmpty());
    EXPECT_THAT(
        contradictions(request, applied(allow, 499, "refunds"), true),
        ElementsAre("it was approved for 500 of parameters.amount, which alone is more than its budget "
                    "(499 of parameters.amount within 1d)"));
    EXPECT_THAT(contradictions(request, applied(allow, 499, "refunds"), false), ::testing::IsEmpty());
    EXPECT_THAT(contradictions(request_of({}), applied(allow, 499, "refunds"), true), ::testing::SizeIs(1))
        << "no amount is said";
    EXPECT_THAT(contradictions(request, applied(allow, 500, "others"), true),
                ElementsAre("it counts toward a budget of rule others, which it does not match"));
    Applied over = requires_of({asks({{1, "security"}})});
    over.rules = {"refunds"};
    over.over_budget = {"refunds"};
    EXPECT_THAT(contradictions(request, over, true), ::testing::IsEmpty()) << "others were asked for it";
    over.kind = allow;
    EXPECT_THAT(contradictions(request, over, true), ElementsAre(HasSubstr("and nobody was asked")));
    over.kind = Applied::Kind::require;
    over.over_budget = {"payments"};
    EXPECT_THAT(contradictions(request, over, true), ElementsAre(HasSubstr("which it does not match")));
}

TEST(NotTheLast, WhoeverFilledASlotLeavesTheNextOneToOthers) {
    Applied applied = requires_of({asks({{1, "reviewers"}})});
    applied.alternatives[0].groups[0].not_last = 2;
    Kept kept;
    auto play = [&](const std::string& user) {
        Vote vote{applied};
        vote.kept = kept;
        vote.approve_with_history(user);
        kept = vote.kept;
        return vote.why();
    };
    EXPECT_EQ(play("U0AMY"), std::nullopt);
    EXPECT_EQ(play("U0AMY"), Why::filled_last);
    EXPECT_EQ(play("U0BEN"), std::nullopt);
    EXPECT_EQ(play("U0AMY"), Why::filled_last) << "of the last two";
    EXPECT_EQ(play("U0BEN"), Why::filled_last);
    EXPECT_EQ(play("U0CAT"), std::nullopt);
    EXPECT_EQ(play("U0AMY"), std::nullopt);
}

TEST(NotTheLast, WhoWouldBeRefusedIsNotNamedWhereItIsKnown) {
    Applied applied = requires_of({asks({{1, "reviewers"}})});
    applied.alternatives[0].groups[0].not_last = 1;
    Vote vote{applied};
    vote.kept.records[history_keys(vote.c.request, applied, {}).at(0).text].last = {{"amy"}};
    const Directory directory = vote.world.directory();
    auto named = [&](const char* person) {
        const auto lacks = lacking(vote.c, decide(vote.c), directory);
        return std::ranges::count(lacks.at(0).at(0).could_approve, PersonId{person}) == 1;
    };
    auto could = [&](const char* user) {
        return could_approve(vote.c, decide(vote.c), directory, slack(user));
    };
    EXPECT_TRUE(named("amy") && named("ben") && could("U0AMY") && could("U0BEN")) << "nobody has looked";
    vote.c.earlier = std::make_shared<const History>(vote.kept.of(vote.c.request, applied));
    EXPECT_FALSE(named("amy") || could("U0AMY"));
    EXPECT_TRUE(named("ben") && could("U0BEN"));
    Case unread = vote.c;
    unread.earlier = nullptr;
    EXPECT_EQ(unread, vote.c) << "what was looked up is no part of a case";
}

TEST(NotTheLast, TheyMayDenyAllTheSame) {
    Applied applied = requires_of({asks({{1, "reviewers"}})});
    applied.alternatives[0].groups[0].not_last = 1;
    Vote vote{applied};
    vote.approve_with_history("U0AMY");
    Vote next{applied};
    const History history = vote.kept.of(next.c.request, applied);
    next.last = advance(next.c, Cast{slack("U0AMY"), Verdict::deny, "no", Surface::slack, {}},
                        next.world.directory(), next.now, age_max, history);
    EXPECT_EQ(next.why(), std::nullopt) << next.said();
    EXPECT_EQ(next.last.ruling.state, State::denied);
}

TEST(NotTheLast, AVoteCastBeforeTheOtherRequestWasDecidedDoesNotCountAfterIt) {
    Applied applied = requires_of({asks({{2, "reviewers"}})});
    applied.alternatives[0].groups[0].not_last = 1;
    Vote first{applied};
    Vote second{applied};
    second.approve_with_history("U0AMY");
    first.approve_with_history("U0AMY");
    first.approve_with_history("U0BEN");
    ASSERT_EQ(first.state(), State::approved);
    second.kept = first.kept;
    second.approve_with_history("U0CAT");
    EXPECT_EQ(second.why(), std::nullopt);
    EXPECT_EQ(second.state(), State::pending) << "amy's approval fills nothing any more";
    EXPECT_EQ(second.counted(), "amy:- cat:reviewers");
    EXPECT_EQ(second.missing(), "1reviewers");
}

TEST(NotTheLast, AnEscalationThatLetsThemInDoesNotLetThemFillTheSlot) {
    Applied applied = requires_of({asks({{1, "dba"}})});
    applied.alternatives[0].groups[0].not_last = 1;
    applied.widening = Widening{Duration{0}, {GroupId{"security"}}};
    Vote vote{applied};
    vote.c.entries.emplace_back(Escalated{start});
    vote.kept.records[history_keys(vote.c.request, applied, {}).at(0).text].last = {{"amy"}};
    vote.approve_with_history("U0AMY");
    EXPECT_EQ(vote.why(), Why::filled_last);
    vote.approve_with_history("U0BEN");
    EXPECT_EQ(vote.state(), State::approved);
}

TEST(NotTheLast, NobodyFillsItAgainInPlaceOfSomebodyWhoIsAway) {
    Applied applied = requires_of({asks({{1, "security"}})});
    applied.alternatives[0].groups[0].not_last = 1;
    applied.delegate = true;
    auto play = [&](const std::string& last, const char* voter) {
        Vote vote{applied};
        vote.world.absences = {{slack("U0AMY"), start + 24h, slack("U0CAT")}};
        vote.kept.records[history_keys(vote.c.request, applied, {}).at(0).text].last = {{last}};
        vote.approve_with_history(voter);
        return vote;
    };
    EXPECT_EQ(play("cat", "U0CAT").why(), Why::filled_last) << "for amy, too";
    const Vote other = play("ben", "U0CAT");
    EXPECT_EQ(other.state(), State::approved) << other.said();
    EXPECT_EQ(decide(other.c).votes.at(0).in_place_of, PersonId{"amy"});
    EXPECT_EQ(other.kept.records.begin()->second.last.back(), std::vector<std::string>{"cat"})
        << "who filled it is who is on record";
}

Applied takes_turns(Applied applied, bool supersede = false) {
    applied.turns = {{{"action", "resource"}, supersede}};
    return applied;
}
Request another(std::uint8_t id) {
    Request request = request_of();
    request.id = RequestId{RequestId::Bytes{std::byte{id}}};
    request.number = id;
    return request;
}

TEST(Turns, ALaterRequestWaitsUntilTheOneBeforeItHasEnded) {
    const Applied applied = takes_turns(one_reviewer());
    Kept kept;
    EXPECT_THAT(kept.open(another(1), applied, start), IsEmpty());
    EXPECT_THAT(kept.open(another(2), applied, start), IsEmpty());
    kept.line = {{.id = another(1).id, .number = 1}, {.id = another(2).id, .number = 2}};
    Vote vote{applied, another(2)};
    vote.kept = kept;
    vote.approve_with_history("U0AMY");
    EXPECT_EQ(vote.why(), Why::not_its_turn);
    EXPECT_THAT(vote.said(), HasSubstr("#1 comes first: wait until it has ended"));
    vote.kept.line[0].claimed = true;
    vote.approve_with_history("U0AMY");
    EXPECT_THAT(vote.said(), HasSubstr("its outcome has not been reported"));
    vote.kept.line[0].ended = true;
    vote.approve_with_history("U0AMY");
    EXPECT_EQ(vote.state(), State::approved) << vote.said();
    Vote first{applied, another(1)};
    first.kept = kept;
    first.approve_with_history("U0AMY");
    EXPECT_EQ(first.state(), State::approved) << "nobody was before it";
}

TEST(Turns, WhatNobodyIsAskedForIsRefusedWhileOthersAreAtIt) {
    Applied applied = allowed({});
    applied = takes_turns(applied);
    Kept kept;
    EXPECT_THAT(kept.open(another(1), applied, start), IsEmpty());
    kept.line = {{.id = another(1).id, .number = 1}};
    const auto held = kept.open(another(2), applied, start);
    ASSERT_EQ(held.size(), 1U);
    EXPECT_EQ(held[0].kind, HeldBack::Kind::turn);
    Request elsewhere = another(3);
    elsewhere.resource = "invoices";
    EXPECT_THAT(kept.open(elsewhere, applied, start), IsEmpty());
}

TEST(Turns, ALineHasAnEnd) {
    const Applied applied = takes_turns(one_reviewer());
    Kept kept;
    for (std::uint8_t i = 1; i <= line_max; ++i) {
        EXPECT_THAT(kept.open(another(i), applied, start), IsEmpty());
        kept.line.push_back({.id = another(i).id, .number = i});
    }
    EXPECT_THAT(kept.open(another(99), applied, start).at(0).sentence, HasSubstr("20 are waiting already"));
    kept.line[3].ended = true;
    EXPECT_THAT(kept.open(another(99), applied, start), IsEmpty());
}

TEST(Turns, ANewerRequestEndsThoseBeforeItWhereTheRulesSaySo) {
    const Applied applied = takes_turns(one_reviewer(), true);
    Kept kept;
    EXPECT_THAT(kept.open(another(1), applied, start), IsEmpty());
    kept.line = {{.id = another(1).id, .number = 1}};
    const auto held = kept.open(another(2), applied, start);
    ASSERT_EQ(held.size(), 1U);
    EXPECT_EQ(held[0].kind, HeldBack::Kind::supersedes);
    EXPECT_THAT(held[0].ahead, ElementsAre(another(1).id));
    Play first{applied, another(1)};
    first.command(Supersede{another(2).id, AccountId{"token:tok_ci"}});
    EXPECT_EQ(first.state(), State::cancelled);
    EXPECT_EQ(std::get<Cancelled>(first.c.entries.back()).superseded_by, another(2).id);
    first.approve("U0AMY");
    EXPECT_THAT(first.said(), HasSubstr("ended by a newer one"));
    // What is being done is waited for.
    kept.line[0].claimed = true;
    EXPECT_THAT(kept.open(another(2), applied, start), IsEmpty());
}

TEST(Turns, NobodysRequestIsEndedWhoseRulesDoNotSaySo) {
    Play plain{one_reviewer()};
    plain.command(Supersede{another(2).id, AccountId{"token:tok_ci"}});
    EXPECT_EQ(plain.why(), Why::not_superseded);
    EXPECT_EQ(plain.state(), State::pending);
    Play waits{takes_turns(one_reviewer())};
    waits.command(Supersede{another(2).id, AccountId{"token:tok_ci"}});
    EXPECT_EQ(waits.why(), Why::not_superseded);
}

TEST(Turns, APlaceIsHeldUntilItIsOver) {
    Play play{takes_turns(one_reviewer())};
    EXPECT_FALSE(in_line(play.c, start).ended);
    EXPECT_TRUE(in_line(play.c, play.c.request->expires_at).ended);
    play.approve("U0AMY");
    EXPECT_FALSE(in_line(play.c, start).ended);
    EXPECT_TRUE(in_line(play.c, start + grant_default).ended);
    play.command(Claim{AccountId{"token:tok_ci"}, play.c.request->digest, ""});
    ASSERT_EQ(play.state(), State::claimed);
    EXPECT_TRUE(in_line(play.c, start).claimed);
    EXPECT_FALSE(in_line(play.c, start + 23h).ended);
    EXPECT_TRUE(in_line(play.c, start + claim_holds).ended);
    play.command(Report{AccountId{"token:tok_ci"}, true, ""});
    EXPECT_TRUE(in_line(play.c, start).ended);
}

TEST(HistoryOnACard, SaysWhatOtherRequestsHaveAPartIn) {
    Applied applied = takes_turns(one_reviewer());
    applied.budgets = {counts(20, 1h, {"requester"})};
    applied.over_budget = {"refunds"};
    applied.alternatives[0].groups[0].not_last = 2;
    Play play{applied};
    const std::string takes = text_of(sections_of(play), CardSection::Part::takes);
    EXPECT_THAT(takes, HasSubstr("Beyond the budget of refunds"));
    EXPECT_THAT(takes, HasSubstr("Counts toward a budget of a rule: 20 requests within 1h, each requester by "
                                 "itself"));
    EXPECT_THAT(takes, HasSubstr("One at a time: it waits for others with the same action and resource"));
    EXPECT_THAT(takes, HasSubstr("Not for whoever approved for reviewers one of the last 2 times"));
}

TEST(HiddenValues, AreNoneThatABudgetCounts) {
    Applied applied = allowed({sums(5)});
    EXPECT_TRUE(counts_or_compares(applied, "/parameters/amount"));
    EXPECT_TRUE(counts_or_compares(applied, "/parameters/amount/cents"));
    EXPECT_TRUE(counts_or_compares(applied, "/parameters"));
    EXPECT_FALSE(counts_or_compares(applied, "/parameters/amounts"));
    applied.budgets[0].by = {"parameters.rows[0].id"};
    EXPECT_TRUE(counts_or_compares(applied, "/parameters/rows/0"));
    applied.turns = {{{"parameters.who"}, false}};
    EXPECT_TRUE(counts_or_compares(applied, "/parameters/who"));
}

}  // namespace
}  // namespace countersign::core::testing
