#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/card_words.hpp"
#include "countersign/core/match.hpp"
#include "countersign/core/reading.hpp"

// These tests are about slots of people who are away, which whoever they named fills where the rules let
// them.
namespace countersign::core::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Part = CardSection::Part;

Applied delegable(std::vector<Slots> alternatives = {asks({{1, "security"}})}) {
    Applied applied = requires_of(std::move(alternatives));
    applied.delegate = true;
    return applied;
}
// Amy is away and named dan, who is in no group.
World amy_is_away(const char* instead = "U0DAN") {
    World world;
    world.absences = {{slack("U0AMY"), start + 24h, slack(instead)}};
    return world;
}
struct Away : Play {
    explicit Away(Applied applied = delegable(), World in = amy_is_away(), Request request = request_of())
        : Play(std::move(applied), std::move(request), std::move(in)) {}
    std::vector<PersonId> asked() const {
        return lacking(c, decide(c), world.directory()).at(0).at(0).could_approve;
    }
};

TEST(Delegation, WhoeverIsNamedFillsTheSlotOfWhoeverIsAway) {
    Away play;
    EXPECT_TRUE(could_approve(play.c, decide(play.c), play.world.directory(), slack("U0DAN")));
    EXPECT_THAT(play.asked(), ElementsAre(PersonId{"slack:T0SIM/U0DAN"}, PersonId{"ben"}))
        << "and is asked for it";
    play.approve("U0DAN");
    ASSERT_EQ(play.state(), State::approved) << play.said();
    EXPECT_EQ(decide(play.c).votes.at(0).in_place_of, PersonId{"amy"});
    EXPECT_THAT(text_of(sections_of(play), Part::outcome), HasSubstr("(security, in place of amy"));
    EXPECT_THAT(thread_line(play.c, 1, play.world.directory(), Surface::slack).text,
                HasSubstr("approved for security, in place of amy"));
}

TEST(Delegation, OnlyWhereTheRulesAllowIt) {
    Applied applied = delegable();
    applied.delegate = false;
    Away play{applied};
    play.approve("U0DAN");
    EXPECT_EQ(play.why(), Why::not_eligible);
    EXPECT_EQ(play.asked(), std::vector<PersonId>{PersonId{"ben"}});
    World world;
    auto rule = [](const char* name, bool delegate) {
        Rule made;
        made.name = name;
        made.require = Requirement{CountOf{1, GroupId{"security"}, {}}};
        made.delegate = delegate;
        return made;
    };
    for (bool other : {false, true}) {
        world.policy.rules = {rule("a", true), rule("b", other)};
        EXPECT_EQ(match(world.directory(), request_of(), std::nullopt, start)->delegate, other);
    }
}

TEST(Delegation, TheirOwnWordGoesBeforeThatOfWhomTheyNamed) {
    Away play{delegable({asks({{2, "security"}})})};
    play.approve("U0DAN");
    ASSERT_FALSE(play.last.refusal) << play.said();
    EXPECT_EQ(play.missing(), "1security");
    play.approve("U0AMY");
    EXPECT_EQ(play.missing(), "1security") << "one slot of amy's is filled once";
    EXPECT_EQ(play.counted(), "slack:T0SIM/U0DAN:- amy:security");
    Away other{delegable({asks({{2, "security"}})})};
    other.approve("U0AMY");
    other.approve("U0DAN");
    EXPECT_EQ(other.why(), Why::not_eligible);
    EXPECT_THAT(other.said(), HasSubstr("in place of amy, who has voted themselves"));
}

TEST(Delegation, OnePersonFillsOneSlotForHoweverMany) {
    World world = amy_is_away();
    world.absences.push_back({slack("U0BEN"), start + 24h, slack("U0DAN")});
    Away play{delegable({asks({{2, "security"}})}), world};
    play.approve("U0DAN");
    EXPECT_EQ(play.missing(), "1security");
    World cat = amy_is_away("U0CAT");
    Away both{delegable({asks({{1, "security"}, {1, "dba"}})}), cat};
    both.approve("U0CAT");
    EXPECT_EQ(both.state(), State::pending) << "cat is dba, or stands in for amy";
    both.approve("U0BEN");
    EXPECT_EQ(both.state(), State::approved);
    EXPECT_EQ(both.counted(), "cat:dba ben:security");
}

TEST(Delegation, NeverInChains) {
    World world;
    world.absences = {{slack("U0AMY"), start + 24h, slack("U0CAT")},
                      {slack("U0CAT"), start + 24h, slack("U0DAN")}};
    Away play{delegable(), world};
    play.approve("U0DAN");
    EXPECT_EQ(play.why(), Why::not_eligible) << "dan stands in for cat, who is no security";
    play.approve("U0CAT");
    EXPECT_EQ(play.state(), State::approved);
}

