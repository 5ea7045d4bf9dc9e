#include "countersign/core/zone.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace countersign::core {
namespace {

Instant at(const char* text) {
    return *parse_rfc3339(text);
}

using Clock = std::pair<int, int>;  // hour and weekday
Clock clock(const LocalTime& time) {
    return {time.hour, time.weekday};
}

// Makes a file with these changes of offset, all of the second type, and this rule for later times.
std::string file(std::vector<std::int64_t> changes_s, const std::string& footer, char version = '2') {
    auto big_endian = [](std::int64_t n, int bytes) {
        std::string text;
        for (int i = bytes - 1; i >= 0; --i)
            text += static_cast<char>(static_cast<std::uint64_t>(n) >> (8 * i) & 0xFFU);
        return text;
    };
    auto header = [&](std::size_t times, std::size_t types) {
        return std::string{"TZif"} + version + std::string(15, '\0') + big_endian(0, 4) + big_endian(0, 4) +
               big_endian(0, 4) + big_endian(static_cast<std::int64_t>(times), 4) +
               big_endian(static_cast<std::int64_t>(types), 4) + big_endian(4, 4);
    };
    const std::string type = big_endian(0, 4) + std::string(2, '\0');
    std::string text = header(0, 1) + type + std::string(4, 'x');
    text += header(changes_s.size(), 2);
    for (std::int64_t change : changes_s) text += big_endian(change, 8);
    text += std::string(changes_s.size(), '\1') + type + big_endian(3'600, 4) + std::string(2, '\0');
    return text + std::string(4, 'x') + "\n" + footer + "\n";
}

TEST(Zone, AMomentHasItsDateAndMinuteInTheZone) {
    const LocalTime time = utc_time(at("2024-02-29T23:59:59.999999Z"));
    EXPECT_EQ(time.date, std::chrono::year{2024} / 2 / 29);
    EXPECT_EQ(time.minute, 59);
    auto zone = Zone::parse("X", file({}, "<+0545>-5:45"));
    ASSERT_TRUE(zone);
    EXPECT_EQ(zone->local(at("2024-02-29T23:59:59Z")),
              (LocalTime{5, 5, 44, std::chrono::year{2024} / 3 / 1}));
}

TEST(Zone, UtcCountsWeekdaysFromMonday) {
    EXPECT_EQ(clock(utc_time(at("2026-11-25T13:59:59.999999Z"))), (Clock{13, 3}));
    EXPECT_EQ(clock(utc_time(at("2026-11-29T00:00:00Z"))), (Clock{0, 7}));
    EXPECT_EQ(clock(utc_time(at("2026-11-30T23:00:00Z"))), (Clock{23, 1}));
    EXPECT_EQ(clock(utc_time(at("1969-12-31T23:30:00Z"))), (Clock{23, 3}));
}

TEST(Zone, TheTableHoldsUntilItEndsAndTheRuleAfterwards) {
    auto zone = Zone::parse("X", file({1'000'000}, "CET-1CEST,M3.5.0,M10.5.0/3"));
    ASSERT_TRUE(zone) << zone.error().detail;
    EXPECT_EQ(zone->offset_s(at("1970-01-02T00:00:00Z")), 0);
    EXPECT_EQ(zone->offset_s(at("2050-01-01T00:00:00Z")), 3'600);
    // The last Sunday of March 2050 is the 27th, that of October the 30th.
    EXPECT_EQ(zone->offset_s(at("2050-03-27T00:59:59Z")), 3'600);
    EXPECT_EQ(zone->offset_s(at("2050-03-27T01:00:00Z")), 7'200);
    EXPECT_EQ(zone->offset_s(at("2050-10-30T00:59:59Z")), 7'200);
    EXPECT_EQ(zone->offset_s(at("2050-10-30T01:00:00Z")), 3'600);
    EXPECT_EQ(clock(zone->local(at("2050-07-03T22:30:00Z"))), (Clock{0, 1}));
}

TEST(Zone, EveryFormOfARuleIsRead) {
    auto offset = [](const char* rule, const char* time) {
        auto zone = Zone::parse("X", file({}, rule));
        EXPECT_TRUE(zone) << rule;
        return zone ? zone->offset_s(at(time)) : -1;
    };
    EXPECT_EQ(offset("<+0545>-5:45", "2030-01-01T00:00:00Z"), 20'700);
    EXPECT_EQ(offset("EST5EDT,M3.2.0,M11.1.0", "2030-07-01T00:00:00Z"), -14'400);
    EXPECT_EQ(offset("EST5EDT,M3.2.0,M11.1.0", "2030-12-01T00:00:00Z"), -18'000);
    EXPECT_EQ(offset("AEST-10AEDT,M10.1.0,M4.1.0/3", "2030-01-01T00:00:00Z"), 39'600);  // summer in January
    EXPECT_EQ(offset("AEST-10AEDT,M10.1.0,M4.1.0/3", "2030-07-01T00:00:00Z"), 36'000);
    EXPECT_EQ(offset("IST-1GMT0,M10.5.0,M3.5.0/1", "2030-01-01T00:00:00Z"), 0);  // winter is the exception
    EXPECT_EQ(offset("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2030-07-01T00:00:00Z"), -3'600);
    EXPECT_EQ(offset("AAA0BBB,J60/0,J61/0", "2028-03-01T00:00:00Z"), 3'600);  // never the 29th of February
    EXPECT_EQ(offset("AAA0BBB,59/0,60/0", "2028-02-29T00:00:00Z"), 3'600);
}

TEST(Zone, WhatIsNoZoneFileIsRefused) {
    const std::string good = file({1'000'000}, "CET-1");
    EXPECT_TRUE(Zone::parse("X", good));
    for (std::size_t length = 0; length < good.size(); ++length)
        EXPECT_FALSE(Zone::parse("X", good.substr(0, length))) << length;
    EXPECT_FALSE(Zone::parse("X", file({}, "CET-1", '\0')));
    EXPECT_FALSE(Zone::parse("X", file({5, 5}, "CET-1")));
    for (const char* rule : {"CET", "1", "CET-1CEST,M3.5.0", "CET-1CEST,M13.5.0,M10.5.0", "CET-1 x",
                             "CET-1CEST,M3.5.7,M10.5.0", "CET-1CEST,J0,J10", "CET-400"})
        EXPECT_FALSE(Zone::parse("X", file({}, rule))) << rule;
    std::string outside = good;
    outside[44 + 10 + 44 + 8] = '\7';  // a change to a type that is not there
    EXPECT_FALSE(Zone::parse("X", outside));
}

// The machine's own database, where it is installed, is compared with dates that are public knowledge.
TEST(Zone, TheMachinesZonesAreReadAsTheyAre) {
    auto read = [](const std::string& name) {
        std::ifstream stream{"/usr/share/zoneinfo/" + name, std::ios::binary};
        std::stringstream bytes;
        bytes << stream.rdbuf();
        return bytes.str();
    };
    if (read("Europe/Berlin").empty()) GTEST_SKIP() << "no tz database here";
    auto zone = [&](const char* name) {
        auto parsed = Zone::parse(name, read(name));
        EXPECT_TRUE(parsed) << name;
        return parsed;
    };
    auto berlin = zone("Europe/Berlin");
    ASSERT_TRUE(berlin);
    EXPECT_EQ(clock(berlin->local(at("2026-01-05T23:30:00Z"))), (Clock{0, 2}));
    EXPECT_EQ(clock(berlin->local(at("2026-03-29T00:59:59Z"))), (Clock{1, 7}));
    EXPECT_EQ(clock(berlin->local(at("2026-03-29T01:00:00Z"))), (Clock{3, 7}));
    EXPECT_EQ(berlin->local(at("2090-07-01T12:00:00Z")).hour, 14);
    auto kathmandu = zone("Asia/Kathmandu");
    ASSERT_TRUE(kathmandu);
    EXPECT_EQ(kathmandu->offset_s(at("2026-06-01T00:00:00Z")), 20'700);
    auto york = zone("America/New_York");
    ASSERT_TRUE(york);
    EXPECT_EQ(york->local(at("2026-11-01T05:30:00Z")).hour, 1);
    EXPECT_EQ(york->local(at("2026-11-01T06:30:00Z")).hour, 1);
}

}  // namespace
}  // namespace countersign::core
