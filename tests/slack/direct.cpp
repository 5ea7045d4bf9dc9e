#include <gtest/gtest.h>

#include "slack/office.hpp"

// What Slack shows to one person alone without being asked, and the dialog that a policy asks for.
namespace countersign::test {
namespace {

using namespace std::chrono_literals;

TEST(SlackDirect, ACardInPrivateVotesAndShowsTheDecision) {
    SlackOffice office;
    auto request = office.ask("private");
    office.posted(request);
    auto own = office.cards(request, "D0CAT");
    ASSERT_EQ(own.size(), 1U);
    EXPECT_TRUE(office.cards(request, "D0AMY").empty());
    office.click(own.front(), "U0CAT", "approve", "D0CAT");
    ASSERT_TRUE(office.until([&] { return office.state(request) == core::State::approved; }, 3s));
    ASSERT_TRUE(office.until([&] { return office.store.rows_behind() == 0; }));
    own = office.cards(request, "D0CAT");
    ASSERT_EQ(own.size(), 1U);
    EXPECT_EQ(own.front()["text"].text(), "Approved by cat: private in production (#1)");
    EXPECT_FALSE(has(core::canonical(own.front()["blocks"]), "\"actions\""));
}

TEST(SlackDirect, WhoAskedIsToldTheOutcomeInPrivateAndMentionedInTheThread) {
    SlackOffice office;
    auto request = office.ask("deploy");
    auto card = office.posted(request);
    office.click(card, "U0AMY", "approve");
    ASSERT_TRUE(office.until([&] { return office.state(request) == core::State::approved; }, 3s));
    ASSERT_TRUE(office.until([&] { return office.store.rows_behind() == 0; }));
    auto told = office.messages("D0RILEY");
    ASSERT_EQ(told.items()->size(), 1U);
    EXPECT_EQ((*told.items())[0]["text"].text(), "Approved by amy: deploy in production (#1)");
    std::string thread;
    for (const auto& message : *office.messages().items())
        if (message["thread_ts"].text() == card["ts"].text() && message["ts"].text() != card["ts"].text())
            thread += core::canonical(message);
    EXPECT_TRUE(has(thread, "Approved: the quorum is met.")) << thread;
    EXPECT_TRUE(has(thread, "\"user_id\":\"U0RILEY\"")) << thread;
}

TEST(SlackDirect, ApproveAsksForTheReasonThatThePolicyWants) {
    SlackOffice office;
    auto request = office.ask("careful");
    auto card = office.posted(request);
    office.click(card, "U0CAT", "approve");
    ASSERT_TRUE(office.until([&] { return has(office.views("U0CAT"), "Approve #1"); }, 3s));
    EXPECT_TRUE(has(office.views("U0CAT"), "The policy asks for a reason with every approval"));
    EXPECT_EQ(office.state(request), core::State::pending);
    office.submit("U0CAT", "read the plan");
    ASSERT_TRUE(office.until([&] { return office.state(request) == core::State::approved; }, 3s));
    EXPECT_EQ(office.read(request)->ruling.votes.at(0).reason, "read the plan");
}

}  // namespace
}  // namespace countersign::test
