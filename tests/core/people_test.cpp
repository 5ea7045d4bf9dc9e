#include "countersign/core/people.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/world.hpp"

namespace countersign::core::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

TEST(Accounts, ComeApartIntoKindWorkspaceAndId) {
    AccountId full{"slack:T0SIM/U0REQ"};
    EXPECT_EQ(parts(full).kind, "slack");
    EXPECT_EQ(parts(full).workspace, "T0SIM");
    EXPECT_EQ(parts(full).id, "U0REQ");
    AccountId oidc{"oidc:https://issuer/x|sub"};
    EXPECT_EQ(parts(oidc).id, "https://issuer/x|sub");
    EXPECT_EQ(parts(AccountId{"riley"}).kind, "");
}

TEST(People, ABareIdMeansTheConnectedWorkspace) {
    World world;
    auto directory = world.directory();
    EXPECT_EQ(directory.full(AccountId{"slack:U0AMY"}), slack("U0AMY"));
    EXPECT_EQ(directory.person_of(slack("U0AMY")), PersonId{"amy"});
    EXPECT_EQ(directory.person_of(AccountId{"slack:U0AMY"}), PersonId{"amy"});
    EXPECT_EQ(directory.person_of(AccountId{"slack:T0OTHER/U0AMY"}), PersonId{"slack:T0OTHER/U0AMY"});
    EXPECT_FALSE(directory.eligible(AccountId{"slack:T0OTHER/U0AMY"}, GroupId{"reviewers"}));
}

TEST(People, OfflineABareIdEqualsThatIdInAnyWorkspace) {
    World world;
    auto directory = world.offline();
    EXPECT_EQ(directory.person_of(AccountId{"slack:T9/U0AMY"}), PersonId{"amy"});
    EXPECT_EQ(directory.person_of(AccountId{"slack:U0AMY"}), PersonId{"amy"});
    EXPECT_TRUE(directory.eligible(AccountId{"slack:T9/U0AMY"}, GroupId{"reviewers"}));
    EXPECT_EQ(directory.members(GroupId{"security"}), std::nullopt);
}

TEST(People, EmailAddressesIgnoreCaseAndLinkNoChatUserByThemselves) {
    World world;
    world.workspace.users["U0DAN"] = std::make_shared<const ChatUser>(
        ChatUser{"U0DAN", AccountClass::member, "dan", "riley@example.com", start});
    auto directory = world.directory();
    EXPECT_EQ(directory.person_of(AccountId{"email:Riley@EXAMPLE.com"}), PersonId{"riley"});
    EXPECT_EQ(directory.person_of(slack("U0DAN")), PersonId{"slack:T0SIM/U0DAN"});
}

TEST(People, LinksJoinPersonsAndThePolicysNameIsKept) {
    World world;
    world.links = {{AccountId{"github:octo"}, PersonId{"slack:T0SIM/U0DAN"}},
                   {slack("U0DAN"), PersonId{"ben"}}};
    auto directory = world.directory();
    EXPECT_EQ(directory.person_of(AccountId{"github:octo"}), PersonId{"ben"});
    EXPECT_THAT(directory.accounts_of(PersonId{"ben"}),
                UnorderedElementsAre(slack("U0BEN"), AccountId{"email:ben@example.com"}, slack("U0DAN"),
                                     AccountId{"github:octo"}));
    EXPECT_FALSE(directory.listed_in_policy(slack("U0DAN")));
    EXPECT_FALSE(directory.eligible(slack("U0DAN"), GroupId{"reviewers"}));
    world.links.push_back({slack("U0DAN"), PersonId{"amy"}});
    EXPECT_EQ(world.directory().person_of(slack("U0BEN")), PersonId{"amy"})
        << "whoever is both makes them one";
}

TEST(People, MembersOfAChatGroupAreItsFullMembers) {
    World world;
    world.usergroup("S0SEC", {"U0AMY", "U0BOT", "U0DAN", "U0GONE", "U0GUEST", "U0LATER"});
    auto directory = world.directory();
    EXPECT_THAT(directory.members(GroupId{"security"}).value(),
                ElementsAre(PersonId{"amy"}, PersonId{"slack:T0SIM/U0DAN"}, PersonId{"slack:T0SIM/U0LATER"}));
    world.user("U0AMY", AccountClass::deleted);
    EXPECT_THAT(world.directory().members(GroupId{"reviewers"}).value(),
                ElementsAre(PersonId{"ben"}, PersonId{"cat"}, PersonId{"riley"}));
    EXPECT_TRUE(directory.members(GroupId{"nosuch"})->empty());
}

TEST(People, AnotherListedAccountOfAGroupMemberIsEligibleToo) {
    World world;
    world.policy.people[1].accounts.emplace_back("teams:tenant/8F0C");
    auto directory = world.directory();
    EXPECT_TRUE(directory.eligible(AccountId{"teams:tenant/8f0c"}, GroupId{"security"}));
    EXPECT_FALSE(directory.eligible(AccountId{"teams:tenant/8f0c"}, GroupId{"dba"}));
}

TEST(People, AnAnswerIsAsOldAsTheOldestFactItRestsOn) {
    World world;
    world.user("U0AMY", AccountClass::member, start + 1min);
    auto directory = world.directory();
    EXPECT_EQ(directory.as_of(slack("U0AMY"), {GroupId{"reviewers"}}), start + 1min);
    EXPECT_EQ(directory.as_of(slack("U0AMY"), {GroupId{"security"}}), start);
    EXPECT_EQ(directory.as_of(slack("U0NEW"), {}), std::nullopt);
    world.workspace.groups.clear();
    EXPECT_EQ(world.directory().as_of(slack("U0AMY"), {GroupId{"security"}}), std::nullopt);
}

TEST(Standings, ATokensOwnerVotesForTheirListedChatAccount) {
    Play play{requires_of({asks({{1, "security"}})})};
    auto directory = play.world.directory();
    for (const char* account : {"email:amy@example.com", "amy", "slack:U0AMY"}) {
        Standing found = standing(play.c, directory, AccountId{account});
        EXPECT_EQ(found.account, slack("U0AMY")) << account;
        EXPECT_EQ(found.klass, AccountClass::member);
        EXPECT_THAT(found.groups, ElementsAre(GroupId{"security"}));
    }
    EXPECT_EQ(standing(play.c, directory, AccountId{"github:nobody"}).klass, AccountClass::unknown);
    EXPECT_EQ(standing(play.c, directory, AccountId{"slack:T0FAR/U1"}).klass, AccountClass::foreign);
}

}  // namespace
}  // namespace countersign::core::testing