TEST(Delegation, NeverForOrByWhoeverIsBehindTheRequestOrExcluded) {
    for (const char* behind : {"U0AMY", "U0DAN"}) {
        Away play{delegable(), amy_is_away(), request_of({slack(behind)})};
        play.approve("U0DAN");
        EXPECT_TRUE(play.why() == Why::not_eligible || play.why() == Why::self_approval) << behind;
        EXPECT_EQ(play.state(), State::pending);
    }
    Applied applied = delegable();
    applied.exclude = {{"", "labels.author"}};
    for (const char* author : {"amy", "slack:T0SIM/U0DAN"}) {
        Request request = request_of();
        request.labels = {{"author", author}};
        Away play{applied, amy_is_away(), request};
        play.approve("U0DAN");
        EXPECT_TRUE(play.why() == Why::not_eligible || play.why() == Why::excluded) << author;
        EXPECT_EQ(play.state(), State::pending);
    }
}

TEST(Delegation, WhoeverTurnsOutToBeBehindTheRequestIsStoodInForNoMore) {
    Away play{delegable({asks({{2, "reviewers"}})})};
    play.approve("U0DAN");
    EXPECT_EQ(play.missing(), "1reviewers");
    play.world.links.push_back({slack("U0RILEY"), PersonId{"amy"}});
    play.command(Rejudge{});
    EXPECT_EQ(play.missing(), "2reviewers");
    play.approve("U0BEN");
    EXPECT_EQ(play.state(), State::pending);
    play.approve("U0CAT");
    EXPECT_EQ(play.state(), State::approved);
}

TEST(Delegation, APersonOfThePolicyMayBeNamedByTheirName) {
    World world;
    world.absences = {{slack("U0AMY"), start + 24h, AccountId{"cat"}}};
    world.links.push_back({slack("U0DAN"), PersonId{"cat"}});
    Away play{delegable(), world};
    play.approve("U0DAN");
    EXPECT_EQ(play.why(), Why::not_eligible) << "by a link dan is cat, and a link gives no right";
    play.approve("U0CAT");
    EXPECT_EQ(play.state(), State::approved) << play.said();
}

TEST(Delegation, OnlyTheVeryAccountThatWasNamedAndOnlyForTheOneThatIsInTheGroup) {
    World world = amy_is_away();
    world.links.push_back({slack("U0CAT"), PersonId{"slack:T0SIM/U0DAN"}});
    Away play{delegable(), world};
    play.approve("U0CAT");
    EXPECT_EQ(play.why(), Why::not_eligible) << "a link gives no right";
    World gone = amy_is_away();
    gone.user("U0AMY", AccountClass::deleted);
    Away none{delegable(), gone};
    none.approve("U0DAN");
    EXPECT_EQ(none.why(), Why::not_eligible) << "whoever has left is not away";
}

TEST(Delegation, ItEndsWithTheAbsence) {
    Away play{delegable({asks({{2, "security"}})})};
    play.approve("U0DAN");
    play.world.absences.clear();
    play.approve("U0BEN");
    EXPECT_EQ(play.state(), State::pending) << "everybody is looked up again when it would be decided";
    EXPECT_EQ(play.missing(), "1security");
    play.approve("U0AMY");
    EXPECT_EQ(play.state(), State::approved);
}

TEST(Delegation, WhatIsKnownOfWhoeverIsAwayMustBeFreshWhereItCounts) {
    World world = amy_is_away();
    world.user("U0AMY", AccountClass::member, start - 6min);
    Away play{delegable(), world};
    play.approve("U0DAN");
    EXPECT_EQ(play.why(), Why::directory_stale);
    World own = amy_is_away("U0BEN");
    own.user("U0AMY", AccountClass::member, start - 6min);
    Away needless{delegable(), own};
    needless.approve("U0BEN");
    EXPECT_EQ(needless.state(), State::approved) << "ben has a slot of his own";
}

TEST(Delegation, WhoeverIsAskedMayDenyAndRead) {
    Applied applied = delegable();
    applied.visible_to = {{GroupId{"dba"}}};
    Away play{applied};
    EXPECT_EQ(reading_of(play.c, play.world.directory(), slack("U0DAN")), Reading::everything);
    play.cast("U0DAN", Verdict::deny, "no");
    EXPECT_EQ(play.state(), State::denied) << play.said();
}

}  // namespace
}  // namespace countersign::core::testing
