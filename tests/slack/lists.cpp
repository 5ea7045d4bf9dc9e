#include <gtest/gtest.h>

#include "slack/office.hpp"

// Lists of requests by command and on App Homes, and what their buttons do, against the local workspace.
namespace countersign::slack {
namespace {

using namespace std::chrono_literals;
using core::State;
using core::Value;
using test::has;
using test::SlackOffice;

struct ListOffice : SlackOffice {
    using SlackOffice::SlackOffice;

    // The newest message that this user alone sees, and what can be clicked on it.
    Value newest_whisper(std::string_view user) {
        auto all = look(fmt::format("ephemerals?user={}", user))["ephemerals"];
        return all.items()->empty() ? Value{} : all.items()->back();
    }
    Value press_on_whisper(std::string_view user, std::string_view action, std::string_view block) {
        return control("click", Value::object({{"user", user},
                                               {"channel", "C0APPROVALS"},
                                               {"ts", newest_whisper(user)["ts"]},
                                               {"action_id", action},
                                               {"block_id", block}}));
    }
    Value home(std::string_view user) { return look(fmt::format("views?user={}", user))["home"]; }
    std::string home_text(std::string_view user) { return core::canonical(home(user)["blocks"]); }
    Value press_on_home(std::string_view user, std::string_view action, core::RequestId request) {
        return control("click", Value::object({{"user", user},
                                               {"view_id", home(user)["id"]},
                                               {"action_id", action},
                                               {"block_id", row(request)}}));
    }
    static std::string row(core::RequestId request) { return "act." + request.text() + ".row.full"; }
    std::size_t publishes() { return calls("views.publish"); }
};

// The numbers of the requests that are listed, in order.
std::vector<std::string> numbers_in(const std::string& blocks) {
    std::vector<std::string> numbers;
    constexpr std::string_view mark = "\"text\":\"#";
    for (auto at = blocks.find(mark); at != blocks.npos; at = blocks.find(mark, at + 1)) {
        auto from = at + mark.size();
        numbers.push_back(blocks.substr(from, blocks.find('"', from) - from));
    }
    return numbers;
}

TEST(SlackLists, AreInTheOrderOfWhatExpiresAndGoOnPageByPage) {
    ListOffice office;
    for (int i = 0; i < 11; ++i) office.ask("deploy", Value::object({{"n", i}}));
    office.ask("deploy", Value::object({{"n", 12}}), 5min);
    EXPECT_TRUE(office.until([&] { return office.store.rows_behind() == 0; }));
    auto first = office.command("U0AMY", "");
    EXPECT_EQ(numbers_in(first),
              (std::vector<std::string>{"12", "1", "2", "3", "4", "5", "6", "7", "8", "9"}));
    EXPECT_TRUE(has(first, "Waiting for you"));
    EXPECT_TRUE(has(first, "/archives/C0APPROVALS/p")) << "links to the cards";
    ASSERT_TRUE(office.press_on_whisper("U0AMY", "list_page", "list.next")["acked"].truth());
    office.pass(5s);  // the channel is busy with cards
    auto second = core::canonical(office.newest_whisper("U0AMY"));
    EXPECT_EQ(numbers_in(second), (std::vector<std::string>{"10", "11"})) << second;
    EXPECT_FALSE(has(second, "list_page"));
    EXPECT_EQ(office.whispers("U0AMY").size(), 1U) << "in the place of the first page";
    // The words do the same.
    EXPECT_EQ(numbers_in(office.command("U0AMY", "list after #9")), (std::vector<std::string>{"10", "11"}));
    EXPECT_TRUE(has(office.command("U0AMY", "all"), "Pending requests (12)"));
    EXPECT_TRUE(has(office.command("U0AMY", "list after 11"), "nothing further on"));
    EXPECT_TRUE(has(office.command("U0AMY", "list 3"), "Say where to go on"));
    EXPECT_EQ(numbers_in(office.command("U0RILEY", "mine")).front(), "12");
    EXPECT_EQ(numbers_in(office.command("U0RILEY", "mine after 9")), (std::vector<std::string>{"10", "11"}));
}

TEST(SlackLists, OnlyWhoseVoteCountsHasButtonsToVote) {
    ListOffice office;
    office.ask("deploy");
    for (const char* action : {"\"approve\"", "\"deny\"", "\"details\""})
        EXPECT_TRUE(has(office.command("U0AMY", "all"), action)) << action;
    auto other = office.command("U0DAN", "all");
    EXPECT_FALSE(has(other, "\"approve\"") || has(other, "\"deny\""));
    EXPECT_TRUE(has(other, "\"details\""));
    EXPECT_FALSE(has(office.command("U0RILEY", "all"), "\"approve\""));
}

TEST(SlackLists, ApproveOfARowPutsEverythingBeforeTheVoterFirst) {
    ListOffice office;
    auto request = office.ask("db.export", Value::object({{"table", "customers"}}));
    office.command("U0AMY", "list");
    EXPECT_TRUE(office.press_on_whisper("U0AMY", "approve", ListOffice::row(request))["acked"].truth());
    EXPECT_EQ(office.read(request)->ruling.votes.size(), 0U);
    EXPECT_TRUE(has(office.views("U0AMY"), "customers"));
    EXPECT_TRUE(office.submit("U0AMY", "")["closed"].truth());
    office.pass(1s);
    EXPECT_EQ(office.read(request)->ruling.votes.size(), 1U);
    // No card is in sight, so the answer is words.
    EXPECT_TRUE(has(office.whispers("U0AMY").back(), "Your approval of #1 is recorded. Still needed: 1 of"))
        << office.whispers("U0AMY").back();
    EXPECT_TRUE(has(office.command("U0BEN", "list"), "amy approved"));
}

TEST(SlackLists, DenyOfARowAsksWhy) {
    ListOffice office;
    auto request = office.ask("deploy");
    office.command("U0AMY", "list");
    office.press_on_whisper("U0AMY", "deny", ListOffice::row(request));
    EXPECT_TRUE(has(office.views("U0AMY"), "Deny #1"));
    EXPECT_TRUE(office.submit("U0AMY", "not now")["closed"].truth());
    EXPECT_EQ(office.state(request), State::denied);
}

TEST(SlackLists, HostileTextInARowIsText) {
    ListOffice office;
    office.ask("deploy", Value::object({{"x", "<!channel>"}}));
    auto said = office.command("U0AMY", "list");
    EXPECT_FALSE(has(said, "mrkdwn")) << said;
}

// ---- App Home

TEST(SlackHome, ShowsWhatWaitsWhatIsOnesOwnAndWhatWasDecided) {
    ListOffice office;
    auto first = office.ask("deploy");
    auto second = office.ask("db.export");
    EXPECT_TRUE(office.until([&] { return office.store.rows_behind() == 0; }));
    office.control("open_home", Value::object({{"user", "U0AMY"}}));
    office.pass(1s);
    EXPECT_EQ(numbers_in(office.home_text("U0AMY")), (std::vector<std::string>{"1", "2"}));
    office.control("open_home", Value::object({{"user", "U0RILEY"}}));
    office.pass(1s);
    EXPECT_TRUE(has(office.home_text("U0RILEY"), "Nothing waits for you."));
    EXPECT_EQ(numbers_in(office.home_text("U0RILEY")), (std::vector<std::string>{"2", "1"}));
    // A vote through the page, from the full view, shows on it at once.
    EXPECT_TRUE(office.press_on_home("U0AMY", "approve", first)["acked"].truth());
    EXPECT_TRUE(office.submit("U0AMY", "")["closed"].truth());
    office.pass(1s);
    EXPECT_EQ(office.state(first), State::approved);
    EXPECT_EQ(numbers_in(office.home_text("U0AMY")), (std::vector<std::string>{"2", "1"}))
        << "decided lately";
    EXPECT_TRUE(has(office.home_text("U0AMY"), "amy approved"));
    EXPECT_TRUE(office.whispers("U0AMY").empty());
    EXPECT_FALSE(
        has(office.home_text("U0AMY"), ListOffice::row(first) + "\",\"elements\":[{\"action_id\":\"approve"));
    // Whoever is refused there is told there.
    EXPECT_TRUE(office.press_on_home("U0RILEY", "details", second)["acked"].truth());
    EXPECT_TRUE(has(office.views("U0RILEY"), "Request #2"));
}

TEST(SlackHome, ChangesWhileItIsOpenAndRestsOtherwise) {
    ListOffice office;
    office.control("open_home", Value::object({{"user", "U0AMY"}}));
    office.pass(1s);
    EXPECT_TRUE(has(office.home_text("U0AMY"), "Nothing waits for you."));
    auto published = office.publishes();
    office.pass(1min);
    EXPECT_EQ(office.publishes(), published) << "nothing happened";
    auto request = office.ask("deploy");
    office.pass(6s);
    EXPECT_EQ(numbers_in(office.home_text("U0AMY")), (std::vector<std::string>{"1"}));
    // A burst is shown together.
    published = office.publishes();
    for (int i = 0; i < 8; ++i) office.ask("deploy", Value::object({{"n", i}}));
    office.pass(6s);
    EXPECT_LE(office.publishes(), published + 2);
    EXPECT_EQ(numbers_in(office.home_text("U0AMY")).size(), 9U);
    office.click(office.cards(request).at(0), "U0BEN", "approve");
    office.pass(6s);
    EXPECT_EQ(numbers_in(office.home_text("U0AMY")).size(), 8U);
    // Nobody is known to look at it after a while.
    office.pass(16min);
    published = office.publishes();
    office.ask("deploy");
    office.pass(1min);
    EXPECT_EQ(office.publishes(), published);
}

TEST(SlackHome, AFailedPublishIsTriedAgain) {
    ListOffice office;
    office.fault(Value::object({{"method", "views.publish"}, {"http_status", 503}}));
    office.ask("deploy");
    office.control("open_home", Value::object({{"user", "U0AMY"}}));
    office.pass(3s);
    EXPECT_TRUE(office.home("U0AMY").is_null());
    office.pass(20s);
    EXPECT_EQ(numbers_in(office.home_text("U0AMY")), (std::vector<std::string>{"1"}));
}

}  // namespace
}  // namespace countersign::slack
