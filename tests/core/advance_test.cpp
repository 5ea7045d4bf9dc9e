#include "countersign/core/advance.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/world.hpp"

namespace countersign::core::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Adds a usergroup `all` to the company's groups.
World with_all(std::vector<std::string> members) {
    World world;
    world.policy.groups.push_back({GroupId{"all"}, GroupRecord::InChat{Surface::slack, "S0ALL"}});
    world.usergroup("S0ALL", std::move(members));
    return world;
}
TEST(Voting, AFullQuorumApproves) {
    Play play{prod_export()};
    EXPECT_EQ(play.missing(), "2security+1dba");
    play.approve("U0AMY");
    EXPECT_EQ(play.state(), State::pending);
    EXPECT_EQ(play.missing(), "1security+1dba");
    play.approve("U0CAT");
    EXPECT_EQ(play.missing(), "1security");
    play.now += 1min;
    play.approve("U0BEN");
    EXPECT_EQ(play.state(), State::approved);
    EXPECT_EQ(play.counted(), "amy:security cat:dba ben:security");
    EXPECT_EQ(play.last.ruling.decided_at, play.now);
    EXPECT_EQ(play.last.ruling.grant_ends, play.now + grant_default);
    EXPECT_TRUE(play.last.ruling.missing.empty());
    EXPECT_EQ(std::get<Voted>(play.c.entries.back()).recheck.size(), 3U);
    EXPECT_EQ(play.c.version(), 4);
}

TEST(Voting, OneDenialOfAnyoneEligibleEndsIt) {
    Play play{prod_export()};
    play.approve("U0AMY");
    play.cast("U0CAT", Verdict::deny, "  not now ");
    EXPECT_EQ(play.state(), State::denied);
    EXPECT_EQ(play.last.ruling.reason, "not now");
    EXPECT_EQ(play.counted(), "amy:security cat:-");
    play.approve("U0BEN");
    EXPECT_EQ(play.why(), Why::decided);
    EXPECT_THAT(play.said(), HasSubstr("denied by cat: not now"));
    EXPECT_TRUE(play.last.appended.empty());
}

TEST(Voting, NobodyBehindTheRequestCanVoteByAnyOfTheirAccounts) {
    Play play{one_reviewer()};
    play.approve("U0RILEY");
    EXPECT_EQ(play.why(), Why::self_approval);
    EXPECT_THAT(play.said(), HasSubstr("/approvals cancel 1042"));
    // A second account that was linked by consent is the same person.
    play.world.policy.groups[0].members = GroupRecord::InChat{Surface::slack, "S0ALL"};
    play.world.usergroup("S0ALL", {"U0DAN", "U0AMY"});
    play.world.links = {{slack("U0DAN"), PersonId{"riley"}}};
    play.approve("U0DAN");
    EXPECT_EQ(play.why(), Why::self_approval);
    play.approve("email:riley@EXAMPLE.com");
    EXPECT_EQ(play.why(), Why::self_approval);
}

TEST(Voting, AnAgentsOwnerCannotApprove) {
    Request request = request_of({});
    request.requester.humans = {AccountId{"email:amy@example.com"}};
    Play play{one_reviewer(), request};
    play.approve("U0AMY");
    EXPECT_EQ(play.why(), Why::self_approval);
    play.approve("U0BEN");
    EXPECT_EQ(play.state(), State::approved);
}

TEST(Voting, UnlinkingWhileARequestIsOpenFreesNobody) {
    World world;
    world.links = {{slack("U0DAN"), PersonId{"riley"}}};
    world.policy.groups[0].members = GroupRecord::InChat{Surface::slack, "S0ALL"};
    world.usergroup("S0ALL", {"U0DAN", "U0AMY"});
    Play play{one_reviewer()};
    play.world = world;
    play.c.entries = {Entry{opening(play.c.request, play.c.applied, world.directory(), start)}};
    play.world.links.clear();
    play.approve("U0DAN");
    EXPECT_EQ(play.why(), Why::self_approval);
}

