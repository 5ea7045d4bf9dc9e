#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/office.hpp"
#include "countersign/core/hidden.hpp"

namespace countersign::test {
namespace {

using core::State;
using core::Verdict;
using core::Why;

struct Votes : testing::Test {
    Office office;
    Process process{office};
};

TEST_F(Votes, AFullQuorumApproves) {
    auto request = process.open("db.export");
    EXPECT_EQ(request->ruling.state, State::pending);
    ASSERT_TRUE(process.vote(request->c.request->id, "U0AMY"));
    ASSERT_TRUE(process.vote(request->c.request->id, "U0CAT"));
    auto last = process.vote(request->c.request->id, "U0BEN");
    ASSERT_TRUE(last);
    EXPECT_FALSE(last->refusal);
    EXPECT_EQ(last->now->ruling.state, State::approved);
}

TEST_F(Votes, ARefusalIsAnAnswerAndChangesNothing) {
    auto request = process.open("db.export");
    auto answer = process.vote(request->c.request->id, "U0REQ");
    ASSERT_TRUE(answer);
    ASSERT_TRUE(answer->refusal);
    EXPECT_EQ(answer->refusal->why, Why::self_approval);
    EXPECT_EQ(answer->now->c.version(), 1);
}

TEST_F(Votes, TheSameClickTwiceIsOneVote) {
    auto request = process.open("db.export");
    ASSERT_TRUE(process.vote(request->c.request->id, "U0AMY", Verdict::approve, "same"));
    auto again = process.vote(request->c.request->id, "U0AMY", Verdict::approve, "same");
    ASSERT_TRUE(again);
    EXPECT_TRUE(again->repeat);
    EXPECT_FALSE(again->refusal);
    EXPECT_EQ(again->now->c.version(), 2);
}

TEST_F(Votes, FreshFactsCostNoLookUp) {
    auto request = process.open("db.export");
    auto before = office.accounts.refreshes;
    ASSERT_TRUE(process.vote(request->c.request->id, "U0AMY"));
    EXPECT_EQ(office.accounts.refreshes, before);
}

TEST_F(Votes, StaleFactsAreLookedUpBeforeTheVote) {
    auto request = process.open("db.export");
    office.pass(6min);
    office.accounts.group("S0SEC", {"U0BEN"});  // amy has left it meanwhile
    auto answer = process.vote(request->c.request->id, "U0AMY");
    ASSERT_TRUE(answer);
    ASSERT_TRUE(answer->refusal);
    EXPECT_EQ(answer->refusal->why, Why::not_eligible);
}

TEST_F(Votes, AVoteThatWouldDecideLooksUpTheOthersToo) {
    auto request = process.open("db.export");
    ASSERT_TRUE(process.vote(request->c.request->id, "U0AMY"));
    ASSERT_TRUE(process.vote(request->c.request->id, "U0CAT"));
    office.pass(6min);
    auto answer = process.vote(request->c.request->id, "U0BEN");
    ASSERT_TRUE(answer);
    EXPECT_FALSE(answer->refusal) << answer->refusal->sentence;
    EXPECT_EQ(answer->now->ruling.state, State::approved);
}

TEST_F(Votes, AnUnreachableChatRefusesInsteadOfGuessing) {
    auto request = process.open("db.export");
    office.pass(6min);
    office.accounts.reachable = false;
    auto answer = process.vote(request->c.request->id, "U0AMY");
    ASSERT_TRUE(answer);
    ASSERT_TRUE(answer->refusal);
    EXPECT_EQ(answer->refusal->why, Why::directory_stale);
}

TEST_F(Votes, AProcessThatNeverSawTheRequestCanTakeItsVotes) {
    auto request = process.open("db.export");
    Process other{office};
    auto answer = other.vote(request->c.request->id, "U0AMY");
    ASSERT_TRUE(answer);
    EXPECT_FALSE(answer->refusal);
    EXPECT_EQ(answer->now->c.version(), 2);
}

TEST_F(Votes, AnUnknownRequestIsNotFound) {
    auto answer = process.vote(core::RequestId::mint(office.now(), rt::chance(office.dice)), "U0AMY");
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().trouble, Trouble::not_found);
}

TEST_F(Votes, AStoreInTroubleIsAFailureAndCounted) {
    auto request = process.open("db.export");
    std::vector<std::string> counted;
    process.counters.heard = [&](std::string_view what, std::string_view label) {
        counted.push_back(std::string(what) + " " + std::string(label));
    };
    office.store.fault = [](std::string_view call) -> std::optional<Failure> {
        if (call != "append") return std::nullopt;
        return Failure{Trouble::unavailable, "down", "", ""};
    };
    auto answer = process.vote(request->c.request->id, "U0AMY");
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().trouble, Trouble::unavailable);
    EXPECT_THAT(counted, testing::Contains("vote_failed unavailable"));
}

