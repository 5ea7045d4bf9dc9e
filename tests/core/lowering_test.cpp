#include "countersign/core/lowering.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/card_words.hpp"
#include "countersign/core/match.hpp"

namespace countersign::core::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Part = CardSection::Part;

Request with(Value parameters) {
    Request request = request_of();
    request.parameters = std::move(parameters);
    request.digest = digest_of(request);
    return request;
}
Request export_of_rows(double rows) {
    return with(Value::object({{"rows", rows}, {"to", "s3://x"}, {"batch", Value::Array{Value{8.5}}}}));
}
Applied lowers(std::vector<std::string> fields = {"parameters.rows", "parameters.batch[0]"}) {
    Applied applied = requires_of({asks({{2, "reviewers"}})});
    applied.lower = std::move(fields);
    return applied;
}

const RequestId successor = RequestId::mint(start, {});

Cast lowering(const Play& play, const char* user, std::vector<Lowered> numbers) {
    Cast cast{slack(user), Verdict::lower, "fewer", Surface::slack, play.c.request->digest};
    cast.numbers = std::move(numbers);
    cast.into = successor;
    return cast;
}

TEST(Lowering, OnlyNumbersThatTheRulesListAndThatAreThereCanBeLowered) {
    EXPECT_THAT(lowerable(export_of_rows(50'000), lowers()),
                ElementsAre(Lowerable{"parameters.rows", 50'000}, Lowerable{"parameters.batch[0]", 8.5}));
    EXPECT_THAT(
        lowerable(export_of_rows(50'000), lowers({"parameters.to", "parameters.none", "parameters.batch"})),
        IsEmpty());
    EXPECT_THAT(lowerable(export_of_rows(0), lowers({"parameters.rows"})), IsEmpty());
    EXPECT_THAT(lowerable(request_of(), lowers()), IsEmpty());
    auto hidden =
        with(Value::object({{"rows", 5}, {"key", Value::object({{"$commit", std::string(64, 'a')}})}}));
    EXPECT_THAT(lowerable(hidden, lowers()), IsEmpty());
    Applied allowed;
    allowed.kind = Applied::Kind::allow;
    allowed.lower = {"parameters.rows"};
    EXPECT_THAT(lowerable(export_of_rows(5), allowed), IsEmpty());
}

TEST(Lowering, WhatComesOutIsTheRequestWithLowerNumbersAndItsOwnDigest) {
    const Request before = export_of_rows(50'000);
    auto less = lowered(before, lowers(), std::vector<Lowered>{{"parameters.rows", 1'000}});
    ASSERT_TRUE(less);
    EXPECT_EQ(less->digest, export_of_rows(1'000).digest);
    EXPECT_EQ(*less->parameters, *export_of_rows(1'000).parameters);
    EXPECT_EQ(lowered_text(before, *less, lowers()), "rows 1000 instead of 50000");
}

TEST(Lowering, NothingButALowerNumberAboveZeroIsTaken) {
    const Request before = export_of_rows(50'000);
    auto says = [&](std::vector<Lowered> numbers) {
        auto less = lowered(before, lowers(), numbers);
        return less ? "" : less.error().detail;
    };
    EXPECT_THAT(says({{"parameters.rows", 50'000}}), HasSubstr("less than 50000"));
    EXPECT_THAT(says({{"parameters.rows", 50'001}}), HasSubstr("less than 50000"));
    EXPECT_THAT(says({{"parameters.rows", 0}}), HasSubstr("above 0"));
    EXPECT_THAT(says({{"parameters.rows", -1}}), HasSubstr("above 0"));
    EXPECT_THAT(says({{"parameters.rows", 0.5}}), HasSubstr("whole number"));
    EXPECT_EQ(says({{"parameters.batch[0]", 0.5}}), "");
    EXPECT_THAT(says({{"parameters.rows", std::nan("")}}), HasSubstr("less than"));
    EXPECT_THAT(says({{"parameters.to", 1}}), HasSubstr("cannot be lowered here"));
    EXPECT_THAT(says({{"parameters.rows", 1}, {"parameters.rows", 2}}), HasSubstr("given twice"));
    EXPECT_THAT(says({}), HasSubstr("Say what to lower"));
}

TEST(Lowering, WhoeverCouldApproveEndsTheRequestAndNamesItsSuccessor) {
    Play play{lowers(), export_of_rows(50'000)};
    play.approve("U0CAT");
    play.command(lowering(play, "U0AMY", {{"parameters.rows", 1'000}}));
    ASSERT_FALSE(play.last.refusal) << play.said();
    EXPECT_EQ(play.state(), State::cancelled);
    const auto& ended = std::get<Cancelled>(play.c.entries.back());
    ASSERT_TRUE(ended.narrowed);
    EXPECT_EQ(ended.narrowed->into, successor);
    EXPECT_EQ(ended.narrowed->digest, export_of_rows(1'000).digest);
    EXPECT_EQ(state_text(view_of(play)), "Lowered");
    EXPECT_THAT(text_of(sections_of(play), Part::outcome), HasSubstr("Lowered: rows 1000 instead of 50000"));
    EXPECT_EQ(thread_line(play.c, play.c.entries.size() - 1, play.world.directory(), Surface::slack).text,
              "lowered what is asked for (rows 1000 instead of 50000); a new request takes the place of this "
              "one: fewer");
    play.command(lowering(play, "U0BEN", {{"parameters.rows", 10}}));
    EXPECT_EQ(play.why(), Why::decided);
}

TEST(Lowering, WhoMayNotApproveMayNotLower) {
    Play play{lowers(), export_of_rows(50'000)};
    auto refused = [&](const char* user) {
        play.command(lowering(play, user, {{"parameters.rows", 1'000}}));
        return play.why();
    };
    EXPECT_EQ(refused("U0RILEY"), Why::self_approval);
    EXPECT_EQ(refused("U0DAN"), Why::not_eligible);
    EXPECT_EQ(refused("U0GUEST"), Why::guest);
    auto other = lowering(play, "U0AMY", {{"parameters.rows", 1'000}});
    other.shown_digest = "sha256:other";
    play.command(other);
    EXPECT_EQ(play.why(), Why::digest_differs);
    EXPECT_EQ(play.state(), State::pending);
    Play plain{lowers({}), export_of_rows(50'000)};
    plain.command(lowering(plain, "U0AMY", {{"parameters.rows", 1'000}}));
    EXPECT_EQ(plain.why(), Why::not_lowerable);
}

TEST(Lowering, AHoldIsNotEscapedByLowering) {
    Play play{lowers(), export_of_rows(50'000)};
    play.cast("U0CAT", Verdict::hold, "what is this?");
    play.command(lowering(play, "U0AMY", {{"parameters.rows", 1'000}}));
    EXPECT_EQ(play.why(), Why::already_held);
    EXPECT_EQ(play.state(), State::pending);
}

TEST(Lowering, ItIsOfferedWhereItCanBeDone) {
    Play play{lowers(), export_of_rows(50'000)};
    EXPECT_THAT(card_buttons(view_of(play)),
                ElementsAre(CardButton::approve, CardButton::deny, CardButton::lower, CardButton::hold,
                            CardButton::details));
    play.cast("U0CAT", Verdict::hold, "wait");
    EXPECT_THAT(card_buttons(view_of(play)),
                ElementsAre(CardButton::approve, CardButton::deny, CardButton::release, CardButton::details));
    Play plain{lowers({}), export_of_rows(50'000)};
    EXPECT_THAT(card_buttons(view_of(plain)),
                ElementsAre(CardButton::approve, CardButton::deny, CardButton::hold, CardButton::details));
}

TEST(Lowering, EveryRuleThatAsksHasToLetIt) {
    World world;
    auto rule = [&](const char* name, std::vector<std::string> fields) {
        Rule made;
        made.name = name;
        made.when = {AllOf{}};
        made.require = Requirement{CountOf{1, GroupId{"reviewers"}}};
        made.lower = std::move(fields);
        world.policy.rules.push_back(std::move(made));
    };
    rule("a", {"parameters.rows", "parameters.limit"});
    auto matched = [&] { return match(world.directory(), export_of_rows(9), std::nullopt, start)->lower; };
    EXPECT_THAT(matched(), ElementsAre("parameters.rows", "parameters.limit"));
    rule("b", {"parameters.rows"});
    EXPECT_THAT(matched(), ElementsAre("parameters.rows"));
    rule("c", {});
    EXPECT_THAT(matched(), IsEmpty());
}

}  // namespace
}  // namespace countersign::core::testing
