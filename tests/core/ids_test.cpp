#include "countersign/core/ids.hpp"

#include <gtest/gtest.h>

#include "countersign/base/crypto.hpp"
#include "countersign/core/request.hpp"
#include "countersign/core/time.hpp"

namespace countersign::core {
namespace {

using namespace std::chrono_literals;

TEST(Crockford, SixteenBytesAreTwentySixCharactersAndBack) {
    std::array<std::byte, 16> bytes{};
    EXPECT_EQ(crockford(bytes), std::string(26, '0'));
    bytes.fill(std::byte{0xFF});
    EXPECT_EQ(crockford(bytes), "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
    for (std::size_t i = 0; i < 16; ++i) bytes[i] = static_cast<std::byte>(i * 37 + 11);
    auto text = crockford(bytes);
    EXPECT_EQ(parse_crockford(text), bytes);
    for (char& c : text)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    EXPECT_EQ(parse_crockford(text), bytes);
}

TEST(Crockford, TextThatNoBytesProduceIsRefused) {
    EXPECT_FALSE(parse_crockford("80000000000000000000000000"));  // more than 128 bits
    EXPECT_FALSE(parse_crockford("0000000000000000000000000U"));
    EXPECT_FALSE(parse_crockford("0000000000000000000000000"));
    EXPECT_FALSE(parse_crockford("000000000000000000000000000"));
}

TEST(Ids, LaterIdsSortAfterEarlierOnesAndReadBack) {
    auto at = *parse_rfc3339("2026-01-02T03:04:05Z");
    std::array<std::byte, 10> high{};
    high.fill(std::byte{0xFF});
    auto first = RequestId::mint(at, high);
    auto second = RequestId::mint(at + 1ms, {});
    EXPECT_LT(first, second);
    EXPECT_LT(first.text(), second.text());
    EXPECT_EQ(RequestId::parse(first.text()), first);
    EXPECT_FALSE(RequestId::parse("tok_" + first.text().substr(4)));
}

TEST(Time, InstantsRoundTripToTheMicrosecond) {
    auto at = *parse_rfc3339("2026-01-02T03:04:05.678901Z");
    EXPECT_EQ(rfc3339(at), "2026-01-02T03:04:05.678901Z");
    EXPECT_EQ(parse_rfc3339("2026-01-02T04:34:05.678901+01:30"), at);
    EXPECT_EQ(parse_rfc3339("2026-01-01t22:04:05.678901-05:00"), at);
    EXPECT_EQ(rfc3339(*parse_rfc3339("1969-12-31T23:59:59.5Z")), "1969-12-31T23:59:59.500000Z");
    EXPECT_EQ(rfc3339(*parse_rfc3339("2024-02-29T00:00:00Z")), "2024-02-29T00:00:00.000000Z");
}

TEST(Time, WhatIsNoInstantIsRefused) {
    for (const char* text : {"", "2026-01-02", "2026-01-02T03:04:05", "2026-02-29T00:00:00Z",
                             "2026-13-01T00:00:00Z", "2026-01-02T24:00:00Z", "2026-01-02T03:04:60Z",
                             "2026-01-02T03:04:05.Z", "2026-01-02T03:04:05.1234567Z", "2026-01-02T03:04:05Zx",
                             "2026-01-02T03:04:05+24:00", "2026-1-02T03:04:05Z", " 2026-01-02T03:04:05Z"})
        EXPECT_FALSE(parse_rfc3339(text)) << text;
}

TEST(Request, ActionsAreLowerCaseWordsWithSeparators) {
    for (const char* good : {"a", "db.export", "k8s:apply", "0x", "a_b-c.d:e"})
        EXPECT_TRUE(valid_action(good));
    for (const char* bad : {"", ".a", "A", "a b", "a/b", "é"}) EXPECT_FALSE(valid_action(bad)) << bad;
    EXPECT_TRUE(valid_action(std::string(128, 'a')));
    EXPECT_FALSE(valid_action(std::string(129, 'a')));
}

Request some_request() {
    return Request{RequestId{{}},
                   1,
                   "db.export",
                   "orders",
                   std::nullopt,
                   "why",
                   std::nullopt,
                   {},
                   {},
                   {},
                   {},
                   "",
                   {},
                   {}};
}

TEST(Request, TheDigestCoversActionResourceEnvironmentAndParametersAndNothingElse) {
    Request r = some_request();
    EXPECT_EQ(digest_input(r), R"({"action":"db.export","resource":"orders"})");
    r.parameters = Value::object({{"rows", 12.0}, {"b", nullptr}});
    r.environment = "production";
    EXPECT_EQ(
        digest_input(r),
        R"({"action":"db.export","environment":"production","parameters":{"b":null,"rows":12},"resource":"orders"})");
    auto digest = digest_of(r);
    EXPECT_EQ(digest, "sha256:" + sha256_hex(digest_input(r)));
    r.intent = "another";
    r.labels = {{"job", "x"}};
    EXPECT_EQ(digest_of(r), digest);
    r.environment = "";
    EXPECT_NE(digest_of(r), digest);
}

TEST(Request, EveryHumanBehindItIsNamedOnce) {
    Request r = some_request();
    r.requester = {
        Requester::Kind::person, "riley's token", AccountId{"token:tok_1"}, {AccountId{"slack:T/U1"}}};
    r.on_behalf_of = {AccountId{"email:a@b"}, AccountId{"slack:T/U1"}};
    EXPECT_EQ(humans_behind(r), (std::vector{AccountId{"slack:T/U1"}, AccountId{"email:a@b"}}));
    r.requester = {Requester::Kind::person, "riley", AccountId{"slack:T/U2"}, {}};
    EXPECT_EQ(humans_behind(r).front(), AccountId{"slack:T/U2"});
}

}  // namespace
}  // namespace countersign::core
