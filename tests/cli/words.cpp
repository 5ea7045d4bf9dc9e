#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/console.hpp"
#include "cli/outcome.hpp"
#include "countersign/wire/json.hpp"

namespace countersign::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

core::Value document(std::string_view text) {
    auto value = wire::parse_json(text, {.bytes_max = 100'000});
    EXPECT_TRUE(value) << text;
    return value ? *value : core::Value{};
}

core::Value pending() {
    return document(R"({"number":1042,"action":"db.export","environment":"production","state":"pending",
        "expires_at":"2026-01-01T00:30:00Z","held":null,"missing":[
        {"group":"security","count":2,"could_approve":["amy","ben"]},
        {"group":"dba","count":1,"could_approve":[]}]})");
}

TEST(Words, TheWaitingLineSaysWhoIsMissingAndTheTimeLeft) {
    core::Instant now = *core::parse_rfc3339("2026-01-01T00:10:30Z");
    EXPECT_EQ(
        waiting_line(pending(), now),
        "#1042 db.export in production, 19m 30s left: waiting for 2 of security (amy, ben) and 1 of dba "
        "(nobody can at the moment)");
    EXPECT_THAT(waiting_line(pending(), now + std::chrono::hours{1}), HasSubstr("time is up"));
}

TEST(Words, AHoldIsTold) {
    auto request = pending();
    request.set("held", core::Value::object({{"person", "ben"}, {"reason", "which rows?"}}));
    EXPECT_THAT(waiting_line(request, {}), HasSubstr("held by ben: which rows?"));
}

TEST(Words, AlternativesAreJoinedWithOr) {
    auto request = document(R"({"missing":{"any":[[{"group":"a","count":1,"could_approve":["x"]}],
        [{"group":"b","count":2,"could_approve":["y","z"]}]]}})");
    EXPECT_EQ(missing_text(request), "1 of a (x), or 2 of b (y, z)");
}

TEST(Words, ADecisionSaysWhoAndWhy) {
    auto denied = document(R"({"number":1,"action":"a","state":"denied","reason":"too many rows",
        "votes":[{"person":"amy","verdict":"deny"},{"person":"ben","verdict":"approve"}]})");
    EXPECT_EQ(decision_line(denied), "#1 a was denied by amy: too many rows");
    auto approved = document(R"({"number":1,"action":"a","state":"approved","reason":null,
        "votes":[{"person":"amy","verdict":"approve"},{"person":"cat","verdict":"approve"}]})");
    EXPECT_EQ(decision_line(approved), "#1 a was approved by amy and cat");
    auto allowed = document(R"({"number":1,"action":"a","state":"approved","votes":[]})");
    EXPECT_EQ(decision_line(allowed), "#1 a was approved by policy");
}

TEST(Words, NobodysTextReachesATerminalRaw) {
    auto request = pending();
    request.set("environment", "\x1b[2Jprod\r\n\xe2\x80\xae");
    std::string line = waiting_line(request, {});
    EXPECT_THAT(line, Not(HasSubstr("\x1b")));
    EXPECT_THAT(line, Not(HasSubstr("\r")));
    EXPECT_THAT(line, Not(HasSubstr("\xe2\x80\xae")));
}

TEST(Words, TheChannelsInWhichPeopleAreAskedAreNamed) {
    auto request =
        document(R"({"cards":[{"chat":"slack","channel":"#a\n"},{"chat":"teams","channel":"19:x"}]})");
    EXPECT_EQ(channels_text(request), "#a\\n and 19:x");
    EXPECT_EQ(channels_text(pending()), "");
    EXPECT_EQ(unannounced_text(pending()), "");
    core::Value nowhere =
        core::Value::object({{"channel", "#a\n"}, {"chat", "slack"}, {"problem", "no such channel"}});
    request.set("unannounced", core::Value::array()).set("number", 9);
    EXPECT_EQ(unannounced_text(request), "");
    request.set("unannounced", core::Value::Array{nowhere});
    EXPECT_EQ(unannounced_text(request),
              "nobody is asked yet, because no chat shows #9: #a\\n: no such channel");
}

TEST(Words, TimesForPeopleHaveNoFractions) {
    EXPECT_EQ(time_text("2026-01-01T00:30:00.678901Z"), "2026-01-01T00:30:00Z");
    EXPECT_EQ(time_text("2026-01-01T00:30:00Z"), "2026-01-01T00:30:00Z");
    EXPECT_EQ(time_text("soon\n"), "soon\\n");
}

TEST(Words, EachStateHasItsExitCode) {
    EXPECT_EQ(exit_of_state("approved"), 0);
    EXPECT_EQ(exit_of_state("claimed"), 0);
    EXPECT_EQ(exit_of_state("succeeded"), 0);
    EXPECT_EQ(exit_of_state("failed"), 0);
    EXPECT_EQ(exit_of_state("denied"), 10);
    EXPECT_EQ(exit_of_state("refused"), 11);
    EXPECT_EQ(exit_of_state("expired"), 12);
    EXPECT_EQ(exit_of_state("lapsed"), 12);
    EXPECT_EQ(exit_of_state("cancelled"), 13);
}

TEST(Words, OnlyWhatAnotherAttemptMightMendIsUnreachable) {
    for (Trouble trouble : {Trouble::unavailable, Trouble::overloaded, Trouble::timed_out}) {
        EXPECT_EQ(exit_of(Failure{trouble, "", "", ""}), 20);
    }
    for (Trouble trouble : {Trouble::invalid_input, Trouble::unauthenticated, Trouble::forbidden,
                            Trouble::not_found, Trouble::conflict, Trouble::too_large}) {
        EXPECT_EQ(exit_of(Failure{trouble, "", "", ""}), 2);
    }
}

}  // namespace
}  // namespace countersign::cli
