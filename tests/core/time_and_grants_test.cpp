#include <gtest/gtest.h>

#include <algorithm>

#include "core/world.hpp"
#include "countersign/core/advance.hpp"

// These tests prove what time alone does to a case, and what becomes of an approval's grant.
namespace countersign::core::testing {
namespace {

struct RemindedPlay : Play {
    explicit RemindedPlay(std::vector<Duration> remind, std::optional<Duration> escalate = {})
        : Play{[&] {
              Applied applied = prod_export();
              applied.remind = std::move(remind);
              if (escalate) applied.escalate = Escalation{*escalate, {{Surface::slack, {"#sre"}}}};
              return applied;
          }()} {}
    // Moves the clock, sends a Tick, and names what was appended.
    std::string at(Duration after) {
        now = start + after;
        command(Tick{});
        std::string kinds;
        for (const Entry& entry : last.appended)
            kinds += (kinds.empty() ? "" : " ") + std::string{kind_of(entry)};
        return kinds;
    }
    std::string due() const {
        auto at = due_at(c, decide(c));
        return at ? std::to_string(std::chrono::duration_cast<std::chrono::minutes>(*at - start).count())
                  : "-";
    }
};

TEST(Time, RemindersAndTheEscalationComeWhenTheyAreDueAndOnce) {
    RemindedPlay play{{10min, 20min}, 15min};
    EXPECT_EQ(play.due(), "10");
    EXPECT_EQ(play.at(10min - 1us), "");
    EXPECT_EQ(play.at(10min), "reminded");
    EXPECT_EQ(play.due(), "15");
    EXPECT_EQ(play.at(10min), "");
    EXPECT_EQ(play.at(15min), "escalated");
    EXPECT_EQ(play.due(), "20");
    EXPECT_EQ(play.at(21min), "reminded");
    EXPECT_EQ(play.due(), "60");
    EXPECT_EQ(play.at(59min), "");
    EXPECT_EQ(play.at(60min), "lapsed");
    EXPECT_EQ(play.c.version(), 5);
    EXPECT_EQ(play.state(), State::expired);
}

TEST(Time, RemindersMissedMeanwhileAreMadeUpForWithOne) {
    RemindedPlay play{{1min, 2min, 3min, 30min}, 2min};
    EXPECT_EQ(play.at(10min), "reminded escalated");
    EXPECT_EQ(play.due(), "30");
    EXPECT_EQ(play.at(11min), "");
}

TEST(Time, NobodyIsRemindedOfWhatIsOver) {
    RemindedPlay play{{10min}, 15min};
    play.cast("U0AMY", Verdict::deny, "no");
    EXPECT_EQ(play.due(), "-");
    EXPECT_EQ(play.at(15min), "");
    RemindedPlay late{{10min}, 15min};
    EXPECT_EQ(late.at(60min), "lapsed") << "the end comes first";
}

TEST(Time, ReminderAndEscalationChangeNoRuling) {
    RemindedPlay play{{1min}, 2min};
    play.approve("U0AMY");
    const Ruling before = decide(play.c);
    EXPECT_EQ(play.at(2min), "reminded escalated");
    EXPECT_EQ(decide(play.c), before);
    EXPECT_EQ(play.c.version(), 4);
    play.approve("U0CAT");
    play.approve("U0BEN");
    EXPECT_EQ(play.state(), State::approved);
}

TEST(Time, AHeldRequestIsRemindedOfToo) {
    RemindedPlay play{{10min}};
    play.cast("U0BEN", Verdict::hold, "wait");
    EXPECT_EQ(play.at(10min), "reminded");
}

TEST(Time, ACaseThatIsNearlyFullAsksNoMore) {
    RemindedPlay play{{10min}, 15min};
    play.c.entries.resize(case_entries_max - entries_reserved, Entry{Lapsed{}});
    std::fill(play.c.entries.begin() + 1, play.c.entries.end(), Entry{Reminded{start + 1min}});
    EXPECT_EQ(play.due(), "60");
    EXPECT_EQ(play.at(15min), "");
}

TEST(Time, NoEntryIsEarlierThanTheOneBefore) {
    Play play{prod_export()};
    play.now = start - 1min;
    play.approve("U0AMY");
    EXPECT_EQ(at_of(play.c.entries.back()), start);
}

TEST(Grants, AnApprovalIsClaimedOnceAndReportedOnce) {
    Play play{one_reviewer()};
    Claim claim{AccountId{"token:tok_ci"}, play.c.request->digest, "key1"};
    play.command(claim);
    EXPECT_EQ(play.why(), Why::not_approved);
    play.command(Report{claim.by, true, ""});
    EXPECT_EQ(play.why(), Why::not_claimed);
    play.approve("U0AMY");
    play.command(Claim{claim.by, "sha256:x", "key1"});
    EXPECT_EQ(play.why(), Why::digest_differs);
    play.command(claim);
    EXPECT_EQ(play.state(), State::claimed);
    play.command(claim);
    EXPECT_EQ(play.why(), std::nullopt);
    EXPECT_TRUE(play.last.appended.empty()) << "the same caller with the same key gets the same grant";
    play.command(Claim{claim.by, play.c.request->digest, "key2"});
    EXPECT_EQ(play.why(), Why::claimed);
    play.command(Claim{claim.by, play.c.request->digest, ""});
    EXPECT_EQ(play.why(), Why::claimed);
    play.command(Cancel{claim.by, {}, ""});
    EXPECT_EQ(play.why(), Why::claimed);
    play.now += grant_default;
    play.command(claim);
    EXPECT_EQ(play.why(), Why::claimed) << "the grant has ended";
    play.command(Report{claim.by, false, "disk full"});
    EXPECT_EQ(play.state(), State::failed);
    play.command(Report{claim.by, true, ""});
    EXPECT_EQ(play.why(), Why::reported);
}

TEST(Grants, WhatNobodyClaimsInTimeLapses) {
    Play play{one_reviewer()};
    play.approve("U0AMY");
    EXPECT_EQ(due_at(play.c, decide(play.c)), start + grant_default);
    play.now += grant_default;
    play.command(Claim{AccountId{"token:tok_ci"}, play.c.request->digest, ""});
    EXPECT_EQ(play.why(), Why::lapsed);
    EXPECT_EQ(play.state(), State::lapsed);
    EXPECT_EQ(decide(play.c).decided_at, start) << "when it left pending";
    EXPECT_EQ(due_at(play.c, decide(play.c)), std::nullopt);
}

}  // namespace
}  // namespace countersign::core::testing
