#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/world.hpp"
#include "countersign/core/card.hpp"

// These tests prove what links between accounts do to a request, and that the known ways round self-approval
// are closed.
namespace countersign::core::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Everybody named here is in the one group that the rule asks.
Play play_of(std::vector<std::string> members, std::uint32_t count = 1, Request request = request_of()) {
    World world;
    world.usergroup("S0SEC", std::move(members));
    return Play{requires_of({asks({{count, "security"}})}), std::move(request), std::move(world)};
}
Directory::Link link(const char* user, const char* person, std::optional<Instant> ended = std::nullopt) {
    return {slack(user), PersonId{person}, ended};
}

// ---- ended links

TEST(Links, AnEndedLinkExcludesFromWhatWasOpenThenAndFromNothingLater) {
    Play play = play_of({"U0DAN", "U0AMY"});
    play.now = start + 2min;
    play.world.links = {link("U0DAN", "riley", start + 1min)};
    play.approve("U0DAN");
    EXPECT_EQ(play.why(), Why::self_approval);
    Play later = play_of({"U0DAN", "U0AMY"});
    later.world.links = {link("U0DAN", "riley", start - 1min)};
    later.approve("U0DAN");
    EXPECT_EQ(later.state(), State::approved);
}

TEST(Links, EndedLinksLeadFromOneAccountToTheNext) {
    Play play = play_of({"U0DAN", "U0AMY"});
    play.now = start + 5min;
    play.world.read_at = play.now;
    play.world.links = {link("U0DAN", "github:octo", start + 3min),
                        {AccountId{"github:octo"}, PersonId{"riley"}, start + 2min}};
    play.approve("U0DAN");
    EXPECT_EQ(play.why(), Why::self_approval);
}

TEST(Links, AnEndedLinkJoinsNobody) {
    World world;
    world.links = {link("U0DAN", "riley", start)};
    EXPECT_EQ(world.directory().person_of(slack("U0DAN")), PersonId{slack("U0DAN").text()});
}

// ---- judged again

TEST(Rejudging, WritesNothingWhereNothingChanged) {
    Play play = play_of({"U0AMY", "U0BEN"}, 2);
    play.approve("U0AMY");
    EXPECT_TRUE(play.command(Rejudge{}).appended.empty());
    play.world.links = {link("U0DAN", "github:octo")};
    EXPECT_TRUE(play.command(Rejudge{}).appended.empty()) << "a link between strangers";
}

TEST(Rejudging, AVoterWhoTurnsOutToBeBehindNoLongerCounts) {
    Play play = play_of({"U0AMY", "U0BEN", "U0DAN"}, 2);
    play.approve("U0DAN");
    EXPECT_EQ(play.missing(), "1security");
    play.world.links = {link("U0DAN", "riley")};
    play.command(Rejudge{});
    ASSERT_EQ(play.last.appended.size(), 1U);
    EXPECT_EQ(play.missing(), "2security");
    EXPECT_THAT(std::get<Rejudged>(play.c.entries.back()).behind_accounts, Contains(slack("U0DAN")));
    play.world.links.clear();
    play.approve("U0DAN");
    EXPECT_EQ(play.why(), Why::self_approval) << "the log keeps it";
    play.approve("U0AMY");
    EXPECT_EQ(play.state(), State::pending);
    play.approve("U0BEN");
    EXPECT_EQ(play.state(), State::approved);
    EXPECT_EQ(play.counted(), "riley:- amy:security ben:security");
}

TEST(Rejudging, OfTwoVotesOfOnePersonTheLaterStands) {
    Play play = play_of({"U0AMY", "U0BEN", "U0CAT", "U0DAN"}, 3);
    play.approve("U0AMY");
    play.approve("U0DAN");
    EXPECT_EQ(play.missing(), "1security");
    play.world.links = {link("U0DAN", "amy")};
    play.command(Rejudge{});
    EXPECT_EQ(play.missing(), "2security");
    EXPECT_EQ(play.counted(), "amy:security");
    EXPECT_TRUE(play.command(Rejudge{}).appended.empty());
}

TEST(Rejudging, RefusesAtOnceWhenTooFewPeopleAreLeft) {
    Play play = play_of({"U0AMY", "U0DAN"}, 2);
    play.world.links = {link("U0DAN", "amy")};
    play.command(Rejudge{});
    EXPECT_EQ(play.state(), State::refused);
    EXPECT_THAT(decide(play.c).reason, HasSubstr("nobody can approve this"));
}

TEST(Rejudging, NeverApprovesAndLeavesWhatIsDecided) {
    Play play = play_of({"U0AMY", "U0BEN"}, 1);
    play.cast("U0AMY", Verdict::hold, "wait");
    play.approve("U0BEN");
    play.world.links = {link("U0DAN", "riley")};
    play.command(Rejudge{});
    EXPECT_EQ(play.state(), State::pending);
    play.cast("U0AMY", Verdict::release);
    EXPECT_EQ(play.state(), State::approved);
    play.world.links = {link("U0BEN", "riley")};
    EXPECT_TRUE(play.command(Rejudge{}).appended.empty());
    EXPECT_EQ(play.state(), State::approved);
}

TEST(Rejudging, IsToldWhereVotesFellOut) {
    Play play = play_of({"U0AMY", "U0BEN", "U0DAN"}, 2);
    play.approve("U0DAN");
    play.world.links = {link("U0DAN", "riley")};
    play.command(Rejudge{});
    ASSERT_TRUE(has_thread_line(play.c.entries.back()));
    auto line = thread_line(play.c, play.c.entries.size() - 1, play.world.directory(), Surface::slack);
    EXPECT_THAT(line.text, HasSubstr("riley turned out to be behind this request"));
}

