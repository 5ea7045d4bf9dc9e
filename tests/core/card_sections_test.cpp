#include "countersign/core/card_sections.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "core/card_compared.hpp"
#include "core/card_runs.hpp"
#include "core/card_words.hpp"
#include "countersign/base/text.hpp"

namespace countersign::core::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using Part = CardSection::Part;

std::vector<Part> parts_of(const std::vector<CardSection>& sections) {
    std::vector<Part> parts;
    for (const CardSection& section : sections) parts.push_back(section.part);
    return parts;
}

Play asked(Value parameters, Applied applied = requires_of({asks({{1, "security"}})})) {
    Request request = request_of();
    request.resource.reset();
    request.parameters = std::move(parameters);
    return Play{std::move(applied), std::move(request)};
}
std::string what(const Play& play) {
    return text_of(sections_of(play), Part::what);
}
bool whole(const Play& play) {
    return card_text(view_of(play)).whole;
}

Value command(Value argv) {
    return Value::object(
        {{"argv", std::move(argv)},
         {"cwd", "/srv/jobs"},
         {"executable", Value::object({{"path", "/usr/bin/x"}, {"sha256", std::string(64, 'a')}})},
         {"env", Value::object({})},
         {"attachments", Value::object({{"export.sql", std::string(64, 'b')}})}});
}

TEST(CardText, StandsInTheOrderOfTheCardAndNothingIsEmpty) {
    Play play{requires_of({asks({{2, "security"}})})};
    EXPECT_THAT(parts_of(sections_of(play)),
                ElementsAre(Part::headline, Part::intent, Part::who, Part::what, Part::takes, Part::footer));
    play.cast("U0AMY", Verdict::approve, "looks right");
    EXPECT_THAT(parts_of(sections_of(play)), ElementsAre(Part::headline, Part::intent, Part::who, Part::what,
                                                         Part::votes, Part::takes, Part::footer));
    play.cast("U0BEN", Verdict::deny, "no");
    EXPECT_THAT(parts_of(sections_of(play)),
                ElementsAre(Part::headline, Part::intent, Part::who, Part::outcome, Part::footer));
}

TEST(CardText, SaysTheSameInEveryChat) {
    Play play{requires_of({asks({{2, "security"}, {1, "dba"}})})};
    play.approve("U0AMY");
    for (Part part : {Part::headline, Part::who, Part::what, Part::takes, Part::votes, Part::footer})
        EXPECT_EQ(text_of(sections_of(play, Surface::slack), part),
                  text_of(sections_of(play, Surface::teams), part));
}

TEST(CardText, SaysWhoAsksAndDoesNotBelieveWhomTheyNames) {
    Request request = request_of({slack("U0DAN")});
    request.requester = {
        Requester::Kind::person, "claude-agent", AccountId{"token:tok_1"}, {slack("U0RILEY")}};
    request.links = {{"Run", "https://ci.example/7"}};
    Play play{one_reviewer(), request};
    EXPECT_EQ(text_of(sections_of(play), Part::who),
              "claude-agent (a program) for @riley\n"
              "says it acts for @display U0DAN (slack:T0SIM/U0DAN)\n"
              "Run https://ci.example/7\n");
}

TEST(CardText, SaysWhatItTakes) {
    Applied applied = requires_of({asks({{1, "security"}, {1, "dba"}})});
    applied.rules = {"prod exports"};
    applied.risk = 70;
    applied.risk_parts = {{"production", 40}, {"rows", 30}};
    Play play{applied};
    EXPECT_EQ(text_of(sections_of(play), Part::takes),
              "1 of security: @amy, @ben\n"
              "1 of dba: @cat\n"
              "Rule prod exports · risk 70: production 40, rows 30\n"
              "2 approvals decide.\n"
              "Expires 04:00, 1h after it was asked\n");
    play.approve("U0AMY");
    EXPECT_EQ(text_of(sections_of(play), Part::takes),
              "1 of dba: @cat\n"
              "✓ security: @amy\n"
              "Rule prod exports · risk 70: production 40, rows 30\n"
              "The next approval decides.\n"
              "Expires 04:00, 1h after it was asked\n");
}