TEST(Voting, ALinkNeverMakesAnybodyEligible) {
    Play play{one_reviewer()};
    play.world.links = {{slack("U0DAN"), PersonId{"amy"}}};
    play.approve("U0DAN");
    EXPECT_EQ(play.why(), Why::not_eligible);
}

TEST(Voting, LinkedAccountsAreOnePersonWithOneVote) {
    Play play{requires_of({asks({{2, "all"}})}), request_of(), with_all({"U0DAN", "U0AMY", "U0BEN"})};
    play.world.links = {{slack("U0DAN"), PersonId{"amy"}}};
    play.approve("U0AMY");
    play.approve("U0DAN");
    EXPECT_EQ(play.why(), Why::repeated);
    EXPECT_EQ(play.missing(), "1all");
    play.approve("U0BEN");
    EXPECT_EQ(play.state(), State::approved);
}

TEST(Voting, PeopleMergedAfterTheirVotesFillOneSlot) {
    Play play{requires_of({asks({{2, "all"}, {1, "dba"}})}), request_of(), with_all({"U0DAN", "U0AMY"})};
    play.approve("U0AMY");
    play.approve("U0DAN");
    EXPECT_EQ(play.missing(), "1dba");
    play.world.links = {{slack("U0DAN"), PersonId{"amy"}}};
    play.approve("U0CAT");
    EXPECT_EQ(play.state(), State::refused) << "two people are needed and there is one";
}

TEST(Voting, GuestsBotsDeletedAndForeignAccountsAreRefusedWhateverThePolicy) {
    Play play{requires_of({asks({{1, "all"}})}), request_of(),
              with_all({"U0GUEST", "U0GONE", "U0BOT", "U0STRANGER", "U0NEW", "U0AMY"})};
    play.approve("U0GUEST");
    EXPECT_EQ(play.why(), Why::guest);
    play.approve("U0GONE");
    EXPECT_EQ(play.why(), Why::deleted);
    play.approve("U0BOT");
    EXPECT_EQ(play.why(), Why::bot);
    play.approve("U0STRANGER");
    EXPECT_EQ(play.why(), Why::foreign);
    play.approve("slack:T0OTHER/U0AMY");
    EXPECT_EQ(play.why(), Why::foreign);
    play.approve("U0NEW");
    EXPECT_EQ(play.why(), Why::directory_stale);
    EXPECT_EQ(play.c.version(), 1) << "refused clicks are no entries";
}

TEST(Voting, WhoIsInNoGroupIsToldWhichGroupsThereAre) {
    Play play{prod_export()};
    play.approve("U0DAN");
    EXPECT_EQ(play.why(), Why::not_eligible);
    EXPECT_THAT(play.said(), HasSubstr("security or dba"));
    play.approve("U0RILEY");
    EXPECT_EQ(play.why(), Why::self_approval);
}

TEST(Voting, AVoteForSomethingElseThanWasShownIsRefused) {
    Play play{one_reviewer()};
    play.command(Cast{slack("U0AMY"), Verdict::approve, "", Surface::slack, "sha256:other"});
    EXPECT_EQ(play.why(), Why::digest_differs);
    play.command(Cast{slack("U0AMY"), Verdict::approve, "", Surface::slack, std::nullopt});
    EXPECT_EQ(play.state(), State::approved);
}

TEST(Voting, OldFactsAboutAVoterRefuseInsteadOfGuessing) {
    Play play{prod_export()};
    play.now = start + age_max;
    play.approve("U0AMY");
    EXPECT_EQ(play.why(), std::nullopt);
    play.now += 1us;
    play.approve("U0BEN");
    EXPECT_EQ(play.why(), Why::directory_stale);
    play.world.user("U0CAT", AccountClass::member, play.now);
    play.approve("U0CAT");
    EXPECT_EQ(play.why(), std::nullopt) << "dba is listed in the policy; no chat group is involved";
}