// ---- ways round self-approval that lead outside of the chats

TEST(SelfApproval, TheTeamsAccountOfASlackRequester) {
    World world;
    world.policy.people[0].accounts.emplace_back("teams:tenant/8F0C");
    world.policy.groups[0].members = GroupRecord::People{{PersonId{"riley"}, PersonId{"amy"}}};
    Workspace teams;
    teams.surface = "teams";
    teams.id = "tenant";
    teams.users.put(ChatUser{"8f0c", AccountClass::member, "Riley", "", start});
    Play play{requires_of({asks({{1, "reviewers"}})}), request_of(), std::move(world)};
    Directory both{
        std::make_shared<const Policy>(play.world.policy),
        {std::make_shared<const Workspace>(play.world.workspace), std::make_shared<const Workspace>(teams)}};
    Cast cast{AccountId{"teams:tenant/8f0c"}, Verdict::approve, "", Surface::teams, {}};
    auto step = advance(play.c, cast, both, start, age_max);
    ASSERT_TRUE(step.refusal);
    EXPECT_EQ(step.refusal->why, Why::self_approval);
    EXPECT_THAT(step.refusal->sentence, HasSubstr("You are behind this request"));
}

TEST(SelfApproval, TheHumanInTheClaimsOfAnOidcToken) {
    for (const char* human :
         {"github:Riley-Dev", "oidc:https://issuer.example|riley", "email:riley@example.com"}) {
        World world;
        world.policy.people[0].accounts.emplace_back("github:riley-dev");
        world.policy.people[0].accounts.emplace_back("oidc:https://issuer.example|riley");
        world.usergroup("S0SEC", {"U0RILEY", "U0AMY"});
        Request request = request_of({});
        request.requester.humans = {AccountId{human}};
        Play play{requires_of({asks({{1, "security"}})}), request, std::move(world)};
        play.approve("U0RILEY");
        EXPECT_EQ(play.why(), Why::self_approval) << human;
        play.approve("U0AMY");
        EXPECT_EQ(play.state(), State::approved) << human;
    }
}

TEST(SelfApproval, AVoteThroughTheApiWithAnOwnToken) {
    for (const char* owner : {"riley", "email:Riley@example.com", "slack:U0RILEY", "slack:T0SIM/U0RILEY"}) {
        Play play = play_of({"U0RILEY", "U0AMY"});
        play.command(Cast{AccountId{owner}, Verdict::approve, "", Surface::api, {}});
        EXPECT_EQ(play.why(), Why::self_approval) << owner;
        EXPECT_TRUE(play.last.appended.empty());
    }
}

TEST(SelfApproval, ATaggedAddressExcludesWhoeverThePolicyListsWithTheSameAddress) {
    Play tagged = play_of({"U0RILEY", "U0AMY"}, 1, request_of({AccountId{"email:riley+ci@example.com"}}));
    tagged.approve("U0RILEY");
    EXPECT_EQ(tagged.why(), Why::self_approval);
    // A tag may be somebody else's address, so it shows nothing of the others.
    tagged.approve("U0AMY");
    EXPECT_EQ(tagged.why(), Why::unlinked);
    World world;
    world.policy.people[0].accounts = {AccountId{"slack:U0RILEY"}, AccountId{"email:riley+work@example.com"}};
    world.usergroup("S0SEC", {"U0RILEY", "U0AMY"});
    Play listed{requires_of({asks({{1, "security"}})}), request_of({AccountId{"email:riley@example.com"}}),
                std::move(world)};
    listed.approve("U0RILEY");
    EXPECT_EQ(listed.why(), Why::self_approval);
}

TEST(SelfApproval, WhoeverStaysUnknownBlocksUnlessTheRulesAllowIt) {
    Play play = play_of({"U0AMY"}, 1, request_of({AccountId{"github:octo"}}));
    play.approve("U0AMY");
    EXPECT_EQ(play.why(), Why::unlinked);
    play.c.applied.change([](Applied& rules) { rules.unlinked_allowed = true; });
    play.approve("U0AMY");
    EXPECT_EQ(play.state(), State::approved);
    // The rule lifts the doubt alone: whoever is known to be behind the request stays so.
    Play known = play_of({"U0RILEY", "U0AMY"}, 1, request_of({AccountId{"github:octo"}, slack("U0RILEY")}));
    known.c.applied.change([](Applied& rules) { rules.unlinked_allowed = true; });
    known.approve("U0RILEY");
    EXPECT_EQ(known.why(), Why::self_approval);
}

// ---- absences

TEST(Absences, WhoIsAwayIsAskedOnlyWhereTooFewOthersAre) {
    Play play = play_of({"U0AMY", "U0BEN", "U0CAT"});
    auto asked = [&] {
        auto lacks = lacking(play.c, decide(play.c), play.world.directory());
        return lacks.at(0).at(0).could_approve;
    };
    EXPECT_THAT(asked(), ElementsAre(PersonId{"amy"}, PersonId{"ben"}, PersonId{"cat"}));
    play.world.absences = {{slack("U0AMY"), start + 24h, AccountId{"cat"}}};
    EXPECT_THAT(asked(), ElementsAre(PersonId{"cat"}, PersonId{"ben"}));
    play.world.absences.push_back({slack("U0BEN"), start + 24h, std::nullopt});
    play.world.absences.push_back({slack("U0CAT"), start + 24h, std::nullopt});
    EXPECT_THAT(asked(), ElementsAre(PersonId{"amy"}, PersonId{"ben"}, PersonId{"cat"}));
    play.approve("U0AMY");
    EXPECT_EQ(play.state(), State::approved) << "they keep every right";
}

}  // namespace
}  // namespace countersign::core::testing
