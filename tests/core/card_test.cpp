#include "countersign/core/card.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/world.hpp"

namespace countersign::core::testing {
namespace {

using ::testing::HasSubstr;

std::string parameters(const CardView& view) {
    std::string text;
    for (const auto& one : view.parameters) text += one.path + "=" + one.json + ";";
    return text;
}

Request with_parameters(Value value) {
    Request request = request_of();
    request.parameters = std::move(value);
    return request;
}

TEST(Card, ParametersAreFlattenedAndNoNameCanPassForAPath) {
    Play play{requires_of({asks({{1, "reviewers"}})}),
              with_parameters(Value::object({{"rows", 12},
                                             {"tags", Value::Array{"a", Value::object({})}},
                                             {"where", Value::object({{"country", "DE"}, {"a.b", nullptr}})},
                                             {"tags[0]", true},
                                             {"", Value::array()}}))};
    EXPECT_EQ(parameters(card(play.c, decide(play.c), play.world.directory(), Surface::slack)),
              "[\"\"]=[];rows=12;tags[0]=\"a\";tags[1]={};[\"tags[0]\"]=true;where[\"a.b\"]=null;"
              "where.country=\"DE\";");
}

TEST(Card, PeopleAreMentionedWhereTheChatKnowsThem) {
    Play play{requires_of({asks({{2, "security"}, {1, "dba"}})})};
    play.approve("U0AMY");
    auto view = card(play.c, decide(play.c), play.world.directory(), Surface::slack);
    EXPECT_EQ(view.version, 2);
    EXPECT_TRUE(view.requester_is_workload);
    EXPECT_EQ(view.requester, (Who{"ci", std::nullopt}));
    EXPECT_EQ(view.on_behalf_of.at(0), (Who{"riley", slack("U0RILEY")}));
    EXPECT_FALSE(view.no_human_named);
    EXPECT_EQ(view.votes.at(0).who, (Who{"amy", slack("U0AMY")}));
    EXPECT_EQ(view.votes.at(0).counted_for, "security");
    EXPECT_EQ(view.missing.at(0).at(0).group, "security");
    EXPECT_EQ(view.missing.at(0).at(0).could_approve.at(0), (Who{"ben", slack("U0BEN")}));
    EXPECT_TRUE(view.buttons());
    auto teams = card(play.c, decide(play.c), play.world.directory(), Surface::teams);
    EXPECT_EQ(teams.votes.at(0).who, (Who{"amy", std::nullopt}));
}

TEST(Card, ADisplayNameNeverStandsWithoutItsAccount) {
    Play play{requires_of({asks({{1, "reviewers"}})}), request_of({slack("U0DAN")})};
    auto view = card(play.c, decide(play.c), play.world.directory(), Surface::teams);
    EXPECT_EQ(view.on_behalf_of.at(0).name, "display U0DAN (slack:T0SIM/U0DAN)");
}

TEST(Card, AfterTheEndItSaysWhoDecidedAndWhen) {
    Play play{requires_of({asks({{1, "reviewers"}})})};
    play.cast("U0CAT", Verdict::hold, "look");
    EXPECT_EQ(card(play.c, decide(play.c), play.world.directory(), Surface::slack).held->reason, "look");
    play.approve("U0AMY");
    play.now += 1s;
    play.cast("U0CAT", Verdict::release);
    auto view = card(play.c, decide(play.c), play.world.directory(), Surface::slack);
    EXPECT_EQ(view.state, State::approved);
    EXPECT_EQ(view.decided_by, (Who{"cat", slack("U0CAT")}));
    EXPECT_EQ(view.decided_at, start + 1s);
    EXPECT_FALSE(view.buttons());
    EXPECT_TRUE(view.missing.empty());
    play.command(Claim{AccountId{"token:tok_ci"}, play.c.request.digest, ""});
    play.command(Report{AccountId{"token:tok_ci"}, false, "disk full"});
    EXPECT_EQ(card(play.c, decide(play.c), play.world.directory(), Surface::slack).outcome_detail,
              "disk full");
}

TEST(Thread, EveryActHasItsLine) {
    Play play{requires_of({asks({{2, "security"}})})};
    play.cast("U0AMY", Verdict::approve, "looks right");
    play.cast("U0AMY", Verdict::withdraw);
    play.cast("U0BEN", Verdict::hold, "wait");
    play.approve("U0BEN");
    play.cast("U0AMY", Verdict::deny, "no");
    auto line = [&](std::size_t i) {
        auto found = thread_line(play.c, i, play.world.directory(), Surface::slack);
        return found.who.name + " " + found.text;
    };
    EXPECT_FALSE(has_thread_line(play.c.entries[0]));
    EXPECT_TRUE(has_thread_line(play.c.entries[1]));
    EXPECT_EQ(line(1), "amy approved for security: looks right");
    EXPECT_EQ(line(2), "amy withdrew their vote");
    EXPECT_EQ(line(3), "ben holds this request: wait");
    EXPECT_EQ(line(4), "ben approved for security, which counts once the hold is released");
    EXPECT_EQ(line(5), "amy denied this request: no");
    Play late{requires_of({asks({{1, "security"}})})};
    late.now = late.c.request.expires_at;
    late.command(Tick{});
    EXPECT_THAT(thread_line(late.c, 1, late.world.directory(), Surface::slack).text,
                HasSubstr("has expired"));
}

TEST(Thread, AClaimIsToldByTheCardAlone) {
    Entry claimed = Claimed{Instant{}, AccountId{"token:tok_1"}, "key"};
    EXPECT_FALSE(has_thread_line(claimed));
    EXPECT_TRUE(has_thread_line(Reported{Instant{}, AccountId{"token:tok_1"}, true, ""}));
}

}  // namespace
}  // namespace countersign::core::testing
