#include "countersign/core/review.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/card_words.hpp"
#include "countersign/core/match.hpp"

// These tests are about what happens after somebody approved what they had asked for.
namespace countersign::core::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using Part = CardSection::Part;

Applied break_glass(std::vector<const char*> by = {"security"}) {
    Applied applied = requires_of({asks({{1, "reviewers"}})});
    applied.self_approval = SelfApproval{{PersonId{"riley"}}, true};
    ReviewTerms& review = applied.self_approval->review.emplace(ReviewTerms{{}, 24h, {"a rule"}});
    for (const char* group : by) review.by.emplace_back(group);
    return applied;
}

struct BrokenGlass : Play {
    explicit BrokenGlass(Applied applied = break_glass(), World in = {})
        : Play(std::move(applied), request_of(), std::move(in)) {
        own();
    }
    const Step& own(std::vector<std::int64_t> overdue = {}) {
        Cast cast{slack("U0RILEY"), Verdict::approve, "site is down", Surface::slack, c.request->digest};
        cast.overdue_reviews = std::move(overdue);
        return command(cast);
    }
    const Step& review(const std::string& user, std::string found = "the pager log agrees") {
        return cast(user, Verdict::review, std::move(found));
    }
    void later(Duration after) {
        now += after;
        world.read_at = now;
        World fresh;
        world.workspace = fresh.workspace;
        for (const char* id : {"U0RILEY", "U0AMY", "U0BEN", "U0CAT", "U0DAN"})
            world.user(id, AccountClass::member);
        world.user("U0GUEST", AccountClass::guest);
        world.usergroup("S0SEC", {"U0AMY", "U0BEN"});
    }
    Ruling ruling() const { return decide(c); }
    CardView view() const { return card(c, ruling(), world.directory(), Surface::slack); }
};

TEST(Reviews, AnApprovalOfOnesOwnRequestIsReviewedByOthersWithinTheTimeTheRuleGives) {
    BrokenGlass play;
    ASSERT_EQ(play.state(), State::approved);
    ASSERT_TRUE(play.ruling().review);
    EXPECT_THAT(play.ruling().review->missing, ElementsAre(GroupId{"security"}));
    EXPECT_EQ(play.ruling().review->due, start + 24h);
    EXPECT_FALSE(ended(play.ruling()));
    play.later(20h);
    play.command(Tick{});
    ASSERT_EQ(play.state(), State::lapsed);
    EXPECT_FALSE(ended(play.ruling())) << "a review may follow the end";
    play.review("U0AMY");
    ASSERT_FALSE(play.last.refusal) << play.said();
    EXPECT_EQ(play.state(), State::lapsed) << "a review changes no state";
    EXPECT_TRUE(ended(play.ruling()));
    ASSERT_EQ(play.ruling().review->given.size(), 1U);
    EXPECT_EQ(play.ruling().review->given[0].person, PersonId{"amy"});
    EXPECT_EQ(play.ruling().review->given[0].reason, "the pager log agrees");
    play.review("U0BEN");
    EXPECT_EQ(play.why(), Why::nothing_to_review);
    EXPECT_THAT(play.said(), HasSubstr("already reviewed by amy"));
}

TEST(Reviews, NothingIsReviewedWhereNobodyBehindTheRequestWasNeeded) {
    Play play{break_glass()};
    play.cast("U0AMY", Verdict::review, "early");
    EXPECT_EQ(play.why(), Why::nothing_to_review);
    EXPECT_THAT(play.said(), HasSubstr("nothing to review yet"));
    play.approve("U0BEN");
    ASSERT_EQ(play.state(), State::approved);
    EXPECT_FALSE(decide(play.c).review);
    play.cast("U0AMY", Verdict::review, "late");
    EXPECT_EQ(play.why(), Why::nothing_to_review);

    BrokenGlass without{[] {
        Applied applied = break_glass();
        applied.self_approval->review.reset();
        return applied;
    }()};
    EXPECT_EQ(without.state(), State::approved);
    EXPECT_FALSE(without.ruling().review);
}

