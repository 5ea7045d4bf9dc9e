#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/tally.hpp"
#include "core/world.hpp"
#include "countersign/core/card.hpp"
#include "countersign/core/match.hpp"

// These tests prove what rules can say of denials, holds and approvals of one's own request.
namespace countersign::core::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// dan leads beside amy, and `leads` has no slot.
World with_leads() {
    World world;
    world.policy.people.push_back({PersonId{"dan"}, {AccountId{"slack:U0DAN"}}});
    world.policy.people.push_back({PersonId{"eve"}, {AccountId{"slack:U0EVE"}}});
    world.user("U0EVE", AccountClass::member);
    world.policy.groups.push_back({GroupId{"leads"}, GroupRecord::InChat{Surface::slack, "S0LEADS"}});
    world.policy.groups.push_back({GroupId{"ops"}, GroupRecord::People{{PersonId{"dan"}, PersonId{"ben"}}}});
    world.usergroup("S0LEADS", {"U0DAN", "U0EVE", "U0AMY"});
    return world;
}
Applied asks_reviewers(std::uint32_t count = 1) {
    return requires_of({asks({{count, "reviewers"}})});
}
Applied two_leads_deny() {
    Applied applied = asks_reviewers(2);
    applied.deny = {false, {{2, GroupId{"leads"}}}};
    return applied;
}
Play leads_play(Applied applied, Request request = request_of()) {
    return Play{std::move(applied), std::move(request), with_leads()};
}
Applied own_allowed(std::vector<PersonId> allow = {PersonId{"riley"}}, bool reason = true) {
    Applied applied = asks_reviewers();
    applied.self_approval = SelfApproval{std::move(allow), reason};
    return applied;
}
std::string line_of(const Play& play) {
    return thread_line(play.c, play.c.entries.size() - 1, play.world.directory(), Surface::slack).text;
}

// ---- denials

TEST(Denying, TakesAsManyDifferentPeopleOfTheGroupAsTheRuleSays) {
    Play play = leads_play(two_leads_deny());
    play.cast("U0DAN", Verdict::deny, "not today");
    EXPECT_EQ(play.state(), State::pending);
    EXPECT_EQ(line_of(play), "denied this request, which takes 2 of leads: not today");
    EXPECT_THAT(objections(play.c), ElementsAre(Objection{GroupId{"leads"}, 2, 1}));
    play.cast("U0DAN", Verdict::deny, "really");
    EXPECT_EQ(play.why(), Why::repeated);
    play.cast("U0EVE", Verdict::deny, "nor tomorrow");
    EXPECT_EQ(play.state(), State::denied);
    EXPECT_EQ(play.last.ruling.reason, "nor tomorrow");
    EXPECT_EQ(line_of(play), "denied this request: nor tomorrow");
    EXPECT_EQ(std::get<Voted>(play.c.entries.back()).recheck.size(), 2U);
    play.approve("U0AMY");
    EXPECT_THAT(play.said(), HasSubstr("denied by dan and eve: nor tomorrow"));
    EXPECT_EQ(card(play.c, decide(play.c), play.world.directory(), Surface::slack).decided_by->name, "eve");
}

TEST(Denying, WhoMayOnlyDenyCannotApprove) {
    Play play = leads_play(two_leads_deny());
    play.approve("U0DAN");
    EXPECT_EQ(play.why(), Why::not_eligible);
    EXPECT_THAT(play.said(), HasSubstr("Only members of reviewers can approve"));
    EXPECT_FALSE(could_approve(play.c, decide(play.c), play.world.directory(), slack("U0DAN")));
    play.cast("U0STRANGER", Verdict::deny, "no");
    EXPECT_EQ(play.why(), Why::foreign);
    play.world.user("U0FAR", AccountClass::member);
    play.cast("U0FAR", Verdict::deny, "no");
    EXPECT_THAT(play.said(), HasSubstr("Only members of reviewers or leads can deny"));
}

TEST(Denying, ADenialOfSomebodyOutsideTheGroupIsAVoteThatEndsNothing) {
    Play play = leads_play(two_leads_deny());
    play.cast("U0BEN", Verdict::deny, "I would not");
    play.cast("U0CAT", Verdict::deny, "nor I");
    EXPECT_EQ(play.state(), State::pending);
    EXPECT_THAT(objections(play.c), ElementsAre(Objection{GroupId{"leads"}, 2, 0}));
    EXPECT_EQ(play.missing(), "2reviewers");
}