TEST(CardText, SaysThatMoreIsMissingOfAGroupThatHasGivenSome) {
    Play play{requires_of({asks({{2, "security"}})})};
    play.approve("U0AMY");
    EXPECT_THAT(text_of(sections_of(play), Part::takes),
                HasSubstr("1 more of security: @ben\n✓ security: @amy\n"));
}

TEST(CardText, NamesAFewOfManyAndSaysHowManyMoreThereAre) {
    World world;
    std::vector<std::string> many;
    for (int i = 100; i < 130; ++i) {
        many.push_back("U1" + std::to_string(i));
        world.user(many.back(), AccountClass::member);
    }
    world.usergroup("S0SEC", many);
    Play play{requires_of({asks({{1, "security"}})}), request_of(), world};
    EXPECT_THAT(text_of(sections_of(play), Part::takes), HasSubstr(" and 24 more\n"));
}

TEST(CardText, SaysHowManyWereNotLookedUpYetWhereNobodyElseCanGiveIt) {
    World world;
    world.usergroup("S0SEC", {"U0NEW1", "U0NEW2"});
    Play play{requires_of({asks({{1, "security"}})}), request_of(), world};
    EXPECT_THAT(text_of(sections_of(play), Part::takes),
                HasSubstr("1 of security: 2 members not looked up yet\n"));
}

TEST(CardText, AHeldRequestWhoseQuorumIsMetNeedsARelease) {
    Play play{requires_of({asks({{1, "security"}})})};
    play.cast("U0BEN", Verdict::hold, "let me look");
    EXPECT_THAT(text_of(sections_of(play), Part::headline), HasSubstr("On hold: "));
    EXPECT_THAT(text_of(sections_of(play), Part::takes),
                HasSubstr("Approvals are recorded, but decide nothing while it is on hold."));
    play.approve("U0AMY");
    EXPECT_EQ(text_of(sections_of(play), Part::takes),
              "On hold by @ben since 03:00\n"
              "✓ security: @amy\n"
              "Rule a rule\n"
              "Everything needed is there: releasing the hold decides.\n"
              "Expires 04:00, 1h after it was asked\n");
    EXPECT_THAT(text_of(sections_of(play), Part::votes), HasSubstr("Hold: let me look"));
    EXPECT_THAT(card_buttons(view_of(play)),
                ElementsAre(CardButton::approve, CardButton::deny, CardButton::release, CardButton::details));
}

TEST(CardText, TheHeadlineTakesTwoLinesAndWhatItCutStandsBelow) {
    Request request = request_of();
    request.action = std::string(100, 'a');
    request.environment = "production-" + std::string(90, 'e');
    Play play{one_reviewer(), request};
    const auto head = text_of(sections_of(play), Part::headline);
    EXPECT_LE(code_points(head), 75U) << head;
    EXPECT_THAT(what(play), HasSubstr("Action " + request.action + " → " + *request.environment + "\n"));
    request.environment.reset();
    request.action = "deploy";
    EXPECT_EQ(text_of(sections_of(Play{one_reviewer(), request}), Part::headline),
              "deploy → (no environment)\n");
}

// ---- what is asked for

TEST(CardWhat, ACommandIsOneShellLine) {
    Play play = asked(command(Value::Array{"./export.sh", "--to", "s3://exports/x", "a b", "it's", ""}));
    EXPECT_EQ(what(play),
              "$ ./export.sh --to s3://exports/x 'a b' 'it'\\''s' ''\n"
              "in /srv/jobs · runs /usr/bin/x · 1 file attached: export.sql\n"
              "In Details: env {}, executable.sha256 (digest)\n");
    EXPECT_TRUE(whole(play));
    EXPECT_THAT(text_of(sections_of(play), Part::takes),
                HasSubstr("The next approval decides: the command then runs."));
}

