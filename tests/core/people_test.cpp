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
    world.workspace.users.put(ChatUser{"U0DAN", AccountClass::member, "dan", "riley@example.com", start});
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

// ---- e-mail

// riley is known by e-mail alone; the workspace says which account has that address.
World mailing() {
    World world;
    world.policy.people[0].accounts = {AccountId{"email:riley@example.com"}};
    world.mail("U0RILEY", "riley@example.com");
    world.mail("U0DAN", "Dan+chat@Example.com");
    world.trusted_domains = {"example.com"};
    return world;
}

TEST(People, ATrustedDomainsAddressLinksTheFullMemberWhoConfirmedIt) {
    World world = mailing();
    auto directory = world.directory();
    EXPECT_EQ(directory.person_of(slack("U0RILEY")), PersonId{"riley"});
    EXPECT_THAT(directory.accounts_of(PersonId{"riley"}),
                UnorderedElementsAre(AccountId{"email:riley@example.com"}, slack("U0RILEY")));
    EXPECT_EQ(directory.person_of(AccountId{"email:dan@example.com"}), directory.person_of(slack("U0DAN")));
    EXPECT_FALSE(directory.eligible(slack("U0RILEY"), GroupId{"reviewers"})) << "e-mail gives no rights";
}

TEST(People, AnAddressLinksNobodyElse) {
    World world = mailing();
    world.trusted_domains = {"example.org"};
    EXPECT_EQ(world.directory().person_of(slack("U0RILEY")), PersonId{slack("U0RILEY").text()});
    for (auto klass :
         {AccountClass::guest, AccountClass::deleted, AccountClass::foreign, AccountClass::unknown}) {
        World other = mailing();
        other.workspace.users.put(ChatUser{"U0RILEY", klass, "r", "riley@example.com", start});
        EXPECT_EQ(other.directory().person_of(slack("U0RILEY")), PersonId{slack("U0RILEY").text()});
    }
    World sub = mailing();
    sub.mail("U0RILEY", "riley@evil.example.com");
    EXPECT_EQ(sub.directory().person_of(slack("U0RILEY")), PersonId{slack("U0RILEY").text()});
}

TEST(People, ANewAddressTakesThePlaceOfTheOldOne) {
    World world = mailing();
    world.mail("U0RILEY", "other@example.com");
    auto directory = world.directory();
    EXPECT_EQ(directory.accounts_of(PersonId{"riley"}), std::vector{AccountId{"email:riley@example.com"}});
}

TEST(People, FoldedAddressesDropCaseAndTagAlone) {
    EXPECT_EQ(folded_email("Riley+CI@Example.com"), "riley@example.com");
    EXPECT_EQ(folded_email("riley@ex+ample.com"), "riley@ex+ample.com");
    EXPECT_EQ(folded_email("+x@example.com"), "+x@example.com");
    EXPECT_EQ(folded_email("no address"), "no address");
}

// ---- many users

TEST(ChatUsersTable, FindsWhatWasPutAndACopyKeepsWhatItHad) {
    ChatUsers users;
    std::vector<ChatUser> page;
    for (int i = 0; i < 3'000; ++i)
        page.push_back(ChatUser{"U" + std::to_string(i), AccountClass::member, "n",
                                "p" + std::to_string(i) + "@example.com", start});
    users.put(page);
    EXPECT_EQ(users.size(), 3'000U);
    const ChatUsers before = users;
    users.put(ChatUser{"U17", AccountClass::deleted, "n", "", start + 1min});
    EXPECT_EQ(before.find("U17")->klass, AccountClass::member);
    EXPECT_EQ(users.find("U17")->klass, AccountClass::deleted);
    EXPECT_EQ(users.size(), 3'000U);
    EXPECT_TRUE(users.with_email("p17@example.com").empty());
    ASSERT_EQ(before.with_email("P17+x@example.com").size(), 1U);
    EXPECT_EQ(before.with_email("P17+x@example.com")[0]->id, "U17");
    EXPECT_EQ(users.find("U3000"), nullptr);
    std::size_t seen = 0;
    users.each([&](const ChatUser&) { ++seen; });
    EXPECT_EQ(seen, 3'000U);
}

TEST(People, WhatWasReadBeforeADoubtCountsAsNeverRead) {
    World world;
    world.user("U0AMY", AccountClass::member, start + 2min);
    world.workspace.doubted_before = start + 1min;
    auto directory = world.directory();
    EXPECT_EQ(directory.as_of(slack("U0AMY"), {}), start + 2min);
    EXPECT_EQ(directory.as_of(slack("U0AMY"), {GroupId{"security"}}), Instant{});
    EXPECT_EQ(directory.as_of(slack("U0BEN"), {}), Instant{});
}

TEST(People, ASnapshotOfNewerChatsSaysWhatOneMadeAnewSays) {
    World world;
    world.links = {{slack("U0DAN"), PersonId{"amy"}}};
    auto first = world.directory();
    world.usergroup("S0SEC", {"U0BEN", "U0DAN"});
    auto next = first.with({std::make_shared<const Workspace>(world.workspace)});
    EXPECT_EQ(next.members(GroupId{"security"}), world.directory().members(GroupId{"security"}));
    EXPECT_EQ(first.members(GroupId{"security"})->size(), 2U);
    world.workspace.id = "T0NEW";
    auto moved = first.with({std::make_shared<const Workspace>(world.workspace)});
    EXPECT_EQ(moved.full(AccountId{"slack:U0AMY"}), AccountId{"slack:T0NEW/U0AMY"});
    EXPECT_EQ(moved.person_of(AccountId{"slack:T0NEW/U0AMY"}), PersonId{"amy"});
}

}  // namespace
}  // namespace countersign::core::testing
