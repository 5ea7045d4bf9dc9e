#include "slack/seen.hpp"

#include <gtest/gtest.h>

namespace countersign::slack {
namespace {

const core::AccountId amy{"slack:T0SIM/U0AMY"};
const core::AccountId ben{"slack:T0SIM/U0BEN"};

wire::SlackViewNote opened(const SeenSeals& seals, std::size_t pages) {
    return open_pages(seals, amy, {.request = "req_1"}, pages);
}

TEST(SlackSeen, AllIsSeenOnceEachPageWasTurnedTo) {
    const SeenSeals seals{Secret{"xoxb-1"}};
    auto note = opened(seals, 3);
    EXPECT_FALSE(seals.all_seen(note, amy));
    note = turn_page(seals, amy, note, true, 3);
    note = turn_page(seals, amy, note, false, 3);
    EXPECT_EQ(note.page, 1U);
    EXPECT_EQ(note.seen, 2U);
    note = turn_page(seals, amy, note, false, 3);
    EXPECT_EQ(note.page, 1U) << "there is no page before the first";
    note = turn_page(seals, amy, note, true, 3);
    EXPECT_FALSE(seals.all_seen(note, amy));
    note = turn_page(seals, amy, note, true, 3);
    EXPECT_EQ(note.page, 3U);
    EXPECT_TRUE(seals.all_seen(note, amy));
    note = turn_page(seals, amy, note, true, 3);
    EXPECT_EQ(note.page, 3U) << "nor one after the last";
    EXPECT_TRUE(seals.all_seen(opened(seals, 1), amy));
}

TEST(SlackSeen, ASealIsOnePersonsForOneRequestOfOneWorkspace) {
    const SeenSeals seals{Secret{"xoxb-1"}};
    auto note = opened(seals, 1);
    EXPECT_FALSE(seals.all_seen(note, ben));
    EXPECT_FALSE(SeenSeals{Secret{"xoxb-2"}}.all_seen(note, amy));
    for (auto change : {+[](wire::SlackViewNote& one) { one.request = "req_2"; },
                        +[](wire::SlackViewNote& one) { one.seen = one.pages = 2; },
                        +[](wire::SlackViewNote& one) { one.seal.back() ^= 1; },
                        +[](wire::SlackViewNote& one) { one.seal.clear(); },
                        +[](wire::SlackViewNote& one) { one.seen = one.pages = 0; }}) {
        auto changed = note;
        change(changed);
        EXPECT_FALSE(seals.all_seen(changed, amy));
    }
}

TEST(SlackSeen, AForgedOrOutdatedNoteBeginsAgain) {
    const SeenSeals seals{Secret{"xoxb-1"}};
    auto note = opened(seals, 3);
    note.seen = 2;
    note = turn_page(seals, amy, note, true, 3);
    EXPECT_EQ(note.page, 1U);
    EXPECT_EQ(note.seen, 1U);
    note = turn_page(seals, amy, note, true, 3);
    note = turn_page(seals, amy, note, true, 4);  // the request takes other pages now
    EXPECT_EQ(note.page, 1U);
    EXPECT_EQ(note.seen, 1U);
    EXPECT_EQ(note.pages, 4U);
}

TEST(SlackSeen, NoPageCountsThatWasJumpedTo) {
    const SeenSeals seals{Secret{"xoxb-1"}};
    auto note = opened(seals, 5);
    note.page = 4;  // the number of the page is not sealed
    note = turn_page(seals, amy, note, true, 5);
    EXPECT_EQ(note.page, 2U);
    EXPECT_EQ(note.seen, 2U);
}

}  // namespace
}  // namespace countersign::slack