TEST(CardWhat, ALongCommandSaysHowManyWordsAreLeftAndWhere) {
    Value argv = Value::Array{"rm"};
    for (int i = 0; i < 100; ++i) argv.push("file-" + std::to_string(1'000 + i));
    Play play = asked(command(std::move(argv)));
    EXPECT_FALSE(whole(play));
    EXPECT_THAT(what(play), HasSubstr("… 74 more words in Details"));
    EXPECT_THAT(what(play), HasSubstr("$ rm file-1000 "));
    EXPECT_THAT(what(play), Not(HasSubstr("more parameter")));
}

TEST(CardWhat, AScriptWithinACommandStandsBelowIt) {
    Play play = asked(command(Value::Array{"bash", "-c", "set -e\nrm -rf /srv/x\n"}));
    EXPECT_EQ(what(play),
              "$ bash -c <argv[2], below>\n"
              "in /srv/jobs · runs /usr/bin/x · 1 file attached: export.sql\n"
              "argv[2] · text, 2 lines, 21 characters\n"
              "set -e\nrm -rf /srv/x\n"
              "In Details: env {}, executable.sha256 (digest)\n");
    EXPECT_TRUE(whole(play));
}

TEST(CardWhat, ATextWithLineEndsIsRawAndLabelled) {
    Play play = asked(Value::object({{"sql", "SELECT \"a\\b\"\nFROM t\nWHERE x > 1"}, {"rows", 120'000}}));
    EXPECT_EQ(what(play),
              "sql · text, 3 lines, 31 characters\n"
              "SELECT \"a\\b\"\nFROM t\nWHERE x > 1\n"
              "rows 120000\n");
    std::string many;
    for (int i = 1; i <= 44; ++i) many += "line " + std::to_string(i) + "\n";
    Play cut = asked(Value::object({{"sql", many}, {"rows", 1}}));
    EXPECT_THAT(what(cut), HasSubstr("sql · text, 44 lines, 343 characters\nline 1\n"));
    EXPECT_THAT(what(cut), HasSubstr("line 12\n32 more lines: Details\nrows 1\n"));
    EXPECT_FALSE(whole(cut));
}

TEST(CardWhat, ATextAndItsEscapedTwinDifferOnSight) {
    EXPECT_THAT(what(asked(Value::object({{"q", "a\nb\u200Bc"}}))),
                HasSubstr("q · text with escapes, 2 lines, 5 characters\na\nb\\u{200B}c\n"));
    EXPECT_THAT(what(asked(Value::object({{"q", "a\nb\\u{200B}c"}}))),
                HasSubstr("q · text, 2 lines, 12 characters\na\nb\\u{200B}c\n"));
    EXPECT_THAT(what(asked(Value::object({{"q", "a\tb\nc"}}))),
                HasSubstr("text, tabs as →, 2 lines, 5 characters\na→   b\nc\n"));
    EXPECT_THAT(what(asked(Value::object({{"q", "a→\tb\nc"}}))),
                HasSubstr("text with escapes, 2 lines, 6 characters\na→\\u{9}b\nc\n"));
    EXPECT_THAT(what(asked(Value::object({{"q", "a\r\nb\r\n"}}))),
                HasSubstr("text, CR LF line ends, 2 lines, 6 characters\na\nb\n"));
    EXPECT_THAT(what(asked(Value::object({{"q", "a\nb\r\n"}}))),
                HasSubstr("text with escapes, 2 lines, 5 characters\na\nb\\r\n"));
}

TEST(CardWhat, ValuesThatAreNoPlainWordsAreJson) {
    EXPECT_EQ(what(asked(Value::object({{"a", "plain"},
                                        {"b", "a b"},
                                        {"c", "null"},
                                        {"d", nullptr},
                                        {"e", "1"},
                                        {"f", 1},
                                        {"g", ""},
                                        {"h", "true"},
                                        {"i", Value::Array{true}},
                                        {"j.k", "x"}}))),
              "a plain · b \"a b\" · c \"null\"\n"
              "e \"1\" · f 1 · h \"true\" · i[0] true\n"
              "\"[\\\"j.k\\\"]\" x\n"
              "In Details: d null, g \"\"\n");
    EXPECT_EQ(what(asked(Value::object({}))), "{}\n");
}

TEST(CardWhat, WordsThatMixScriptsAreMarked) {
    EXPECT_THAT(what(asked(Value::object({{"target", "pr\u043Ed"}}))),
                HasSubstr("Careful: pr\u043Ed mixes Latin and Cyrillic letters\n"));
}

TEST(CardWhat, WordsThatMixScriptsAreMarkedWhereverTheyStandAndInEveryView) {
    const std::string mixed = "pr\u043Ed";
    const std::vector<std::function<void(CardView&)>> places{
        [&](CardView& card) { card.resource = "host/" + mixed; },
        [&](CardView& card) { card.intent = "to " + mixed; },
        [&](CardView& card) { card.labels = {{"job", mixed}}; },
        [&](CardView& card) { card.labels = {{mixed, "job"}}; },
        [&](CardView& card) { card.links = {{"Run", "https://" + mixed + ".example/"}}; },
        [&](CardView& card) { card.links = {{mixed, "https://ci.example/"}}; }};
    const std::string marked = "Careful: " + mixed + " mixes Latin and Cyrillic letters\n";
    for (std::size_t i = 0; i < places.size(); ++i) {
        CardView card = view_of(asked(Value::object({{"rows", 1}})));
        EXPECT_THAT(text_of(card_text(card).sections, Part::what), Not(HasSubstr("Careful"))) << i;
        places[i](card);
        EXPECT_THAT(text_of(card_text(card).sections, Part::what), HasSubstr(marked)) << i;
        EXPECT_THAT(text_of(full_view_sections(card), Part::what), HasSubstr(marked)) << i;
        EXPECT_THAT(text_of(uncut_card(card), Part::what), HasSubstr(marked)) << i;
    }
    CardView card = view_of(asked(Value::object({{"query", std::string(5'000, 'x') + " " + mixed}})));
    EXPECT_THAT(text_of(full_view_sections(card), Part::what), HasSubstr(marked))
        << "behind what a card reads of a text";
}

TEST(CardWhat, ALongValueShowsItsEndAndIsNotWhole) {
    Play play = asked(Value::object({{"query", std::string(20'000, 'x') + " drop table users"}}));
    EXPECT_THAT(what(play), HasSubstr("drop table users\""));
    EXPECT_THAT(what(play), HasSubstr(" more characters…]"));
    EXPECT_FALSE(whole(play));
}

TEST(CardWhat, ManyParametersAreCounted) {
    Value all = Value::object();
    for (int i = 0; i < 200; ++i) all.set("name_that_is_long_" + std::to_string(i), "value");
    Play play = asked(std::move(all));
    EXPECT_FALSE(whole(play));
    EXPECT_THAT(what(play), HasSubstr(" more parameters in Details"));
    EXPECT_LE(card_text(view_of(play)).sections.size(), 10U);
}

TEST(CardWhat, APlanIsCountedTheGravestFirst) {
    const std::string text =
        "Terraform will perform the following actions:\n\n"
        "  # aws_s3_bucket.logs will be created\n  + resource \"aws_s3_bucket\" \"logs\" {\n    }\n\n"
        "  \x1b[1m# aws_db_instance.orders\x1b[0m must be replaced\n-/+ resource \"aws_db_instance\" "
        "\"orders\" {\n    }\n\n"
        "  # aws_sg.in will be updated in-place\n\nPlan: 2 to add, 1 to change, 1 to destroy.\n";
    EXPECT_THAT(what(asked(Value::object({{"plan", text}}))),
                HasSubstr("1 replaced (destroys) · 1 to change · 1 to add (counted from the text)\n"
                          "-/+ aws_db_instance.orders\n~ aws_sg.in\nplan · text with escapes, "));
    auto change = [](const char* address, Value::Array actions) {
        return Value::object(
            {{"address", address}, {"change", Value::object({{"actions", std::move(actions)}})}});
    };
    Value json = Value::object(
        {{"format_version", "1.2"},
         {"resource_changes",
          Value::Array{change("a.same", {"no-op"}), change("a.new", {"create"}), change("a.gone", {"delete"}),
                       change("a.again", {"delete", "create"}), change("a.odd", {"something new"})}},
         {"action_invocations", Value::Array{Value::object({{"address", "action.lambda.x"}})}}});
    Play play = asked(Value::object({{"plan", json}, {"workspace", "prod"}}));
    EXPECT_EQ(what(play),
              "1 replaced (destroys) · 1 to destroy · 1 to change · 1 to add · 1 action to run\n"
              "-/+ a.again\n- a.gone\n~ a.odd\n"
              "workspace prod\n"
              "and 13 more parameters in Details\n");
    EXPECT_FALSE(whole(play));
}

TEST(CardWhat, WhatDiffersFromTheLastApprovedRequestComesFirst) {
    Play play = asked(Value::object({{"pull", 812}, {"repo", "acme/orders"}, {"force", true}}));
    auto view = view_of(play);
    view.before = CardBefore{{"amy", std::nullopt},
                             start,
                             std::make_shared<const Value>(
                                 Value::object({{"pull", 790}, {"repo", "acme/orders"}, {"draft", false}})),
                             "production",
                             790};
    EXPECT_EQ(text_of(card_text(view).sections, Part::what),
              "Differs from what amy approved on 2026-01-02 (#790):\n"
              "≠ draft false → (not there)\n"
              "≠ pull 790 → 812\n"
              "≠ force (not there) → true\n"
              "force true · pull 812\nrepo acme/orders\n");
    view.before->parameters = view.parameters;
    EXPECT_THAT(text_of(card_text(view).sections, Part::what),
                HasSubstr("Same parameters as what amy approved on 2026-01-02 (#790)\n"));
    view.before->environment = "staging";
    EXPECT_THAT(text_of(card_text(view).sections, Part::what),
                HasSubstr("Differs from what amy approved on 2026-01-02 (#790):\n"
                          "≠ environment: staging → production\n"));
    view.before->environment = view.environment;
    view.hidden = 1;
    EXPECT_THAT(text_of(card_text(view).sections, Part::what),
                HasSubstr("Same parameters, as far as they are shown, as what amy approved"));
}

TEST(CardWhat, WhetherAllIsShownDoesNotDependOnWhatWasApprovedBefore) {
    for (int parameters = 1; parameters < 40; ++parameters) {
        Value now = Value::object();
        Value then = Value::object();
        for (int i = 0; i < parameters; ++i) {
            now.set("name" + std::to_string(i), "value " + std::to_string(i));
            then.set("name" + std::to_string(i), std::string(300, 'x'));
        }
        auto view = view_of(asked(std::move(now)));
        const bool before = card_text(view).whole;
        view.before = CardBefore{{std::string(500, 'n'), std::nullopt},
                                 start,
                                 std::make_shared<const Value>(std::move(then)),
                                 std::string(128, 'e'),
                                 7};
        EXPECT_EQ(card_text(view).whole, before) << parameters;
        for (std::size_t rows : {std::size_t{3}, compared_rows_max})
            EXPECT_LE(rows_of(compared(view, rows)), rows);
    }
}

TEST(CardWhat, ALongDifferenceShowsNoTwoSidesThatLookAlike) {
    auto view =
        view_of(asked(Value::object({{"note", std::string(100, 'a') + "b" + std::string(100, 'a')}})));
    view.before = CardBefore{{},
                             start,
                             std::make_shared<const Value>(Value::object(
                                 {{"note", std::string(100, 'a') + "c" + std::string(100, 'a')}})),
                             view.environment};
    EXPECT_THAT(text_of(card_text(view).sections, Part::what),
                HasSubstr("Differs from what the policy approved on 2026-01-02:\n"
                          "≠ note in what is cut here\n"));
}

TEST(CardWhat, ALongPathIsFoldedAndNothingOfItIsLeftOut) {
    std::string path;
    for (const char* folder :
         {"/home/riley/.nvm/versions/node/v20.11.0/bin", "/home/riley/.cargo/bin",
          "/home/riley/.local/share/pnpm", "/home/riley/.local/bin", "/home/riley/go/bin",
          "/opt/hostedtoolcache/Python/3.12.1/x64/bin", "/opt/hostedtoolcache/Python/3.12.1/x64",
          "/opt/hostedtoolcache/node/20/bin", "/opt/google/cloud-sdk/bin", "/usr/lib/postgresql/15/bin",
          "/usr/lib/jvm/temurin-21-jdk-amd64/bin", "/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
          "/usr/bin", "/sbin", "/bin", "/snap/bin"})
        path += (path.empty() ? "" : ":") + std::string{folder};
    ASSERT_GT(path.size(), 400U);
    auto run = [&](const std::string& its) {
        Value parameters = command(Value::Array{"./deploy.sh", "--to", "production"});
        parameters.set("env", Value::object({{"PATH", its}}));
        return asked(std::move(parameters));
    };
    EXPECT_TRUE(whole(run(path)));
    EXPECT_THAT(what(run(path)),
                HasSubstr("env.PATH /home/riley/{.nvm/versions/node/v20.11.0/bin,.cargo/bin,"
                          ".local/{share/pnpm,bin},go/bin}:/opt/{hostedtoolcache/{Python/3.12.1/x64{/bin,},"
                          "node/20/bin},google/cloud-sdk/bin}:/usr/{lib/{postgresql/15/bin,"
                          "jvm/temurin-21-jdk-amd64/bin},local/{sbin,bin},sbin,bin}:/sbin:/bin:/snap/bin\n"));
    EXPECT_NE(what(run(path)), what(run(path + ":/tmp")));
}

TEST(CardWhat, TheFoldHoldsWhateverIsAskedFor) {
    Value all = command(Value::Array{std::string(5'000, 'x'), std::string(200'000, '\n') + "x"});
    all.set("sql", std::string(50'000, '\n') + "a\nb").set("text", "a\n" + std::string(90'000, 'y'));
    Request request = request_of();
    request.resource = std::string(1'000, 'r');
    request.intent = std::string(4'000, 'i');
    request.parameters = std::move(all);
    Play play{requires_of({asks({{2, "security"}, {1, "dba"}})}), request};
    std::size_t characters = 0;
    for (const CardSection& section : sections_of(play)) characters += code_points(text_of(section));
    EXPECT_LT(characters, 2'000U);
    EXPECT_FALSE(whole(play));
}

// ---- after the end

TEST(CardOutcome, SaysWhoWhenWhyAndWhatHappenedThen) {
    Play play{requires_of({asks({{1, "security"}, {1, "dba"}})})};
    play.now += 4min;
    play.cast("U0BEN", Verdict::approve, "looks right, dump checked");
    play.approve("U0CAT");
    auto outcome = [&] { return text_of(sections_of(play), Part::outcome); };
    EXPECT_EQ(text_of(sections_of(play), Part::headline), "✓ Approved: db.export → production\n");
    EXPECT_EQ(outcome(),
              "by @ben (security) and @cat (dba), 03:04, 4m after it was asked\n"
              "“looks right, dump checked” — @ben\n"
              "Not started yet; can be until 03:19\n");
    play.command(Claim{AccountId{"token:tok_ci"}, play.c.request->digest, ""});
    EXPECT_THAT(outcome(), HasSubstr("Started 03:04; not finished yet\n"));
    play.now += 192s;
    play.command(Report{AccountId{"token:tok_ci"}, false, "exit 3"});
    EXPECT_THAT(outcome(), HasSubstr("Started 03:04, failed, 3m 12s: exit 3\n"));
    EXPECT_THAT(text_of(sections_of(play), Part::headline), Not(HasSubstr("✓")));
    EXPECT_THAT(card_buttons(view_of(play)), ElementsAre());
    EXPECT_EQ(notification_text(view_of(play)),
              "Approved, then failed by ben and cat: db.export in production: exit 3 (#1042)");
}

TEST(CardOutcome, EndsAreNeverMixedUp) {
    auto ended = [](auto end, Applied applied = requires_of({asks({{1, "security"}})})) {
        Play play{std::move(applied)};
        end(play);
        auto sections = sections_of(play);
        return text_of(sections, Part::headline) + text_of(sections, Part::outcome);
    };
    EXPECT_EQ(ended([](Play& play) { play.cast("U0BEN", Verdict::deny, "window closed"); }),
              "✗ Denied: db.export → production\nby @ben, 03:00\n“window closed” — @ben\n");
    EXPECT_EQ(ended([](Play& play) { play.command(Cancel{AccountId{"token:tok_ci"}, {}, "mistake"}); }),
              "Cancelled: db.export → production\nby @ci, 03:00\n“mistake”\n");
    EXPECT_EQ(ended([](Play& play) {
                  play.now = play.c.request->expires_at;
                  play.command(Tick{});
              }),
              "Expired: db.export → production\nNobody decided in time, 04:00, 1h after it was asked\n");
    Applied refuse;
    refuse.kind = Applied::Kind::refuse;
    refuse.rules = {"no exports"};
    refuse.refusal = "not on Fridays";
    EXPECT_EQ(ended([](Play&) {}, refuse),
              "✗ Refused by policy: db.export → production\nRule no exports, 03:00\n“not on Fridays”\n");
    Applied allow;
    allow.kind = Applied::Kind::allow;
    allow.rules = {"dev"};
    EXPECT_THAT(ended([](Play&) {}, allow),
                HasSubstr("✓ Approved: db.export → production\nby the policy: Rule dev, 03:00\n"));
    EXPECT_THAT(ended([](Play& play) {
                    play.approve("U0AMY");
                    play.now += 1h;
                    play.command(Tick{});
                }),
                HasSubstr("Approval lapsed unused: db.export → production\nby @amy (security), 03:00\n"
                          "Nobody started it in time: lapsed 04:00\n"));
}

TEST(CardSentences, AreWhatANotificationSays) {
    Play play{requires_of({asks({{2, "security"}})})};
    EXPECT_EQ(notification_text(view_of(play)), "Approve? db.export in production, asked by ci: why (#1042)");
    play.cast("U0BEN", Verdict::hold, "let me look");
    EXPECT_EQ(notification_text(view_of(play)),
              "On hold by ben: db.export in production: let me look (#1042)");
    EXPECT_EQ(thread_line_text({{"amy", std::nullopt}, "approved for security"}),
              "amy approved for security");
}

TEST(CardSummaries, SayWhatIsAskedForAndWhatIsStillNeeded) {
    Play play{requires_of({asks({{2, "security"}})})};
    auto summary = card_summary(play.c, decide(play.c));
    EXPECT_EQ(summary.line, "db.export in production on orders");
    EXPECT_THAT(summary.detail, HasSubstr("pending, asked by ci, expires "));
    EXPECT_THAT(summary.detail, HasSubstr("still needed: 2 of security"));
    play.cast("U0BEN", Verdict::deny, "no");
    EXPECT_EQ(card_summary(play.c, decide(play.c)).detail, "denied, asked by ci");
}

}  // namespace
}  // namespace countersign::core::testing
