#include "on_call/answer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace countersign::on_call {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using OnCall = core::GroupRecord::OnCall;

const core::Instant noon = *core::parse_rfc3339("2026-01-05T12:00:00Z");
const OnCall policy{"PABC123", {}, 1};
const OnCall schedule{{}, "PXYZ789", 1};

std::string entry(std::string_view user, int level, std::string_view start = "null",
                  std::string_view end = "null", std::string_view of = "PABC123") {
    auto moment = [](std::string_view text) {
        return text == "null" ? std::string{text} : "\"" + std::string{text} + "\"";
    };
    return R"({"user":{"id":")" + std::string{user} + R"(","type":"user"},"escalation_policy":{"id":")" +
           std::string{of} + R"("},"schedule":{"id":"PXYZ789"},"escalation_level":)" + std::to_string(level) +
           R"(,"start":)" + moment(start) + R"(,"end":)" + moment(end) + "}";
}
std::string page(std::string_view entries, std::string_view more = "false") {
    return R"({"oncalls":[)" + std::string{entries} + R"(],"limit":100,"offset":0,"more":)" +
           std::string{more} + "}";
}
std::vector<std::string> users(const std::string& body, const OnCall& asked = policy) {
    auto read = read_page(body, asked, noon);
    EXPECT_TRUE(read) << (read ? "" : read.error().detail);
    return read ? read->users : std::vector<std::string>{"unread"};
}

TEST(OnCallAnswer, WhoeverIsOnCallNowAtTheLevelThatWasAskedFor) {
    EXPECT_THAT(users(page(entry("PU1", 1) + "," + entry("PU2", 2))), ElementsAre("PU1"));
    EXPECT_THAT(users(page(entry("PU1", 1) + "," + entry("PU2", 2)), {"PABC123", {}, 2}), ElementsAre("PU2"));
    EXPECT_THAT(users(page(entry("PU1", 1, "2026-01-05T00:00:00Z", "2026-01-05T12:00:00Z"))), IsEmpty())
        << "their turn ends at noon";
    EXPECT_THAT(users(page(entry("PU1", 1, "2026-01-05T12:00:00Z", "2026-01-06T12:00:00+01:00"))),
                ElementsAre("PU1"));
    EXPECT_THAT(users(page(entry("PU1", 1, "2026-01-05T12:00:01Z"))), IsEmpty()) << "it has not begun";
    EXPECT_THAT(users(page(entry("PU1", 1) + "," + entry("PU2", 3)), schedule), ElementsAre("PU1", "PU2"));
    EXPECT_THAT(users(page("")), IsEmpty());
}

TEST(OnCallAnswer, NobodyCountsByAnAnswerThatIsNotUnderstood) {
    for (const std::string& body :
         {std::string{}, std::string{"[]"}, std::string{"{}"}, std::string{"<html>"},
          std::string{R"({"oncalls":{}})"}, page("5"), page("{}"), page(entry("", 1)), page(entry("P U", 1)),
          page(entry("PU1", 1, "today")), page(entry("PU1", 1, "null", "never")),
          page(entry("PU1", 1) + R"(,{"user":null,"escalation_level":1})")}) {
        auto read = read_page(body, policy, noon);
        ASSERT_FALSE(read) << body;
        EXPECT_THAT(read.error().detail, HasSubstr("not understood")) << body;
    }
}

TEST(OnCallAnswer, NobodyCountsBySomethingThatWasNotAskedFor) {
    EXPECT_FALSE(read_page(page(entry("PU1", 1, "null", "null", "PELSE")), policy, noon));
    EXPECT_FALSE(read_page(page(entry("PU1", 1)), OnCall{{}, "PELSE", 1}, noon));
}

TEST(OnCallAnswer, AQuestionIsMadeOfItsKey) {
    for (const OnCall& asked : {policy, schedule, OnCall{"P1", {}, 20}})
        EXPECT_EQ(read_key(asked.key()), asked);
    for (const char* wrong : {"", "P1", "escalation_policy=P1", "escalation_policy=P1 level=x"})
        EXPECT_FALSE(read_key(wrong)) << wrong;
    EXPECT_EQ(question(policy, 100),
              "oncalls?escalation_policy_ids%5B%5D=PABC123&earliest=true&limit=100&offset=100");
    EXPECT_EQ(question(schedule, 0), "oncalls?schedule_ids%5B%5D=PXYZ789&earliest=true&limit=100&offset=0");
}

}  // namespace
}  // namespace countersign::on_call
