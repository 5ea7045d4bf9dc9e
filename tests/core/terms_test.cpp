#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/world.hpp"
#include "countersign/core/groups.hpp"
#include "countersign/core/match.hpp"

// These tests are about what rules can say of votes and claims beside slots: an order, whose approvals do not
// count, approvers that an escalation adds, reasons, and when an approval may be claimed.
namespace countersign::core::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Rule asking(Requirement requirement) {
    Rule rule;
    rule.name = "r";
    rule.require = std::move(requirement);
    return rule;
}
Applied outcome(const World& world, std::vector<Rule> rules, const Request& request = request_of()) {
    World with = world;
    with.policy.rules = std::move(rules);
    auto applied = match(with.directory(), request, std::nullopt, start);
    EXPECT_TRUE(applied) << (applied ? "" : applied.error().detail);
    return applied ? *applied : Applied{};
}
CountOf one(const char* group) {
    return {1, GroupId{group}, {}};
}
Request with_labels(std::vector<std::pair<std::string, std::string>> labels) {
    Request request = request_of();
    request.labels = std::move(labels);
    return request;
}

// ---- slots that the request decides

TEST(RequestedSlots, AGroupIsNamedByWhatTheRequestSaysOfThoseThatMayBeAsked) {
    const Rule rule = asking({CountFor{1, "{labels.team}", {GroupId{"dba"}, GroupId{"security"}}}});
    EXPECT_EQ(outcome({}, {rule}, with_labels({{"team", "dba"}})).alternatives,
              std::vector{asks({{1, "dba"}})});
    for (const auto& labels :
         std::vector<std::vector<std::pair<std::string, std::string>>>{{}, {{"team", "reviewers"}}}) {
        const Applied refused = outcome({}, {rule}, with_labels(labels));
        EXPECT_EQ(refused.kind, Applied::Kind::refuse);
        EXPECT_FALSE(refused.refusal.empty());
    }
    const Rule either =
        asking({RequireAny{{{CountFor{1, "{labels.team}", {GroupId{"dba"}}}}, {one("security")}}}});
    EXPECT_EQ(outcome({}, {either}).alternatives, std::vector{asks({{1, "security"}})})
        << "another way is left";
}

TEST(RequestedSlots, TheRequestersOwnGroupsAreKeptOut) {
    World world;
    world.policy.groups.push_back(
        {GroupId{"riley-team"}, GroupRecord::People{{PersonId{"riley"}, PersonId{"amy"}}}});
    const Applied applied =
        outcome(world, {asking({CountFor{1, "reviewers", {}, {}, {"requester.groups"}}})});
    ASSERT_EQ(applied.alternatives.size(), 1U);
    EXPECT_EQ(applied.alternatives[0].groups[0].of.text(), "reviewers not from riley-team");
    Play play{applied, request_of(), world};
    play.approve("U0AMY");
    EXPECT_EQ(play.why(), Why::not_eligible) << "amy is of riley's team";
    play.approve("U0BEN");
    EXPECT_EQ(play.state(), State::approved);
    EXPECT_EQ(play.counted(), "ben:reviewers not from riley-team");
}

TEST(RequestedSlots, AGroupThatWasNeverReadMayBeTheRequesters) {
    World world;
    world.workspace.groups.clear();
    const Applied applied =
        outcome(world, {asking({CountFor{1, "reviewers", {}, {}, {"requester.groups"}}})});
    EXPECT_EQ(applied.alternatives.at(0).groups.at(0).of.text(), "reviewers not from security");
}

TEST(RequestedSlots, EveryHumanBehindItHasSomebodyToAsk) {
    const Rule rule = asking({CountFor{
        1,
        "",
        {},
        {{PersonId{"riley"}, person_alone(PersonId{"amy"})}, {PersonId{"cat"}, GroupId{"security"}}}}});
    EXPECT_EQ(outcome({}, {rule}).alternatives, std::vector{asks({{1, "amy alone"}})});
    const Applied both = outcome({}, {rule}, request_of({slack("U0RILEY"), slack("U0CAT")}));
    EXPECT_EQ(both.alternatives, (std::vector{asks({{1, "amy alone"}, {1, "security"}})}));
    for (const Request& request : {request_of({}), request_of({slack("U0DAN")})}) {
        const Applied refused = outcome({}, {rule}, request);
        EXPECT_EQ(refused.kind, Applied::Kind::refuse);
    }
    Play play{outcome({}, {rule})};
    play.approve("U0BEN");
    EXPECT_EQ(play.why(), Why::not_eligible);
    play.approve("U0AMY");
    EXPECT_EQ(play.state(), State::approved);
}

