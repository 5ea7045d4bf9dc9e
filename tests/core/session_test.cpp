#include "countersign/core/session.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/card_words.hpp"

namespace countersign::core::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Part = CardSection::Part;

Applied grants_sessions(std::uint32_t uses = 2) {
    Applied applied = requires_of({asks({{1, "reviewers"}})});
    applied.session = SessionTerms{"parameters.minutes", 4h, uses};
    return applied;
}
Request query(Value parameters, std::string resource = "orders-eu") {
    Request request = request_of();
    request.action = "db.query";
    request.resource = std::move(resource);
    request.parameters = std::move(parameters);
    request.digest = digest_of(request);
    return request;
}
Request session_request(double minutes = 30) {
    return query(Value::object({{"minutes", minutes}, {"statement", "select *"}, {"limit", 10}}), "orders-*");
}
Request act(const char* statement = "select 1") {
    Request request = query(Value::object({{"statement", statement}, {"limit", 10}}));
    request.id = RequestId::mint(start, {});
    return request;
}

struct OpenSession : Play {
    explicit OpenSession(Applied applied = grants_sessions(), Request request = session_request())
        : Play(std::move(applied), std::move(request)) {
        approve("U0AMY");
    }
    const Step& use(Request wanted = act(), Applied asked = grants_sessions()) {
        return command(Use{std::move(wanted), std::move(asked)});
    }
    bool covered(const Request& wanted, const Applied& asked = grants_sessions()) const {
        return covers(c, wanted, asked);
    }
};

TEST(Sessions, ARequestAsksForOneOnlyWhereItsRulesGrantOneAndItSaysForHowLong) {
    EXPECT_EQ(session_of(session_request(), grants_sessions()), (Session{30min, 2}));
    EXPECT_EQ(session_of(session_request(1e15), grants_sessions()), (Session{4h, 2}));
    EXPECT_FALSE(session_of(session_request(0), grants_sessions()));
    EXPECT_FALSE(session_of(session_request(-5), grants_sessions()));
    EXPECT_FALSE(session_of(session_request(0.5), grants_sessions()));
    EXPECT_FALSE(session_of(act(), grants_sessions()));
    EXPECT_FALSE(session_of(session_request(), one_reviewer()));
}

TEST(Sessions, WhatFitsIsCoveredSoOftenAndNoMore) {
    OpenSession play;
    ASSERT_EQ(play.state(), State::approved);
    EXPECT_EQ(decide(play.c).grant_ends, start + 30min);
    play.use();
    EXPECT_FALSE(play.last.refusal) << play.said();
    EXPECT_EQ(uses_of(play.c), 1U);
    EXPECT_EQ(play.state(), State::approved);
    play.use(act("select 2"));
    EXPECT_EQ(play.state(), State::lapsed);
    play.use(act("select 3"));
    EXPECT_EQ(play.why(), Why::not_approved);
    EXPECT_EQ(uses_of(play.c), 2U);
}

TEST(Sessions, ItEndsWithItsTimeAndIsNeverClaimedItself) {
    OpenSession play;
    play.command(Claim{AccountId{"token:tok_ci"}, play.c.request->digest, {}});
    EXPECT_EQ(play.why(), Why::is_session);
    play.now = start + 30min;
    play.use();
    EXPECT_TRUE(play.last.refusal);
    EXPECT_EQ(play.state(), State::lapsed);
}

TEST(Sessions, NothingIsCoveredBeforeItIsApproved) {
    Play play{grants_sessions(), session_request()};
    play.command(Use{act(), grants_sessions()});
    EXPECT_EQ(play.why(), Why::not_approved);
}

TEST(Sessions, WhateverDoesNotFitWhatWasShownAsksAgain) {
    OpenSession play;
    EXPECT_TRUE(play.covered(act()));
    auto changed = [&](auto change) {
        Request wanted = act();
        change(wanted);
        return play.covered(wanted);
    };
    EXPECT_FALSE(play.covered(act("delete from orders")));
    EXPECT_FALSE(changed([](Request& r) { r.resource = "customers"; }));
    EXPECT_FALSE(changed([](Request& r) { r.resource.reset(); }));
    EXPECT_FALSE(changed([](Request& r) { r.action = "db.drop"; }));
    EXPECT_FALSE(changed([](Request& r) { r.environment = "staging"; }));
    EXPECT_FALSE(changed([](Request& r) { r.parameters->set("limit", 11); }));
    EXPECT_FALSE(changed([](Request& r) { r.parameters->set("limit", "10"); }));
    EXPECT_FALSE(changed([](Request& r) { r.parameters->set("also", true); }));
    EXPECT_FALSE(changed([](Request& r) { r.parameters->members()->erase("limit"); }));
    EXPECT_FALSE(changed([](Request& r) { r.parameters.reset(); }));
    EXPECT_FALSE(changed([](Request& r) { r.requester.account = AccountId{"token:tok_other"}; }));
    EXPECT_FALSE(changed([](Request& r) { r.requester.run = "162/1"; }));
    EXPECT_FALSE(changed([](Request& r) { r.requester.humans = {slack("U0DAN")}; }));
    EXPECT_FALSE(changed([](Request& r) { r.on_behalf_of.clear(); }));
    EXPECT_FALSE(play.covered(session_request()));  // another session is asked for like the first
}

