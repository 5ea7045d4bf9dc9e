#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/world.hpp"
#include "countersign/core/match.hpp"
#include "countersign/core/reading.hpp"

// These tests are about who may read a request.
namespace countersign::core::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Case opened(const World& world, Applied applied) {
    Request request = request_of();
    Case c{request, std::move(applied), {}};
    c.entries.emplace_back(opening(c.request, c.applied, world.directory(), start));
    return c;
}
Reading read_by(const std::string& user, Applied applied = prod_export(), const World& world = {}) {
    const AccountId account = user.find(':') == std::string::npos ? slack(user) : AccountId{user};
    return reading_of(opened(world, std::move(applied)), world.directory(), account);
}
Applied visible_to(std::vector<std::vector<GroupId>> readers) {
    Applied applied = requires_of({asks({{1, "security"}})});
    applied.visible_to = std::move(readers);
    return applied;
}

TEST(Reading, EveryFullMemberReadsWhereNoRuleSaysWho) {
    for (const char* user : {"U0RILEY", "U0AMY", "U0DAN"})
        EXPECT_EQ(read_by(user), Reading::everything) << user;
}

TEST(Reading, WhoIsNoFullMemberSeesNoMoreThanAChannelShows) {
    for (const char* user : {"U0GUEST", "U0GONE", "U0BOT", "U0STRANGER", "U0NOBODY", "slack:T0ELSE/U0AMY"}) {
        EXPECT_EQ(read_by(user), Reading::as_the_channel) << user;
        EXPECT_EQ(read_by(user, visible_to({{GroupId{"dba"}}})), Reading::as_the_channel) << user;
    }
}

TEST(Reading, AGuestWhomThePolicyListsIsAGuest) {
    World world;
    world.user("U0CAT", AccountClass::guest);
    EXPECT_EQ(read_by("U0CAT", visible_to({{GroupId{"dba"}}}), world), Reading::as_the_channel);
}

TEST(Reading, WhereARuleSaysWhoItTakesOneOfItsGroups) {
    const Applied applied = visible_to({{GroupId{"dba"}}});
    EXPECT_EQ(read_by("U0CAT", applied), Reading::everything);
    EXPECT_EQ(read_by("U0DAN", applied), Reading::with_the_channel);
}

TEST(Reading, WhoIsBehindItOrHasASayReadsAllTheSame) {
    const Applied applied = visible_to({{GroupId{"dba"}}});
    EXPECT_EQ(read_by("U0RILEY", applied), Reading::everything) << "the requester";
    EXPECT_EQ(read_by("U0AMY", applied), Reading::everything) << "of security, who are asked";
    Applied released = applied;
    released.release = {GroupId{"reviewers"}};
    EXPECT_EQ(read_by("U0BEN", released), Reading::everything) << "who may release a hold";
}

TEST(Reading, EachRuleHasToLetThemRead) {
    EXPECT_EQ(read_by("U0CAT", visible_to({{GroupId{"dba"}}, {GroupId{"security"}, GroupId{"reviewers"}}})),
              Reading::everything);
    EXPECT_EQ(read_by("U0CAT", visible_to({{GroupId{"dba"}}, {GroupId{"security"}}})),
              Reading::with_the_channel);
}

TEST(Reading, AGroupThatNobodyKnowsLetsNobodyRead) {
    World world;
    world.workspace.groups.clear();
    Applied applied = requires_of({asks({{1, "dba"}})});
    applied.visible_to = {{GroupId{"security"}}};
    EXPECT_EQ(read_by("U0AMY", applied, world), Reading::with_the_channel);
    applied.visible_to = {{GroupId{"gone from the policy"}}};
    EXPECT_EQ(read_by("U0AMY", applied), Reading::with_the_channel);
}

TEST(Reading, AnOwnerByNameOrAddressReadsAsTheirChatAccountDoes) {
    const Applied applied = visible_to({{GroupId{"security"}}});
    EXPECT_EQ(read_by("email:ben@example.com", applied), Reading::everything);
    EXPECT_EQ(read_by("email:cat@example.com", applied), Reading::with_the_channel);
    EXPECT_EQ(read_by("email:somebody@example.com", applied), Reading::with_the_channel);
    EXPECT_EQ(read_by("email:somebody@example.com"), Reading::everything) << "as every credential does";
    World world;
    world.user("U0BEN", AccountClass::guest);
    EXPECT_EQ(read_by("email:ben@example.com", applied, world), Reading::as_the_channel);
}

TEST(Reading, RulesThatSayWhoMayReadAreAllKept) {
    World world;
    auto rule = [](const char* name, std::vector<GroupId> readers, bool refuses) {
        Rule made;
        made.name = name;
        made.visible_to = std::move(readers);
        if (refuses)
            made.refuse = "no";
        else
            made.require = Requirement{CountOf{1, GroupId{"security"}, {}}};
        return made;
    };
    world.policy.rules = {rule("a", {GroupId{"dba"}, GroupId{"security"}}, false), rule("b", {}, false),
                          rule("c", {GroupId{"reviewers"}}, true), rule("d", {GroupId{"reviewers"}}, false)};
    auto applied = match(world.directory(), request_of(), std::nullopt, start);
    ASSERT_TRUE(applied);
    EXPECT_THAT(applied->visible_to, ElementsAre(ElementsAre(GroupId{"dba"}, GroupId{"security"}),
                                                 ElementsAre(GroupId{"reviewers"})));
    EXPECT_THAT(reading_groups_of(*applied), ::testing::IsSupersetOf({GroupId{"dba"}, GroupId{"reviewers"}}));
    world.policy.rules = {rule("b", {}, false)};
    EXPECT_THAT(match(world.directory(), request_of(), std::nullopt, start)->visible_to, IsEmpty());
}

}  // namespace
}  // namespace countersign::core::testing
