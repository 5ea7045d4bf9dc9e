#include "cli/top_page.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "countersign/base/text.hpp"
#include "countersign/wire/json.hpp"

namespace countersign::cli {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::HasSubstr;

constexpr std::string_view scraped = R"(# HELP countersign_pending_requests Requests
# TYPE countersign_pending_requests gauge
countersign_pending_requests 3
countersign_pending_age_seconds 125
countersign_chat_connections{chat="slack"} 2
countersign_chat_connections{chat="te\"ams"} 1
countersign_database_writable 1
countersign_acknowledge_seconds_count{chat="slack"} 100
countersign_acknowledge_seconds_bucket{chat="slack",le="0.01"} 50
countersign_acknowledge_seconds_bucket{chat="slack",le="0.02"} 90
countersign_acknowledge_seconds_bucket{chat="slack",le="+Inf"} 100
broken{
)";

core::Value requests(int count) {
    auto all = core::Value::array();
    for (int i = 0; i < count; ++i)
        all.push(core::Value::object({{"number", i + 1},
                                      {"action", i == 0 ? "bad\x1b[31m\naction" : "deploy.api"},
                                      {"expires_at", core::rfc3339(core::Instant{1h} - 1min * i)},
                                      {"requester", core::Value::object({{"name", "ci"}})},
                                      {"missing", core::Value::array()}}));
    return all;
}

TopView view(int pending) {
    TopView made{.url = "http://127.0.0.1:8480", .at = core::Instant{1min}};
    made.ready = core::Value::object({{"status", "ready"}});
    made.metrics.emplace(scraped);
    made.pending = requests(pending);
    return made;
}

TEST(Scrape, SamplesAreReadWithTheirLabels) {
    Scrape scrape{scraped};
    EXPECT_EQ(scrape.sum("countersign_pending_requests"), 3);
    EXPECT_EQ(scrape.sum("countersign_chat_connections"), 3);
    EXPECT_EQ(scrape.sum("countersign_chat_connections", "chat", "slack"), 2);
    EXPECT_EQ(scrape.by("countersign_chat_connections", "chat").at("te\"ams"), 1);
    EXPECT_EQ(scrape.sum("nothing"), 0);
}

TEST(Scrape, QuantilesLieWithinTheirBucket) {
    Scrape scrape{scraped};
    EXPECT_NEAR(scrape.quantile("countersign_acknowledge_seconds", 0.5, nullptr).value(), 0.01, 1e-9);
    EXPECT_NEAR(scrape.quantile("countersign_acknowledge_seconds", 0.7, nullptr).value(), 0.015, 1e-9);
    EXPECT_FALSE(scrape.quantile("countersign_acknowledge_seconds", 0.5, &scrape)) << "nothing since then";
    EXPECT_FALSE(scrape.quantile("nothing", 0.5, nullptr));
}

TEST(Top, WhatExpiresFirstStandsFirst) {
    auto lines = top_lines(view(2), {.columns = 200, .rows = 40});
    EXPECT_THAT(lines, Contains(HasSubstr("pending 3, the oldest for 2m 5s")));
    EXPECT_THAT(lines, Contains(HasSubstr("chat connections slack 2")));
    ASSERT_GE(lines.size(), 2U);
    EXPECT_THAT(lines[lines.size() - 2], testing::StartsWith("#2"));
    EXPECT_THAT(lines.back(), testing::StartsWith("#1"));
}

TEST(Top, NoLineIsWiderAndNoPageIsLongerThanTheTerminal) {
    for (std::size_t columns : {1U, 20U, 80U, 300U})
        for (std::size_t rows : {1U, 4U, 12U, 24U, 80U}) {
            auto lines = top_lines(view(50), {.columns = columns, .rows = rows});
            EXPECT_LE(lines.size(), std::max<std::size_t>(rows, 4));
            for (const auto& line : lines) EXPECT_LE(code_points(line), columns) << line;
        }
    EXPECT_THAT(top_lines(view(50), {.columns = 80, .rows = 24}).back(), HasSubstr("more"));
}

TEST(Top, WhatRequestsSayMovesNoCursor) {
    for (const auto& line : top_lines(view(1), {.columns = 200, .rows = 40}))
        EXPECT_EQ(line.find_first_of("\x1b\n\r"), line.npos) << line;
}

TEST(Top, AServerThatIsNotThereIsSaid) {
    TopView away{.url = "http://127.0.0.1:1", .at = core::Instant{1min}};
    away.trouble = "cannot reach it";
    auto lines = top_lines(away, {});
    EXPECT_THAT(lines.front(), HasSubstr("unreachable"));
    EXPECT_THAT(lines, Contains(HasSubstr("cannot reach it")));
}

}  // namespace
}  // namespace countersign::cli