TEST_F(Votes, ARequestThatCannotBeReadIsAFailureAndCounted) {
    auto request = process.open("db.export");
    Process other{office};  // has not met the request yet
    std::vector<std::string> counted;
    other.counters.heard = [&](std::string_view what, std::string_view label) {
        counted.push_back(std::string(what) + " " + std::string(label));
    };
    office.store.fault = [](std::string_view call) -> std::optional<Failure> {
        if (call != "read") return std::nullopt;
        return Failure{Trouble::overloaded, "busy", "", ""};
    };
    auto answer = other.vote(request->c.request->id, "U0AMY");
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().trouble, Trouble::overloaded);
    EXPECT_THAT(counted, testing::Contains("vote_failed overloaded"));
}

TEST_F(Votes, AVoteWaitsForTheDatabaseAsLongAsThereIsTime) {
    auto request = process.open("db.export");
    std::vector<std::string> counted;
    process.counters.heard = [&](std::string_view what, std::string_view label) {
        counted.push_back(std::string(what) + " " + std::string(label));
    };
    auto began = office.now();
    for (std::string_view away : {"read", "append"}) {
        office.store.fault = [&, away](std::string_view call) -> std::optional<Failure> {
            if (call != away || office.now() >= began + 1500ms) return std::nullopt;
            return Failure{Trouble::unavailable, "down", "", ""};
        };
        auto answer = process.vote(request->c.request->id, away == "read" ? "U0AMY" : "U0BEN");
        ASSERT_TRUE(answer) << away;
        EXPECT_FALSE(answer->refusal) << away;
        began = office.now();
    }
    EXPECT_THAT(counted, testing::Each("vote_recorded approve")) << "its attempts are no failures";
    EXPECT_THAT(counted, testing::SizeIs(2));
}

TEST_F(Votes, CountsWhatHappened) {
    std::vector<std::string> counted;
    process.counters.heard = [&](std::string_view what, std::string_view label) {
        counted.push_back(std::string(what) + " " + std::string(label));
    };
    auto request = process.open("deploy");
    (void)process.vote(request->c.request->id, "U0REQ");
    (void)process.vote(request->c.request->id, "U0AMY");
    EXPECT_THAT(counted, testing::ElementsAre("request_opened pending", "vote_refused self_approval",
                                              "request_settled approved", "vote_recorded approve"));
}

// ---- opening

TEST_F(Votes, NothingMatchingIsRefusedAndShownToNobody) {
    process.start();
    auto request = process.open("unheard.of");
    EXPECT_EQ(request->ruling.state, State::refused);
    office.pass(5s);
    EXPECT_TRUE(office.chat.messages.empty());
}

TEST_F(Votes, AnAllowedRequestIsApprovedAtOnceAndShownToNobody) {
    process.start();
    EXPECT_EQ(process.open("db.read")->ruling.state, State::approved);
    office.pass(5s);
    EXPECT_TRUE(office.chat.messages.empty());
}

TEST_F(Votes, ATokenAsksOnlyWithinItsBounds) {
    auto who = process.caller();
    who.token.allow_actions = {"db.*"};
    auto outside = process.try_open(Process::ask("deploy"), who);
    ASSERT_FALSE(outside);
    EXPECT_EQ(outside.error().trouble, Trouble::forbidden);
    EXPECT_EQ(outside.error().code, "outside_bounds");
    EXPECT_EQ(outside.error().pointer, "/action");
    EXPECT_TRUE(process.try_open(Process::ask("db.export"), who));

    who.token.allow_environments = {"dev", "test-*"};
    auto ask = Process::ask("db.export");
    EXPECT_EQ(process.try_open(ask, who).error().pointer, "/environment") << "one must be named";
    ask.environment = "production";
    EXPECT_EQ(process.try_open(ask, who).error().code, "outside_bounds");
    ask.environment = "test-eu";
    EXPECT_TRUE(process.try_open(ask, who));
}