TEST(Sessions, WhatTheRulesAskMoreForIsNotCovered) {
    OpenSession play;
    Applied more = grants_sessions();
    more.alternatives = {asks({{1, "reviewers"}, {1, "dba"}})};
    EXPECT_FALSE(play.covered(act(), more));
    EXPECT_FALSE(play.covered(act(), one_reviewer()));  // the rule grants sessions no longer
    Applied refused = grants_sessions();
    refused.kind = Applied::Kind::refuse;
    EXPECT_FALSE(play.covered(act(), refused));
    Applied excludes = grants_sessions();
    excludes.exclude = {{"", "parameters.authors[*]"}};
    EXPECT_FALSE(play.covered(act(), excludes));
    Applied signs_in = grants_sessions();
    signs_in.step_up = {StepUp{}};
    EXPECT_FALSE(play.covered(act(), signs_in));
    Applied says_why = grants_sessions();
    says_why.reason_required = true;
    EXPECT_FALSE(play.covered(act(), says_why));
    Applied types = grants_sessions();
    types.resource_typed = true;
    EXPECT_FALSE(play.covered(act(), types));
    play.use(act(), more);
    EXPECT_EQ(play.why(), Why::not_covered);
}

// The session's approvers counted under rules that let more people approve.
TEST(Sessions, WhoeverCouldOnlyApproveTheSessionApprovesNothingUnderIt) {
    Applied lax = grants_sessions();
    lax.unlinked_allowed = true;
    EXPECT_FALSE(OpenSession{lax}.covered(act()));
    EXPECT_TRUE(OpenSession{lax}.covered(act(), lax));
    Applied glass = grants_sessions();
    glass.self_approval = SelfApproval{};
    EXPECT_FALSE(OpenSession{glass}.covered(act()));
}

// By a label, which no pattern is held against, or by a parameter in which the session's request has a star.
TEST(Sessions, WhomARequestExcludesApprovedItInNoSession) {
    Applied by_label = grants_sessions();
    by_label.exclude = {{"", "labels.author"}};
    auto labelled = [](Request request, const char* author) {
        request.labels = {{"author", author}};
        return request;
    };
    OpenSession play{by_label, labelled(session_request(), "cat")};
    EXPECT_TRUE(play.covered(labelled(act(), "cat"), by_label));
    EXPECT_FALSE(play.covered(labelled(act(), "amy"), by_label));
    EXPECT_FALSE(play.covered(act(), by_label));
    Applied by_parameter = grants_sessions();
    by_parameter.exclude = {{"", "parameters.author"}};
    auto with_author = [](Value parameters, const char* author, const char* resource) {
        parameters.set("author", author);
        return query(std::move(parameters), resource);
    };
    OpenSession starred{by_parameter, with_author(Value::object({{"minutes", 30}}), "*", "orders-*")};
    EXPECT_FALSE(starred.covered(with_author(Value::object(), "amy", "orders-eu"), by_parameter));
}

TEST(Sessions, AnybodyEligibleRevokesItAndNobodyElse) {
    OpenSession play;
    play.cast("U0DAN", Verdict::revoke);
    EXPECT_EQ(play.why(), Why::not_eligible);
    play.cast("U0GUEST", Verdict::revoke);
    EXPECT_EQ(play.why(), Why::guest);
    EXPECT_EQ(play.state(), State::approved);
    EXPECT_THAT(card_buttons(view_of(play)), ElementsAre(CardButton::revoke, CardButton::details));
    play.cast("U0BEN", Verdict::revoke, "enough");
    EXPECT_EQ(play.state(), State::cancelled);
    EXPECT_EQ(state_text(view_of(play)), "Revoked");
    play.use();
    EXPECT_EQ(play.why(), Why::not_approved);
}

TEST(Sessions, WhoIsBehindItMayRevokeItToo) {
    OpenSession play;
    play.cast("U0RILEY", Verdict::revoke);
    EXPECT_EQ(play.state(), State::cancelled);
}

TEST(Sessions, AnOrdinaryApprovalCannotBeRevoked) {
    Play play{one_reviewer()};
    play.approve("U0AMY");
    play.cast("U0BEN", Verdict::revoke);
    EXPECT_EQ(play.why(), Why::not_a_session);
    EXPECT_EQ(play.state(), State::approved);
}

TEST(Sessions, AnApproverWhoIsGoneCoversNothingMore) {
    OpenSession play;
    play.world.user("U0AMY", AccountClass::deleted);
    play.use();
    EXPECT_EQ(play.why(), Why::not_covered);
}

TEST(Sessions, TheCardSaysThatNobodyHasSeenWhatIsApproved) {
    Play play{grants_sessions(20), session_request()};
    EXPECT_THAT(
        text_of(sections_of(play), Part::takes),
        HasSubstr("This approves what nobody has seen yet: for 30m from the approval on, up to 20 times"));
    play.approve("U0AMY");
    play.command(Use{act(), grants_sessions(20)});
    EXPECT_THAT(text_of(sections_of(play), Part::outcome), HasSubstr("Used 1 of 20 times"));
    EXPECT_EQ(thread_line(play.c, 2, play.world.directory(), Surface::slack).text,
              "Used 1 of 20 times, now for " + act().id.text() + ".");
}

}  // namespace
}  // namespace countersign::core::testing
