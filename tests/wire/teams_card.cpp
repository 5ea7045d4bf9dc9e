#include "countersign/wire/teams_card.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <random>

#include "countersign/base/text.hpp"
#include "countersign/wire/json.hpp"
#include "countersign/wire/teams_activity.hpp"
#include "countersign/wire/teams_full_view.hpp"
#include "countersign/wire/teams_messages.hpp"
#include "wire/golden.hpp"

namespace countersign::wire {
namespace {

using core::CardView;
using core::State;
using core::Value;
using core::Verdict;

const TeamsStyle team{.link_hosts = {"ci.example.com"}, .viewers = {"29:amy", "29:ben"}};

core::Instant moment(int hour, int minute) {
    return std::chrono::sys_days{std::chrono::year{2026} / 1 / 2} + std::chrono::hours{hour} +
           std::chrono::minutes{minute};
}

core::Who teams_person(const char* name, const char* id) {
    return {name, core::AccountId{std::string("teams:9f1c3a52-7d2e-4c0b-9f5e-1d2c3b4a5f60/") + id}};
}
void teams_ask(CardView& card, std::vector<Value::Member> parameters) {
    auto asked = Value::object();
    for (auto& [name, value] : parameters) asked.set(name, std::move(value));
    card.parameters = std::make_shared<const Value>(std::move(asked));
}
constexpr const char* amy_id = "8a1c2f5e-0d1b-4f3a-9e55-0c1d2e3f4a5b";

CardView teams_asked() {
    CardView card;
    card.id = *core::RequestId::parse("req_01JD0000000000000000000001");
    card.number = 1042;
    card.version = 1;
    card.action = "db.export";
    card.resource = "postgres://orders/users";
    card.environment = "production";
    card.intent = "Monthly churn analysis";
    card.requester = {"ci", std::nullopt};
    card.on_behalf_of = {teams_person("riley", "00000000-0000-0000-0000-000000000001")};
    teams_ask(card, {{"destination", "s3://exports/x"}, {"rows", 120000}});
    card.labels = {{"job", "nightly"}};
    card.links = {{"Run", "https://ci.example.com/run/7"}, {"Elsewhere", "https://evil.example/x"}};
    card.digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    card.rules = {"prod exports"};
    card.missing = {{{"security", 2, {teams_person("amy", amy_id)}}, {"dba", 1, {{"cat", std::nullopt}}}}};
    card.expires_at = moment(10, 30);
    return card;
}

CardView teams_denied() {
    auto card = teams_asked();
    card.state = State::denied;
    card.version = 3;
    card.missing.clear();
    card.votes = {{teams_person("amy", amy_id),
                   Verdict::deny,
                   core::Surface::teams,
                   moment(10, 2),
                   "window closed",
                   {}}};
    card.decided_at = moment(10, 2);
    card.decided_by = teams_person("amy", amy_id);
    card.reason = "window closed";
    return card;
}

Value parsed(const JsonText& json) {
    auto value = parse_json(json.text, {.bytes_max = 1'000'000});
    if (!value) {
        ADD_FAILURE() << value.error().detail << ": " << json.text;
        return {};
    }
    EXPECT_EQ(core::canonical(*value), json.text);
    return std::move(*value);
}

void each_object(const Value& value, const std::function<void(const Value&)>& see) {
    if (const auto* items = value.items())
        for (const Value& item : *items) each_object(item, see);
    if (const auto* members = value.members()) {
        see(value);
        for (const auto& [name, member] : *members) each_object(member, see);
    }
}

// All that its runs say, block by block.
std::string words_on(const Value& card) {
    std::string words;
    each_object(card, [&](const Value& one) {
        if (one["type"].text() == "TextRun") words += one["text"].text();
        if (one["type"].text() == "RichTextBlock") words += "\n";
    });
    return words;
}

std::vector<std::string> titles_on(const Value& card) {
    std::vector<std::string> titles;
    if (const auto* actions = card["actions"].items())
        for (const Value& action : *actions) titles.emplace_back(action["title"].text());
    return titles;
}

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

TEST(TeamsCard, LooksAsAgreed) {
    test::expect_golden("teams_card_pending", parsed(teams_card(teams_asked(), team).card));
    test::expect_golden("teams_card_denied", parsed(teams_card(teams_denied(), team).card));
    auto held = teams_asked();
    held.held = core::CardVote{
        teams_person("amy", amy_id), Verdict::hold, core::Surface::teams, moment(10, 0), "wait", {}};
    test::expect_golden("teams_card_held", parsed(teams_card(held, team).card));
    TeamsViewer behind{.behind = true, .notice = "You are behind this request."};
    test::expect_golden("teams_card_behind", parsed(teams_card(teams_asked(), team, &behind).card));
    test::expect_golden(
        "teams_full_view",
        parsed(teams_full_view(teams_asked(), team, {.pass = "p", .can_approve = true}).card));
    test::expect_golden("teams_question", parsed(teams_question({"Is it you?"}, "link", "lnk_1").card));
    core::ThreadLine line{
        teams_person("amy", amy_id), "approved for security", {teams_person("B*n", amy_id)}};
    test::expect_golden("teams_thread_line", parsed(teams_thread_line(line, team).card));
    core::CardSummary item{teams_asked().id, 1042, "db.export in production", "pending, asked by ci"};
    test::expect_golden("teams_list", parsed(teams_list("Waiting for you", {item}).card));
}

TEST(TeamsCard, WhoIsBehindTheRequestSeesNoApproveAndAVoterTheirVote) {
    TeamsViewer behind{.behind = true};
    EXPECT_THAT(titles_on(parsed(teams_card(teams_asked(), team, &behind).card)),
                ElementsAre("Deny", "Hold", "Details"));
    TeamsViewer voter{.voted = Verdict::approve};
    auto card = parsed(teams_card(teams_asked(), team, &voter).card);
    EXPECT_THAT(titles_on(card), ElementsAre("Take my approval back", "Deny", "Hold", "Details"));
    EXPECT_THAT(words_on(card), HasSubstr("You approved this."));
    EXPECT_THAT(titles_on(parsed(teams_card(teams_asked(), team).card)),
                ElementsAre("Approve", "Deny", "Hold", "Details"));
}

TEST(TeamsCard, AFinalCardHasNeitherButtonsNorRefresh) {
    for (State state : {State::approved, State::denied, State::refused, State::expired, State::cancelled,
                        State::claimed, State::succeeded, State::failed, State::lapsed}) {
        auto card = teams_denied();
        card.state = state;
        auto drawn = parsed(teams_card(card, team).card);
        EXPECT_TRUE(drawn["actions"].is_null());
        EXPECT_TRUE(drawn["refresh"].is_null());
    }
    EXPECT_FALSE(parsed(teams_card(teams_asked(), team).card)["refresh"].is_null());
}

TEST(TeamsCard, IsMadeAnewForEachViewerOnlyWhereTheyAreFewEnough) {
    TeamsStyle many = team;
    many.viewers.assign(teams_viewers_max, "29:somebody");
    EXPECT_EQ(parsed(teams_card(teams_asked(), many).card)["refresh"]["userIds"].items()->size(),
              teams_viewers_max);
    many.viewers.emplace_back("29:one-more");
    EXPECT_TRUE(parsed(teams_card(teams_asked(), many).card)["refresh"].is_null());
    many.viewers.clear();
    EXPECT_TRUE(parsed(teams_card(teams_asked(), many).card)["refresh"].is_null());
}

TEST(TeamsCard, HostileTextStandsInRunsAlone) {
    const std::string hostile = "**b** [x](https://evil) <at>Ada</at> {{DATE(2026-01-02T00:00:00Z)}} \n# h";
    auto card = teams_asked();
    card.action = card.intent = card.digest = hostile;
    card.resource = card.environment = hostile;
    card.requester = {hostile, std::nullopt};
    card.on_behalf_of = {{hostile, std::nullopt}};
    card.rules = {hostile};
    card.labels = {{hostile, hostile}};
    card.links = {{hostile, hostile}, {hostile, "https://ci.example.com@evil.example/"}};
    teams_ask(card, {{hostile, Value{hostile}}});
    card.missing = {{{hostile, 1, {{hostile, std::nullopt}}}}};
    card.votes = {
        {{hostile, std::nullopt}, Verdict::deny, core::Surface::teams, moment(10, 0), hostile, hostile}};
    card.held = card.votes.front();
    TeamsViewer viewer{.notice = hostile};
    std::vector<JsonText> drawn{
        teams_card(card, team, &viewer).card,
        teams_full_view(card, team, {}).card,
        teams_private_card(card, team).card,
        teams_lines({hostile}).card,
        teams_question({hostile}, "link", hostile).card,
        teams_list(hostile, {{card.id, 7, hostile, hostile}}).card,
        teams_thread_line({{hostile, {}}, hostile, {teams_person(hostile.c_str(), amy_id)}}, team).card};
    for (const JsonText& json : drawn) {
        each_object(parsed(json), [&](const Value& one) {
            auto type = one["type"].text();
            EXPECT_THAT(std::string(one["fallbackText"].text()), Not(HasSubstr("*")));
            EXPECT_NE(type, "Action.OpenUrl");
            EXPECT_NE(type, "FactSet");
            if (type == "TextBlock") {
                EXPECT_THAT(std::string(one["text"].text()), Not(HasSubstr("*")));
                EXPECT_THAT(std::string(one["text"].text()), Not(HasSubstr("{{")));
            }
            EXPECT_THAT(std::string(one["title"].text()), Not(HasSubstr("**")));
            EXPECT_THAT(std::string(one["label"].text()), Not(HasSubstr("**")));
        });
    }
    auto results = parsed(teams_results_answer({{card.id, 7, hostile, hostile}}));
    EXPECT_THAT(core::canonical(results["composeExtension"]["attachments"][0]["preview"]),
                Not(HasSubstr("*")));
}

TEST(TeamsCard, BlanksThatARendererWouldDropStayVisible) {
    auto card = teams_asked();
    teams_ask(card, {{"a", "x  y"}, {"b", "x y"}});
    EXPECT_THAT(words_on(parsed(teams_card(card, team).card)), HasSubstr("x \xC2\xA0y"));
}

TEST(TeamsCard, OnlyLinksToNamedHostsOpen) {
    std::vector<std::string> opened;
    each_object(parsed(teams_card(teams_asked(), team).card), [&](const Value& one) {
        if (one["type"].text() == "Action.OpenUrl") opened.emplace_back(one["url"].text());
    });
    EXPECT_THAT(opened, ElementsAre("https://ci.example.com/run/7"));
}

TEST(TeamsCard, NeverOutgrowsItsBytesAndSaysWhatItCut) {
    std::mt19937_64 chance{11};
    const std::vector<std::string> pieces{"a", " ", "\"", "\\", "\n", "\xF0\x9F\x98\x80", "\xE2\x80\xAE",
                                          "<"};
    auto text = [&](std::size_t pieces_max) {
        std::string made;
        for (auto n = chance() % (pieces_max + 1); n > 0; --n) made += pieces[chance() % pieces.size()];
        return made;
    };
    for (int i = 0; i < 50; ++i) {
        auto card = teams_asked();
        const std::size_t big = i % 3 == 0 ? 4'000 : 200;
        card.action = text(128);
        card.resource = text(1'000);
        card.intent = text(big);
        std::vector<Value::Member> asked;
        for (auto n = chance() % 60; n > 0; --n)
            asked.emplace_back(fmt::format("{}{}", text(40), n), Value{text(big)});
        teams_ask(card, std::move(asked));
        card.labels.assign(chance() % 50, {text(100), text(400)});
        card.links.assign(chance() % 20, {text(100), "https://ci.example.com/" + std::string(1'500, 'x')});
        card.rules.assign(chance() % 20, text(200));
        card.missing.assign(chance() % 64,
                            {{text(60), 2, std::vector<core::Who>(20, {text(80), std::nullopt})}});
        card.votes.assign(chance() % 30,
                          {{text(80), {}}, Verdict::deny, core::Surface::teams, {}, text(900), {}});
        TeamsStyle many = team;
        many.viewers.assign(chance() % 2 ? teams_viewers_max : 0, std::string(128, 'm'));
        TeamsViewer viewer{.behind = chance() % 2 == 0, .notice = text(300)};
        const bool is_viewed = chance() % 2 != 0;
        const bool viewer_is_behind = is_viewed && viewer.behind;
        auto drawn = teams_card(card, many, is_viewed ? &viewer : nullptr);
        EXPECT_LE(drawn.card.text.size(), teams_card_bytes_max);
        parsed(drawn.card);
        EXPECT_TRUE(core::card_text(card).whole || !drawn.whole);
        EXPECT_TRUE(drawn.whole || !teams_card_is_whole(card, team));
        EXPECT_EQ(drawn.card.text.contains(R"("verb":"approve")"), drawn.whole && !viewer_is_behind);
    }
}

TEST(TeamsCard, TheFullViewShowsEverythingPageByPage) {
    auto card = teams_asked();
    std::vector<Value::Member> asked;
    for (int i = 0; i < 40; ++i)
        asked.emplace_back(fmt::format("p{}", i), Value{std::string(5'000, static_cast<char>('a' + i % 26))});
    teams_ask(card, asked);
    EXPECT_FALSE(teams_card_is_whole(card, team));
    const auto pages = teams_full_view_pages(card, team);
    ASSERT_GT(pages, 5U);
    std::string all;
    for (std::size_t i = 0; i < pages; ++i) {
        auto page = teams_full_view(card, team, {.number = i, .pass = "x", .can_approve = true});
        EXPECT_LE(page.card.text.size(), teams_card_bytes_max);
        EXPECT_EQ(page.pages, pages);
        auto drawn = parsed(page.card);
        all += words_on(drawn);
        auto titles = titles_on(drawn);
        const bool approves = std::ranges::find(titles, "Approve") != titles.end();
        EXPECT_EQ(approves, i + 1 == pages) << i;
    }
    std::string joined;
    for (char ch : all)
        if (ch != '\n') joined += ch;
    for (const auto& [name, value] : asked) {
        EXPECT_THAT(joined, HasSubstr(name));
        EXPECT_THAT(joined, HasSubstr(value.text()));
    }
}

TEST(TeamsCard, WhatDoesNotAllStandThereLeadsToTheFullView) {
    auto approve_of = [](const CardView& card) {
        auto drawn = parsed(teams_card(card, team).card);
        EXPECT_EQ(drawn["actions"][0]["title"].text(), "Approve");
        return std::string(drawn["actions"][0]["verb"].text());
    };
    auto card = teams_asked();
    EXPECT_EQ(approve_of(card), teams_approve);
    card.intent = std::string(2'000, 'i');
    EXPECT_EQ(approve_of(card), teams_read);
    card = teams_asked();
    teams_ask(card, {{"script", std::string(5'000, 's')}});
    EXPECT_EQ(approve_of(card), teams_read);
}

TEST(TeamsCard, TextOfSeveralLinesStandsLineByLineInAFixedWidth) {
    auto card = teams_asked();
    teams_ask(card, {{"script", "set -e\n\n  rm -r  /srv/old\ndate"}});
    const auto drawn = teams_card(card, team);
    EXPECT_TRUE(drawn.whole);
    std::vector<std::string> fixed;
    each_object(parsed(drawn.card), [&](const Value& one) {
        if (one["fontType"].text() == "Monospace") fixed.emplace_back(one["text"].text());
    });
    const std::string blank = "\xC2\xA0";
    auto at = std::ranges::find(fixed, "set -e");
    ASSERT_NE(at, fixed.end());
    ASSERT_GE(fixed.end() - at, 4);
    EXPECT_EQ(at[1], blank);
    EXPECT_EQ(at[3], "date");
    EXPECT_TRUE(at[2].ends_with("/srv/old")) << at[2];
}

TEST(TeamsCard, AHeldRequestCanBeReleased) {
    auto card = teams_asked();
    card.held = core::CardVote{
        teams_person("amy", amy_id), Verdict::hold, core::Surface::teams, moment(10, 0), "wait", {}};
    EXPECT_THAT(titles_on(parsed(teams_card(card, team).card)),
                ElementsAre("Approve", "Deny", "Release", "Details"));
}

TEST(TeamsCard, VotesChangeNoPageOfTheFullView) {
    auto card = teams_asked();
    const auto pages = teams_full_view_pages(card, team);
    const core::CardVote vote{
        teams_person("amy", amy_id), Verdict::deny, core::Surface::teams, {}, std::string(1'900, 'w'), {}};
    card.votes.assign(30, vote);
    EXPECT_EQ(teams_full_view_pages(card, team), pages);
    auto last = teams_full_view(card, team, {.number = pages - 1, .pass = "p", .can_approve = true});
    EXPECT_LE(last.card.text.size(), teams_card_bytes_max);
    EXPECT_THAT(words_on(parsed(last.card)), HasSubstr("more lines about votes"));
}

TEST(TeamsMessage, AFormForAReasonSaysForWhatAndKeepsWhatWasRead) {
    TeamsPress press;
    press.act = "approve";
    press.request = "req_1";
    press.digest = "sha256:0";
    press.page = 3;
    press.pass = "p";
    for (bool in_dialog : {true, false}) {
        auto form = parsed(
            teams_reason_form({Verdict::approve, 1042, "db.export \u2192 production"}, press, in_dialog));
        EXPECT_THAT(words_on(form), HasSubstr("Approve request #1042: db.export \u2192 production"));
        EXPECT_EQ(form["actions"][0]["data"]["pass"].text(), "p");
        EXPECT_EQ(form["actions"][0]["data"]["page"].whole(), 3);
        EXPECT_EQ(form["actions"][0]["type"].text(), in_dialog ? "Action.Submit" : "Action.Execute");
    }
}

TEST(TeamsCard, AQuestionCarriesWhatItIsAbout) {
    auto card = parsed(teams_question({"Is it you?"}, "token", "tok_1").card);
    auto press =
        read_teams_press(Value::object({{"action", Value::object({{"verb", card["actions"][0]["verb"]},
                                                                  {"data", card["actions"][0]["data"]}})}}));
    EXPECT_EQ(press.act, teams_agree);
    EXPECT_EQ(press.about, "token");
    EXPECT_EQ(press.id, "tok_1");
    EXPECT_TRUE(press.known_form);
}

TEST(TeamsMessage, HasNoTextBesideItsCard) {
    auto message = parsed(teams_message(teams_card(teams_asked(), team)));
    EXPECT_TRUE(message["text"].is_null());  // with both, Teams gives no id that could be updated
    EXPECT_THAT(std::string(message["summary"].text()), HasSubstr("1042"));
}

}  // namespace
}  // namespace countersign::wire
