#include <gtest/gtest.h>

#include "countersign/app/linking.hpp"
#include "slack/office.hpp"

// Linking accounts, being away, and what is known of many people, against the local workspace.
namespace countersign::slack {
namespace {

using namespace std::chrono_literals;
using core::State;
using core::Value;
using test::has;
using test::SlackOffice;

// A workspace in which people link their accounts.
struct LinkOffice : SlackOffice {
    using SlackOffice::SlackOffice;

    std::string code_for(std::string_view user) {
        auto said = command(user, "link");
        auto at = said.find("Your code is ");
        EXPECT_NE(at, said.npos) << said;
        return at == said.npos ? "" : said.substr(at + 13, 16);
    }
    // The last private message to this user that asks for consent, as what can be clicked.
    Value question(std::string_view user) {
        for (const auto& entry : *look(fmt::format("ephemerals?user={}", user))["ephemerals"].items())
            if (has(core::canonical(entry["message"]), "link_agree"))
                return Value::object({{"channel", "C0APPROVALS"}, {"ts", entry["ts"]}});
        for (const auto& message : *messages(user).items())
            if (has(core::canonical(message["blocks"]), "link_agree"))
                return Value::object({{"channel", user}, {"ts", message["ts"]}});
        return {};
    }
    void answer(std::string_view user, bool agrees) {
        auto asked = question(user);
        ASSERT_FALSE(asked.is_null()) << user << " was asked nothing";
        asked.set("user", user).set("action_id", agrees ? "link_agree" : "link_decline");
        EXPECT_TRUE(control("click", asked)["acked"].truth());
        pass(1s);
    }
    bool one_person() {
        auto directory = roster.snapshot();
        return directory->person_of(core::chat_account(core::Surface::slack, "T0SIM", "U0DAN")) ==
               core::PersonId{"riley"};
    }
};

TEST(SlackLinking, BothSidesSeeBothAccountsAndAgree) {
    LinkOffice office;
    auto code = office.code_for("U0RILEY");
    office.command("U0DAN", "link " + code);
    office.pass(1s);
    for (const char* user : {"U0DAN", "U0RILEY"}) {
        auto asked = core::canonical(office.look(fmt::format("ephemerals?user={}", user))) +
                     core::canonical(office.messages(user));
        EXPECT_TRUE(has(asked, "riley (slack:T0SIM/U0RILEY)")) << asked;
        EXPECT_TRUE(has(asked, "dan (slack:T0SIM/U0DAN)")) << asked;
    }
    office.answer("U0DAN", true);
    EXPECT_FALSE(office.one_person());
    office.answer("U0RILEY", true);
    EXPECT_TRUE(office.one_person());
    EXPECT_TRUE(office.question("U0RILEY").is_null()) << "an answered question has no buttons";
    EXPECT_TRUE(has(core::canonical(office.messages("U0DAN")), "count as one person"));
}

TEST(SlackLinking, ALowerCaseCodeWithSpacesIsTheSameCode) {
    LinkOffice office;
    auto code = office.code_for("U0RILEY");
    std::string typed;
    for (char c : code) typed += c == '-' ? ' ' : static_cast<char>(std::tolower(c));
    office.command("U0DAN", "link " + typed);
    office.pass(1s);
    EXPECT_FALSE(office.question("U0DAN").is_null());
}

TEST(SlackLinking, DecliningIsToldToTheOtherSide) {
    LinkOffice office;
    office.command("U0DAN", "link " + office.code_for("U0RILEY"));
    office.pass(1s);
    office.answer("U0RILEY", false);
    EXPECT_TRUE(has(core::canonical(office.messages("U0DAN")), "declined: nothing was linked"));
    office.answer("U0DAN", true);
    EXPECT_FALSE(office.one_person());
}

TEST(SlackLinking, SomebodyElsesClickOnTheButtonsDoesNothing) {
    LinkOffice office;
    office.command("U0DAN", "link " + office.code_for("U0RILEY"));
    office.pass(1s);
    office.answer("U0DAN", true);
    auto asked = office.question("U0RILEY");
    asked.set("user", "U0AMY").set("action_id", "link_agree");
    office.control("click", asked);
    office.pass(1s);
    EXPECT_FALSE(office.one_person());
}

TEST(SlackLinking, AVoterLinkedToTheRequesterFallsOut) {
    LinkOffice office;
    office.bot_tasks.start_loop("people", office.people_follower.run());
    office.control("groups", Value::object({{"id", "S0SEC"},
                                            {"users", Value{Value::Array{"U0AMY", "U0BEN", "U0DAN"}}}}));
    office.pass(2s);
    auto request = office.ask("db.export");
    auto card = office.posted(request);
    office.click(card, "U0DAN", "approve");
    ASSERT_EQ(office.read(request)->ruling.votes.size(), 1U);
    office.command("U0DAN", "link " + office.code_for("U0RILEY"));
    office.pass(1s);
    office.answer("U0DAN", true);
    office.answer("U0RILEY", true);
    office.pass(3s);
    auto now = office.read(request);
    EXPECT_FALSE(now->ruling.votes.at(0).counted_for);
    EXPECT_TRUE(has(core::canonical(office.messages()), "turned out to be behind this request"));
}

// ---- links that cannot be read

TEST(SlackPeople, WithoutTheLinksNobodyVotes) {
    LinkOffice office;
    auto request = office.ask("deploy");
    auto card = office.posted(request);
    office.pass(app::Roster::people_age_max + 1s);
    office.persons.reachable = false;
    office.click(card, "U0AMY", "approve");
    office.pass(1s);
    EXPECT_EQ(office.state(request), State::pending);
    EXPECT_TRUE(has(office.whispers("U0AMY").at(0), "NOT recorded"));
    office.persons.reachable = true;
    office.click(card, "U0AMY", "approve");
    EXPECT_EQ(office.state(request), State::approved);
}

// ---- many groups, and all users

std::shared_ptr<const core::Policy> policy_of_groups(int groups) {
    std::string yaml = "version: 1\npeople:\n  riley: { slack: U0RILEY }\n  amy: { slack: U0AMY }\ngroups:\n";
    for (int i = 0; i < groups; ++i) yaml += fmt::format("  g{0}: {{ slack_usergroup: S0G{0} }}\n", i);
    yaml += "rules:\n  - name: one\n    when: { action: deploy }\n    require: { count: 1, of: g3 }\n";
    std::vector<PolicyFinding> findings;
    auto policy = read_policy(yaml, "groups.yaml", findings);
    EXPECT_TRUE(policy) << (findings.empty() ? "" : findings.front().text());
    return policy ? *policy : nullptr;
}

TEST(SlackPeople, ManyGroupsAreReadWithOneCallAndKeptFresh) {
    SlackOffice office;
    constexpr int groups = 12;
    for (int i = 0; i < groups; ++i)
        office.control("groups", Value::object({{"id", fmt::format("S0G{}", i)},
                                                {"users", Value{Value::Array{"U0AMY"}}}}));
    office.roster.set_policy(policy_of_groups(groups));
    auto alone = office.calls("usergroups.users.list");
    office.pass(30s);
    EXPECT_EQ(office.calls("usergroups.users.list"), alone);
    auto directory = office.roster.snapshot();
    for (int i = 0; i < groups; ++i)
        EXPECT_EQ(directory->members(core::GroupId{fmt::format("g{}", i)}),
                  std::vector{core::PersonId{"amy"}});
    auto together = office.calls("usergroups.list");
    EXPECT_LE(together, 3U);
    // A change that Slack announces is seen at once.
    auto request = office.ask("deploy");
    auto card = office.posted(request);
    office.control("groups", Value::object({{"id", "S0G3"}, {"users", Value{Value::Array{"U0BEN"}}}}));
    office.pass(1s);
    office.click(card, "U0AMY", "approve");
    EXPECT_EQ(office.state(request), State::pending);
    office.click(card, "U0BEN", "approve");
    EXPECT_EQ(office.state(request), State::approved);
    // Switched off, it authorises nobody.
    office.control("groups", Value::object({{"id", "S0G3"}, {"disabled", true}}));
    office.pass(5s);
    EXPECT_TRUE(office.roster.snapshot()->members(core::GroupId{"g3"})->empty());
}

TEST(SlackPeople, AnOutageLetsFactsAgeAndWidensNobodysRights) {
    SlackOffice office;
    auto request = office.ask("db.export");
    auto card = office.posted(request);
    office.fault(Value::object({{"method", "users.info"}, {"times", 10'000}, {"http_status", 503}}));
    office.fault(
        Value::object({{"method", "usergroups.users.list"}, {"times", 10'000}, {"http_status", 503}}));
    office.control(
        "groups",
        Value::object({{"id", "S0SEC"}, {"users", Value{Value::Array{"U0DAN"}}}, {"silent", true}}));
    office.click(card, "U0AMY", "approve");
    EXPECT_EQ(office.read(request)->ruling.votes.size(), 1U) << "young facts still count";
    office.pass(6min);
    office.click(card, "U0BEN", "approve");
    office.pass(3s);
    EXPECT_EQ(office.read(request)->ruling.votes.size(), 1U);
    EXPECT_TRUE(has(office.whispers("U0BEN").at(0), "too old to rely on"));
}

struct TrustingOffice : SlackOffice {
    TrustingOffice() : SlackOffice(false) {
        roster.trust({"sim.example"});
        EXPECT_TRUE(until([&] { return bot->health().live == 2; }));
        pass(2s);
    }
    core::PersonId person(const char* account) {
        return roster.snapshot()->person_of(core::AccountId{account});
    }
};

TEST(SlackPeople, TheListOfUsersSaysWhoseAnAddressIs) {
    TrustingOffice office;
    EXPECT_EQ(office.person("email:DAN+x@sim.example"), core::PersonId{"slack:T0SIM/U0DAN"});
    EXPECT_EQ(office.person("email:amy@sim.example"), core::PersonId{"amy"});
    EXPECT_EQ(office.person("email:guest@sim.example"), core::PersonId{"email:guest@sim.example"});
    EXPECT_EQ(office.person("email:sam@elsewhere.example"), core::PersonId{"email:sam@elsewhere.example"});
    // And what is announced later.
    office.control("users", Value::object({{"id", "U0NEW"}, {"name", "new"}, {"email", "new@sim.example"}}));
    office.control("users", Value::object({{"id", "U0DAN"}, {"email", "daniel@sim.example"}}));
    office.pass(2s);
    EXPECT_EQ(office.person("email:new@sim.example"), core::PersonId{"slack:T0SIM/U0NEW"});
    EXPECT_EQ(office.person("email:dan@sim.example"), core::PersonId{"email:dan@sim.example"});
    EXPECT_EQ(office.person("email:daniel@sim.example"), core::PersonId{"slack:T0SIM/U0DAN"});
}

TEST(SlackPeople, NobodyIsListedWhereNoDomainIsTrusted) {
    SlackOffice office;
    office.pass(1min);
    EXPECT_EQ(office.calls("users.list"), 0U);
}

TEST(SlackPeople, AListedFactIsAskedAboutAgainBeforeAVoteRestsOnIt) {
    TrustingOffice office;
    auto before = office.calls("users.info");
    auto request = office.ask("deploy");
    office.pass(1s);
    auto card = office.posted(request);
    office.click(card, "U0DAN", "approve");
    EXPECT_GT(office.calls("users.info"), before);
}

// ---- who is away

std::string day_ahead(const SlackOffice& office) {
    return core::rfc3339(office.time.now() + std::chrono::days{7}).substr(0, 10);
}

TEST(SlackAway, APlainHandleNamesWhoIsAskedInstead) {
    SlackOffice office;
    auto users = Value::array();
    for (const char* user : {"U0AMY", "U0BEN", "U0DAN"}) users.push(user);
    office.control("groups", Value::object({{"id", "S0SEC"}, {"users", users}}));
    office.pass(2s);
    auto away = [&](std::string_view whom) {
        return office.command("U0AMY", fmt::format("away\u00A0Until {}, {}", day_ahead(office), whom));
    };
    EXPECT_TRUE(has(away("@dan"), "dan (slack:T0SIM/U0DAN) first")) << away("@dan");  // in no `people:`
    EXPECT_TRUE(has(away("@DAN"), "U0DAN) first"));
    EXPECT_TRUE(has(away("<@U0DAN|dan>"), "U0DAN) first"));
    EXPECT_TRUE(has(away("@ben"), "ben first"));
    EXPECT_TRUE(has(away("@amy"), "@amy is you."));
    EXPECT_TRUE(has(away("@nobody"), "is nobody that the policy or this chat knows"));
    EXPECT_TRUE(has(away("<@U0GUEST>"), "guests cannot"));
    EXPECT_TRUE(has(away("<@U0GONE>"), "deactivated"));
    EXPECT_TRUE(has(away("<@USLACKBOT>"), "bots cannot"));
}

TEST(SlackAway, AHandleThatTwoPeopleHaveNamesNeither) {
    SlackOffice office;
    auto users = Value::array();
    for (const char* user : {"U0BEN", "U0DAN", "U0DAN2"}) users.push(user);
    office.control("users", Value::object({{"id", "U0DAN2"}, {"name", "dan"}}));
    office.control("groups", Value::object({{"id", "S0SEC"}, {"users", users}}));
    office.pass(3s);
    auto said = office.command("U0AMY", "away until " + day_ahead(office) + " @dan");
    EXPECT_TRUE(has(said, "or is several people")) << said;
}

// ---- whose look-ups go first

// A click right after a reconnect, while 120 people are looked up again.
void click_after_reconnect(SlackOffice& office) {
    auto users = Value::array();
    for (int i = 0; i < 120; ++i) {
        auto id = fmt::format("U0M{:03}", i);
        office.control("users", Value::object({{"id", id}, {"name", id}, {"silent", true}}));
        users.push(id);
    }
    users.push("U0AMY");
    users.push("U0BEN");
    office.control("groups", Value::object({{"id", "S0SEC"}, {"users", users}}));
    office.pass(4min);
    auto request = office.ask("db.export");
    auto card = office.posted(request);
    office.control("sockets", Value::object({{"action", "drop"}}));
    ASSERT_TRUE(office.until([&] { return office.bot->health().live == 0; }, 5s));
    ASSERT_TRUE(office.until([&] { return office.bot->health().live == 2; }, 30s));
    auto clicked = office.click(card, "U0BEN", "approve");
    EXPECT_TRUE(clicked["acked"].truth()) << core::canonical(clicked);
    EXPECT_EQ(office.read(request)->ruling.votes.size(), 1U);
    EXPECT_TRUE(office.whispers("U0BEN").empty());
    // And the others are not forgotten for it.
    office.pass(3min);
    auto before = office.calls("users.info");
    office.click(card, "U0AMY", "approve");
    EXPECT_EQ(office.calls("users.info"), before);
}

TEST(SlackLookUps, AVotesOwnGoFirstAfterAReconnect) {
    SlackOffice office;
    office.control("limits", Value::object({{"limits", "documented"}}));
    click_after_reconnect(office);
    EXPECT_EQ(office.bot->health().problem, "");
}

TEST(SlackLookUps, AVotesOwnGoFirstAtAStrictPace) {
    auto settings = SlackOffice::default_settings();
    settings.pace = SlackSettings::Pace::strict;
    SlackOffice office{true, settings};
    office.control("limits", Value::object({{"limits", "documented"}}));
    click_after_reconnect(office);
}

TEST(SlackLookUps, WhatNobodyWaitsForNeverMeetsALimit) {
    SlackOffice office;
    office.control("limits", Value::object({{"limits", "documented"}}));
    auto users = Value::array();
    for (int i = 0; i < 190; ++i) {
        auto id = fmt::format("U0M{:03}", i);
        office.control("users", Value::object({{"id", id}, {"name", id}, {"silent", true}}));
        users.push(id);
    }
    office.control("groups", Value::object({{"id", "S0SEC"}, {"users", users}}));
    for (int i = 0; i < 3; ++i) {
        office.control("sockets", Value::object({{"action", "drop"}}));
        office.pass(1min);
    }
    for (const auto& call : *office.look("journal?method=users.info")["calls"].items())
        EXPECT_NE(call["status"].whole(), 429) << core::canonical(call);
}

}  // namespace
}  // namespace countersign::slack