TEST_F(Votes, ATokensOwnerCannotApproveItsRequests) {
    auto ask = Process::ask("deploy");
    ask.on_behalf_of.clear();
    auto filed = process.try_open(ask, process.caller("bot", "amy"));
    ASSERT_TRUE(filed);
    EXPECT_EQ(filed->now->c.request->requester.kind, core::Requester::Kind::person);
    auto answer = process.vote(filed->now->c.request->id, "U0AMY");
    ASSERT_TRUE(answer && answer->refusal);
    EXPECT_EQ(answer->refusal->why, Why::self_approval);
}

TEST_F(Votes, HiddenValuesNeedARuleThatHidesThem) {
    auto ask = Process::ask("deploy");
    ask.sensitive = {"/parameters/password"};
    auto filed = process.try_open(ask, process.caller());
    ASSERT_FALSE(filed);
    EXPECT_EQ(filed.error().code, "sensitive_not_allowed");
    EXPECT_EQ(filed.error().pointer, "/sensitive/0");
}

TEST_F(Votes, RulesAreMatchedOnHiddenValuesAsTheyAreAndNothingKeepsThem) {
    auto ask = Process::ask("secret.read");
    ask.parameters = core::Value::object(
        {{"password", "hunter2"}, {"env", core::Value::object({{"TOKEN", "t0psecret"}})}, {"rows", 1}});
    ask.sensitive = {"/parameters/password", "/parameters/env/TOKEN"};
    auto filed = process.try_open(ask, process.caller());
    ASSERT_TRUE(filed) << filed.error().detail;
    const core::Case& c = filed->now->c;
    EXPECT_THAT(c.applied->rules, testing::ElementsAre("secrets")) << "the rule asks for hunter*";
    EXPECT_THAT(core::hidden_in(c.request),
                testing::ElementsAre("/parameters/env/TOKEN", "/parameters/password"));
    EXPECT_EQ(c.request->digest, core::digest_of(c.request));
    const auto salt = process.hiding.salt(c.request->id);
    EXPECT_EQ((*c.request->parameters)["password"],
              core::commitment(salt.reveal(), "/parameters/password", core::Value{"hunter2"}));
    auto next = process.try_open(ask, process.caller());
    ASSERT_TRUE(next);
    EXPECT_NE(next->now->c.request->digest, c.request->digest) << "each request has a salt of its own";
}

TEST_F(Votes, WhatARuleDoesNotHideIsNotHidden) {
    auto ask = Process::ask("secret.read");
    ask.parameters = core::Value::object({{"password", "hunter2"}, {"rows", 1}});
    auto code = [&](std::vector<std::string> pointers) {
        ask.sensitive = std::move(pointers);
        auto filed = process.try_open(ask, process.caller());
        return filed ? "" : filed.error().code + " " + filed.error().pointer;
    };
    EXPECT_EQ(code({"/parameters/password", "/parameters/rows"}), "sensitive_not_allowed /sensitive/1");
    EXPECT_EQ(code({"/parameters/env/TOKEN"}), "sensitive_not_found /sensitive/0");
    EXPECT_EQ(code({"/parameters/password"}), "");
}

TEST_F(Votes, AnIdempotencyKeyFilesOneRequest) {
    auto ask = Process::ask("deploy");
    ask.idempotency_key = "k1";
    ask.fingerprint = sha256("body");
    auto first = process.try_open(ask, process.caller());
    auto second = process.try_open(ask, process.caller());
    ASSERT_TRUE(first && second);
    EXPECT_FALSE(first->repeat);
    EXPECT_TRUE(second->repeat);
    EXPECT_EQ(first->now->c.request->id, second->now->c.request->id);
    ask.fingerprint = sha256("another body");
    EXPECT_EQ(process.try_open(ask, process.caller()).error().code, "idempotency_mismatch");
}

TEST_F(Votes, ACallerCanHaveOnlySoManyPending) {
    process.runtime.limits.pending_per_requester = 2;
    process.open("deploy");
    process.open("deploy");
    auto third = process.try_open(Process::ask("deploy"), process.caller());
    ASSERT_FALSE(third);
    EXPECT_EQ(third.error().code, "too_many_pending");
    EXPECT_TRUE(process.try_open(Process::ask("deploy"), process.caller("another")));
}

