#include "countersign/app/roster.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/office.hpp"

namespace countersign::test {
namespace {

std::shared_ptr<const core::Policy> policy_of_two_chats() {
    core::Policy policy;
    policy.groups = {
        {core::GroupId{"security"}, core::GroupRecord::InChat{core::Surface::slack, "S0SEC"}},
        {core::GroupId{"ops"}, core::GroupRecord::InChat{core::Surface::teams, "contoso/ops"}},
        {core::GroupId{"others"}, core::GroupRecord::InChat{core::Surface::teams, "fabrikam/ops"}}};
    return std::make_shared<const core::Policy>(std::move(policy));
}

struct TwoChats : testing::Test {
    Office office;
    FakeAccounts teams{office.world.time, "contoso", core::Surface::teams};
    app::Roster roster{office.age_max};

    TwoChats() {
        teams.user("8f0c");
        teams.group("ops", {"8f0c"});
        roster.add_source(core::Surface::slack, office.accounts);
        roster.add_source(core::Surface::teams, teams);
        roster.set_policy(policy_of_two_chats());
    }
};

TEST_F(TwoChats, AGroupIsReadFromTheChatThatKeepsIt) {
    const auto before = office.accounts.refreshes;
    ASSERT_TRUE(office.get(roster.ensure_groups({core::GroupId{"ops"}}, office.soon())));
    EXPECT_EQ(teams.refreshes, 1U);
    EXPECT_EQ(office.accounts.refreshes, before);
    auto members = roster.snapshot()->members(core::GroupId{"ops"});
    ASSERT_TRUE(members);
    EXPECT_THAT(*members, testing::ElementsAre(core::PersonId{"teams:contoso/8f0c"}));
}

TEST_F(TwoChats, AGroupOfAnotherTenantStaysUnknown) {
    ASSERT_TRUE(office.get(roster.ensure_groups({core::GroupId{"others"}}, office.soon())));
    EXPECT_EQ(teams.refreshes, 0U);
    EXPECT_FALSE(roster.snapshot()->members(core::GroupId{"others"}));
}

TEST_F(TwoChats, AnAccountIsAskedForInItsOwnChat) {
    const core::AccountId account{"teams:contoso/8f0c"};
    ASSERT_TRUE(office.get(roster.ensure(account, {core::GroupId{"ops"}}, office.soon())));
    EXPECT_NE(roster.snapshot()->user(account), nullptr);
    EXPECT_TRUE(roster.fresh(account, {core::GroupId{"ops"}}, office.now()));
}

}  // namespace
}  // namespace countersign::test