TEST(Denying, WhoDeniesFillsNoSlotAndMayChangeTheirMind) {
    Play play = leads_play(two_leads_deny());
    play.approve("U0AMY");
    play.cast("U0AMY", Verdict::deny, "on second thoughts");
    EXPECT_EQ(play.missing(), "2reviewers");
    auto lacks = lacking(play.c, decide(play.c), play.world.directory());
    EXPECT_THAT(lacks.at(0).at(0).could_approve,
                ElementsAre(PersonId{"amy"}, PersonId{"ben"}, PersonId{"cat"}))
        << "the denier may still come round";
    play.approve("U0AMY");
    EXPECT_THAT(objections(play.c), ElementsAre(Objection{GroupId{"leads"}, 2, 0}));
    play.approve("U0BEN");
    EXPECT_EQ(play.state(), State::approved);
}

TEST(Denying, AWithdrawnDenialNoLongerCounts) {
    Play play = leads_play(two_leads_deny());
    play.cast("U0DAN", Verdict::deny, "no");
    play.world.usergroup("S0LEADS", {"U0EVE", "U0AMY"});
    play.cast("U0DAN", Verdict::withdraw);
    EXPECT_EQ(play.why(), std::nullopt) << "one's own word can be taken back whatever one belongs to by now";
    play.world.usergroup("S0LEADS", {"U0DAN", "U0EVE", "U0AMY"});
    play.cast("U0EVE", Verdict::deny, "no");
    EXPECT_EQ(play.state(), State::pending);
}

TEST(Denying, AnotherDenierWhoFellOutOfTheGroupLeavesItPending) {
    Play play = leads_play(two_leads_deny());
    play.cast("U0DAN", Verdict::deny, "no");
    play.world.usergroup("S0LEADS", {"U0EVE", "U0AMY"});
    play.cast("U0EVE", Verdict::deny, "no");
    EXPECT_EQ(play.state(), State::pending);
    EXPECT_THAT(objections(play.c), ElementsAre(Objection{GroupId{"leads"}, 2, 1}));
    play.cast("U0AMY", Verdict::deny, "no");
    EXPECT_EQ(play.state(), State::denied);
}

TEST(Denying, OldFactsAboutAnEarlierDenierRefuseTheDenialThatWouldDecide) {
    Play play = leads_play(two_leads_deny());
    play.cast("U0DAN", Verdict::deny, "no");
    play.now += 10min;
    play.world.read_at = play.now;
    play.world.usergroup("S0LEADS", {"U0DAN", "U0EVE"});
    play.world.user("U0EVE", AccountClass::member, play.now);
    play.cast("U0EVE", Verdict::deny, "no");
    EXPECT_EQ(play.why(), Why::directory_stale);
    EXPECT_THAT(play.said(), HasSubstr("dan"));
}

TEST(Denying, OnePersonWithTwoAccountsDeniesOnce) {
    Play play = leads_play(two_leads_deny());
    play.cast("U0DAN", Verdict::deny, "no");
    play.cast("U0EVE", Verdict::hold, "wait");
    play.world.links = {{slack("U0EVE"), PersonId{"dan"}}};
    play.cast("U0EVE", Verdict::deny, "no");
    EXPECT_EQ(play.why(), Why::repeated);
    EXPECT_EQ(play.state(), State::pending);
}

TEST(Denying, ADenierWhoTurnsOutToBeBehindNoLongerCounts) {
    Play play = leads_play(two_leads_deny());
    play.cast("U0EVE", Verdict::deny, "no");
    play.world.links = {{slack("U0EVE"), PersonId{"riley"}}};
    play.command(Rejudge{});
    EXPECT_THAT(objections(play.c), ElementsAre(Objection{GroupId{"leads"}, 2, 0}));
    play.cast("U0DAN", Verdict::deny, "no");
    EXPECT_EQ(play.state(), State::pending);
}