// ---- one step after the other

TEST(Order, ALaterStepsVoteIsOnRecordAndFillsNothingBeforeItsTurn) {
    const Applied applied =
        outcome({}, {asking({RequireThen{{{one("dba")}, {CountOf{2, GroupId{"security"}, {}}}}}})});
    Play play{applied};
    EXPECT_EQ(play.missing(), "1dba+2security");
    play.approve("U0AMY");
    EXPECT_EQ(play.why(), std::nullopt);
    EXPECT_EQ(play.counted(), "amy:-");
    auto lacks = lacking(play.c, decide(play.c), play.world.directory());
    EXPECT_FALSE(lacks.at(0).at(0).later);
    EXPECT_TRUE(lacks.at(0).at(1).later);
    EXPECT_FALSE(could_approve(play.c, decide(play.c), play.world.directory(), slack("U0BEN")))
        << "not their turn";
    EXPECT_TRUE(could_approve(play.c, decide(play.c), play.world.directory(), slack("U0CAT")));
    play.approve("U0CAT");
    EXPECT_EQ(play.counted(), "amy:security cat:dba") << "the vote is judged now that it is its turn";
    EXPECT_TRUE(could_approve(play.c, decide(play.c), play.world.directory(), slack("U0BEN")));
    play.approve("U0BEN");
    EXPECT_EQ(play.state(), State::approved);
}

TEST(Order, WhoLeftTheirGroupBeforeTheirTurnDoesNotCount) {
    Play play{outcome({}, {asking({RequireThen{{{one("dba")}, {one("security")}}}})})};
    play.approve("U0AMY");
    play.world.usergroup("S0SEC", {"U0BEN"});
    play.approve("U0CAT");
    EXPECT_EQ(play.state(), State::pending);
    EXPECT_EQ(play.missing(), "1security");
}

TEST(Order, OfSeveralRulesHoldsTogetherAndAContradictionBlocksNobody) {
    const Rule forth = asking({RequireThen{{{one("dba")}, {one("security")}}}});
    const Rule back = asking({RequireThen{{{one("security")}, {one("dba")}}}});
    Play play{outcome({}, {forth, back})};
    play.approve("U0CAT");
    EXPECT_EQ(play.counted(), "cat:dba");
    play.approve("U0AMY");
    EXPECT_EQ(play.state(), State::approved);
    const Rule plain = asking({one("security")});
    const Applied together = outcome({}, {plain, forth});
    EXPECT_EQ(together.alternatives.at(0).groups.at(0).of, GroupId{"dba"}) << "what comes first stands first";
    EXPECT_THAT(together.alternatives.at(0).groups.at(1).after, ElementsAre(GroupId{"dba"}));
}

// ---- whose approvals do not count

Applied excluding(std::string kind, const Request& request) {
    Rule rule = asking({one("reviewers")});
    rule.exclude = {{std::move(kind), "parameters.authors[*]"}};
    return outcome({}, {rule}, request);
}
Request by_authors(Value authors) {
    Request request = request_of();
    request.parameters = Value::object({{"authors", std::move(authors)}});
    return request;
}

TEST(Exclusion, AuthorsMayDenyAndNotApprove) {
    World world;
    world.policy.people[1].accounts.emplace_back("github:amy-dev");
    const Request request = by_authors(Value::Array{"Amy-Dev"});
    Rule rule = asking({one("reviewers")});
    rule.exclude = {{"github", "parameters.authors[*]"}};
    Play play{outcome(world, {rule}, request), request, world};
    EXPECT_THAT(std::get<Opened>(play.c.entries[0]).behind, ElementsAre(PersonId{"riley"}))
        << "an author does not ask";
    play.approve("U0AMY");
    EXPECT_EQ(play.why(), Why::excluded);
    play.cast("U0AMY", Verdict::deny, "not my best work");
    EXPECT_EQ(play.state(), State::denied);
    Play other{outcome(world, {rule}, request), request, world};
    other.approve("U0BEN");
    EXPECT_EQ(other.state(), State::approved);
}

