#include "countersign/wire/json.hpp"

#include <gtest/gtest.h>

#include <array>

#include "core/rfc8785_vectors.hpp"
#include "countersign/base/text.hpp"

namespace countersign::wire {
namespace {

constexpr JsonRules strict{.bytes_max = 1 << 20};
constexpr JsonRules lenient{.bytes_max = 1 << 20, .nesting_max = 64, .strict = false};

// Returns the canonical form, or "code at pointer".
std::string outcome(std::string_view text, const JsonRules& rules = strict) {
    auto value = parse_json(text, rules);
    if (value) return core::canonical(*value);
    return value.error().code + " at " + value.error().pointer;
}

TEST(Json, ThePublishedCanonicalDocumentsComeOutByteForByte) {
    for (const auto& vector : core::jcs_vectors)
        EXPECT_EQ(outcome(vector.input, lenient), unhex(vector.output_hex)) << vector.name;
}

TEST(Json, ValuesOfEveryTypeAreRead) {
    EXPECT_EQ(outcome(R"( {"b":[1,-2.5e3,true,false,null,"x\u00e9\ud83d\ude00"],"a":{}} )"),
              "{\"a\":{},\"b\":[1,-2500,true,false,null,\"xé😀\"]}");
    EXPECT_EQ(outcome("[]"), "[]");
    EXPECT_EQ(outcome("-0"), "0");
    EXPECT_EQ(outcome(R"([[1,{"a":[2,{"b":3}],"c":4}],{"d":[]}])"),
              R"([[1,{"a":[2,{"b":3}],"c":4}],{"d":[]}])");
}

TEST(Json, TextThatIsNoJsonIsRefused) {
    for (const char* text : {"",
                             " ",
                             "{",
                             "[1,]",
                             "{\"a\":1,}",
                             "{'a':1}",
                             "nul",
                             "01",
                             "1.",
                             "+1",
                             ".5",
                             "\"a",
                             "\"\n\"",
                             "[1] 2",
                             "{\"a\" 1}",
                             "// x\n1",
                             "NaN",
                             "Infinity",
                             "\xEF\xBB\xBF{}",
                             "\"\\x41\""})
        EXPECT_EQ(outcome(text).substr(0, 11), "json_syntax") << text;
    EXPECT_EQ(outcome(std::string_view{"{}\0{}", 5}), "json_syntax at ");
    EXPECT_EQ(outcome(std::string_view{"\"a\0b\"", 5}), "json_syntax at ");
}

TEST(Json, FailuresPointToTheirPlace) {
    EXPECT_EQ(outcome(R"({"a":{"b":[1,2,{"x/y":tru}]}})"), "json_syntax at /a/b/2/x~1y");
    EXPECT_EQ(outcome(R"({"a":[[],{"q":1},{"m~":9007199254740992}]})"), "json_number at /a/2/m~0");
    EXPECT_EQ(outcome(R"([{"k":[{"a":1,"b":2,"a":3}]}])"), "json_duplicate_name at /0/k/0/a");
    EXPECT_EQ(outcome(R"({"a":1,"b":{"c":2},"d":oops})"), "json_syntax at /d");
}

TEST(Json, StrictlyEachNameAppearsOnceHoweverItIsWritten) {
    EXPECT_EQ(outcome(R"({"a":1,"a":2})"), "json_duplicate_name at /a");
    EXPECT_EQ(outcome(R"({"a":1,"b":3,"\u0061":2})"), "json_duplicate_name at /a");
    EXPECT_EQ(outcome(R"({"a":1,"b":3,"\u0061":2})", lenient), R"({"a":2,"b":3})");
    EXPECT_EQ(outcome(R"({"a":{"a":{"a":1}}})"), R"({"a":{"a":{"a":1}}})");
}

TEST(Json, StrictlyIntegersThatWouldBeRoundedAreRefused) {
    EXPECT_EQ(outcome("[9007199254740991,-9007199254740991]"), "[9007199254740991,-9007199254740991]");
    for (const char* text : {"9007199254740992", "-9007199254740992", "18446744073709551615",
                             "18446744073709551616", "-9223372036854775809", "100000000000000000000000"})
        EXPECT_EQ(outcome(text), "json_number at ") << text;
    EXPECT_NE(parse_json("9007199254740992", strict).error().detail.find("send it as a string"),
              std::string::npos);
    EXPECT_EQ(outcome("18446744073709551616", lenient), "18446744073709552000");
}

TEST(Json, StrictlyNoNotationIsRoundedToAnotherWholeNumber) {
    for (const char* text : {"9007199254740993.0", "9007199254740992e0", "90071992547409920e-1", "1e30",
                             "-1E+16", "4503599627370497.5", "0.99999999999999999999", "1e-400"}) {
        EXPECT_EQ(outcome(text), "json_number at ") << text;
        EXPECT_NE(outcome(text, lenient), "json_number at ") << text;
    }
    EXPECT_EQ(outcome("[9007199254740991.0,1e2,1.5e1,-2.50e1,0.1e1,0.0,-0,0e5,1.25,100e-2,0.1]"),
              "[9007199254740991,100,15,-25,1,0,0,0,1.25,1,0.1]");
}

// What is approved is what was written: a digit that the double lacks is on no card and in no digest.
TEST(Json, StrictlyNoDigitIsLost) {
    for (const char* text : {"12345678901234567890e-5", "123456789012345.67890123", "1234567.8901234567890",
                             "-0.12345678901234567890", "9007199254740.9931", "3.14159265358979323846",
                             "0.1000000000000000000000001", "1.00000000000000000001e3", "4503599627370496.1",
                             "1234567890123456789e-18", "2.5e-324", "1.2345678901234567e-310"}) {
        EXPECT_EQ(outcome(text), "json_number at ") << text;
        EXPECT_NE(outcome(text, lenient), "json_number at ") << text;
    }
    const std::string tiny = "[0." + std::string(800, '0') + "1]";
    EXPECT_EQ(outcome(tiny), "json_number at /0");
    EXPECT_EQ(outcome("1." + std::string(800, '3')), "json_number at ");
    EXPECT_EQ(outcome("1." + std::string(800, '0')), "1");
    // The shortest digits that name a double, and the seventeen that some clients always write.
    EXPECT_EQ(
        outcome("[0.1,0.10000000000000001,3.141592653589793,2.2250738585072014e-308,0.30000000000000004,"
                "123456789012345.67,5e-324,0.00000000000000000000000000001,1.50000000000000000000]"),
        "[0.1,0.1,3.141592653589793,2.2250738585072014e-308,0.30000000000000004,"
        "123456789012345.67,5e-324,1e-29,1.5]");
}

TEST(Json, NumbersThatAreNotFiniteAreRefusedEitherWay) {
    EXPECT_EQ(outcome("[1e400]"), "json_number at /0");
    EXPECT_EQ(outcome("-1e400", lenient), "json_number at ");
}

TEST(Json, HalvesOfSurrogatePairsAndBrokenUtf8AreRefused) {
    for (const char* text :
         {R"(["\ud83d"])", R"(["\ude00"])", R"(["\ud83dx"])", R"(["\ud83d\u0041"])", R"({"\ud800":1})"})
        EXPECT_EQ(outcome(text).substr(0, 12), "json_unicode") << text;
    for (const char* text :
         {"\"\xFF\"", "\"\xC0\x80\"", "\"\xED\xA0\x80\"", "\"\xF4\x90\x80\x80\"", "\"\xE2\x82\""})
        EXPECT_EQ(outcome(text).substr(0, 12), "json_unicode") << text;
}

TEST(Json, NestingIsLimitedWhileReading) {
    auto nested = [](std::size_t n) { return std::string(n, '[') + std::string(n, ']'); };
    EXPECT_EQ(outcome(nested(64)), nested(64));
    EXPECT_EQ(outcome(nested(65)).substr(0, 12), "json_nesting");
    EXPECT_EQ(outcome(std::string(200'000, '[')).substr(0, 12), "json_nesting");
    std::string objects;
    for (int i = 0; i < 65; ++i) objects += "{\"a\":";
    EXPECT_EQ(outcome(objects).substr(0, 12), "json_nesting");
}

TEST(Json, SizeIsLimitedBeforeReading) {
    auto value = parse_json("[1,2,3]", {.bytes_max = 6});
    ASSERT_FALSE(value);
    EXPECT_EQ(value.error().trouble, Trouble::too_large);
    EXPECT_TRUE(parse_json("[1,2,3]", {.bytes_max = 7}));
}

TEST(Json, MembersLeftOutReadAsNullAtAnyDepth) {
    constexpr std::array<std::string_view, 2> names{"message", "blocks"};
    const JsonRules rules{.bytes_max = 1'000, .strict = false};
    auto read = [&](std::string_view text) {
        auto value = parse_json_without(names, text, rules);
        return value ? core::canonical(*value) : "refused: " + value.error().code;
    };
    EXPECT_EQ(
        read(R"({"a":1,"message":{"x":["]}\"{",{}],"message":[]},"z":[{"blocks" : [1,[2]] ,"k":"v"}]})"),
        R"({"a":1,"message":null,"z":[{"blocks":null,"k":"v"}]})");
    // Only names of containers count: neither texts that look like names, nor names of other values.
    EXPECT_EQ(read(R"({"type":"message","message":"blocks","blocks":7,"t":"\"message\":{"})"),
              R"({"blocks":7,"message":"blocks","t":"\"message\":{","type":"message"})");
    EXPECT_EQ(read(R"(["message",{"k":"\\"},"blocks"])"), R"(["message",{"k":"\\"},"blocks"])");
    EXPECT_EQ(read(R"({"message":{}})"), R"({"message":null})");
    for (const char* broken : {R"({"message":{"a":1)", R"({"message":{"a":"})", R"({"message":{}}})",
                               R"({"message":{},})", R"({"message":{"a":"\)", R"({"message":)",
                               R"({"message")", R"({"a":1,"message":{},"blocks":[})", ""})
        EXPECT_EQ(read(broken), "refused: json_syntax") << broken;
    EXPECT_EQ(read(std::string(1'001, ' ')), "refused: json_bytes");
}

}  // namespace
}  // namespace countersign::wire