TEST(Denying, WhicheverComesFirstEndsIt) {
    Applied both = two_leads_deny();
    both.deny.any = true;
    Play any = leads_play(both);
    any.cast("U0BEN", Verdict::deny, "no");
    EXPECT_EQ(any.state(), State::denied) << "ben is eligible for a slot";
    Play counted = leads_play(both);
    counted.cast("U0DAN", Verdict::deny, "no");
    EXPECT_EQ(counted.state(), State::pending) << "dan is not, and leads need two";
    counted.cast("U0EVE", Verdict::deny, "no");
    EXPECT_EQ(counted.state(), State::denied);
    Applied two_groups = two_leads_deny();
    two_groups.deny.counts.push_back({1, GroupId{"ops"}});
    Play ops = leads_play(two_groups);
    ops.cast("U0BEN", Verdict::deny, "no");
    EXPECT_EQ(ops.state(), State::denied);
}

TEST(Denying, GoesOnWhileHeld) {
    Play play = leads_play(two_leads_deny());
    play.cast("U0DAN", Verdict::hold, "let me look");
    EXPECT_EQ(play.why(), std::nullopt) << "who may deny may hold";
    play.cast("U0DAN", Verdict::deny, "looked");
    play.cast("U0EVE", Verdict::deny, "no");
    EXPECT_EQ(play.state(), State::denied);
}

TEST(Denying, LeavesEnoughPeopleAsLongAsTheyMayChangeTheirMind) {
    Play play = leads_play(two_leads_deny());
    for (const char* user : {"U0AMY", "U0BEN", "U0CAT"}) play.cast(user, Verdict::deny, "no");
    EXPECT_EQ(play.state(), State::pending) << "amy alone is a lead; all three could still approve";
}

// ---- holds

TEST(Releasing, IsForTheHolderAndForWhoeverIsInEveryGroupThatMayRelease) {
    Applied applied = asks_reviewers();
    applied.release = {GroupId{"leads"}, GroupId{"ops"}};
    Play play = leads_play(applied);
    play.cast("U0CAT", Verdict::hold, "look");
    play.approve("U0AMY");
    EXPECT_EQ(play.state(), State::pending);
    play.cast("U0EVE", Verdict::release);
    EXPECT_EQ(play.why(), Why::not_releaser);
    EXPECT_THAT(play.said(),
                HasSubstr("Only cat, who holds this request, or a member of each of leads and ops"));
    play.cast("U0DAN", Verdict::release, "fine by us");
    EXPECT_EQ(play.state(), State::approved) << "on release the quorum is judged at once";
    EXPECT_TRUE(std::get<Released>(play.c.entries.back()).as_releaser);
    EXPECT_EQ(play.counted(), "amy:reviewers");
}

TEST(Releasing, NeedsFreshFactsUnlessItIsTheHolder) {
    Applied applied = asks_reviewers();
    applied.release = {GroupId{"leads"}};
    Play play = leads_play(applied);
    play.cast("U0CAT", Verdict::hold, "look");
    play.now += 10min;
    Play other = play;
    other.cast("U0DAN", Verdict::release);
    EXPECT_EQ(other.why(), Why::directory_stale);
    play.cast("U0CAT", Verdict::release);
    EXPECT_EQ(play.why(), std::nullopt);
}

TEST(Releasing, IsNotForWhoMightBeTheRequester) {
    Applied applied = asks_reviewers();
    applied.release = {GroupId{"leads"}};
    Play play = leads_play(applied, request_of({AccountId{"riley"}, AccountId{"github:octo"}}));
    play.c.applied.change([](Applied& rules) { rules.unlinked_allowed = true; });
    play.cast("U0CAT", Verdict::hold, "look");
    play.c.applied.change([](Applied& rules) { rules.unlinked_allowed = false; });
    play.cast("U0DAN", Verdict::release);
    EXPECT_EQ(play.why(), Why::unlinked);
    EXPECT_THAT(play.said(), HasSubstr("github:octo"));
}

TEST(Releasing, NobodyBehindTheRequestHoldsOrReleases) {
    Applied applied = own_allowed();
    applied.release = {GroupId{"reviewers"}};
    Play play{applied};
    play.cast("U0RILEY", Verdict::hold, "mine");
    EXPECT_EQ(play.why(), Why::self_approval);
    play.cast("U0AMY", Verdict::hold, "look");
    play.cast("U0RILEY", Verdict::release);
    EXPECT_EQ(play.why(), Why::self_approval);
    EXPECT_THAT(play.said(), HasSubstr("the policy lets you approve it"));
    play.cast("U0RILEY", Verdict::deny, "no");
    EXPECT_EQ(play.why(), Why::self_approval);
    play.cast("U0BEN", Verdict::release);
    EXPECT_EQ(play.why(), std::nullopt);
}