TEST(Exclusion, ALinkThatCameLaterTakesTheApprovalAway) {
    const Request request = by_authors(Value::Array{"amy"});
    Rule rule = asking({CountOf{2, GroupId{"reviewers"}, {}}});
    rule.exclude = {{"", "parameters.authors[*]"}};
    Play play{outcome({}, {rule}, request), request};
    play.approve("U0BEN");
    play.world.links.push_back({slack("U0BEN"), PersonId{"amy"}});
    play.command(Rejudge{});
    EXPECT_EQ(play.counted(), "amy:-");
    EXPECT_EQ(play.state(), State::refused) << "cat alone is left";
}

TEST(Exclusion, AnAuthorWhomNobodyKnowsKeepsOutWhoMightBeThem) {
    const Request request = by_authors(Value::Array{"octo"});
    Play play{excluding("github", request), request};
    play.approve("U0AMY");
    EXPECT_EQ(play.why(), Why::unlinked);
}

TEST(Exclusion, LeavingTheAuthorsOutIsNoWayRound) {
    EXPECT_EQ(excluding("github", request_of()).kind, Applied::Kind::refuse);
    EXPECT_THAT(excluding("github", by_authors(Value::Array{5})).refusal, HasSubstr("names nobody"));
    EXPECT_THAT(excluding("", by_authors(Value::Array{"nobody at all"})).refusal,
                HasSubstr("nobody whom the policy lists"));
    EXPECT_EQ(excluding("github", by_authors(Value::Array{})).kind, Applied::Kind::require)
        << "nobody wrote it";
    Request hidden = by_authors(Value::Array{"amy"});
    const Applied applied = excluding("", hidden);
    hidden.parameters = Value::object({{"authors", Value::object({{"sha256", "aa"}})}});
    Play play{applied, hidden};
    EXPECT_EQ(play.state(), State::refused) << "whom a hidden value names is not known";
}

// ---- escalations that add approvers

Rule widening(Duration after, const char* approvers) {
    Rule rule = asking({one("dba")});
    rule.escalate = Escalation{after, {{Surface::slack, {"#x"}}}, GroupId{approvers}};
    return rule;
}

TEST(Widening, OnlyOnceTheEscalationIsOnRecord) {
    Play play{outcome({}, {widening(10min, "security")})};
    play.approve("U0AMY");
    EXPECT_EQ(play.why(), Why::not_eligible);
    play.now = start + 10min;
    play.world.user("U0AMY", AccountClass::member, play.now);
    play.world.read_at = play.now;
    play.world.usergroup("S0SEC", {"U0AMY", "U0BEN"});
    play.command(Tick{});
    auto lacks = lacking(play.c, decide(play.c), play.world.directory());
    EXPECT_THAT(lacks.at(0).at(0).could_approve,
                ElementsAre(PersonId{"amy"}, PersonId{"ben"}, PersonId{"cat"}));
    play.approve("U0AMY");
    EXPECT_EQ(play.state(), State::approved);
    EXPECT_EQ(play.counted(), "amy:dba");
}

TEST(Widening, OnlyWhereEveryRuleGrantsItAndNotBeforeTheLast) {
    EXPECT_EQ(outcome({}, {widening(10min, "security"), asking({one("reviewers")})}).widening, std::nullopt);
    const Applied both = outcome({}, {widening(10min, "security"), widening(20min, "reviewers")});
    EXPECT_EQ(both.widening, (Widening{20min, {GroupId{"security"}, GroupId{"reviewers"}}}));
    EXPECT_EQ(both.escalate->after, 10min);
    Play play{both};
    EXPECT_EQ(due_at(play.c, decide(play.c)), start + 10min);
    play.now = start + 10min;
    play.command(Tick{});
    EXPECT_EQ(due_at(play.c, decide(play.c)), start + 20min) << "they are told when approvers are added";
    play.now = start + 20min;
    play.command(Tick{});
    EXPECT_EQ(due_at(play.c, decide(play.c)), play.c.request->expires_at);
}

TEST(Widening, WhoCouldBeAddedKeepsARequestOpen) {
    Rule rule = widening(10min, "security");
    Play play{outcome({}, {rule}, request_of({slack("U0CAT")})), request_of({slack("U0CAT")})};
    EXPECT_EQ(play.state(), State::pending) << "cat alone is dba, and asks";
    rule.escalate->approvers.reset();
    EXPECT_EQ(Play(outcome({}, {rule}), request_of({slack("U0CAT")})).state(), State::refused);
}

// ---- reasons, own groups, and denials in two ways

