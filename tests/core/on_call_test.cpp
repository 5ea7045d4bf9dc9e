#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/world.hpp"
#include "countersign/core/rehearsal.hpp"

// These tests are about groups of whoever is on call, as a service says.
namespace countersign::core::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const GroupId on_call{"oncall"};

struct Rota : World {
    Workspace service;

    Rota() {
        policy.groups.push_back({on_call, GroupRecord::OnCall{"PABC123", {}, 1}});
        for (PersonRecord& person : policy.people)
            if (person.name.text() != "cat") person.accounts.emplace_back("pagerduty:P" + person.name.text());
        service.surface = on_call_service;
        says({"Pamy"});
    }
    void says(std::vector<std::string> users, Instant at = start) {
        const std::string key = GroupRecord::OnCall{"PABC123", {}, 1}.key();
        service.groups[key] =
            std::make_shared<const ChatGroup>(ChatGroup{key, key, std::move(users), true, at});
    }
    Directory now() const {
        return {std::make_shared<const Policy>(policy),
                {std::make_shared<const Workspace>(workspace), std::make_shared<const Workspace>(service)}};
    }
};

struct OnCall : ::testing::Test {
    Rota rota;
    Case c{request_of(), requires_of({asks({{1, "oncall"}})}), {}};
    Step last{};

    void open() { c.entries = {opening(c.request, c.applied, rota.now(), start)}; }
    const Step& approve(const char* user) {
        last = advance(c, Cast{slack(user), Verdict::approve, "", Surface::slack, c.request->digest},
                       rota.now(), start, age_max);
        return last;
    }
};

TEST_F(OnCall, WhoeverTheServiceNamesVotesByTheirAccountInTheChat) {
    open();
    EXPECT_THAT(rota.now().members(on_call).value(), ElementsAre(PersonId{"amy"}));
    EXPECT_TRUE(rota.now().eligible(slack("U0AMY"), on_call));
    EXPECT_EQ(approve("U0BEN").refusal->why, Why::not_eligible);
    EXPECT_EQ(approve("U0AMY").ruling.state, State::approved);
    rota.says({"Pben"});
    EXPECT_EQ(approve("U0AMY").refusal->why, Why::not_eligible);
    EXPECT_EQ(approve("U0BEN").ruling.state, State::approved);
}

TEST_F(OnCall, WhoeverIsOnCallAndStandsNowhereInThePolicyIsNobody) {
    rota.says({"Pstranger"});
    EXPECT_TRUE(rota.now().members(on_call).value().empty());
    open();
    EXPECT_TRUE(std::get<Opened>(c.entries.front()).dead_end.has_value()) << "nobody could ever approve it";
}

TEST_F(OnCall, WhatWasNeverReadMakesNobodyEligibleAndSaysSo) {
    rota.service.groups.clear();
    open();
    EXPECT_FALSE(std::get<Opened>(c.entries.front()).dead_end) << "it may be known in a moment";
    EXPECT_EQ(rota.now().members(on_call), std::nullopt);
    EXPECT_EQ(approve("U0AMY").refusal->why, Why::directory_stale);
    EXPECT_THAT(last.refusal->sentence, HasSubstr("Who is on call for oncall is not known just now"));
}

TEST_F(OnCall, WhatWasReadTooLongAgoMakesNobodyEligible) {
    open();
    rota.says({"Pamy"}, start - age_max - 1s);
    EXPECT_EQ(approve("U0AMY").refusal->why, Why::directory_stale);
    EXPECT_EQ(approve("U0BEN").refusal->why, Why::directory_stale);
    EXPECT_THAT(last.refusal->sentence, HasSubstr("Who is on call"));
    rota.says({"Pamy"}, start - age_max);
    EXPECT_EQ(approve("U0AMY").ruling.state, State::approved);
}

TEST_F(OnCall, ALinkGivesNoPlaceInTheRota) {
    rota.says({"Pnobody"});
    rota.links.push_back({AccountId{"pagerduty:Pnobody"}, PersonId{"ben"}});
    const Directory directory{
        std::make_shared<const Policy>(rota.policy),
        {std::make_shared<const Workspace>(rota.workspace), std::make_shared<const Workspace>(rota.service)},
        std::make_shared<const Directory::Ties>(rota.links)};
    EXPECT_FALSE(directory.eligible(slack("U0BEN"), on_call));
    EXPECT_TRUE(directory.members(on_call).value().empty());
}

TEST_F(OnCall, AGroupMayBeMadeOfIt) {
    rota.policy.groups.push_back(
        {GroupId{"seniors"},
         GroupRecord::Combined{GroupRecord::Combined::How::all, {on_call, GroupId{"security"}}, {}}});
    EXPECT_TRUE(rota.now().eligible(slack("U0AMY"), GroupId{"seniors"}));
    EXPECT_FALSE(rota.now().eligible(slack("U0BEN"), GroupId{"seniors"}));
}

}  // namespace
}  // namespace countersign::core::testing
