#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/card_words.hpp"
#include "countersign/core/groups.hpp"

// What a card says of what rules ask beside slots.
namespace countersign::core::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Part = CardSection::Part;

std::string takes(const Play& play) {
    return text_of(sections_of(play), Part::takes);
}
std::string in_full(const Play& play) {
    return text_of(full_view_sections(view_of(play)), Part::takes);
}
Slots first_dba_then_security() {
    return Slots{{{1, GroupId{"dba"}}, {1, GroupId{"security"}, {GroupId{"dba"}}}}};
}

TEST(CardTerms, ALaterStepIsNamedAsSuchAndItsPeopleAreNotCalledYet) {
    Applied applied = requires_of({first_dba_then_security()});
    applied.remind = {1min};
    Play play{applied};
    EXPECT_THAT(takes(play), HasSubstr("1 of dba: @cat\nthen 1 of security: @amy, @ben\n"));
    EXPECT_EQ(
        card_summary(play.c, decide(play.c)).detail,
        "pending, asked by ci, expires 2026-01-02 04:00 UTC, still needed: 1 of dba, then 1 of security");
    play.now += 1min;
    play.command(Tick{});
    const auto reminder = thread_line(play.c, 1, play.world.directory(), Surface::slack);
    EXPECT_EQ(reminder.text,
              "Reminder: this still needs 1 of dba and then 1 of security, and expires in 59m.");
    EXPECT_EQ(reminder.asks.size(), 1U);
    EXPECT_EQ(reminder.asks.front().name, "cat");
    play.approve("U0CAT");
    EXPECT_THAT(takes(play), HasSubstr("1 of security: @amy, @ben\n✓ dba: @cat\n"));
    EXPECT_EQ(recorded_sentence(Verdict::approve, play.c, decide(play.c)),
              "Your approval of #1042 is recorded. Still needed: 1 of security.");
}

TEST(CardTerms, AnEscalationThatAddsApproversIsSaidBeforeAndAfter) {
    Applied applied = requires_of({asks({{1, "dba"}})});
    applied.escalate = Escalation{10min, {{Surface::slack, {"#sre"}}}, GroupId{"security"}};
    applied.widening = Widening{20min, {GroupId{"security"}, GroupId{"reviewers"}}};
    Play play{applied};
    EXPECT_THAT(takes(play), HasSubstr("From 03:20 on also whoever is in security and reviewers\n"));
    auto tick = [&](Duration after) {
        play.now = start + after;
        play.command(Tick{});
        return thread_line(play.c, play.c.entries.size() - 1, play.world.directory(), Surface::slack).text;
    };
    EXPECT_EQ(tick(10min),
              "Escalated to #sre: nobody decided within 10m. It still needs 1 of dba, which only those named "
              "on the card can give, and expires in 50m.");
    EXPECT_EQ(tick(20min),
              "From now on whoever is in security and in reviewers can approve it, too. It still needs 1 of "
              "dba, and expires in 40m.");
    EXPECT_THAT(takes(play), HasSubstr("1 of dba: @amy, @ben, @cat\n"
                                       "Since 03:20 also whoever is in security and reviewers\n"));
}

