#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/cards.hpp"

// Whose request was decided is told so in private.
namespace countersign::test {
namespace {

struct Outcomes : Cards {
    core::RequestId open(const std::string& action) {
        return process->try_open(Process::ask(action), process->caller("export bot", "riley"))
            ->now->c.request->id;
    }
    std::vector<std::string> told() {
        std::vector<std::string> all;
        for (const auto& [to, what] : office.ears.heard) all.push_back(to.text() + ": " + what.lines.at(0));
        return all;
    }
    std::size_t lines(core::RequestId request) { return shown(request).at(0).lines.size(); }
};

TEST_F(Outcomes, WhoeverIsProvenToAskIsToldOnceHoweverManyCardsThereAre) {
    auto request = open("deploy");
    office.pass(1s);
    EXPECT_TRUE(told().empty()) << "nothing is decided";
    ASSERT_TRUE(process->vote(request, "U0AMY"));
    office.pass(5s);
    EXPECT_EQ(shown(request).size(), 2U);
    EXPECT_THAT(told(), testing::ElementsAre("slack:T0/U0REQ: Approved by amy: deploy (#1)"));
    expect_calm(request, 2);
}

TEST_F(Outcomes, WhoIsMerelyNamedOrDidItThemselvesIsNotTold) {
    auto named = process->open("deploy");
    ASSERT_TRUE(process->vote(named->c.request->id, "U0AMY"));
    auto own = open("deploy");
    office.pass(1s);
    core::Cancel cancel{.by = core::AccountId{"slack:T0/U0REQ"}, .also = {}, .reason = "not needed"};
    ASSERT_TRUE(office.get(process->requests.cancel(own, cancel, {"cancel"}, office.soon())));
    office.pass(5s);
    EXPECT_TRUE(told().empty());
    EXPECT_EQ(lines(own), 1U);
}

TEST_F(Outcomes, TheEndOfTimeIsTold) {
    auto request = open("db.export");
    office.pass(31min);
    EXPECT_THAT(told(), testing::ElementsAre(testing::StartsWith("slack:T0/U0REQ: Expired: db.export")));
    expect_calm(request, 1);
}

TEST_F(Outcomes, AChatThatIsDownIsToldOfLaterAndTheLineWaits) {
    auto request = open("deploy");
    office.pass(1s);
    office.ears.fault = Failure{Trouble::unavailable, "down", {}, {}};
    ASSERT_TRUE(process->vote(request, "U0AMY", core::Verdict::deny));
    office.pass(2s);
    EXPECT_EQ(shown(request).at(0).lines.size() + shown(request).at(1).lines.size(), 1U)
        << "the second card tells nobody in private";
    office.ears.fault.reset();
    office.pass(60s);
    EXPECT_THAT(told(), testing::ElementsAre("slack:T0/U0REQ: Denied by amy: deploy: no (#1)"));
    expect_calm(request, 2);
    EXPECT_EQ(lines(request), 1U);
}

TEST_F(Outcomes, WhomTheChatRefusesIsMentionedInTheThreadAllTheSame) {
    auto request = open("deploy");
    office.pass(1s);
    office.ears.fault = Failure{Trouble::invalid_input, "messages are turned off", {}, {}};
    ASSERT_TRUE(process->vote(request, "U0AMY"));
    office.pass(5s);
    EXPECT_EQ(lines(request), 1U);
    expect_calm(request, 2);
}

TEST_F(Outcomes, WhoOwnsABusyProgramIsNotBuried) {
    for (int i = 0; i < 25; ++i) ASSERT_TRUE(process->vote(open("deploy"), "U0AMY"));
    office.pass(60s);
    EXPECT_EQ(told().size(), 20U);
    office.pass(1h);
    ASSERT_TRUE(process->vote(open("deploy"), "U0AMY"));
    office.pass(5s);
    EXPECT_EQ(told().size(), 21U);
}

}  // namespace
}  // namespace countersign::test