TEST(Terms, AnApprovalWithoutAReasonIsRefusedWhereOneIsAsked) {
    Rule rule = asking({one("reviewers")});
    rule.reason_required = true;
    Play play{outcome({}, {rule, asking({one("dba")})})};
    play.approve("U0BEN");
    EXPECT_EQ(play.why(), Why::reason_required);
    play.cast("U0BEN", Verdict::approve, "looked at the plan");
    EXPECT_EQ(play.why(), std::nullopt);
}

TEST(Terms, AnApprovalWithoutTheResourcesNameIsRefusedWhereItIsAsked) {
    Rule rule = asking({one("reviewers")});
    rule.resource_typed = true;
    Request request = request_of();
    request.resource = "orders/users";
    Play play{outcome({}, {rule, asking({one("reviewers")})}, request), request};
    for (const char* typed : {"", "orders", "Orders/users", "orders/users2"}) {
        play.command(Cast{slack("U0BEN"), Verdict::approve, {}, Surface::slack, {}, typed});
        EXPECT_EQ(play.why(), Why::confirmation_required) << typed;
    }
    play.command(Cast{slack("U0BEN"), Verdict::approve, {}, Surface::slack, {}, " orders/users "});
    EXPECT_EQ(play.why(), std::nullopt);
    EXPECT_EQ(play.state(), State::approved);
}

TEST(Terms, AVoteThatWasRecordedWithoutTheResourcesNameFillsNoSlot) {
    Rule rule = asking({one("reviewers")});
    Request request = request_of();
    request.resource = "orders/users";
    Applied applied = outcome({}, {rule}, request);
    Play play{applied, request};
    play.approve("U0BEN");
    ASSERT_EQ(play.state(), State::approved);
    applied.resource_typed = true;
    EXPECT_EQ(decide(play.c.request, applied, play.c.entries).state, State::pending);
    // Denying, holding and taking back need no name.
    Play other{applied, request};
    other.cast("U0BEN", Verdict::deny, "no");
    EXPECT_EQ(other.state(), State::denied);
}

TEST(Terms, WhereThereIsNoResourceToTypeTheRequestIsRefused) {
    Rule rule = asking({one("reviewers")});
    rule.resource_typed = true;
    Request request = request_of();
    request.resource.reset();
    const Applied applied = outcome({}, {rule}, request);
    EXPECT_EQ(applied.kind, Applied::Kind::refuse);
    EXPECT_THAT(applied.refusal, HasSubstr("names none"));
}

TEST(Terms, SelfApprovalMayBeAGroups) {
    Rule rule = asking({one("reviewers")});
    rule.self_approval = SelfApproval{{}, true, {GroupId{"dba"}}};
    Play play{outcome({}, {rule}, request_of({slack("U0CAT")})), request_of({slack("U0CAT")})};
    play.cast("U0CAT", Verdict::approve, "it burns");
    EXPECT_EQ(play.state(), State::approved);
    Play other{outcome({}, {rule})};
    other.cast("U0RILEY", Verdict::approve, "it burns");
    EXPECT_EQ(other.why(), Why::self_approval) << "riley is not in the group";
}

TEST(Terms, AVetoNeedsNoRightToApprove) {
    Rule rule = asking({one("dba")});
    rule.deny = CountOf{1, GroupId{"security"}, {}};
    rule.deny_any = true;
    for (const char* user : {"U0AMY", "U0CAT"}) {
        Play play{outcome({}, {rule})};
        play.cast(user, Verdict::deny, "no");
        EXPECT_EQ(play.state(), State::denied) << user;
    }
    Play play{outcome({}, {rule})};
    play.approve("U0AMY");
    EXPECT_EQ(play.why(), Why::not_eligible);
}

// ---- claims

core::Test clock_test(const char* field, Value from, Value to) {
    return {field, core::Test::Operator::between,
            Value::object({{"from", std::move(from)}, {"to", std::move(to)}})};
}

TEST(Claims, NothingIsClaimedBeforeItsTimeAndTheGrantWaitsForIt) {
    Rule rule = asking({one("dba")});
    rule.grant = 5min;
    rule.claim = ClaimTerms{30min, std::nullopt};
    Play play{outcome({}, {rule})};
    play.approve("U0CAT");
    play.command(Claim{AccountId{"token:t"}, play.c.request->digest, ""});
    EXPECT_EQ(play.why(), Why::too_early);
    EXPECT_THAT(play.said(), HasSubstr("2026-01-02T03:30:00"));
    EXPECT_EQ(decide(play.c).grant_ends, start + 35min);
    play.now = start + 30min;
    play.command(Claim{AccountId{"token:t"}, play.c.request->digest, ""});
    EXPECT_EQ(play.state(), State::claimed);
}