TEST_F(Votes, OwnIsSameTokenOrSameOwner) {
    auto ask = Process::ask("deploy");
    auto filed = process.try_open(ask, process.caller("bot", "amy"));
    ASSERT_TRUE(filed);
    const auto& request = filed->now->c.request;
    EXPECT_TRUE(app::own(process.caller("bot"), request));
    EXPECT_TRUE(app::own(process.caller("other", "amy"), request));
    EXPECT_FALSE(app::own(process.caller("other", "ben"), request));
    EXPECT_FALSE(app::own(process.caller("third"), request));
}

// ---- time and grants

TEST_F(Votes, TimeEndsAPendingRequestWithinAPoll) {
    process.start();
    auto request = process.open("db.export");
    office.pass(30min + 2s);
    auto read = office.get(process.requests.read(request->c.request->id, office.soon()));
    ASSERT_TRUE(read);
    EXPECT_EQ((*read)->ruling.state, State::expired);
}

TEST_F(Votes, AnUnclaimedGrantLapses) {
    process.start();
    auto request = process.open("deploy");
    ASSERT_TRUE(process.vote(request->c.request->id, "U0AMY"));
    office.pass(15min + 2s);
    auto read = office.get(process.requests.read(request->c.request->id, office.soon()));
    EXPECT_EQ((*read)->ruling.state, State::lapsed);
}

TEST_F(Votes, AGrantIsClaimedOnce) {
    auto request = process.open("deploy");
    ASSERT_TRUE(process.vote(request->c.request->id, "U0AMY"));
    auto claim = [&](const std::string& origin) {
        core::Claim command{process.caller().account(), request->c.request->digest, ""};
        return office.get(process.requests.claim(request->c.request->id, command, {origin}, office.soon()));
    };
    auto first = claim("one");
    ASSERT_TRUE(first);
    EXPECT_EQ(first->now->ruling.state, State::claimed);
    auto second = claim("two");
    ASSERT_TRUE(second && second->refusal);
    EXPECT_EQ(second->refusal->why, Why::claimed);
}

TEST_F(Votes, WaitingForMeIsWhereMyApprovalCounts) {
    auto one = process.open("deploy");
    process.open("db.read");
    auto two = process.open("db.export");
    auto ids = [&](const std::string& user) {
        app::DueFilter filter{.approver = core::AccountId{"slack:T0/" + user},
                              .after = {},
                              .limit = 10,
                              .look_until = office.now() + 1s};
        auto waiting = office.get(process.requests.due_page(filter, office.soon()));
        std::vector<core::RequestId> found;
        for (const auto& now : waiting.value().cases) found.push_back(now->c.request->id);
        return found;
    };
    EXPECT_THAT(ids("U0AMY"), testing::UnorderedElementsAre(one->c.request->id, two->c.request->id));
    EXPECT_THAT(ids("U0CAT"), testing::UnorderedElementsAre(two->c.request->id));
    EXPECT_THAT(ids("U0DAN"), testing::IsEmpty());
}

TEST_F(Votes, AListSaysWhereToGoOnWhereItRanOutOfTime) {
    std::vector<std::int64_t> all;
    for (int i = 0; i < 250; ++i) all.push_back(process.open("deploy")->c.request->number);
    auto page = [&](std::optional<std::int64_t> after, core::Duration look_for, std::size_t limit) {
        app::DueFilter filter{.approver = core::AccountId{"slack:T0/U0AMY"},
                              .after = after,
                              .limit = limit,
                              .look_until = office.now() + look_for};
        return office.get(process.requests.due_page(filter, office.soon())).value();
    };
    auto whole = page({}, 10s, 300);
    EXPECT_EQ(whole.cases.size(), 250U);
    EXPECT_EQ(whole.pending, 250U);
    EXPECT_FALSE(whole.next_after);
    std::vector<std::int64_t> found;
    std::optional<std::int64_t> after;
    do {
        auto next = page(after, -1s, 300);
        for (const auto& now : next.cases) found.push_back(now->c.request->number);
        after = next.next_after;
    } while (after);
    EXPECT_EQ(found, all);
    // Where the last one of a page was decided meanwhile, the next page is the same.
    auto first = page({}, 10s, 10);
    ASSERT_EQ(first.next_after, all[9]);
    ASSERT_TRUE(process.vote(first.cases.back()->c.request->id, "U0AMY"));
    EXPECT_EQ(page(first.next_after, 10s, 10).cases.front()->c.request->number, all[10]);
    EXPECT_EQ(page(all.back(), 10s, 10).cases.size(), 0U);
}

}  // namespace
}  // namespace countersign::test