TEST(Releasing, TheCardSaysWhoMay) {
    Applied applied = asks_reviewers();
    applied.release = {GroupId{"leads"}};
    applied.deny = {false, {{2, GroupId{"leads"}}}};
    Play play = leads_play(applied);
    auto view = [&] { return card(play.c, decide(play.c), play.world.directory(), Surface::slack); };
    EXPECT_THAT(view().releasers, IsEmpty());
    play.cast("U0CAT", Verdict::hold, "look");
    EXPECT_THAT(view().releasers, ElementsAre("leads"));
    EXPECT_FALSE(view().one_denial_ends);
    ASSERT_EQ(view().objections.size(), 1U);
    EXPECT_EQ(view().objections[0].count, 2U);
}

// ---- approvals of one's own request

TEST(SelfApproval, APolicyNamesThemInSelfApprovalAndItWorks) {
    Play play{own_allowed()};
    play.approve("U0RILEY");
    EXPECT_EQ(play.why(), Why::reason_required);
    EXPECT_THAT(play.said(), HasSubstr("`/approvals approve 1042 your reason`"));
    play.cast("U0RILEY", Verdict::approve, "the site is down");
    EXPECT_EQ(play.state(), State::approved);
    EXPECT_TRUE(is_self_approval(play.c.entries.back()));
    EXPECT_EQ(play.counted(), "riley:reviewers");
    EXPECT_TRUE(decide(play.c).votes.at(0).self_approval);
    EXPECT_EQ(line_of(play), "approves own request, allowed by policy, for reviewers: the site is down");
    EXPECT_TRUE(
        card(play.c, decide(play.c), play.world.directory(), Surface::slack).votes.at(0).self_approval);
    EXPECT_THAT(std::get<Opened>(play.c.entries[0]).behind, ElementsAre(PersonId{"riley"}))
        << "still on record";
}

TEST(SelfApproval, APolicyThatNamesTheRequesterInSelfApprovalForAnotherRule) {
    for (bool both_match : {false, true}) {
        World world;
        Rule deploys;
        deploys.name = "deploys";
        deploys.when = {
            core::Test{"action", core::Test::Operator::eq, Value{both_match ? "db.export" : "deploy"}}};
        deploys.require = {CountOf{1, GroupId{"reviewers"}}};
        deploys.self_approval = SelfApproval{{PersonId{"riley"}}, false};
        Rule exports;
        exports.name = "exports";
        exports.when = {core::Test{"action", core::Test::Operator::eq, Value{"db.export"}}};
        exports.require = {CountOf{1, GroupId{"reviewers"}}};
        world.policy.rules = {deploys, exports};
        auto applied = match(world.directory(), request_of(), std::nullopt, start);
        ASSERT_TRUE(applied);
        EXPECT_EQ(applied->rules.size(), both_match ? 2U : 1U);
        Play play{*applied, request_of(), std::move(world)};
        play.cast("U0RILEY", Verdict::approve, "it says so elsewhere");
        EXPECT_EQ(play.why(), Why::self_approval);
        EXPECT_THAT(play.said(), HasSubstr("somebody else has to vote"));
        EXPECT_TRUE(play.last.appended.empty());
    }
}

TEST(SelfApproval, LiftsTheExclusionAlone) {
    Applied applied = requires_of({asks({{1, "security"}})});
    applied.self_approval = SelfApproval{{PersonId{"riley"}}, false};
    Play stranger{applied};
    stranger.approve("U0RILEY");
    EXPECT_EQ(stranger.why(), Why::not_eligible);
    Play two{own_allowed({PersonId{"riley"}}, false)};
    two.c.applied.change(
        [](Applied& rules) { rules.alternatives = {asks({{1, "reviewers"}, {1, "security"}})}; });
    two.approve("U0RILEY");
    EXPECT_EQ(two.missing(), "1security") << "one slot each";
    two.approve("U0AMY");
    EXPECT_EQ(two.state(), State::approved);
}

TEST(SelfApproval, FreesNobodyElseBehindTheRequest) {
    Request request = request_of({slack("U0RILEY"), slack("U0AMY")});
    Play play{own_allowed({PersonId{"riley"}}, false), request};
    play.approve("U0AMY");
    EXPECT_EQ(play.why(), Why::self_approval);
    play.approve("U0RILEY");
    EXPECT_EQ(play.state(), State::approved);
}