TEST(Claims, NothingIsClaimedInAFreezeWheneverItWasApproved) {
    Rule rule = asking({one("dba")});
    rule.grant = 2h;
    rule.claim = ClaimTerms{{}, Condition{clock_test("time.of_day", "03:10", "04:00")}};
    Play play{outcome({}, {rule})};
    EXPECT_EQ(play.c.applied->claim_closed, (std::vector{Span{start + 10min, start + 60min}}));
    play.approve("U0CAT");
    for (const auto& [at, state] : {std::pair{start + 10min, State::approved},
                                    {start + 59min, State::approved},
                                    {start + 60min, State::claimed}}) {
        play.now = at;
        play.command(Claim{AccountId{"token:t"}, play.c.request->digest, ""});
        EXPECT_EQ(play.state(), state);
    }
}

TEST(Claims, SeveralRulesCloseTogetherAndWhatWasNotLookedAtIsClosed) {
    Rule night = asking({one("dba")});
    night.expires = 24h;
    night.grant = 24h;
    night.claim = ClaimTerms{{}, Condition{clock_test("time.of_day", "22:00", "06:00")}};
    Rule longer = asking({one("dba")});
    longer.expires = 24h * 200;
    longer.grant = 24h * 200;
    longer.claim = ClaimTerms{{}, Condition{clock_test("time.of_day", "05:00", "07:00")}};
    const Applied both = outcome({}, {night, longer});
    EXPECT_EQ(both.claim_closed, (std::vector{Span{start, start + 4h}, Span{start + 19h, start + 28h},
                                              Span{start + 43h, start + 48h}}));
    const Applied alone = outcome({}, {longer});
    EXPECT_EQ(alone.claim_closed.back().to, end_of_time);
    EXPECT_EQ(alone.claim_closed.back().from, start + 24h * 92);
}

TEST(Lacking, NamesWhoseApprovalWouldHelpAndNobodyElse) {
    Play play{prod_export()};
    auto lacks = lacking(play.c, decide(play.c), play.world.directory());
    ASSERT_EQ(lacks.size(), 1U);
    EXPECT_EQ(lacks[0][0], (Lack{GroupId{"security"}, 2, {PersonId{"amy"}, PersonId{"ben"}}}));
    EXPECT_EQ(lacks[0][1], (Lack{GroupId{"dba"}, 1, {PersonId{"cat"}}}));
    play.approve("U0AMY");
    auto directory = play.world.directory();
    auto ruling = decide(play.c);
    EXPECT_FALSE(could_approve(play.c, ruling, directory, slack("U0AMY")));
    EXPECT_TRUE(could_approve(play.c, ruling, directory, slack("U0BEN")));
    EXPECT_TRUE(could_approve(play.c, ruling, directory, slack("U0CAT")));
    EXPECT_FALSE(could_approve(play.c, ruling, directory, slack("U0RILEY")));
    EXPECT_FALSE(could_approve(play.c, ruling, directory, slack("U0DAN")));
    EXPECT_FALSE(could_approve(play.c, ruling, directory, slack("U0GUEST")));
    Play unread{prod_export()};
    unread.world.workspace.groups.clear();
    EXPECT_TRUE(lacking(unread.c, decide(unread.c), unread.world.directory())[0][0].could_approve.empty());
}

TEST(Lacking, OfTheUnnamedItCountsNobodyWhoHasSpokenOrIsBehindTheRequest) {
    World world;
    std::vector<std::string> many;
    for (int i = 100; i < 140; ++i) {
        many.push_back("U1" + std::to_string(i));
        world.user(many.back(), AccountClass::member);
    }
    world.usergroup("S0SEC", many);
    Play play{requires_of({asks({{2, "security"}})}), request_of({slack("U1135")}), world};
    play.approve("U1136");
    const auto lacks = lacking(play.c, decide(play.c), play.world.directory());
    EXPECT_EQ(lacks.at(0).at(0).could_approve.size(), could_approve_max);
    EXPECT_EQ(lacks.at(0).at(0).more, 40 - could_approve_max - 2);
}

TEST(Lacking, WhoIsNotLinkedApartFromTheRequesterCannotHelpYet) {
    Play play{one_reviewer(), request_of({AccountId{"github:octocat"}})};
    EXPECT_TRUE(lacking(play.c, decide(play.c), play.world.directory())[0][0].could_approve.empty());
}

}  // namespace
}  // namespace countersign::core::testing
