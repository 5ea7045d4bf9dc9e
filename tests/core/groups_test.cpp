#include "countersign/core/groups.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/world.hpp"
#include "countersign/core/match.hpp"

// These tests are about groups that are made of others, and who may vote through them.
namespace countersign::core::testing {
namespace {

using ::testing::ElementsAre;
using Combined = GroupRecord::Combined;
using How = Combined::How;

World with_group(How how, std::vector<Combined::Part> of, std::vector<Combined::Part> except = {}) {
    World world;
    world.policy.groups.push_back({GroupId{"made"}, Combined{how, std::move(of), std::move(except)}});
    return world;
}
const GroupId made{"made"};

TEST(Groups, AnyTakesWhoeverIsInAPartAndAllWhoeverIsInEveryPart) {
    const World any = with_group(How::any, {GroupId{"security"}, PersonId{"cat"}});
    for (const char* user : {"U0AMY", "U0BEN", "U0CAT"})
        EXPECT_TRUE(any.directory().eligible(slack(user), made)) << user;
    EXPECT_FALSE(any.directory().eligible(slack("U0RILEY"), made));
    EXPECT_THAT(any.directory().members(made).value(),
                ElementsAre(PersonId{"amy"}, PersonId{"ben"}, PersonId{"cat"}));
    const World all = with_group(How::all, {GroupId{"reviewers"}, GroupId{"security"}});
    EXPECT_TRUE(all.directory().eligible(slack("U0BEN"), made));
    EXPECT_FALSE(all.directory().eligible(slack("U0CAT"), made));
    EXPECT_THAT(all.directory().members(made).value(), ElementsAre(PersonId{"amy"}, PersonId{"ben"}));
}

TEST(Groups, WhoIsExceptedIsOutByAnyAccountOfTheirs) {
    World world = with_group(How::any, {GroupId{"reviewers"}}, {GroupId{"security"}});
    EXPECT_THAT(world.directory().members(made).value(), ElementsAre(PersonId{"cat"}, PersonId{"riley"}));
    world.usergroup("S0SEC", {"U0DAN"});
    EXPECT_TRUE(world.directory().eligible(slack("U0AMY"), made));
    world.links.push_back({slack("U0DAN"), PersonId{"amy"}});
    EXPECT_FALSE(world.directory().eligible(slack("U0AMY"), made)) << "amy's other account is excepted";
    EXPECT_TRUE(world.directory().eligible(slack("U0BEN"), made));
}

TEST(Groups, NobodyVotesThroughAPartThatIsUnknown) {
    World any = with_group(How::any, {GroupId{"security"}, PersonId{"cat"}});
    World all = with_group(How::all, {GroupId{"reviewers"}, GroupId{"security"}});
    World except = with_group(How::any, {GroupId{"reviewers"}}, {GroupId{"security"}});
    for (World* world : {&any, &all, &except}) {
        world->workspace.groups.clear();
        EXPECT_EQ(world->directory().membership(slack("U0AMY"), made), Membership::unknown);
        EXPECT_EQ(world->directory().members(made), std::nullopt);
        world->usergroup("S0SEC", {"U0BEN"}, false);
        EXPECT_FALSE(world->directory().eligible(slack("U0AMY"), made))
            << "a disabled group is as good as unknown";
    }
    EXPECT_TRUE(any.directory().eligible(slack("U0CAT"), made)) << "the other part is known";
    EXPECT_EQ(any.directory().as_of(slack("U0CAT"), {made}), start);
    EXPECT_EQ(any.directory().as_of(slack("U0AMY"), {made}), std::nullopt);
}

TEST(Groups, AnAnswerIsAsOldAsThePartThatLetsSomebodyIn) {
    World world = with_group(How::any, {GroupId{"security"}, GroupId{"ops"}}, {GroupId{"away"}});
    auto kept = [&](const char* name, const char* id, std::vector<std::string> members, Instant at) {
        world.policy.groups.push_back({GroupId{name}, GroupRecord::InChat{Surface::slack, id}});
        world.read_at = at;
        world.usergroup(id, std::move(members));
    };
    kept("ops", "S0OPS", {"U0AMY"}, start + 3min);
    kept("away", "S0AWAY", {}, start + 4min);
    world.user("U0AMY", AccountClass::member, start + 5min);
    world.user("U0BEN", AccountClass::member, start + 5min);
    EXPECT_EQ(world.directory().as_of(slack("U0AMY"), {made}), start + 3min) << "by the newer of two ways in";
    EXPECT_EQ(world.directory().as_of(slack("U0BEN"), {made}), start);
    world.workspace.groups.erase("S0AWAY");
    EXPECT_EQ(world.directory().as_of(slack("U0AMY"), {made}), std::nullopt) << "who is kept out is unknown";
}

TEST(Groups, GroupsMadeOfThemselvesLetNobodyIn) {
    World world = with_group(How::any, {made});
    EXPECT_FALSE(world.directory().eligible(slack("U0AMY"), made));
    EXPECT_EQ(world.directory().members(made), std::nullopt);
}

TEST(Groups, ASlotMayBeOfOnePersonOrOfAGroupWithoutOthers) {
    const World world;
    const auto directory = world.directory();
    const GroupId ada = person_alone(PersonId{"amy"});
    EXPECT_EQ(ada.text(), "amy alone");
    EXPECT_TRUE(directory.eligible(slack("U0AMY"), ada));
    EXPECT_FALSE(directory.eligible(slack("U0BEN"), ada));
    EXPECT_THAT(directory.members(ada).value(), ElementsAre(PersonId{"amy"}));
    const GroupId others = without_groups(GroupId{"reviewers"}, {GroupId{"security"}, GroupId{"dba"}});
    EXPECT_EQ(others.text(), "reviewers not from security, dba");
    EXPECT_EQ(group_before_not_from(others), GroupId{"reviewers"});
    EXPECT_THAT(directory.members(others).value(), ElementsAre(PersonId{"riley"}));
    EXPECT_FALSE(directory.eligible(slack("U0CAT"), others));
    EXPECT_FALSE(world.offline().eligible(slack("U0RILEY"), others)) << "security was never read";
}

TEST(Groups, AVoteThroughACombinedGroupIsRefusedWhereItsFactsAreTooOld) {
    World world = with_group(How::any, {GroupId{"security"}, PersonId{"cat"}});
    Play play{requires_of({asks({{1, "made"}})}), request_of(), world};
    play.now = start + age_max + 1s;
    for (const char* user : {"U0AMY", "U0CAT"}) play.world.user(user, AccountClass::member, play.now);
    play.approve("U0AMY");
    EXPECT_EQ(play.why(), Why::directory_stale) << "what is known of the user group is too old";
    play.approve("U0CAT");
    EXPECT_EQ(play.state(), State::approved);
    EXPECT_EQ(play.counted(), "cat:made");
}

// ---- managers, as a chat names them

World with_manager(std::vector<std::string> managers, const std::string& of = "U0RILEY") {
    World world;
    world.usergroup("manager:" + of, std::move(managers));
    return world;
}
const GroupId rileys = managers_of(PersonId{"riley"});

TEST(Managers, OneIsWhomTheProfileOfTheListedAccountNames) {
    const World world = with_manager({"U0DAN"});
    EXPECT_EQ(rileys, GroupId{"manager of riley"});
    EXPECT_TRUE(world.directory().eligible(slack("U0DAN"), rileys));
    EXPECT_FALSE(world.directory().eligible(slack("U0AMY"), rileys));
    EXPECT_THAT(world.directory().members(rileys).value(), ElementsAre(PersonId{"slack:T0SIM/U0DAN"}));
    EXPECT_EQ(world.directory().as_of(slack("U0DAN"), {rileys}), start);
}

TEST(Managers, NothingIsKnownBeforeTheProfileWasRead) {
    const World world;
    EXPECT_EQ(world.directory().membership(slack("U0DAN"), rileys), Membership::unknown);
    EXPECT_EQ(world.directory().members(rileys), std::nullopt);
    EXPECT_EQ(world.directory().as_of(slack("U0DAN"), {rileys}), std::nullopt);
}

TEST(Managers, WhoHasNoneOrIsInNoSlackHasNobody) {
    EXPECT_THAT(with_manager({}).directory().members(rileys).value(), ::testing::IsEmpty());
    const GroupId outsiders = managers_of(PersonId{"email:zoe@example.com"});
    EXPECT_THAT(World{}.directory().members(outsiders).value(), ::testing::IsEmpty());
    EXPECT_EQ(World{}.directory().membership(slack("U0DAN"), outsiders), Membership::no);
}

TEST(Managers, ALinkBringsNoOtherManager) {
    World world = with_manager({"U0DAN"}, "U0EVE");
    world.usergroup("manager:U0RILEY", {"U0AMY"});
    world.links.push_back({slack("U0EVE"), PersonId{"riley"}});
    EXPECT_FALSE(world.directory().eligible(slack("U0DAN"), rileys));
    EXPECT_TRUE(world.directory().eligible(slack("U0AMY"), rileys));
}

TEST(Managers, WhomThePolicyDoesNotListIsAskedForByTheirOwnAccount) {
    const World world = with_manager({"U0AMY"}, "U0DAN");
    const GroupId dans = managers_of(PersonId{"slack:T0SIM/U0DAN"});
    EXPECT_TRUE(world.directory().eligible(slack("U0AMY"), dans));
    EXPECT_EQ(kept_manager(world.directory(), dans)->id, "T0SIM/manager:U0DAN");
    EXPECT_EQ(kept_manager(world.directory(), GroupId{"security"}), std::nullopt);
}

TEST(Managers, TheSlotIsOfEachHumansManagerAndOfNobodyElse) {
    World world = with_manager({"U0DAN"});
    world.usergroup("manager:U0CAT", {"U0BEN"});
    Rule rule;
    rule.name = "leave";
    CountFor slot{1, {}};
    slot.managers = true;
    rule.require = Requirement{slot};
    world.policy.rules.push_back(rule);
    Request two = request_of({slack("U0RILEY"), slack("U0CAT")});
    const Applied applied = match(world.directory(), two, std::nullopt, start).value();
    EXPECT_EQ(applied.alternatives, std::vector{asks({{1, "manager of riley"}, {1, "manager of cat"}})});
    Play play{applied, two, world};
    play.approve("U0AMY");
    EXPECT_EQ(play.why(), Why::not_eligible);
    play.approve("U0BEN");
    play.approve("U0DAN");
    EXPECT_EQ(play.state(), State::approved) << play.said();
    EXPECT_EQ(match(world.directory(), request_of({}), std::nullopt, start)->kind, Applied::Kind::refuse);
}

TEST(Managers, WhoIsNoLongerTheManagerWhenItIsDecidedDoesNotCount) {
    World world = with_manager({"U0DAN"});
    Applied applied = requires_of({asks({{1, "manager of riley"}, {1, "dba"}})});
    Play play{applied, request_of(), world};
    play.approve("U0DAN");
    play.world.usergroup("manager:U0RILEY", {"U0BEN"});
    play.approve("U0CAT");
    EXPECT_EQ(play.state(), State::pending);
    play.approve("U0BEN");
    EXPECT_EQ(play.state(), State::approved) << play.said();
}

}  // namespace
}  // namespace countersign::core::testing