TEST(Voting, OldFactsAboutAnEarlierVoterRefuseTheVoteThatWouldDecide) {
    Play play{requires_of({asks({{2, "reviewers"}})})};
    play.approve("U0AMY");
    play.now += 10min;
    play.world.user("U0CAT", AccountClass::member, play.now);
    play.approve("U0CAT");
    EXPECT_EQ(play.why(), Why::directory_stale);
    EXPECT_THAT(play.said(), HasSubstr("amy"));
    play.world.user("U0AMY", AccountClass::member, play.now);
    play.approve("U0CAT");
    EXPECT_EQ(play.state(), State::approved);
}

TEST(Voting, AVoterWhoFellOutOfTheGroupLeavesItPending) {
    Play play{requires_of({asks({{2, "security"}})})};
    play.approve("U0AMY");
    play.world.usergroup("S0SEC", {"U0BEN", "U0DAN"});
    play.world.policy.people.push_back({PersonId{"dan"}, {AccountId{"slack:U0DAN"}}});
    play.approve("U0BEN");
    EXPECT_EQ(play.state(), State::pending);
    EXPECT_EQ(play.counted(), "amy:- ben:security");
    EXPECT_EQ(play.missing(), "1security");
    play.approve("U0DAN");
    EXPECT_EQ(play.state(), State::approved);
    EXPECT_EQ(play.counted(), "amy:- ben:security dan:security");
}

TEST(Voting, OverlappingGroupsNeitherCountTwiceNorBlock) {
    // cat could fill either slot, and dba needs her.
    Play play{requires_of({asks({{1, "reviewers"}, {1, "dba"}})})};
    play.approve("U0CAT");
    EXPECT_EQ(play.counted(), "cat:reviewers");
    EXPECT_EQ(play.missing(), "1dba");
    auto lacks = lacking(play.c, decide(play.c), play.world.directory());
    EXPECT_THAT(lacks.at(0).at(0).could_approve, ElementsAre(PersonId{"amy"}, PersonId{"ben"}))
        << "they free cat for dba";
    play.approve("U0BEN");
    EXPECT_EQ(play.counted(), "cat:dba ben:reviewers");
    EXPECT_EQ(play.state(), State::approved);
}

TEST(Voting, TheFirstAlternativeThatCanBeFilledWins) {
    Play play{requires_of({asks({{2, "security"}}), asks({{1, "dba"}})})};
    EXPECT_EQ(play.missing(), "2security|1dba");
    play.approve("U0AMY");
    EXPECT_EQ(play.missing(), "1security|1dba");
    EXPECT_EQ(play.counted(), "amy:security");
    play.approve("U0CAT");
    EXPECT_EQ(play.state(), State::approved);
    EXPECT_EQ(play.counted(), "amy:- cat:dba");
}

TEST(Voting, TheSameVerdictTwiceIsToldSo) {
    Play play{prod_export()};
    play.approve("U0AMY");
    play.approve("U0AMY");
    EXPECT_EQ(play.why(), Why::repeated);
    EXPECT_EQ(play.said(), "You have already approved this request.");
}

TEST(Voting, AWithdrawnApprovalNoLongerCounts) {
    Play play{prod_export()};
    play.cast("U0AMY", Verdict::withdraw);
    EXPECT_EQ(play.why(), Why::nothing_to_withdraw);
    play.approve("U0AMY");
    play.cast("U0AMY", Verdict::withdraw);
    EXPECT_EQ(play.why(), std::nullopt);
    EXPECT_EQ(play.missing(), "2security+1dba");
    EXPECT_TRUE(decide(play.c).votes.empty());
}

TEST(Voting, AVoteCanChangeTwentyTimes) {
    Play play{prod_export()};
    for (std::size_t i = 0; i < vote_changes_max; ++i) {
        play.cast("U0AMY", i % 2 == 0 ? Verdict::approve : Verdict::withdraw);
        EXPECT_EQ(play.why(), std::nullopt);
    }
    play.approve("U0AMY");
    EXPECT_EQ(play.why(), Why::too_many_changes);
    play.approve("U0BEN");
    EXPECT_EQ(play.why(), std::nullopt);
}

