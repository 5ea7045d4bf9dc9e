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

// The office's day begins at its own start: it is 03:00 there, on clocks that go by UTC.
struct QuietNights : DirectCards {
    QuietNights() {
        auto zones = [](const std::string& name) -> std::shared_ptr<const core::Zone> {
            auto bytes = system_zones().read(name);
            auto zone = bytes ? core::Zone::parse(name, *bytes) : fail(Trouble::not_found, "");
            return zone ? std::make_shared<const core::Zone>(std::move(*zone)) : nullptr;
        };
        office.quiet = std::make_unique<app::QuietTimes>(core::QuietHours{22 * 60, 7 * 60}, "", zones);
        office.accounts.zone("U0AMY", "Asia/Tokyo");
        office.accounts.zone("U0BEN", "Etc/UTC");
        office.accounts.publish_all();
        process->kill();
        office.world.time.advance_to(*core::parse_rfc3339("2027-01-02T03:00:00Z"));
        office.accounts.publish_all();
        process = fresh();
    }
    std::vector<app::CardProblem> held(core::RequestId request) {
        return office.get(office.store.problems(request, 10, office.soon())).value();
    }
    const core::Instant morning = *core::parse_rfc3339("2027-01-02T07:00:00Z");
};

TEST_F(QuietNights, NobodyIsToldInPersonWhileItIsNightWhereTheyAre) {
    auto request = process->open("both")->c.request->id;
    office.pass(1s);
    EXPECT_THAT(places(request), UnorderedElementsAre("#deploys", "U0AMY", "U0CAT"))
        << "it is noon where amy is, and nobody knows where cat is";
    auto notes = held(request);
    ASSERT_EQ(notes.size(), 1U);
    EXPECT_EQ(notes[0].target.channel, "U0BEN");
    EXPECT_EQ(notes[0].held_until, morning);
    EXPECT_TRUE(notes[0].problem.empty());
}

TEST_F(QuietNights, InTheMorningTheyAreToldWhicheverProcessIsThereThen) {
    auto asked = Process::ask("late");
    auto request = process->open("late")->c.request->id;
    office.pass(1s);
    EXPECT_THAT(places(request), UnorderedElementsAre("#approvals", "U0AMY"));
    process->kill();
    auto second = fresh();
    office.pass(3h + 59min + 50s);
    EXPECT_THAT(places(request), UnorderedElementsAre("#approvals", "U0AMY"));
    office.pass(30s);
    EXPECT_THAT(places(request), UnorderedElementsAre("#approvals", "U0AMY", "U0BEN"));
    expect_calm(request, 3);
    process = std::move(second);
}

TEST_F(QuietNights, WhatIsDecidedByThenWakesNobody) {
    auto request = process->open("late")->c.request->id;
    office.pass(1s);
    ASSERT_TRUE(process->vote(request, "U0AMY"));
    office.pass(5h);
    EXPECT_THAT(places(request), UnorderedElementsAre("#approvals", "U0AMY"));
    EXPECT_EQ(office.store.rows_behind(), 0U) << "nothing is left to be said";
    EXPECT_TRUE(held(request).empty());
}

TEST_F(QuietNights, AReminderIsHeldInPersonAndSaidInTheChannel) {
    auto request = process->open("late")->c.request->id;
    office.pass(1h + 1min);
    for (const auto& message : shown(request)) EXPECT_EQ(message.lines.size(), 1U) << message.channel;
    EXPECT_THAT(places(request), UnorderedElementsAre("#approvals", "U0AMY"));
}

}  // namespace
}  // namespace countersign::test
