#include "countersign/core/quiet.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace countersign::core {
namespace {

Instant at(const char* text) {
    return *parse_rfc3339(text);
}
Zone zone(const std::string& name) {
    std::ifstream file{"/usr/share/zoneinfo/" + name, std::ios::binary};
    std::stringstream bytes;
    bytes << file.rdbuf();
    return Zone::parse(name, bytes.str()).value();
}

constexpr QuietHours night{22 * 60, 7 * 60};
constexpr QuietHours noon{12 * 60, 13 * 60 + 30};

TEST(QuietHours, TheyGoByTheClocksOfTheZoneAndPastMidnight) {
    const Zone vienna = zone("Europe/Vienna");  // an hour ahead in winter
    EXPECT_EQ(quiet_until(night, vienna, at("2026-01-02T20:59:59Z")), std::nullopt);
    EXPECT_EQ(quiet_until(night, vienna, at("2026-01-02T21:00:00Z")), at("2026-01-03T06:00:00Z"));
    EXPECT_EQ(quiet_until(night, vienna, at("2026-01-03T03:12:34.5Z")), at("2026-01-03T06:00:00Z"));
    EXPECT_EQ(quiet_until(night, vienna, at("2026-01-03T05:59:59.9Z")), at("2026-01-03T06:00:00Z"));
    EXPECT_EQ(quiet_until(night, vienna, at("2026-01-03T06:00:00Z")), std::nullopt);
    EXPECT_EQ(quiet_until(noon, vienna, at("2026-01-03T11:00:00Z")), at("2026-01-03T12:30:00Z"));
    EXPECT_EQ(quiet_until(noon, vienna, at("2026-01-03T12:30:00Z")), std::nullopt);
    EXPECT_EQ(quiet_until(night, zone("Asia/Kolkata"), at("2026-01-02T16:30:00Z")),
              at("2026-01-03T01:30:00Z"));
}

TEST(QuietHours, TheMorningIsTheMorningAlsoWhereTheClocksAreChangedInTheNight) {
    const Zone vienna = zone("Europe/Vienna");
    EXPECT_EQ(quiet_until(night, vienna, at("2026-03-28T22:00:00Z")), at("2026-03-29T05:00:00Z"));
    EXPECT_EQ(quiet_until(night, vienna, at("2026-10-24T22:00:00Z")), at("2026-10-25T06:00:00Z"));
}

TEST(QuietHours, ATimeOfDayIsWrittenWithFourDigits) {
    EXPECT_EQ(read_time_of_day("00:00"), 0);
    EXPECT_EQ(read_time_of_day("23:59"), 23 * 60 + 59);
    for (const char* wrong : {"", "7:00", "24:00", "12:60", "12-00", "12:0x", "12:000", " 2:00"})
        EXPECT_EQ(read_time_of_day(wrong), std::nullopt) << wrong;
}

}  // namespace
}  // namespace countersign::core
