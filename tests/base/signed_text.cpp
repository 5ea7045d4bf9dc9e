#include "countersign/base/signed_text.hpp"

#include <gtest/gtest.h>

namespace countersign {
namespace {

TEST(SignedText, ComesBackUnderItsKeyAndPurposeAlone) {
    const Secret key{"a key"};
    const std::string text = std::string("anna\nben\0", 9) + "…";
    const auto made = sign_text(key, "cookie", text);
    EXPECT_EQ(made.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."),
              std::string::npos);
    EXPECT_EQ(read_signed_text(key, "cookie", made), text);
    EXPECT_EQ(read_signed_text(key, "link", made), std::nullopt);
    EXPECT_EQ(read_signed_text(Secret{"another"}, "cookie", made), std::nullopt);
}

TEST(SignedText, WhateverIsChangedOrCutIsNone) {
    const Secret key{"a key"};
    const auto made = sign_text(key, "cookie", "anna");
    for (std::size_t i = 0; i < made.size(); ++i) {
        auto changed = made;
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        EXPECT_EQ(read_signed_text(key, "cookie", changed), std::nullopt) << i;
        EXPECT_EQ(read_signed_text(key, "cookie", made.substr(0, i)), std::nullopt) << i;
    }
    for (const char* none : {"", ".", "..", "YW5uYQ", "YW5uYQ."})
        EXPECT_EQ(read_signed_text(key, "cookie", none), std::nullopt) << none;
    EXPECT_EQ(read_signed_text(key, "cookie", made + std::string(signed_bytes_max, 'A')), std::nullopt);
}

}  // namespace
}  // namespace countersign
