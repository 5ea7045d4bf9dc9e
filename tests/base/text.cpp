#include "countersign/base/text.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace countersign {
namespace {

using namespace std::string_view_literals;

TEST(Base64, MatchesRfc4648) {
    const std::pair<std::string_view, std::string_view> table[] = {{"", ""},
                                                                   {"f", "Zg=="},
                                                                   {"fo", "Zm8="},
                                                                   {"foo", "Zm9v"},
                                                                   {"foob", "Zm9vYg=="},
                                                                   {"fooba", "Zm9vYmE="},
                                                                   {"foobar", "Zm9vYmFy"},
                                                                   {"\xfb\xff", "+/8="}};
    for (auto [bytes, text] : table) {
        EXPECT_EQ(base64(bytes), text);
        EXPECT_EQ(unbase64(text), bytes);
    }
    EXPECT_EQ(base64url("\xfb\xff"), "-_8");
    EXPECT_EQ(unbase64url("-_8"), "\xfb\xff");
}

TEST(Base64, HasOneSpellingPerValue) {
    for (std::string_view bad :
         {"Zg", "Zg=", "Zg===", "Z", "Zh==", "Zm9=", "Zg==\n", "Zm 9v", "=", "====", "-_8="})
        EXPECT_FALSE(unbase64(bad)) << bad;
    for (std::string_view bad : {"Zh", "Z", "Zg==", "+/8", "Zm9v\n"}) EXPECT_FALSE(unbase64url(bad)) << bad;
}

TEST(Hex, RoundTripsAndRefusesJunk) {
    EXPECT_EQ(unhex("00fFA0"), "\0\xff\xa0"sv);
    EXPECT_EQ(hex(std::as_bytes(std::span{"\x01\xab", 2})), "01ab");
    EXPECT_FALSE(unhex("0"));
    EXPECT_FALSE(unhex("0g"));
}

TEST(Utf8, RefusesWhatUnicodeForbids) {
    for (std::string_view good : {"", "a", "é", "€", "😀", "\xf4\x8f\xbf\xbf"}) EXPECT_TRUE(valid_utf8(good));
    for (std::string_view bad :
         {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
          "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe2\x82", "\xff"})
        EXPECT_FALSE(valid_utf8(bad));
}

TEST(Utf8, ClipsOnlyBetweenCodePoints) {
    EXPECT_EQ(clip_utf8("a€b", 1), "a");
    EXPECT_EQ(clip_utf8("a€b", 2), "a");
    EXPECT_EQ(clip_utf8("a€b", 3), "a");
    EXPECT_EQ(clip_utf8("a€b", 4), "a€");
    EXPECT_EQ(clip_utf8("a€b", 99), "a€b");
    EXPECT_EQ(clip_utf8("😀", 3), "");
}

TEST(Utf8, CountsAsJavaScriptDoes) {
    EXPECT_EQ(utf16_units("aé€😀"), 5U);
    EXPECT_EQ(code_points("aé€😀"), 4U);
}

TEST(Visible, ARowOfTheSameInvisibleCharacterIsCounted) {
    std::string row;
    for (int i = 0; i < 8; ++i) row += "\u200B";
    EXPECT_EQ(visible("a" + row + "b").size(), 2 + 8 * "\\u{200B}"sv.size());
    row += "\u200B";
    EXPECT_EQ(visible("a" + row + "b"), "a\\u{200B*9}b");
    for (int i = 9; i < 60'000; ++i) row += "\u200B";
    EXPECT_EQ(visible(row + "DROP" + row), "\\u{200B*60000}DROP\\u{200B*60000}");
    EXPECT_EQ(printable(row), "\\u{200B*60000}");
    EXPECT_EQ(visible("\\u{200B*60000}"), "\\\\u{200B*60000}");
    EXPECT_EQ(visible(std::string(100, ' ') + std::string(20, 'x')),
              std::string(100, ' ') + std::string(20, 'x'));
}

TEST(Visible, NothingInvisibleSurvives) {
    EXPECT_EQ(visible("plain text, é€😀"), "plain text, é€😀");
    EXPECT_EQ(visible("a\u202Eb"), "a\\u{202E}b");
    EXPECT_EQ(visible("a\tb\x1b[31m"), "a\\u{9}b\\u{1B}[31m");
    EXPECT_EQ(visible("x\nY\r\nZ\rW\u2028V\u0085"), "x\\nY\\r\\nZ\\rW\\u{2028}V\\u{85}");
    EXPECT_EQ(visible("\u200B\uFEFF\U000E0041\u00AD\uFE0F\u3164"),
              "\\u{200B}\\u{FEFF}\\u{E0041}\\u{AD}\\u{FE0F}\\u{3164}");
    EXPECT_EQ(visible("\0"sv), "\\u{0}");
    EXPECT_EQ(visible("a\xff\xe2\x82z"), "a\\x{FF}\\x{E2}\\x{82}z");
    // Blanks, formats, marks without a base, private, unassigned: by their properties, not by a list.
    for (const char* one : {"\u00A0", "\u2003", "\u3000", "\U0001D159", "\U00013430", "\uE000", "\uFFFF",
                            "\u2800", "\u0378", "\u115F", "\u202F", "\U000F0000", "\u0301"})
        EXPECT_TRUE(visible(one).starts_with("\\u{")) << visible(one);
    EXPECT_EQ(visible("नमस्ते, ไทย, বাংলা, שָׁלוֹם, Tiếng Việt, 日本語、한국어"),
              "नमस्ते, ไทย, বাংলা, שָׁלוֹם, Tiếng Việt, 日本語、한국어");
}

TEST(Visible, ABackslashIsDoubledSoThatNoTextPassesForAnEscape) {
    EXPECT_EQ(visible("a\\nb"), "a\\\\nb");
    EXPECT_EQ(visible("a\nb"), "a\\nb");
    EXPECT_EQ(visible("\\u{200B}"), "\\\\u{200B}");
    EXPECT_EQ(printable("it says \"\\n\"\u200B"), "it says \"\\n\"\\u{200B}");
}

TEST(Visible, OfTwoSpellingsThatAreDrawnAlikeOneIsEscaped) {
    const std::pair<const char*, const char*> alike[] = {
        {"\u00E9", "e\u0301"},               // é
        {"\u212A", "K"},                     // the sign of Kelvin
        {"\u00C5", "\u212B"},                // Ångström
        {"\u1EC7", "\u1EB9\u0302"},          // ệ in two ways
        {"\u1EC7", "e\u0323\u0302"},         //
        {"\uAC00", "\u1100\u1161"},          // a syllable and its letters
        {"\uAC01", "\uAC00\u11A8"},          //
        {"q\u0323\u0307", "q\u0307\u0323"},  // marks in another order
        {"\u0928\u093C", "\u0929"},          // Devanagari
        {"\uF900", "\u8C48"},                // a compatibility ideograph
    };
    for (const auto& [one, other] : alike) {
        EXPECT_NE(visible(one), visible(other));
        EXPECT_TRUE(visible(one).find("\\u{") != std::string::npos ||
                    visible(other).find("\\u{") != std::string::npos)
            << one << " " << other;
    }
}

// Texts made of what has been mistaken for something else.
std::string tricky_text(std::mt19937_64& chance, std::size_t parts_max) {
    static const std::vector<std::string> parts{
        "a",    "n",      "\\",      "\n",     "\r",           "u{200B}", "\u200B", "\"",
        "",     " ",      "(empty)", "\\n",    "x{",           "e\u0301", "\u00E9", "\u0301",
        "\xff", "\u2028", "\u00A0",  "\uAC00", "\u1100\u1161", "="};
    std::string text;
    for (std::size_t n = chance() % (parts_max + 1); n > 0; --n) text += parts[chance() % parts.size()];
    return text;
}

TEST(Visible, TwoDifferentTextsNeverComeOutAlike) {
    std::mt19937_64 chance{7};
    std::map<std::string, std::string> text_of;
    std::map<std::string, std::string> quoted_of;
    std::map<std::string, std::pair<std::string, std::string>> pair_of;
    for (int i = 0; i < 20'000; ++i) {
        const std::string text = tricky_text(chance, 4);
        EXPECT_EQ(text_of.try_emplace(visible(text), text).first->second, text);
        EXPECT_EQ(quoted_of.try_emplace(quoted_text(text), text).first->second, text);
        const std::string other = tricky_text(chance, 3);
        auto pair = std::pair{text, other};
        EXPECT_EQ(pair_of.try_emplace(quoted_text(text, "=") + "=" + quoted_text(other), pair).first->second,
                  pair);
        EXPECT_EQ(printable(visible(text)), visible(text)) << "what is safe stays as it is";
    }
}

TEST(Readable, IsWhatHasACharacterThatShows) {
    for (const char* one : {"x", " x ", "5", "?", "👍", "ж", "\u200Bx"}) EXPECT_TRUE(readable(one)) << one;
    for (const char* one :
         {"", " ", "\t\n", "\u00A0", "\u200B", "\u3164", "\u2800", "\u3000", "\uFEFF", "\U000E0041", "\u0301",
          "\uE000", "\xff", "\u00AD \u2060", "\uFFA0", "\U000F0000"})
        EXPECT_FALSE(readable(one)) << visible(one);
}

TEST(Overlooked, AreInvisibleCharactersAndOuterBlanks) {
    EXPECT_EQ(overlooked("plain text, é"), std::nullopt);
    EXPECT_EQ(overlooked(""), std::nullopt);
    EXPECT_EQ(overlooked("e\u0301"), std::nullopt) << "another spelling of a letter is seen";
    EXPECT_EQ(overlooked(" x"), "a blank at its beginning");
    EXPECT_EQ(overlooked("x "), "a blank at its end");
    EXPECT_EQ(overlooked("a\u00A0b"), "the invisible character \\u{A0}");
    EXPECT_EQ(overlooked("a\nb"), "the invisible character \\u{A}");
}

TEST(MixedScripts, NamesWordsWhoseLettersComeFromSeveral) {
    EXPECT_EQ(mixed_scripts("to pr\u043Eduction, please"),
              (std::vector<MixedWord>{{"pr\u043Eduction", "Latin and Cyrillic"}}));
    EXPECT_EQ(mixed_scripts("\u0440\u0430ypal and \u0440\u0430ypal").size(), 1U) << "each once";
    for (const char* one :
         {"production", "продакшн production", "日本語のテキスト", "Tシャツ", "한국語", "α/β", "x2", ""})
        EXPECT_TRUE(mixed_scripts(one).empty()) << one;
}

TEST(Text, SplitKeepsEmptyPartsAndJoinPutsThemBack) {
    EXPECT_EQ(split("a,,b,", ','), (std::vector<std::string>{"a", "", "b", ""}));
    EXPECT_EQ(split("", ','), (std::vector<std::string>{""}));
    EXPECT_EQ(join(split("a,,b,", ','), ","), "a,,b,");
    EXPECT_EQ(trim("\t a b\r\n"), "a b");
    EXPECT_EQ(trim(" \n"), "");
    EXPECT_EQ(lower_ascii("AzÉ"), "azÉ");
}

TEST(Text, PlainJsonEndsAtTheFirstByteThatIsNotPlain) {
    for (char filler : {' ', '!', '#', '[', ']', 'a', '\x7F'}) {
        for (std::size_t before = 0; before < 20; ++before) {
            EXPECT_EQ(plain_json_length(std::string(before, filler)), before);
            for (char special : {'"', '\\', '\n', '\0', '\x1F', '\x80', '\xFF'}) {
                for (const char* after : {"", "a", "!!!!!!!!", "\"\\\x01\xFF\"\"\"\""})
                    EXPECT_EQ(plain_json_length(std::string(before, filler) + special + after), before)
                        << "special " << int{special} << " after " << before << " of " << filler;
            }
        }
    }
}

TEST(Nearest, SuggestsOnlyWhatIsNear) {
    std::vector<std::string> keys{"approvers", "expires_in", "quorum"};
    EXPECT_EQ(nearest("aprovers", keys), "approvers");
    EXPECT_EQ(nearest("quourm", keys), "quorum");
    EXPECT_EQ(nearest("expire", keys), std::nullopt);
    EXPECT_EQ(nearest("banana", keys), std::nullopt);
    EXPECT_EQ(nearest("", {}), std::nullopt);
}

TEST(Duration, ReadsUnitsInFallingOrder) {
    EXPECT_EQ(parse_duration_s("30m"), 1800);
    EXPECT_EQ(parse_duration_s("90s"), 90);
    EXPECT_EQ(parse_duration_s("1h30m"), 5400);
    EXPECT_EQ(parse_duration_s("2d"), 172'800);
    EXPECT_EQ(parse_duration_s("366d"), 366 * 86'400);
    for (std::string_view bad : {"", "0s", "5", "m", "30m1h", "1h1h", "1h 30m", "-1s", "1.5h", "1w", "367d",
                                 "99999999999999999999s", "366d1s", "1H"})
        EXPECT_FALSE(parse_duration_s(bad)) << bad;
}

TEST(Duration, IsToldToPeople) {
    EXPECT_EQ(duration_text(5400), "1h 30m");
    EXPECT_EQ(duration_text(0), "0s");
    EXPECT_EQ(duration_text(90'061), "1d 1h 1m 1s");
}

}  // namespace
}  // namespace countersign