TEST(SelfApproval, CountsForAChainOnBehalfOfOthersToo) {
    Request request = request_of({AccountId{"email:riley@example.com"}});
    request.requester.humans = {AccountId{"email:ben@example.com"}};
    Play play{own_allowed({PersonId{"riley"}}, false), request};
    play.approve("U0BEN");
    EXPECT_EQ(play.why(), Why::self_approval);
    play.approve("U0RILEY");
    EXPECT_EQ(play.state(), State::approved);
}

TEST(SelfApproval, ALinkBorrowsNobodysGrant) {
    // dan asks, and links himself to riley, whom the policy lets approve her own requests.
    World world;
    world.policy.groups[0].members = GroupRecord::InChat{Surface::slack, "S0ALL"};
    world.usergroup("S0ALL", {"U0DAN", "U0RILEY", "U0AMY"});
    world.links = {{slack("U0DAN"), PersonId{"riley"}}};
    Play play{own_allowed({PersonId{"riley"}}, false), request_of({slack("U0DAN")}), std::move(world)};
    play.approve("U0DAN");
    EXPECT_EQ(play.why(), Why::self_approval);
    EXPECT_THAT(play.said(), HasSubstr("slack:T0SIM/U0DAN is not listed there"));
    play.approve("U0RILEY");
    EXPECT_EQ(play.state(), State::approved) << "with the account that the policy lists";
}

TEST(SelfApproval, AVoteCastAsSomebodyElsesIsNoneWhenTheyTurnOutToBeBehind) {
    World world;
    world.policy.people.push_back({PersonId{"dan"}, {AccountId{"slack:U0DAN"}}});
    world.policy.groups[0].members = GroupRecord::InChat{Surface::slack, "S0ALL"};
    world.usergroup("S0ALL", {"U0DAN", "U0AMY", "U0BEN"});
    Applied applied = own_allowed({PersonId{"dan"}});
    applied.alternatives = {asks({{2, "reviewers"}})};
    Play play{applied, request_of({AccountId{"github:octo"}}), std::move(world)};
    play.c.applied.change([](Applied& rules) { rules.unlinked_allowed = true; });
    play.approve("U0DAN");
    EXPECT_EQ(play.missing(), "1reviewers");
    play.world.links = {{AccountId{"github:octo"}, PersonId{"dan"}}};
    play.command(Rejudge{});
    EXPECT_EQ(play.missing(), "2reviewers");
    play.approve("U0DAN");
    EXPECT_EQ(play.why(), Why::reason_required) << "not `repeated`: it is another vote now";
    play.cast("U0DAN", Verdict::approve, "urgent");
    EXPECT_EQ(play.missing(), "1reviewers");
    EXPECT_TRUE(is_self_approval(play.c.entries.back()));
    play.cast("U0DAN", Verdict::approve, "urgent");
    EXPECT_EQ(play.why(), Why::repeated);
    play.cast("U0DAN", Verdict::withdraw);
    EXPECT_EQ(play.missing(), "2reviewers");
}

TEST(SelfApproval, KeepsAGroupOfOneFromBeingADeadEnd) {
    Applied applied = requires_of({asks({{1, "dba"}})});
    Play refused{applied, request_of({slack("U0CAT")})};
    EXPECT_EQ(refused.state(), State::refused);
    applied.self_approval = SelfApproval{{PersonId{"cat"}}, true};
    Play play{applied, request_of({slack("U0CAT")})};
    EXPECT_EQ(play.state(), State::pending);
    auto lacks = lacking(play.c, decide(play.c), play.world.directory());
    EXPECT_THAT(lacks.at(0).at(0).could_approve, ElementsAre(PersonId{"cat"}));
    EXPECT_TRUE(could_approve(play.c, decide(play.c), play.world.directory(), slack("U0CAT")));
    applied.self_approval = SelfApproval{{PersonId{"riley"}}, true};
    Play other{applied, request_of({slack("U0CAT")})};
    EXPECT_EQ(other.state(), State::refused) << "the grant names somebody else";
}

