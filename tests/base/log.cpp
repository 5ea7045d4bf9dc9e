#include "countersign/base/log.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>
#include <vector>

namespace countersign {
namespace {

TEST(Log, JsonLinesAreOneLineEachAndEscaped) {
    testing::internal::CaptureStderr();
    log::start(log::Level::info, log::Format::json);
    log::info("net", "say \"{}\" \\ {}", "hi\nthere", "\x1b[0m");
    log::debug("net", "not this one");
    log::stop();
    std::string out = testing::internal::GetCapturedStderr();
    EXPECT_NE(out.find(R"("level":"info","area":"net","message":"say \"hi\\nthere\" \\ \\u{1B}[0m"})"),
              std::string::npos)
        << out;
    EXPECT_EQ(out.find("not this one"), std::string::npos);
    EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 1);
}

TEST(Log, LinesOfManyThreadsAllArriveBeforeStopReturns) {
    testing::internal::CaptureStderr();
    log::start(log::Level::info, log::Format::text);
    {
        std::vector<std::jthread> threads;
        for (int t = 0; t < 4; ++t)
            threads.emplace_back([] {
                for (int i = 0; i < 100; ++i) log::warn("test", "line {}", i);
            });
    }
    log::stop();
    std::string out = testing::internal::GetCapturedStderr();
    EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 400);
}

TEST(Log, WritesAtOnceBeforeStart) {
    testing::internal::CaptureStderr();
    log::error("main", "cannot start: {}", 7);
    EXPECT_NE(testing::internal::GetCapturedStderr().find("main: cannot start: 7"), std::string::npos);
}

}  // namespace
}  // namespace countersign
