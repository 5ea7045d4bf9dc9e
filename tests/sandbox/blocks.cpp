#include "sandbox/blocks.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>

#include "sandbox/json.hpp"
#include "sandbox/view_state.hpp"
#include "sandbox/workspace.hpp"

namespace countersign::sandbox {
namespace {

Value json(std::string_view text) {
    auto value = read_json(text);
    EXPECT_TRUE(value) << text;
    return value.value_or(Value{});
}

std::string first(const Complaints& complaints) {
    return complaints.empty() ? "" : complaints.front().what + " at " + complaints.front().pointer;
}

struct Row {
    const char* name;
    std::string blocks;
    std::string complaint;  // empty where the payload is accepted
};
std::string x(std::size_t count) {
    return std::string(count, 'x');
}
std::string plain(const std::string& text) {
    return R"({"type":"plain_text","text":")" + text + R"("})";
}
std::string button(const std::string& text, const std::string& more = "") {
    return R"({"type":"button","action_id":"a","text":)" + plain(text) + more + "}";
}
std::string actions(const std::string& elements) {
    return R"([{"type":"actions","elements":[)" + elements + "]}]";
}
std::string repeated(const std::string& item, int count) {
    std::string all;
    for (int i = 0; i < count; ++i) all += (i ? "," : "") + item;
    return all;
}

class BlockRules : public testing::TestWithParam<Row> {};

TEST_P(BlockRules, AreSlacks) {
    EXPECT_EQ(first(check_blocks(json(GetParam().blocks), Surface::message)), GetParam().complaint);
}

std::vector<Row> rows() {
    const std::string divider = R"({"type":"divider"})";
    return {
        {"header", R"([{"type":"header","text":)" + plain(x(150)) + "}]", ""},
        {"header_long", R"([{"type":"header","text":)" + plain(x(151)) + "}]",
         "must be less than 151 characters at /blocks/0/text/text"},
        {"empty_text", R"([{"type":"section","text":)" + plain("") + "}]",
         "must be more than 0 characters at /blocks/0/text/text"},
        {"section_long", R"([{"type":"section","text":{"type":"mrkdwn","text":")" + x(3001) + R"("}}])",
         "must be less than 3001 characters at /blocks/0/text/text"},
        {"section_bare", R"([{"type":"section"}])", "missing required field: text or fields at /blocks/0"},
        {"fields_many", R"([{"type":"section","fields":[)" + repeated(plain("x"), 11) + "]}]",
         "must have 1 to 10 items at /blocks/0/fields"},
        {"field_long", R"([{"type":"section","fields":[)" + plain(x(2001)) + "]}]",
         "must be less than 2001 characters at /blocks/0/fields/0/text"},
        {"button", actions(button(x(75))), ""},
        {"button_long", actions(button(x(76))),
         "must be less than 76 characters at /blocks/0/elements/0/text/text"},
        {"button_value", actions(button("x", R"(,"value":")" + x(2001) + "\"")),
         "must be less than 2001 characters at /blocks/0/elements/0/value"},
        {"button_style", actions(button("x", R"(,"style":"loud")")),
         "must be one of: primary, danger at /blocks/0/elements/0/style"},
        {"action_twice", actions(button("x") + "," + button("y")),
         "action_id already exists: a at /blocks/0/elements/1/action_id"},
        {"blocks_50", "[" + repeated(divider, 50) + "]", ""},
        {"blocks_51", "[" + repeated(divider, 51) + "]", "no more than 50 items allowed at /blocks"},
        {"block_id_twice", R"([{"type":"divider","block_id":"b"},{"type":"divider","block_id":"b"}])",
         "block_id already exists: b at /blocks/1/block_id"},
        {"unknown", R"([{"type":"marquee"}])", "unsupported type: marquee at /blocks/0/type"},
        {"preformatted_user",
         R"([{"type":"rich_text","elements":[{"type":"rich_text_preformatted","elements":[{"type":"user","user_id":"U1"}]}]}])",
         "unsupported type: user at /blocks/0/elements/0/elements/0/type"},
        {"not_a_list", R"({})", "must be an array at /blocks"},
    };
}
INSTANTIATE_TEST_SUITE_P(Table, BlockRules, testing::ValuesIn(rows()),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(ViewRules, AnInputNeedsASubmitButtonAndTitlesAreShort) {
    const std::string input = R"({"type":"input","label":)" + plain("Why") +
                              R"(,"element":{"type":"plain_text_input","action_id":"t","max_length":500}})";
    auto modal = [&](const std::string& title, const std::string& more) {
        return json(R"({"type":"modal","title":)" + plain(title) + more + R"(,"blocks":[)" + input + "]}");
    };
    const std::string submit = R"(,"submit":)" + plain("Send");
    EXPECT_EQ(first(check_view(modal("Deny", submit), Surface::modal)), "");
    EXPECT_EQ(first(check_view(modal("Deny", ""), Surface::modal)), "missing required field: submit at ");
    EXPECT_EQ(first(check_view(modal(x(25), submit), Surface::modal)),
              "must be less than 25 characters at /title/text");
}

TEST(Lengths, AreCountedInUtf16Units) {
    EXPECT_EQ(text_units(json(R"([{"type":"section","text":{"type":"mrkdwn","text":"aé😀"}}])")), 4U);
}

TEST(Escaping, KeepsMarkupAndMakesTheRestInert) {
    EXPECT_EQ(escape_text("a & b < c > d"), "a &amp; b &lt; c &gt; d");
    EXPECT_EQ(escape_text("<@U1> <!here> <https://x.example|x> &lt;"),
              "<@U1> <!here> <https://x.example|x> &lt;");
    EXPECT_EQ(escape_text("<script>"), "&lt;script&gt;");
}

TEST(ViewState, HoldsEveryStatefulElementAlsoTheUntouched) {
    Value blocks = json(R"([
      {"type":"input","block_id":"reason","element":{"type":"plain_text_input","action_id":"text"}},
      {"type":"input","block_id":"days","element":{"type":"static_select","action_id":"pick",
        "options":[{"text":{"type":"plain_text","text":"One"},"value":"1"}]}},
      {"type":"section","block_id":"who","accessory":{"type":"multi_users_select","action_id":"users"}}])");
    Value values = state_values(blocks, json(R"({"days":"1","users":["U1"]})"));
    EXPECT_EQ(values["reason"]["text"], json(R"({"type":"plain_text_input","value":null})"));
    EXPECT_EQ(values["days"]["pick"]["selected_option"]["value"].text(), "1");
    EXPECT_EQ(values["who"]["users"]["selected_users"], json(R"(["U1"])"));
    EXPECT_EQ(input_problems(blocks, values), json(R"({"reason":"Please complete this required field."})"));
}

TEST(Feeds, AWatcherWhoFellBehindStartsOver) {
    rt::asio::io_context io;
    Feed feed{io.get_executor()};
    feed.publish("team", Value::object());
    EXPECT_EQ(feed.after(0), std::nullopt);  // nothing was kept, because nobody watched
    feed.watched(1);
    feed.publish("team", Value::object());
    EXPECT_EQ(feed.after(1), "id: 2\nevent: team\ndata: {}\n\n");
    EXPECT_EQ(feed.after(2), "");
    for (std::size_t i = 0; i < Feed::items_max; ++i) feed.publish("team", Value::object());
    EXPECT_EQ(feed.after(1), std::nullopt);
}

}  // namespace
}  // namespace countersign::sandbox