TEST(SelfApproval, OfWhomThePolicyNoLongerListsDoesNotDecide) {
    Applied applied = own_allowed({PersonId{"riley"}}, false);
    applied.alternatives = {asks({{2, "reviewers"}})};
    World world;
    world.policy.groups[0].members = GroupRecord::InChat{Surface::slack, "S0ALL"};
    world.usergroup("S0ALL", {"U0RILEY", "U0AMY", "U0BEN"});
    Play play{applied, request_of(), std::move(world)};
    play.approve("U0RILEY");
    EXPECT_EQ(play.missing(), "1reviewers");
    play.world.policy.people[0].accounts = {AccountId{"email:riley@example.com"}};
    play.approve("U0AMY");
    EXPECT_EQ(play.state(), State::pending);
    EXPECT_EQ(play.missing(), "1reviewers");
}

TEST(SelfApproval, BarsFromCountingAllButThoseWhomTheRulesName) {
    Applied applied = own_allowed();
    EXPECT_THAT(barred(applied, {PersonId{"riley"}, PersonId{"amy"}}), ElementsAre(PersonId{"amy"}));
    EXPECT_THAT(barred(asks_reviewers(), {PersonId{"riley"}}), ElementsAre(PersonId{"riley"}));
}

// ---- the groups of a case

TEST(Groups, WhoseOnlyMemberIsAnAccountNobodyHasRefuseAtOnce) {
    World world;
    world.policy.people.push_back({PersonId{"zoe"}, {AccountId{"slack:U0NOBODY"}}});
    world.policy.groups.push_back({GroupId{"solo"}, GroupRecord::People{{PersonId{"zoe"}}}});
    auto state = [&] { return Play{requires_of({asks({{1, "solo"}})}), request_of(), world}.state(); };
    EXPECT_EQ(state(), State::pending) << "the chat was not asked yet";
    world.user("U0NOBODY", AccountClass::unknown);
    EXPECT_EQ(state(), State::refused);
    world.user("U0NOBODY", AccountClass::member);
    EXPECT_EQ(state(), State::pending);
    world.usergroup("S0SEC", {"U0NOBODY"});
    auto kept_in_chat = [&] {
        return Play{requires_of({asks({{1, "security"}})}), request_of(), world}.state();
    };
    EXPECT_EQ(kept_in_chat(), State::pending);
    world.user("U0NOBODY", AccountClass::unknown);
    EXPECT_EQ(kept_in_chat(), State::refused);
}

TEST(Groups, MoreThanOneWordOfThemAreToldApart) {
    GroupSet set;
    for (std::size_t place : {0U, 63U, 64U, 65U, 200U}) set.add(place);
    for (std::size_t place : {0U, 63U, 64U, 65U, 200U}) EXPECT_TRUE(set.has(place)) << place;
    for (std::size_t place : {1U, 62U, 66U, 199U, 201U, 999U}) EXPECT_FALSE(set.has(place)) << place;
    GroupSet late;
    late.add(70);
    EXPECT_FALSE(late.any_below(64));
    EXPECT_FALSE(late.any_below(70));
    EXPECT_TRUE(late.any_below(71));
    EXPECT_TRUE(late.any_below(1'000));
    Slots many;
    for (int g = 0; g < 100; ++g) many.groups.push_back({1, GroupId{"g" + std::to_string(g)}});
    Case c{request_of(), requires_of({many}), {Opened{start, {}, {}, {}, {}}}};
    Standing last{slack("U1"), PersonId{"p"}, AccountClass::member, {GroupId{"g99"}}, false, {}, start};
    c.entries.emplace_back(Voted{start, last, Verdict::approve, "", Surface::api, {}, {}});
    EXPECT_EQ(decide(c).votes.at(0).counted_for, GroupId{"g99"});
    EXPECT_EQ(decide(c).missing.at(0).groups.size(), 99U);
}

TEST(Voting, WhomTheChatDoesNotCallAFullMemberIsToldThatTryingAgainChangesNothing) {
    Play play{one_reviewer()};
    play.world.user("U0AMY", AccountClass::unknown);
    play.approve("U0AMY");
    EXPECT_EQ(play.why(), Why::not_eligible);
    EXPECT_THAT(play.said(), HasSubstr("trying again changes nothing"));
    // What was said long ago says nothing any more.
    play.now += age_max + 1us;
    play.approve("U0AMY");
    EXPECT_EQ(play.why(), Why::directory_stale);
}

}  // namespace
}  // namespace countersign::core::testing
