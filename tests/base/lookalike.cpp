#include "countersign/base/lookalike.hpp"

#include <gtest/gtest.h>

namespace countersign {
namespace {

TEST(Lookalikes, AreWrittenAsWhatTheyAreDrawnLike) {
    EXPECT_EQ(latinized("r\u0456ley@ex\u0430mple.com"), "riley@example.com");
    EXPECT_EQ(latinized("\uFF21\uFF20\uFF5E"), "A@~");
    EXPECT_EQ(latinized("\u039F\u03BF"), "Oo");
    EXPECT_EQ(latinized("plain, caf\u00E9, \u65E5\u672C, \xFF"), "plain, caf\u00E9, \u65E5\u672C, \xFF");
    EXPECT_EQ(latinized(""), "");
}

TEST(Lookalikes, FullWidthCharactersAreWrittenAsTheAsciiOnes) {
    EXPECT_EQ(narrow("\uFF53\uFF48\uFF4F\uFF57\u3000\uFF03\uFF11\uFF12\uFF01\uFF5E"), "show\u3000#12!~");
    EXPECT_EQ(narrow("12 \u0430 \xEF\xBC \uFF5F\uFF00"), "12 \u0430 \xEF\xBC \uFF5F\uFF00");
}

TEST(Lookalikes, TheFirstCharacterBeyondAsciiIsNamed) {
    EXPECT_EQ(beyond_ascii("riley@example.com"), std::nullopt);
    EXPECT_EQ(beyond_ascii("r\u0456l\u0435y"), "\u0456 (U+0456)");
    EXPECT_EQ(beyond_ascii("a\u200B"), "\\u{200B} (U+200B)");
    EXPECT_EQ(beyond_ascii("a\xFF"), "\\x{FF}");
}

}  // namespace
}  // namespace countersign