TEST(Voting, DenialsAndHoldsNeedAReason) {
    Play play{prod_export()};
    play.cast("U0AMY", Verdict::deny, " \n");
    EXPECT_EQ(play.why(), Why::reason_required);
    play.cast("U0AMY", Verdict::hold);
    EXPECT_EQ(play.why(), Why::reason_required);
}

TEST(Voting, AReasonIsCutAtItsLimit) {
    Play play{prod_export()};
    std::string reason;
    for (std::size_t i = 0; i < reason_chars_max + 5; ++i) reason += "é";
    play.cast("U0AMY", Verdict::deny, reason);
    EXPECT_EQ(play.last.ruling.reason, reason.substr(0, 2 * reason_chars_max));
}

TEST(Holding, WhileHeldApprovalsAreRecordedAndDecideNothingUntilTheRelease) {
    Play play{one_reviewer()};
    play.cast("U0BEN", Verdict::hold, "let me look");
    ASSERT_TRUE(play.last.ruling.held);
    EXPECT_EQ(play.last.ruling.held->person, PersonId{"ben"});
    play.cast("U0CAT", Verdict::hold, "me too");
    EXPECT_EQ(play.why(), Why::already_held);
    EXPECT_THAT(play.said(), HasSubstr("ben: let me look"));
    play.approve("U0AMY");
    EXPECT_EQ(play.state(), State::pending);
    EXPECT_EQ(play.missing(), "");
    play.cast("U0AMY", Verdict::release);
    EXPECT_EQ(play.why(), Why::not_releaser);
    play.cast("U0BEN", Verdict::release);
    EXPECT_EQ(play.state(), State::approved);
    EXPECT_FALSE(play.last.ruling.held);
    EXPECT_EQ(std::get<Released>(play.c.entries.back()).recheck.size(), 1U);
}

TEST(Holding, DenialsAndTheClockGoOn) {
    Play play{one_reviewer()};
    play.cast("U0BEN", Verdict::release);
    EXPECT_EQ(play.why(), Why::not_held);
    play.cast("U0BEN", Verdict::hold, "look");
    Play other = play;
    play.cast("U0AMY", Verdict::deny, "no");
    EXPECT_EQ(play.state(), State::denied);
    EXPECT_FALSE(play.last.ruling.held);
    other.now = other.c.request->expires_at;
    other.command(Tick{});
    EXPECT_EQ(other.state(), State::expired);
}

TEST(Holding, AHolderWhoLeftTheGroupCanStillRelease) {
    Play play{requires_of({asks({{1, "security"}})})};
    play.cast("U0AMY", Verdict::hold, "look");
    play.world.usergroup("S0SEC", {"U0BEN"});
    play.cast("U0AMY", Verdict::release);
    EXPECT_EQ(play.why(), std::nullopt);
    EXPECT_FALSE(play.last.ruling.held);
}

TEST(Unlinked, AVoterMustBeDemonstrablySomebodyElse) {
    Play play{one_reviewer(), request_of({AccountId{"github:octocat"}})};
    EXPECT_THAT(std::get<Opened>(play.c.entries[0]).unlinked, ElementsAre(AccountId{"github:octocat"}));
    play.approve("U0AMY");
    EXPECT_EQ(play.why(), Why::unlinked);
    EXPECT_THAT(play.said(), HasSubstr("github:octocat"));
    EXPECT_THAT(play.said(), HasSubstr("`people:`"));
    EXPECT_THAT(play.said(),
                HasSubstr("`countersign people link github:octocat slack:T0SIM/<their user id>`"));
    // An account in the voter's own workspace shows it, also one that was linked by consent.
    play.world.links = {{slack("U0DAN"), PersonId{"github:octocat"}}};
    play.approve("U0AMY");
    EXPECT_EQ(play.state(), State::approved);
}