TEST(Reviews, OnlySomebodyOfTheGroupWhoIsNotBehindTheRequestReviewsIt) {
    World world;
    world.usergroup("S0SEC", {"U0AMY", "U0BEN", "U0RILEY", "U0GUEST"});
    BrokenGlass play{break_glass(), world};
    play.review("U0RILEY");
    EXPECT_EQ(play.why(), Why::self_approval);
    play.review("U0CAT");
    EXPECT_EQ(play.why(), Why::not_eligible);
    EXPECT_THAT(play.said(), HasSubstr("Only members of security"));
    play.review("U0GUEST");
    EXPECT_EQ(play.why(), Why::guest);
    play.review("U0AMY", " ");
    EXPECT_EQ(play.why(), Why::reason_required);
    play.command(Cast{slack("U0AMY"), Verdict::review, "fine", Surface::slack, "sha256:other"});
    EXPECT_EQ(play.why(), Why::digest_differs);
    EXPECT_TRUE(could_review(play.c, play.ruling(), play.world.directory(), slack("U0AMY")));
    EXPECT_FALSE(could_review(play.c, play.ruling(), play.world.directory(), slack("U0RILEY")));
    EXPECT_FALSE(could_review(play.c, play.ruling(), play.world.directory(), slack("U0CAT")));
    const auto all = reviewers(play.c, play.ruling(), play.world.directory());
    ASSERT_EQ(all.size(), 1U);
    EXPECT_THAT(all[0].people, ::testing::IsSupersetOf({PersonId{"amy"}, PersonId{"ben"}}));
    EXPECT_THAT(all[0].people, Not(::testing::Contains(PersonId{"riley"})));
    play.now += 10min;
    play.review("U0AMY");
    EXPECT_EQ(play.why(), Why::directory_stale) << "what is known of amy is older than it may be";
}

// A recorded review that should not be there means nothing.
TEST(Reviews, AReviewByWhoeverIsBehindTheRequestCountsForNothing) {
    BrokenGlass play;
    Standing riley = standing(play.c, play.world.directory(), slack("U0RILEY"));
    riley.groups.emplace_back("security");
    play.c.entries.emplace_back(Reviewed{play.now, riley, "all good", Surface::slack});
    EXPECT_TRUE(play.ruling().review->open());
}

TEST(Reviews, EachRulesGroupReviewsWithinTheShortestTime) {
    World world;
    auto rule = [](const char* name, const char* by, Duration within) {
        Rule made;
        made.name = name;
        made.require = Requirement{CountOf{1, GroupId{"reviewers"}, {}}};
        made.self_approval = SelfApproval{{PersonId{"riley"}}, true};
        made.self_approval->review = ReviewTerms{{GroupId{by}}, within};
        return made;
    };
    world.policy.rules = {rule("night", "security", 24h), rule("exports", "dba", 8h)};
    auto applied = match(world.directory(), request_of(), std::nullopt, start);
    ASSERT_TRUE(applied);
    ASSERT_TRUE(applied->self_approval && applied->self_approval->review);
    EXPECT_EQ(*applied->self_approval->review,
              (ReviewTerms{{GroupId{"security"}, GroupId{"dba"}}, 8h, {"night", "exports"}}));
    BrokenGlass play{*applied};
    play.review("U0CAT");
    ASSERT_FALSE(play.last.refusal) << play.said();
    EXPECT_TRUE(play.ruling().review->open());
    EXPECT_THAT(recorded_sentence(Verdict::review, play.c, play.ruling()),
                HasSubstr("Somebody of security has to review it as well"));
    play.review("U0CAT");
    EXPECT_EQ(play.why(), Why::not_eligible);
    play.review("U0BEN");
    EXPECT_FALSE(play.ruling().review->open());
}

