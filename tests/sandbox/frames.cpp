#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "net/raw_frames.hpp"
#include "sandbox/frame_scanner.hpp"

namespace countersign::sandbox {
namespace {

// Records all that a tap was told.
struct Tapped {
    FrameTap tap;
    std::vector<FrameHead> heads;
    std::string heard;
    FrameScanner scanner{tap};
    Tapped() {
        tap.on_frame = [this](const FrameHead& head) { heads.push_back(head); };
    }
};

TEST(FrameScanner, SeesEveryHeadHoweverTheBytesAreSplit) {
    using test::Opcode;
    std::string bytes;
    for (std::size_t size : {0U, 125U, 126U, 65535U, 65536U})
        for (bool is_masked : {false, true})
            bytes += test::raw_frame(Opcode::binary, std::string(size, 'x'),
                                     is_masked ? std::optional{0x12345678U} : std::nullopt, size == 126);
    bytes += test::raw_frame(Opcode::ping, "p", 1U);
    for (std::size_t piece : {1U, 2U, 3U, 7U, 64U, 4096U, 1'000'000U}) {
        Tapped tapped;
        for (std::size_t at = 0; at < bytes.size(); at += piece)
            tapped.scanner.take(std::string_view{bytes}.substr(at, piece), tapped.heard);
        EXPECT_EQ(tapped.heard, bytes);
        ASSERT_EQ(tapped.heads.size(), 11U);
        for (std::size_t i = 0; i < 10; ++i) {
            EXPECT_EQ(tapped.heads[i].bytes, std::vector<std::size_t>({0, 125, 126, 65535, 65536})[i / 2]);
            EXPECT_EQ(tapped.heads[i].opcode, 2);
            EXPECT_EQ(tapped.heads[i].final, i / 2 == 2);
        }
        EXPECT_EQ(tapped.heads[10].opcode, 9);
    }
}

TEST(FrameScanner, ADeafOneLeavesOutWholeMessages) {
    using test::Opcode;
    std::string first = test::raw_frame(Opcode::text, "one", 1U, false);
    std::string rest = test::raw_frame(Opcode::continuation, "more", 1U);
    std::string other = test::raw_frame(Opcode::text, "two", 1U, false);
    std::string ping = test::raw_frame(Opcode::ping, "", 1U);
    Tapped tapped;
    tapped.scanner.take(first, tapped.heard);
    tapped.tap.deaf = true;
    tapped.scanner.take(ping + rest + other, tapped.heard);
    EXPECT_EQ(tapped.heard, first + rest);
    tapped.tap.deaf = false;
    tapped.scanner.take(ping + rest + ping, tapped.heard);
    EXPECT_EQ(tapped.heard, first + rest + ping + ping);
    EXPECT_EQ(tapped.heads.size(), 7U);
}

}  // namespace
}  // namespace countersign::sandbox