TEST(CardTerms, AnApprovalFasterThanAnybodyReadsIsToldToTheNextVoter) {
    Play play{requires_of({asks({{2, "reviewers"}})})};
    auto approve_after = [&](std::string_view who, std::optional<Duration> after) {
        play.now += 1min;
        Cast cast{
            .account = slack(std::string(who)), .reason = {}, .via = Surface::slack, .shown_digest = {}};
        if (after) cast.card_since = play.now - *after;
        play.command(cast);
    };
    approve_after("U0BEN", 1'250ms);
    EXPECT_THAT(takes(play), HasSubstr("Look closely: @ben approved 1.2 s after the card was there.\n"));
    // Said anew by the same person, with time to read.
    play.command(
        Cast{.account = slack("U0BEN"), .verdict = Verdict::withdraw, .reason = {}, .shown_digest = {}});
    approve_after("U0BEN", 2'001ms);
    EXPECT_THAT(takes(play), Not(HasSubstr("Look closely")));
    // A chat whose clock runs ahead or behind tells no more than that the card is as old as its request.
    play.command(
        Cast{.account = slack("U0BEN"), .verdict = Verdict::withdraw, .reason = {}, .shown_digest = {}});
    approve_after("U0BEN", -5s);
    EXPECT_THAT(takes(play), HasSubstr("Look closely: @ben approved 0.0 s after"));
    play.command(
        Cast{.account = slack("U0BEN"), .verdict = Verdict::withdraw, .reason = {}, .shown_digest = {}});
    approve_after("U0BEN", 48h);
    EXPECT_EQ(after_card(play.c.entries.back()), play.now - start);
    play.command(
        Cast{.account = slack("U0BEN"), .verdict = Verdict::withdraw, .reason = {}, .shown_digest = {}});
    approve_after("U0BEN", std::nullopt);
    EXPECT_EQ(after_card(play.c.entries.back()), std::nullopt);
    EXPECT_THAT(takes(play), Not(HasSubstr("Look closely")));
}

TEST(CardTerms, WhoseApprovalDoesNotCountIsNamedAndNotMentioned) {
    Applied applied = requires_of({asks({{1, "reviewers"}})});
    applied.exclude = {{"", "parameters.authors[*]"}};
    Request request = request_of();
    request.parameters = Value::object({{"authors", Value::Array{"amy", "cat"}}});
    Play play{applied, request};
    EXPECT_THAT(takes(play), HasSubstr("1 of reviewers: @ben\n"));
    EXPECT_THAT(takes(play), HasSubstr("May not approve: @amy, @cat\n"));
    for (const Who& who : view_of(play).terms.excluded) EXPECT_FALSE(who.account) << who.name;
    play.approve("U0AMY");
    EXPECT_THAT(play.said(), HasSubstr("names you as somebody whose approval does not count"));
}

TEST(CardTerms, WhoTurnedOutToBeExcludedIsToldInTheThread) {
    Applied applied = requires_of({asks({{2, "reviewers"}})});
    applied.exclude = {{"", "parameters.authors[*]"}};
    Request request = request_of();
    request.parameters = Value::object({{"authors", Value::Array{"amy"}}});
    Play play{applied, request};
    play.approve("U0BEN");
    play.world.links.push_back({slack("U0BEN"), PersonId{"amy"}});
    play.command(Rejudge{});
    ASSERT_TRUE(has_thread_line(play.c.entries.back()));
    EXPECT_THAT(
        thread_line(play.c, play.c.entries.size() - 1, play.world.directory(), Surface::slack).text,
        HasSubstr("turned out to be somebody whom the request names: their approval no longer counts."));
}

TEST(CardTerms, WhenAnApprovalIsOfNoUseIsSaidBeforeAndAfterIt) {
    Applied applied = requires_of({asks({{1, "security"}})});
    applied.claim_after = 30min;
    applied.claim_closed = {{start - 2h, start - 1h},
                            {start + 40min, start + 50min},
                            {start + 60min, start + 70min},
                            {start + 80min, start + 85min},
                            {start + 30 * 24h, end_of_time}};
    Play play{applied};
    EXPECT_THAT(takes(play), HasSubstr("Can start 03:30 at the earliest, not from 03:40 to 03:50, nor from "
                                       "04:00 to 04:10\n"));
    EXPECT_THAT(in_full(play), HasSubstr("not from 03:40 to 03:50, nor from 04:00 to 04:10\n"));
    play.approve("U0AMY");
    ASSERT_EQ(play.state(), State::approved);
    EXPECT_THAT(text_of(sections_of(play), Part::outcome),
                HasSubstr("Not started yet; can be from 03:30 until 03:45, but not from 03:40 to 03:50\n"));
}

TEST(CardTerms, ManyClosedTimesAreCountedOnTheCardAndListedInDetails) {
    Applied applied = requires_of({asks({{1, "security"}})});
    for (int i = 1; i < 6; ++i) applied.claim_closed.push_back({start + i * 10min, start + i * 10min + 5min});
    Play play{applied};
    EXPECT_THAT(takes(play),
                HasSubstr("Cannot start from 03:10 to 03:15, nor from 03:20 to 03:25, nor 3 more times: "
                          "Details\n"));
    EXPECT_THAT(in_full(play), HasSubstr("nor from 03:50 to 03:55\n"));
}

TEST(CardTerms, AReasonThatEveryApprovalNeedsIsSaid) {
    Applied applied = requires_of({asks({{1, "security"}})});
    applied.reason_required = true;
    Play play{applied};
    EXPECT_THAT(takes(play), HasSubstr("The next approval decides. Each approval needs a reason.\n"));
    play.cast("U0AMY", Verdict::approve, "looked");
    EXPECT_THAT(text_of(sections_of(play), Part::outcome), Not(HasSubstr("reason")));
}

// ---- the thread

std::string line_of(const Play& play, std::size_t index) {
    auto said = thread_line(play.c, index, play.world.directory(), Surface::slack);
    std::string text = (said.who.name.empty() ? "" : said.who.name + " ") + said.text;
    if (!said.decision.empty()) text += " | " + said.decision;
    for (const Who& who : said.asks) text += " @" + who.name;
    return text;
}
Play proven(Applied applied) {
    Request request = request_of({slack("U0DAN")});
    request.requester.humans = {slack("U0RILEY")};
    return Play{std::move(applied), request};
}

TEST(ThreadOfADecision, MentionsWhoeverIsProvenToAskAndNobodyWhomTheyName) {
    Play play = proven(requires_of({asks({{1, "security"}, {1, "dba"}})}));
    play.cast("U0AMY", Verdict::approve, "looks right");
    EXPECT_EQ(line_of(play, 1), "amy approved for security: looks right");
    play.approve("U0CAT");
    EXPECT_EQ(line_of(play, 2), "cat approved for dba | Approved: the quorum is met. @riley");
    EXPECT_EQ(line_of(play, 1), "amy approved for security: looks right") << "it decided nothing";
}

TEST(ThreadOfADecision, SaysHowEachEndCame) {
    Play denied = proven(requires_of({asks({{1, "security"}})}));
    denied.cast("U0AMY", Verdict::deny, "no");
    EXPECT_EQ(line_of(denied, 1), "amy denied this request: no | Denied: one denial is enough. @riley");
    Play expired = proven(requires_of({asks({{1, "security"}})}));
    expired.now = expired.c.request->expires_at;
    expired.command(Tick{});
    EXPECT_EQ(line_of(expired, 1), "Nobody decided in time; the request has expired. @riley");
    Play released = proven(requires_of({asks({{1, "security"}})}));
    released.cast("U0BEN", Verdict::hold, "wait");
    released.approve("U0AMY");
    released.cast("U0BEN", Verdict::release);
    EXPECT_EQ(line_of(released, 3), "ben released the hold | Approved: the quorum is met. @riley");
    Play own = proven(requires_of({asks({{1, "security"}})}));
    own.command(Cancel{slack("U0RILEY"), {}, "not needed"});
    EXPECT_EQ(line_of(own, 1), "riley cancelled this request: not needed") << "they know";
}

TEST(ThreadOfADecision, TheStartAndTheOutcomeHaveTheirLines) {
    Play play = proven(requires_of({asks({{1, "security"}})}));
    play.approve("U0AMY");
    play.now += 1min;
    play.command(Claim{AccountId{"token:tok_ci"}, play.c.request->digest, ""});
    play.now += 3min + 12s;
    play.command(Report{AccountId{"token:tok_ci"}, false, "disk full"});
    EXPECT_EQ(line_of(play, 2), "ci claimed the approval and starts");
    EXPECT_EQ(line_of(play, 3), "ci reported failure after 3m 12s: disk full");
    Play unused = proven(requires_of({asks({{1, "security"}})}));
    unused.approve("U0AMY");
    unused.now += 1h;
    unused.command(Tick{});
    EXPECT_EQ(line_of(unused, 2), "Nobody claimed the approval in time; it has lapsed.");
}

}  // namespace
}  // namespace countersign::core::testing
