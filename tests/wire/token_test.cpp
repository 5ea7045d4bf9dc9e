#include "countersign/wire/token.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <string>

namespace countersign::wire {
namespace {

struct Dice final : rt::Entropy {
    void fill(std::span<std::byte> bytes) override {
        for (auto& b : bytes) b = static_cast<std::byte>(engine() & 0xFFU);
    }
    std::mt19937_64 engine{1};
};

TEST(Token, TheChecksumIsTheKnownOne) {
    // The vectors come from the format's description, which puts the prefix under the checksum as ours does.
    EXPECT_EQ(with_checksum("apk_live_" + std::string(30, '0')),
              "apk_live_0000000000000000000000000000003yUZos");
    EXPECT_EQ(with_checksum("apk_live_ABCDEFGHIJKLMNOPQRSTUVWXYZabcd"),
              "apk_live_ABCDEFGHIJKLMNOPQRSTUVWXYZabcd0Adugc");
}

TEST(Token, MintedOnesAreWellFormedAndDiffer) {
    Dice entropy;
    std::set<std::string> seen;
    for (int i = 0; i < 100; ++i) {
        auto token = mint_token(entropy);
        EXPECT_TRUE(well_formed_token(token.reveal()));
        EXPECT_EQ(token.reveal().size(), 40U);
        seen.insert(std::string(token.reveal()));
    }
    EXPECT_EQ(seen.size(), 100U);
}

TEST(Token, NoCharacterIsFavoured) {
    // A plain remainder of a byte would give the first eight characters a quarter more than the others.
    Dice entropy;
    std::string text;
    for (int i = 0; i < 500; ++i) {
        auto token = mint_token(entropy);
        text += token.reveal().substr(token_prefix.size(), 30);
    }
    auto early = std::ranges::count_if(text, [](char c) { return c >= '0' && c <= '7'; });
    auto expected = static_cast<double>(text.size()) * 8 / 62;
    EXPECT_NEAR(static_cast<double>(early), expected, expected * 0.1);
}

TEST(Token, OneWrongCharacterIsNoticed) {
    Dice entropy;
    auto token = std::string(mint_token(entropy).reveal());
    for (std::size_t i = token_prefix.size(); i < token.size(); ++i) {
        auto wrong = token;
        wrong[i] = wrong[i] == 'x' ? 'y' : 'x';
        EXPECT_FALSE(well_formed_token(wrong)) << i;
    }
    EXPECT_FALSE(well_formed_token(""));
    EXPECT_FALSE(well_formed_token(token + "0"));
    EXPECT_FALSE(well_formed_token("xsk_" + token.substr(4)));
    EXPECT_EQ(token_hint(token), token.substr(36));
}

}  // namespace
}  // namespace countersign::wire
