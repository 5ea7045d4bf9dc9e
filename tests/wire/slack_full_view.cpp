#include <gtest/gtest.h>

#include <algorithm>

#include "countersign/wire/slack_card.hpp"
#include "countersign/wire/slack_views.hpp"
#include "wire/slack_sample.hpp"

namespace countersign::wire {
namespace {

using namespace card_sample;

// Everything that the pages of a full view show, one after the other, without their buttons and numbers.
std::string all_pages(const CardView& card) {
    auto note = first_page();
    note.pages = slack_full_view_pages(card, style);
    std::string shown;
    for (note.page = 1; note.page <= note.pages; ++note.page) {
        note.seen = note.page;
        auto view = slack_full_view(card, style, note, true);
        EXPECT_LE(view.text.size(), 250'000U);
        const bool last = note.page == note.pages;
        EXPECT_EQ(view.text.find("\"submit\"") != std::string::npos, last);
        EXPECT_EQ(view.text.find("\"next_page\"") != std::string::npos, !last);
        shown += view.text;
    }
    return shown;
}

TEST(SlackFullView, PagesThroughEverythingAndOnlyTheLastPageApproves) {
    auto card = sample();
    ask(card, {{"a", std::string(200'000, 'a') + "END"}});
    EXPECT_GT(slack_full_view_pages(card, style), 5U);
    const auto shown = all_pages(card);
    EXPECT_NE(shown.find("END"), std::string::npos);
    EXPECT_GE(std::ranges::count(shown, 'a'), 200'000);
}

TEST(SlackFullView, TheLastPageApprovesNothingWhereAPageWasNotSeen) {
    auto card = sample();
    ask(card, {{"a", std::string(200'000, 'a')}});
    auto note = first_page();
    note.pages = note.page = slack_full_view_pages(card, style);
    note.seen = 1;
    EXPECT_EQ(slack_full_view(card, style, note, true).text.find("\"submit\""), std::string::npos);
}

TEST(SlackFullView, WhatNobodySeesDoesNotBuryWhatIsThere) {
    std::string buried;
    for (int i = 0; i < 30'000; ++i) buried += "\u200B";
    auto card = sample();
    ask(card, {{"q", buried + "DROP DATABASE" + buried}});
    EXPECT_FALSE(slack_card(card, style).whole);
    EXPECT_EQ(slack_full_view_pages(card, style), 1U);
    EXPECT_NE(all_pages(card).find(R"(\\u{200B*30000}DROP DATABASE\\u{200B*30000})"), std::string::npos);
}

TEST(SlackFullView, WhatCannotBeShownCannotBeApproved) {
    std::string endless;
    for (int i = 0; i < 60'000; ++i) endless += i % 2 ? "\u200B" : "\u200C";
    auto card = sample();
    ask(card, {{"q", endless + "DROP DATABASE" + endless}});
    auto note = first_page();
    note.pages = slack_full_view_pages(card, style);
    EXPECT_GT(note.pages, slack_pages_max);
    auto view = slack_full_view(card, style, note, true).text;
    EXPECT_EQ(view.find("\"submit\""), std::string::npos);
    EXPECT_NE(view.find("cannot be approved in Slack"), std::string::npos);
    EXPECT_NE(view.find("countersign show req_01JD0000000000000000000001"), std::string::npos);
}

}  // namespace
}  // namespace countersign::wire