TEST(Reviews, TheEndOfTheTimeIsRecordedOnceAndAReviewMayStillCome) {
    BrokenGlass play;
    EXPECT_EQ(due_at(play.c, play.ruling()), start + 15min) << "the grant's end comes first";
    play.command(Claim{AccountId{"token:tok_ci"}, play.c.request->digest, ""});
    play.command(Report{AccountId{"token:tok_ci"}, true, ""});
    ASSERT_EQ(play.state(), State::succeeded);
    EXPECT_EQ(due_at(play.c, play.ruling()), start + 24h);
    play.later(24h);
    play.command(Tick{});
    ASSERT_EQ(play.last.appended.size(), 1U);
    EXPECT_TRUE(std::holds_alternative<ReviewOverdue>(play.last.appended[0]));
    EXPECT_TRUE(play.ruling().review->overdue);
    EXPECT_EQ(due_at(play.c, play.ruling()), std::nullopt);
    play.command(Tick{});
    EXPECT_TRUE(play.last.appended.empty());
    play.review("U0BEN");
    EXPECT_FALSE(play.last.refusal) << play.said();
    EXPECT_FALSE(play.ruling().review->open());
}

TEST(Reviews, WhatWasNotReviewedInTimeBlocksTheNextUseOfTheRule) {
    Play next{break_glass()};
    Cast cast{slack("U0RILEY"), Verdict::approve, "down again", Surface::slack, next.c.request->digest};
    next.command(cast);
    EXPECT_EQ(next.why(), Why::reviews_unknown) << "it is not known that there are none";
    cast.overdue_reviews = {1041, 1038};
    next.command(cast);
    EXPECT_EQ(next.why(), Why::reviews_overdue);
    EXPECT_THAT(next.said(), HasSubstr("#1041, #1038"));
    EXPECT_THAT(next.said(), HasSubstr("/approvals review 1041"));
    EXPECT_EQ(next.state(), State::pending);
    next.approve("U0AMY");
    EXPECT_EQ(next.state(), State::approved) << "others approve as ever";

    BrokenGlass unreviewed;
    EXPECT_TRUE(blocks(unreviewed.c, break_glass()));
    Applied other = break_glass();
    other.self_approval->review->rules = {"another rule"};
    EXPECT_FALSE(blocks(unreviewed.c, other));
    other.self_approval->review.reset();
    EXPECT_FALSE(blocks(unreviewed.c, other));
}

TEST(Reviews, TheCardSaysWhoHasToReviewItUntilWhenAndWhatWasFound) {
    BrokenGlass play;
    EXPECT_THAT(text_of(sections_of(play), Part::outcome),
                HasSubstr("To be reviewed by somebody of security: @amy, @ben, until"));
    EXPECT_THAT(card_buttons(play.view()), ElementsAre(CardButton::review, CardButton::details));
    auto line = thread_line(play.c, 1, play.world.directory(), Surface::slack);
    EXPECT_THAT(line.decision, HasSubstr("Somebody of security has to review it within 1d"));
    ASSERT_EQ(line.asks.size(), 2U);
    EXPECT_EQ(line.asks[0].name, "amy");
    play.later(25h);
    play.command(Tick{});
    EXPECT_THAT(text_of(sections_of(play), Part::outcome), HasSubstr("Review overdue"));
    line = thread_line(play.c, play.c.entries.size() - 1, play.world.directory(), Surface::slack);
    EXPECT_THAT(line.text, HasSubstr("Nobody of security has reviewed in time"));
    EXPECT_EQ(line.asks.size(), 2U);
    EXPECT_THAT(card_summary(play.c, play.ruling()).detail, HasSubstr("to be reviewed by security until"));
    play.review("U0AMY");
    EXPECT_THAT(text_of(sections_of(play), Part::outcome),
                HasSubstr("Reviewed by @amy (security): “the pager log agrees”"));
    EXPECT_TRUE(card_buttons(play.view()).empty());
    line = thread_line(play.c, play.c.entries.size() - 1, play.world.directory(), Surface::slack);
    EXPECT_EQ(thread_line_text(line),
              "amy reviewed that this was approved by who asked: the pager log agrees");
}

}  // namespace
}  // namespace countersign::core::testing