TEST(Unlinked, AnAccountInAnotherWorkspaceShowsNothing) {
    Play play{one_reviewer(), request_of({AccountId{"slack:T0FAR/U1"}})};
    play.approve("U0AMY");
    EXPECT_EQ(play.why(), Why::unlinked);
}

TEST(Unlinked, TwoPeopleOfThePolicyAreTwoPeople) {
    World world;
    world.policy.people.push_back({PersonId{"sam"}, {AccountId{"github:sam"}}});
    Play play{one_reviewer(), request_of({AccountId{"github:SAM"}})};
    play.world = world;
    play.approve("U0AMY");
    EXPECT_EQ(play.state(), State::approved);
}

TEST(Unlinked, ATextWithoutAColonIsAPersonOfThePolicy) {
    Play play{one_reviewer(), request_of({AccountId{"riley"}})};
    EXPECT_THAT(std::get<Opened>(play.c.entries[0]).behind, ElementsAre(PersonId{"riley"}));
    play.approve("U0RILEY");
    EXPECT_EQ(play.why(), Why::self_approval);
    Play typo{one_reviewer(), request_of({AccountId{"rilley"}})};
    typo.approve("U0AMY");
    EXPECT_EQ(typo.why(), Why::unlinked);
}

TEST(Unlinked, ARequestThatNamesNoHumanCanBeApproved) {
    Play play{one_reviewer(), request_of({})};
    play.approve("U0RILEY");
    EXPECT_EQ(play.state(), State::approved);
}

TEST(DeadEnds, WhatNobodyCouldEverApproveIsRefusedAtOpening) {
    Play play{requires_of({asks({{1, "dba"}})}), request_of({slack("U0CAT")})};
    EXPECT_EQ(play.state(), State::refused);
    EXPECT_EQ(
        decide(play.c).reason,
        "nobody can approve this: group dba must give 1 person, but only 0 of its members may approve this "
        "request");
    Play both{requires_of({asks({{2, "security"}, {1, "dba"}})}), request_of({slack("U0AMY")})};
    EXPECT_EQ(both.state(), State::refused);
    EXPECT_THAT(decide(both.c).reason, HasSubstr("group security must give 2 different people, but only 1"));
    Play overlap{requires_of({asks({{3, "reviewers"}, {1, "dba"}})})};
    EXPECT_EQ(overlap.state(), State::refused) << "amy, ben and cat cannot be four";
    EXPECT_THAT(decide(overlap.c).reason, HasSubstr("groups reviewers and dba must together give 4"));
}

TEST(DeadEnds, AGroupNeverReadCanMeetAnything) {
    World world;
    world.workspace.groups.clear();
    auto c = Play{prod_export()}.c;
    EXPECT_FALSE(opening(c.request, c.applied, world.directory(), start).dead_end);
    EXPECT_FALSE(opening(c.request, c.applied, world.offline(), start).dead_end);
}

TEST(DeadEnds, ADisabledGroupAuthorisesNobody) {
    World world;
    world.usergroup("S0SEC", {"U0AMY", "U0BEN"}, false);
    Play play{requires_of({asks({{1, "security"}})})};
    EXPECT_TRUE(opening(play.c.request, play.c.applied, world.directory(), start).dead_end);
    play.world = world;
    play.approve("U0AMY");
    EXPECT_EQ(play.why(), Why::not_eligible);
}

TEST(DeadEnds, ADirectoryChangeAloneEndsNothingButTheNextVoteTells) {
    Play play{requires_of({asks({{2, "security"}, {1, "dba"}})})};
    play.world.usergroup("S0SEC", {"U0AMY"});
    play.command(Tick{});
    EXPECT_EQ(play.state(), State::pending);
    auto lacks = lacking(play.c, decide(play.c), play.world.directory());
    EXPECT_THAT(lacks.at(0).at(0).could_approve, ElementsAre(PersonId{"amy"}));
    play.approve("U0CAT");
    EXPECT_EQ(play.state(), State::refused);
    EXPECT_THAT(play.last.ruling.reason, HasSubstr("group security must give 2"));
}

