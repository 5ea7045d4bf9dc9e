#include "countersign/core/value.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>

#include "core/rfc8785_vectors.hpp"
#include "countersign/base/crypto.hpp"
#include "countersign/base/text.hpp"

namespace countersign::core {
namespace {

TEST(Canonical, NumbersAreWrittenAsEcmaScriptWritesThem) {
    EXPECT_EQ(canonical_number(333333333.33333329), "333333333.3333333");
    EXPECT_EQ(canonical_number(1e30), "1e+30");
    EXPECT_EQ(canonical_number(4.50), "4.5");
    EXPECT_EQ(canonical_number(2e-3), "0.002");
    EXPECT_EQ(canonical_number(1e-27), "1e-27");
    EXPECT_EQ(canonical_number(1e21), "1e+21");
    EXPECT_EQ(canonical_number(1e20), "100000000000000000000");
    EXPECT_EQ(canonical_number(1e-6), "0.000001");
    EXPECT_EQ(canonical_number(1e-7), "1e-7");
    EXPECT_EQ(canonical_number(5e-324), "5e-324");
    EXPECT_EQ(canonical_number(1.7976931348623157e308), "1.7976931348623157e+308");
    EXPECT_EQ(canonical_number(0.1 + 0.2), "0.30000000000000004");
    EXPECT_EQ(canonical_number(-0.0), "0");
    EXPECT_EQ(canonical_number(-1), "-1");
    EXPECT_EQ(canonical_number(9007199254740991.0), "9007199254740991");
    EXPECT_EQ(canonical_number(std::bit_cast<double>(0x4340000000000001U)), "9007199254740994");
    EXPECT_EQ(canonical_number(std::bit_cast<double>(0x444b1ae4d6e2ef50U)), "1e+21");
    EXPECT_EQ(canonical_number(std::bit_cast<double>(0x3eb0c6f7a0b5ed8dU)), "0.000001");
    EXPECT_EQ(canonical_number(std::bit_cast<double>(0x3eb0c6f7a0b5ed8cU)), "9.999999999999997e-7");
}

// Makes the published mass test: fixed patterns, then a run of neighbours, then doubles out of a SHA-256
// chain.
std::string es6_lines(std::size_t count) {
    std::string lines;
    std::size_t written = 0;
    auto write = [&](std::uint64_t bits) {
        char text[17];
        std::snprintf(text, sizeof text, "%llx", static_cast<unsigned long long>(bits));
        lines += std::string{text} + "," + canonical_number(std::bit_cast<double>(bits)) + "\n";
        ++written;
    };
    for (std::uint64_t bits : es6_patterns)
        if (written < count) write(bits);
    for (std::uint64_t i = 0; i < 2000 && written < count; ++i) write(0x0010000000000000U + i);
    std::string block(32, '\0');
    while (written < count) {
        Sha256 hash = sha256(block);
        block = std::string{as_text(hash)};
        for (std::size_t i = 0; i < 4 && written < count; ++i) {
            std::uint64_t bits = 0;
            std::memcpy(&bits, block.data() + 8 * i, 8);
            auto number = std::bit_cast<double>(bits);
            if (number != 0 && std::isfinite(number)) write(bits);
        }
    }
    return lines;
}

TEST(Canonical, TheFirstTenThousandPublishedNumbersComeOutTheSame) {
    EXPECT_EQ(sha256_hex(es6_lines(1'000)), es6_sha256_1000);
    EXPECT_EQ(sha256_hex(es6_lines(10'000)), es6_sha256_10000);
}

TEST(Canonical, MembersAreOrderedByUtf16CodeUnits) {
    EXPECT_TRUE(canonical_less("\xF0\x9F\x98\x82", "\xEF\xAC\xB3"));  // U+1F602 before U+FB33
    EXPECT_TRUE(canonical_less("\xED\x9F\xBF", "\xF0\x9F\x98\x82"));  // U+D7FF before U+1F602
    EXPECT_TRUE(canonical_less("a", "ab"));
    EXPECT_FALSE(canonical_less("ab", "a"));
    EXPECT_FALSE(canonical_less("a", "a"));
    Value v = Value::object({{"b", 1}, {"a", Value::array()}, {"\n", "x"}, {"", nullptr}});
    EXPECT_EQ(canonical(v), R"({"":null,"\n":"x","a":[],"b":1})");
}

TEST(Canonical, StringsEscapeOnlyWhatTheyMust) {
    EXPECT_EQ(canonical(Value{std::string_view{"\"\\/\b\t\n\f\r\x01\x1f\x7f\xE2\x80\xA8é", 16}}),
              "\"\\\"\\\\/\\b\\t\\n\\f\\r\\u0001\\u001f\x7f\xE2\x80\xA8é\"");
}

TEST(Value, OfSeveralMembersWithOneNameTheLastWinsAndIsTold) {
    std::optional<std::string> duplicate;
    std::vector<Value::Member> members;
    for (int i = 0; i < 40; ++i) members.emplace_back("k" + std::to_string(39 - i), i);
    members.emplace_back("k7", "last");
    auto object = Value::Object::from_unsorted(std::move(members), &duplicate);
    EXPECT_EQ(object.size(), 40U);
    EXPECT_EQ(duplicate, "k7");
    EXPECT_EQ(object.find("k7")->text(), "last");
    EXPECT_EQ(object.find("k0")->whole(), 39);
    EXPECT_EQ(object.find("k"), nullptr);
}

TEST(Value, ObjectsStaySortedHoweverTheyAreBuilt) {
    Value a;
    a.set("z", 1).set("a", 2).set("m", 3).set("a", 4);
    EXPECT_EQ(a, Value::object({{"a", 4}, {"m", 3}, {"z", 1}}));
    EXPECT_FALSE(a.members()->insert("m", 9));
    EXPECT_TRUE(a.members()->erase("m"));
    EXPECT_EQ(canonical(a), R"({"a":4,"z":1})");
}

TEST(Value, OnlyWholeNumbersWithinTheSafeRangeAreIntegers) {
    EXPECT_EQ(Value{9007199254740991.0}.integer(), 9007199254740991);
    EXPECT_EQ(Value{9007199254740992.0}.integer(), std::nullopt);
    EXPECT_EQ(Value{1.5}.integer(), std::nullopt);
    EXPECT_EQ(Value{std::nan("")}.integer(), std::nullopt);
    EXPECT_EQ(Value{"1"}.integer(), std::nullopt);
}

TEST(Value, PointersFollowRfc6901) {
    Value v = Value::object({{"a/b", Value::object({{"~", "t"}})}, {"list", Value::Array{1, 2}}, {"", 0}});
    EXPECT_EQ(v.at_pointer(""), &v);
    EXPECT_EQ(v.at_pointer("/a~1b/~0")->text(), "t");
    EXPECT_EQ(v.at_pointer("/list/1")->whole(), 2);
    EXPECT_EQ(v.at_pointer("/")->whole(7), 0);
    EXPECT_EQ(v.at_pointer("/list/2"), nullptr);
    EXPECT_EQ(v.at_pointer("/list/01"), nullptr);
    EXPECT_EQ(v.at_pointer("/list/-"), nullptr);
    EXPECT_EQ(v.at_pointer("list"), nullptr);
    EXPECT_EQ(v.at_pointer("/a~2b"), nullptr);
    EXPECT_EQ(v.at_pointer("/list/0/x"), nullptr);
}

}  // namespace
}  // namespace countersign::core
