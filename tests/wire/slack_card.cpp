#include "countersign/wire/slack_card.hpp"
#include "countersign/wire/slack_views.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <memory>
#include <random>
#include <set>

#include "countersign/base/text.hpp"
#include "countersign/core/hidden.hpp"
#include "countersign/wire/json.hpp"
#include "wire/golden.hpp"
#include "wire/slack_sample.hpp"

namespace countersign::wire {
namespace {

using namespace card_sample;
using core::AccountId;
using core::State;
using core::Verdict;

CardView decided(State state) {
    auto card = sample();
    card.state = state;
    card.version = 4;
    card.missing.clear();
    card.votes = {
        {slack_person("amy", "U0AMY"), Verdict::approve, core::Surface::slack, at(10, 1), "", "security"},
        {slack_person("ben", "U0BEN"), Verdict::deny, core::Surface::slack, at(10, 2), "window closed", {}}};
    card.decided_at = at(10, 2);
    card.decided_by = slack_person("ben", "U0BEN");
    card.reason = "window closed";
    return card;
}

const std::string about = "db.export → production";

// What a reader makes of it: strict, so that no name comes twice.
Value read(const JsonText& json) {
    if (json.text.empty()) return {};
    auto value = parse_json(json.text, {.bytes_max = 1'000'000});
    if (!value) {
        ADD_FAILURE() << value.error().detail << ": " << json.text;
        return {};
    }
    EXPECT_EQ(core::canonical(*value), json.text);
    return std::move(*value);
}

Value as_value(const SlackMessage& message) {
    return Value::object({{"text", message.text},
                          {"blocks", read(message.blocks)},
                          {"metadata", read(message.metadata)},
                          {"whole", message.whole}});
}

TEST(SlackCard, PendingLooksAsAgreed) {
    test::expect_golden("slack_card_pending", as_value(slack_card(sample(), style)));
}

TEST(SlackCard, HiddenValuesLookAsAgreed) {
    auto card = sample();
    ask(card, {{"password", core::commitment("salt", "/parameters/password", Value{"x"})}});
    card.hidden = 1;
    test::expect_golden("slack_card_hidden", as_value(slack_card(card, style)));
}

TEST(SlackCard, OnHoldLooksAsAgreed) {
    auto card = sample();
    card.version = 2;
    card.held = core::CardVote{
        slack_person("amy", "U0AMY"), Verdict::hold, core::Surface::slack, at(10, 0), "wait", {}};
    test::expect_golden("slack_card_held", as_value(slack_card(card, style)));
}

TEST(SlackCard, DenialsReleasersAndApprovalsOfOnesOwnLookAsAgreed) {
    auto card = sample();
    card.version = 3;
    card.held = core::CardVote{
        slack_person("amy", "U0AMY"), Verdict::hold, core::Surface::slack, at(10, 0), "wait", {}};
    card.releasers = {"leads", "ops"};
    card.one_denial_ends = false;
    card.objections = {{"leads", 2, 1}, {"ops", 1, 0}};
    card.votes = {{slack_person("riley", "U0RILEY"), Verdict::approve, core::Surface::slack, at(10, 1),
                   "the site is down", "security", true},
                  {slack_person("ben", "U0BEN"), Verdict::deny, core::Surface::slack, at(10, 2), "no", {}}};
    test::expect_golden("slack_card_break_glass", as_value(slack_card(card, style)));
    SlackViewNote note{.request = card.id.text(), .channel = "C0APPROVALS", .message = "1795219301.417039"};
    test::expect_golden(
        "slack_view_own_reason",
        read(slack_reason_view({.verdict = Verdict::approve, .number = 1042, .about = about, .own = true},
                               note)));
    auto details = slack_full_view(card, style, note, false);
    EXPECT_NE(details.text.find("(own request, allowed by policy)"), std::string::npos);
}

TEST(SlackCard, AlternativesLookAsAgreed) {
    auto card = sample();
    card.missing.push_back({{"cto", 1, {}}});
    card.no_human_named = true;
    card.on_behalf_of.clear();
    test::expect_golden("slack_card_alternatives", as_value(slack_card(card, style)));
}

TEST(SlackCard, EachEndLooksAsAgreed) {
    for (auto state : {State::approved, State::denied, State::refused, State::expired, State::cancelled,
                       State::claimed, State::succeeded, State::failed, State::lapsed}) {
        auto card = decided(state);
        if (state == State::failed) card.outcome_detail = "disk full";
        test::expect_golden("slack_card_" + std::string(core::name_of(state)),
                            as_value(slack_card(card, style)));
    }
}

TEST(SlackCard, OverflowLooksAsAgreed) {
    auto card = sample();
    ask(card, {{"first", 1}, {"query", std::string(20'000, 'x')}, {"second", 2}});
    test::expect_golden("slack_card_overflow", as_value(slack_card(card, style)));
}

TEST(SlackCard, ThreadLineLooksAsAgreed) {
    auto line =
        slack_thread_line({slack_person("amy", "U0AMY"), "approved for security: <!here> *yes*"}, style);
    test::expect_golden("slack_thread_line", as_value(line));
    auto reminder = slack_thread_line({{},
                                       "Reminder: this still needs 1 of security, and expires in 20m.",
                                       {slack_person("amy", "U0AMY"), {"<!here> *ben*", std::nullopt}}},
                                      style);
    test::expect_golden("slack_reminder", as_value(reminder));
}

TEST(SlackCard, ViewsLookAsAgreed) {
    auto note = first_page("1795219301.417039");
    test::expect_golden(
        "slack_view_deny",
        read(slack_reason_view({.verdict = Verdict::deny, .number = 1042, .about = about}, note)));
    test::expect_golden(
        "slack_view_hold",
        read(slack_reason_view({.verdict = Verdict::hold, .number = 1042, .about = about}, note)));
    test::expect_golden("slack_view_details", read(slack_full_view(sample(), style, note, false)));
    test::expect_golden("slack_view_approve", read(slack_full_view(sample(), style, note, true)));
}

TEST(SlackCard, EveryButtonCarriesTheFullRequestIdAndNothingElse) {
    auto card = slack_card(sample(), style);
    const auto read_back = read(card.blocks);
    const auto& blocks = *read_back.items();
    const auto& buttons = *blocks.back()["elements"].items();
    std::vector<std::string> actions;
    for (const auto& button : buttons) {
        EXPECT_EQ(button["value"].text(), sample().id.text());
        actions.emplace_back(button["action_id"].text());
    }
    EXPECT_EQ(actions, (std::vector<std::string>{"approve", "deny", "hold", "details"}));
}

TEST(SlackCard, AFinalCardHasNoButtons) {
    for (auto state : {State::approved, State::denied, State::refused, State::expired, State::cancelled,
                       State::claimed, State::succeeded, State::failed, State::lapsed})
        EXPECT_EQ(slack_card(decided(state), style).blocks.text.find("\"actions\""), std::string::npos);
}

TEST(SlackCard, BlockIdsAreNewForEveryVersion) {
    auto ids = [](const SlackMessage& message) {
        std::set<std::string> all;
        const auto blocks = read(message.blocks);
        for (const auto& block : *blocks.items()) all.emplace(block["block_id"].text());
        EXPECT_EQ(all.size(), blocks.items()->size());
        return all;
    };
    auto one = sample();
    auto two = sample();
    two.version = 2;
    auto before = ids(slack_card(one, style));
    for (const auto& id : ids(slack_card(two, style))) EXPECT_FALSE(before.contains(id)) << id;
}

// ---- the question whether to approve

Value buttons_of(const SlackPrivate& asked) {
    return read(asked.blocks).items()->back();
}

TEST(SlackQuestion, ItsButtonStandsForExactlyWhatIsShown) {
    auto card = sample();
    card.version = 3;
    auto asked = slack_private_approval(card, style, "It has changed: <!here>", "fine <!here>", true);
    auto shown = read_slack_asked(buttons_of(asked)["block_id"].text());
    ASSERT_TRUE(shown);
    EXPECT_EQ(shown->version, 3);
    EXPECT_EQ(shown->digest, card.digest);
    EXPECT_EQ(buttons_of(asked)["elements"][0]["value"].text(), card.id.text() + " fine <!here>");
    EXPECT_EQ(buttons_of(asked)["elements"][0]["action_id"].text(), slack_approve);
    EXPECT_NE(asked.blocks.text.find("Nothing is recorded yet"), std::string::npos);
    EXPECT_NE(asked.blocks.text.find("It has changed"), std::string::npos);
    for (const char* other : {"", "shown.", "shown.x.sha256:aa", "shown.3", "act.3.sha256:aa"})
        EXPECT_FALSE(read_slack_asked(other)) << other;
}

TEST(SlackQuestion, WhatIsNotAllOfItOpensTheFullView) {
    auto card = sample();
    ask(card, {{"big", std::string(10'000, 'y')}});
    auto asked = slack_private_approval(card, style, "", "fine", true);
    EXPECT_TRUE(slack_opens_full_view(buttons_of(asked)["block_id"].text()));
    EXPECT_FALSE(read_slack_asked(buttons_of(asked)["block_id"].text()));
    EXPECT_EQ(buttons_of(asked)["elements"][0]["value"].text(), card.id.text());
    EXPECT_EQ(buttons_of(asked)["elements"][0]["text"]["text"].text(), "Open the full view");
}

TEST(SlackQuestion, TheResourcesNameIsTypedWhereItIsAskedFor) {
    auto card = sample();
    SlackViewNote note{.request = card.id.text()};
    auto view = read(slack_reason_view({.verdict = Verdict::approve,
                                        .number = 1042,
                                        .about = about,
                                        .resource = "orders\u202e",
                                        .needs_reason = false},
                                       note));
    EXPECT_NE(core::canonical(view).find("orders\\\\u{202E}"), std::string::npos) << core::canonical(view);
    std::vector<std::string> inputs;
    for (const auto& block : *view["blocks"].items())
        if (block["type"].text() == "input") inputs.emplace_back(block["block_id"].text());
    EXPECT_EQ(inputs, (std::vector<std::string>{"resource", "reason"}));
    card.resource_typed = true;
    card.resource = "orders";
    note.page = note.seen = note.pages = 1;
    EXPECT_NE(slack_full_view(card, style, note, true).text.find("\"block_id\":\"resource\""),
              std::string::npos);
    EXPECT_EQ(slack_full_view(card, style, note, false).text.find("\"block_id\":\"resource\""),
              std::string::npos);
}

TEST(SlackCard, WhatDoesNotFitMakesApproveOpenTheFullView) {
    auto card = sample();
    EXPECT_TRUE(slack_card(card, style).whole);
    auto last_block = [&] {
        return std::string(read(slack_card(card, style).blocks).items()->back()["block_id"].text());
    };
    EXPECT_FALSE(slack_opens_full_view(last_block()));
    ask(card, {{"big", std::string(10'000, 'y')}});
    EXPECT_FALSE(slack_card(card, style).whole);
    EXPECT_TRUE(slack_opens_full_view(last_block()));
}

TEST(SlackCard, AHeldCardHasReleaseInsteadOfHold) {
    auto card = sample();
    card.held = core::CardVote{
        slack_person("amy", "U0AMY"), Verdict::hold, core::Surface::slack, at(10, 0), "wait", {}};
    auto text = slack_card(card, style).blocks.text;
    EXPECT_NE(text.find(R"("action_id":"release")"), std::string::npos);
    EXPECT_EQ(text.find(R"("action_id":"hold")"), std::string::npos);
}

TEST(SlackCard, AParameterNameCannotPassForAnAssignment) {
    auto card = sample();
    ask(card, {{"rows = 5\nforce", true}});
    auto text = slack_card(card, style).blocks.text;
    EXPECT_NE(text.find(R"("\"[\\\"rows = 5\\\\nforce\\\"]\" ")"), std::string::npos) << text;
}

TEST(SlackCard, OnlyLinksToNamedHostsAreClickable) {
    auto text = slack_card(sample(), style).blocks.text;
    EXPECT_NE(text.find(R"("type":"link","url":"https://ci.example.com/run/7")"), std::string::npos);
    EXPECT_EQ(text.find(R"("url":"https://evil.example/x")"), std::string::npos);
    for (const char* url :
         {"https://ci.example.com@evil.example/", "javascript:alert(1)", "https://ci.example.com.evil/",
          "https://evil\\@ci.example.com/", "https://ci.example.com/\xE2\x80\xAE"}) {
        auto card = sample();
        card.links = {{"t", url}};
        EXPECT_EQ(slack_card(card, style).blocks.text.find("\"link\""), std::string::npos) << url;
    }
}

TEST(SlackCard, OnlyAccountsOfThisWorkspaceAreMentioned) {
    EXPECT_EQ(slack_mention(slack_person("amy", "U0AMY"), style), "<@U0AMY>");
    EXPECT_EQ(slack_mention({"eve", AccountId{"slack:T0OTHER/U0EVE"}}, style), "`eve`");
    EXPECT_EQ(slack_mention({"eve", AccountId{"slack:T0SIM/U0EVE> <!here"}}, style), "`eve`");
    EXPECT_EQ(slack_mention({"x` <!here> `", std::nullopt}, style), "`x' &lt;!here&gt; '`");
}

TEST(SlackCard, TheFallbackTextIsASentenceInWhichNothingMentionsOrLinks) {
    EXPECT_EQ(slack_card(sample(), style).text,
              "Approve? db.export in production, asked by ci for riley: Monthly churn analysis (#1042)");
    auto card = sample();
    card.intent = card.requester.name = "<!channel> <https://evil.example|x>";
    EXPECT_EQ(
        slack_card(card, style).text,
        "Approve? db.export in production, asked by &lt;!channel&gt; &lt;https://evil.example|x&gt; for "
        "riley: &lt;!channel&gt; &lt;https://evil.example|x&gt; (#1042)");
    EXPECT_EQ(slack_card(decided(State::denied), style).text,
              "Denied by ben: db.export in production: window closed (#1042)");
    auto line = slack_thread_line({slack_person("amy", "U0AMY"), "approved: <!here>"}, style);
    EXPECT_EQ(line.text, "amy approved: &lt;!here&gt;");
}

TEST(SlackCard, ViewNotesComeBackAsTheyWere) {
    SlackViewNote note{"req_x", "C1", "1.2", 2, 3, 4, "seal"};
    EXPECT_EQ(read_slack_view_note(slack_view_note(note)), note);
    for (const char* bad : {"", "{", "[]", "{}", "{\"request\":1}", "null"})
        EXPECT_FALSE(read_slack_view_note(bad));
}

// ---- properties

class Hostile {
  public:
    explicit Hostile(std::uint64_t seed) : random_(seed) {}
    std::size_t below(std::size_t n) { return std::uniform_int_distribution<std::size_t>{0, n - 1}(random_); }
    std::string text(std::size_t pieces_max) {
        static const std::vector<std::string> pieces{"<!channel>",
                                                     "<@U0AMY>",
                                                     "<!here|x>",
                                                     "<https://evil.example|ok>",
                                                     "http://evil.example",
                                                     "*bold*",
                                                     "`",
                                                     "```",
                                                     "\n",
                                                     "\r\n",
                                                     "\xE2\x80\xAE",
                                                     "\xE2\x80\x8B",
                                                     "&lt;",
                                                     "&",
                                                     "<",
                                                     ">",
                                                     ":tada:",
                                                     "\x01",
                                                     "\xFF",
                                                     "é",
                                                     "漢字",
                                                     "😀",
                                                     "a",
                                                     " ",
                                                     "0123456789",
                                                     "#general",
                                                     "@here",
                                                     "<!subteam^S0SEC>",
                                                     "<!date^1^x^https://e|y>",
                                                     "_",
                                                     "\"",
                                                     "\\",
                                                     "\t",
                                                     "\xC2\x85",
                                                     std::string(200, 'z')};
        std::string out;
        for (std::size_t n = below(pieces_max + 1); n > 0; --n) out += pieces[below(pieces.size())];
        return out;
    }
    CardView card() {
        auto card = sample();
        card.state = static_cast<State>(below(10));
        card.resource = text(20);
        card.environment = text(10);
        card.intent = text(60);
        card.reason = text(30);
        if (below(2) != 0) card.outcome_detail = text(20);
        card.requester = who();
        card.on_behalf_of.clear();
        for (std::size_t n = below(21); n > 0; --n) card.on_behalf_of.push_back(who());
        Value parameters = Value::object();
        for (std::size_t n = below(40); n > 0; --n) parameters.set(text(6), text(40));
        if (below(3) == 0) {
            Value argv = Value::array();
            for (std::size_t n = below(40); n > 0; --n) argv.push(text(20));
            parameters.set("argv", std::move(argv)).set("cwd", text(8));
            parameters.set("executable", Value::object({{"path", text(3)}}));
        }
        if (below(4) == 0) parameters.set("plan", "# " + text(9) + " will be created\n# x must be replaced");
        card.parameters = std::make_shared<const Value>(std::move(parameters));
        if (below(4) == 0) card.before = core::CardBefore{who(), at(1, 0), nullptr};
        for (std::size_t n = below(50); n > 0; --n) card.labels.emplace_back(text(5), text(8));
        for (std::size_t n = below(20); n > 0; --n)
            card.links.push_back({text(6), "https://ci.example.com/" + text(8)});
        for (std::size_t n = below(10); n > 0; --n) card.rules.push_back(text(6));
        card.missing.clear();
        for (std::size_t n = below(64); n > 0; --n) card.missing.push_back({lack(), lack()});
        for (std::size_t n = below(40); n > 0; --n)
            card.votes.push_back(
                {who(), static_cast<Verdict>(below(5)), core::Surface::api, at(1, 1), text(20), text(4)});
        if (below(3) == 0)
            card.held = core::CardVote{who(), Verdict::hold, core::Surface::api, at(1, 1), text(10), {}};
        if (below(2) != 0) card.decided_by = who();
        card.digest = text(5);
        return card;
    }

  private:
    core::Who who() {
        core::Who made{text(5), std::nullopt};
        if (below(2) != 0) made.account = AccountId{"slack:T0SIM/U0AMY"};
        if (below(5) == 0) made.account = AccountId{"slack:T0SIM/" + text(3)};
        return made;
    }
    core::CardLack lack() {
        core::CardLack made{text(4), 1, {}};
        for (std::size_t n = below(20); n > 0; --n) made.could_approve.push_back(who());
        return made;
    }
    std::mt19937_64 random_;
};

constexpr std::string_view id_characters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

// Every `<` in mrkdwn is one that we made: a mention of an id, or a date.
void expect_inert(const std::string& mrkdwn, const std::string& where) {
    for (auto i = mrkdwn.find('<'); i != std::string::npos; i = mrkdwn.find('<', i + 1)) {
        auto rest = std::string_view{mrkdwn}.substr(i);
        auto inside = rest.substr(0, rest.find('>'));
        bool mention = inside.starts_with("<@") && inside.find_first_not_of(id_characters, 2) == inside.npos;
        bool date = rest.starts_with("<!date^") && rest.substr(0, rest.find('>')).find("UTC") != rest.npos &&
                    rest.substr(0, rest.find('>')).find("http") == rest.npos;
        EXPECT_TRUE(mention || date) << where << ": " << rest.substr(0, 40);
    }
}

void expect_limits(const Value& value, const std::string& where) {
    if (const auto* items = value.items())
        for (const auto& item : *items) expect_limits(item, where);
    const auto* members = value.members();
    if (!members) return;
    auto type = value["type"].text();
    if (type == "mrkdwn" || type == "plain_text" || type == "text") {
        EXPECT_FALSE(value["text"].text().empty())
            << where << ": empty text of " << type << core::canonical(value);
        EXPECT_LE(utf16_units(value["text"].text()), 3'000U) << where;
        EXPECT_TRUE(valid_utf8(value["text"].text())) << where;
    }
    if (type == "mrkdwn") {
        EXPECT_TRUE(value["verbatim"].truth()) << where;
        expect_inert(std::string(value["text"].text()), where);
    }
    if (type == "plain_text") {
        EXPECT_FALSE(value["emoji"].truth(true)) << where;
    }
    if (type == "header") {
        EXPECT_LE(utf16_units(value["text"]["text"].text()), 150U) << where;
    }
    if (type == "button") {
        EXPECT_LE(utf16_units(value["text"]["text"].text()), 75U) << where;
    }
    EXPECT_LE(value["block_id"].text().size(), 255U) << where;
    for (const auto& [name, member] : *members) expect_limits(member, where);
}

TEST(SlackCard, NoHostileTextEscapesAndNoLimitIsBroken) {
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
        Hostile hostile{seed};
        auto card = hostile.card();
        auto where = "seed " + std::to_string(seed);
        auto message = slack_card(card, style);
        const auto blocks = read(message.blocks);
        expect_limits(blocks, where);
        EXPECT_LE(slack_text_units(blocks), 10'000U) << where;
        EXPECT_LE(blocks.items()->size(), 50U) << where;
        EXPECT_LE(message.metadata.text.size(), 1'000U) << where;
        EXPECT_EQ(message.text.find('<'), std::string::npos) << where;

        SlackViewNote note{card.id.text(), "C1", "1.2", 1, 1, 1, std::string(44, 's')};
        auto written = slack_full_view(card, style, note, true);
        EXPECT_LE(written.text.size(), 250'000U) << where;
        auto view = read(written);
        expect_limits(view, where);
        EXPECT_LE(view["blocks"].items()->size(), 100U) << where;
        EXPECT_LE(utf16_units(view["title"]["text"].text()), 24U) << where;

        auto said = slack_private(hostile.text(400));
        expect_limits(read(slack_response(said)), where);
        expect_limits(read(slack_command_answer(said)), where);
        expect_inert(said.text, where);
        std::vector<core::Who> asks(2 * core::asked_max, {hostile.text(40), std::nullopt});
        auto line = slack_thread_line({{hostile.text(4), std::nullopt}, hostile.text(200), asks}, style);
        expect_limits(read(line.blocks), where);
        if (testing::Test::HasFailure()) return;
    }
}

}  // namespace
}  // namespace countersign::wire