TEST(Time, AtTheExpiryAVoteIsTooLateAndTheLapseIsWritten) {
    Play play{one_reviewer()};
    play.now = play.c.request->expires_at;
    play.approve("U0AMY");
    EXPECT_EQ(play.why(), Why::expired);
    EXPECT_EQ(play.state(), State::expired);
    ASSERT_EQ(play.last.appended.size(), 1U);
    EXPECT_TRUE(std::holds_alternative<Lapsed>(play.last.appended[0]));
    play.approve("U0AMY");
    EXPECT_EQ(play.why(), Why::decided);
    EXPECT_TRUE(play.last.appended.empty());
}

TEST(Cancelling, IsForThePeopleBehindTheRequest) {
    Play play{one_reviewer()};
    play.command(Cancel{slack("U0AMY"), {}, "mine now"});
    EXPECT_EQ(play.why(), Why::not_behind);
    Play byHuman = play;
    byHuman.command(Cancel{slack("U0RILEY"), {}, "typo"});
    EXPECT_EQ(byHuman.state(), State::cancelled);
    Play bySameOwner = play;
    bySameOwner.command(Cancel{AccountId{"token:tok_other"}, {AccountId{"email:riley@example.com"}}, ""});
    EXPECT_EQ(bySameOwner.state(), State::cancelled);
    play.approve("U0AMY");
    play.command(Cancel{AccountId{"token:tok_ci"}, {}, "not needed"});
    EXPECT_EQ(play.state(), State::cancelled);
    EXPECT_EQ(decide(play.c).reason, "not needed");
    play.command(Cancel{AccountId{"token:tok_ci"}, {}, ""});
    EXPECT_EQ(play.why(), Why::decided);
}

TEST(Opening, RefusalsAndAllowancesNeedNoVotes) {
    Applied refused;
    refused.kind = Applied::Kind::refuse;
    refused.refusal = "never";
    Play no{refused};
    EXPECT_EQ(no.state(), State::refused);
    EXPECT_EQ(decide(no.c).reason, "never");
    Applied allowed;
    allowed.kind = Applied::Kind::allow;
    Play yes{allowed};
    EXPECT_EQ(yes.state(), State::approved);
    EXPECT_EQ(decide(yes.c).grant_ends, start + grant_default);
    yes.approve("U0AMY");
    EXPECT_EQ(yes.why(), Why::decided);
}

TEST(Codes, EveryRefusalHasTheNameOfItsReason) {
    EXPECT_EQ(code_of(Why::self_approval), "self_approval");
    EXPECT_EQ(code_of(Why::digest_differs), "digest_differs");
    EXPECT_EQ(code_of(Why::nothing_to_withdraw), "nothing_to_withdraw");
    EXPECT_EQ(code_of(Why::case_full), "case_full");
}

TEST(Reasons, AreWhatAPersonCanRead) {
    for (const char* blank :
         {"", " ", "\u00A0", "\u200B", "\u3164", "\u2800", "\uFEFF", "\u0301", "\uE000"}) {
        Play play{requires_of({asks({{2, "security"}})})};
        for (Verdict verdict : {Verdict::deny, Verdict::hold}) {
            play.cast("U0AMY", verdict, blank);
            EXPECT_EQ(play.why(), Why::reason_required) << blank;
        }
        play.cast("U0AMY", Verdict::approve, blank);
        EXPECT_EQ(std::get<Voted>(play.c.entries.back()).reason, "");
    }
    Play play{requires_of({asks({{2, "security"}})})};
    play.cast("U0AMY", Verdict::deny, "\u200B no ");
    EXPECT_EQ(play.state(), State::denied);
}

}  // namespace
}  // namespace countersign::core::testing
