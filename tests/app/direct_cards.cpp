#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/cards.hpp"
#include "countersign/app/checks.hpp"

// Rules with `notify: direct` show a request in private to whoever could approve it.
namespace countersign::test {
namespace {

struct DirectCards : Cards {
    std::vector<std::string> places(core::RequestId request) {
        std::vector<std::string> all;
        for (const auto& message : shown(request)) all.push_back(message.channel);
        return all;
    }
};
using testing::UnorderedElementsAre;

TEST_F(DirectCards, WhoeverIsAskedFirstIsShownItAndAChannelAsWell) {
    auto request = process->open("private")->c.request->id;
    office.pass(1s);
    EXPECT_THAT(places(request), UnorderedElementsAre("#approvals", "U0AMY", "U0BEN"))
        << "it is not cat's turn";
    auto both = process->open("both")->c.request->id;
    office.pass(1s);
    EXPECT_THAT(places(both), UnorderedElementsAre("#deploys", "U0AMY", "U0BEN", "U0CAT"));
}

TEST_F(DirectCards, EachShowsTheDecisionAndItsThreadTellsIt) {
    auto request = process->open("both")->c.request->id;
    office.pass(1s);
    ASSERT_TRUE(process->vote(request, "U0AMY"));
    ASSERT_TRUE(process->vote(request, "U0CAT"));
    office.pass(10s);
    for (const auto& message : shown(request)) {
        EXPECT_EQ(message.state, State::approved) << message.channel;
        EXPECT_FALSE(message.lines.empty()) << message.channel;
    }
    expect_calm(request, 4);
}

TEST_F(DirectCards, WhoIsBehindTheRequestIsNotShownItAsAnApprover) {
    auto asked = Process::ask("private");
    asked.on_behalf_of = {core::AccountId{"amy"}};
    auto request = process->try_open(asked, process->caller())->now->c.request->id;
    office.pass(1s);
    EXPECT_THAT(places(request), UnorderedElementsAre("#approvals", "U0BEN"));
}

TEST_F(DirectCards, WhoCannotBeReachedKeepsNobodyElseWaiting) {
    auto request = process->open("both")->c.request->id;
    office.chat.weather = [](Act act) { return act == Act::post ? Fault::refused : Fault::none; };
    office.pass(1s);
    office.chat.weather = nullptr;
    ASSERT_TRUE(process->vote(request, "U0AMY"));
    office.pass(2min);
    EXPECT_EQ(shown(request).size(), 4U);
    expect_calm(request, 4);
}

TEST_F(DirectCards, WhoCannotBeReachedIsNoReasonToShowItToAnotherChannel) {
    office.chat.barred = {"U0AMY"};
    auto both = process->open("both")->c.request->id;
    auto alone = process->open("private")->c.request->id;
    office.pass(2s);
    EXPECT_THAT(places(both), UnorderedElementsAre("#deploys", "U0BEN", "U0CAT"));
    EXPECT_THAT(places(alone), UnorderedElementsAre("#approvals", "U0BEN"));
}

TEST_F(DirectCards, WhatARuleOnTrialLetThroughIsShownInItsChannelsAlone) {
    auto request = process->open("trial")->c.request->id;
    office.pass(1s);
    EXPECT_THAT(places(request), UnorderedElementsAre("#trials"));
}

TEST_F(DirectCards, TheWordForThemIsNoChannelToLookFor) {
    auto names = app::names_in(*office_policy(), core::Surface::slack, "#approvals");
    EXPECT_THAT(names.channels,
                UnorderedElementsAre("#approvals", "#deploys", "#watch", "#sre-oncall", "#trials"));
}

TEST_F(DirectCards, NoMoreThanTenPeopleAreShownIt) {
    std::vector<std::string> many;
    for (int i = 100; i < 130; ++i) {
        many.push_back("U1" + std::to_string(i));
        office.accounts.user(many.back());
    }
    office.accounts.group("S0SEC", many);
    office.accounts.publish_all();
    auto request = process->open("both")->c.request->id;
    office.pass(1s);
    EXPECT_EQ(shown(request).size(), 11U);
    EXPECT_THAT(places(request), testing::Contains("U0CAT")) << "no group crowds out another";
}

}  // namespace
}  // namespace countersign::test
