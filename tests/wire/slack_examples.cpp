#include <gtest/gtest.h>

#include "countersign/wire/json.hpp"
#include "countersign/wire/slack_batch.hpp"
#include "countersign/wire/slack_card.hpp"
#include "wire/golden.hpp"
#include "wire/slack_sample.hpp"

// The cards that docs/cards.md has pictures of: tests/browser/cards.sh draws them from these files.
namespace countersign::wire {
namespace {

using namespace card_sample;
using core::State;
using core::Verdict;

void expect_card(const std::string& name, const CardView& card) {
    const auto message = slack_card(card, style);
    test::expect_golden(
        "slack_card_" + name,
        Value::object({{"text", message.text},
                       {"blocks", parse_json(message.blocks.text, {.bytes_max = 1'000'000}).value()},
                       {"metadata", parse_json(message.metadata.text, {.bytes_max = 1'000}).value()},
                       {"whole", message.whole}}));
}

Value command() {
    return Value::object(
        {{"argv", Value::Array{"./export.sh", "--to", "s3://exports/x", "a b"}},
         {"cwd", "/srv/jobs"},
         {"executable", Value::object({{"path", "/srv/jobs/export.sh"}, {"sha256", std::string(64, 'e')}})},
         {"attachments", Value::object({{"export.sql", std::string(64, 'a')}})},
         {"env", Value::object({})}});
}

CardView command_card() {
    auto card = sample();
    card.requester = {"ci-nightly", std::nullopt};
    card.run = "8812";
    card.resource.reset();
    card.labels.clear();
    card.links.clear();
    card.parameters = std::make_shared<const Value>(command());
    card.missing = {{{"security", 1, {slack_person("ben", "U0BEN"), slack_person("cat", "U0CAT")}}}};
    card.votes = {
        {slack_person("amy", "U0AMY"), Verdict::approve, core::Surface::slack, at(10, 1), "", "dba"}};
    return card;
}

CardView plan_card() {
    auto card = command_card();
    card.action = "tf.apply";
    card.intent = "Upgrade orders db to PG 15";
    card.requester = {"atlantis", std::nullopt};
    card.run.clear();
    std::string plan =
        "Terraform will perform the following actions:\n\n"
        "  # aws_db_instance.orders must be replaced\n"
        "-/+ resource \"aws_db_instance\" \"orders\" {\n"
        "      ~ engine_version      = \"14.9\" -> \"15.4\" # forces replacement\n"
        "      ~ deletion_protection = true -> null\n"
        "    }\n\n"
        "  # aws_security_group_rule.orders_in will be updated in-place\n"
        "  ~ resource \"aws_security_group_rule\" \"orders_in\" {\n"
        "      ~ cidr_blocks = [\n          + \"0.0.0.0/0\",\n        ]\n    }\n\n"
        "  # aws_s3_bucket.dumps will be created\n  + resource \"aws_s3_bucket\" \"dumps\" {\n";
    for (int i = 0; i < 24; ++i) plan += "      + tag_" + std::to_string(i) + " = (known after apply)\n";
    plan += "    }\n\nPlan: 2 to add, 1 to change, 1 to destroy.\n";
    ask(card, {{"plan", plan}, {"workspace", "production"}});
    card.votes.clear();
    return card;
}

CardView agent_card() {
    auto card = command_card();
    card.action = "mcp.github.merge_pull_request";
    card.environment.reset();
    card.intent = "Merge the release branch";
    card.requester = {"claude-agent", std::nullopt};
    card.run.clear();
    card.acts_for.clear();
    card.on_behalf_of = {{"riley (github:riley)", std::nullopt}};
    ask(card, {{"repo", "acme/orders"}, {"pull", 812}, {"method", "squash"}});
    auto before = Value::object({{"repo", "acme/orders"}, {"pull", 790}, {"method", "squash"}});
    card.before = core::CardBefore{slack_person("amy", "U0AMY"), at(9, 0),
                                   std::make_shared<const Value>(std::move(before))};
    card.rules = {"merges"};
    card.risk.reset();
    card.missing = {
        {{"maintainers",
          1,
          {slack_person("amy", "U0AMY"), slack_person("ben", "U0BEN"), slack_person("cat", "U0CAT")},
          4}}};
    card.votes.clear();
    return card;
}

// Much of everything: what a caller can write is as long as it may be, but for the names of action and
// environment.
CardView full_card() {
    auto card = plan_card();
    card.action = std::string(40, 'a') + "." + std::string(23, 'b');
    card.environment = std::string(40, 'e');
    card.resource = std::string(1'000, 'r');
    card.intent = std::string(4'000, 'i');
    card.requester.name = std::string(200, 'n');
    card.on_behalf_of.assign(20, {std::string(100, 'o'), std::nullopt});
    for (int i = 0; i < 20; ++i)
        card.links.push_back({std::string(300, 't'), "https://ci.example.com/" + std::string(900, 'u')});
    for (int i = 0; i < 50; ++i) card.labels.emplace_back("label" + std::to_string(i), std::string(400, 'v'));
    Value parameters = command();
    for (int i = 0; i < 60; ++i) parameters.set("name" + std::to_string(i), std::string(3'000, 'x'));
    parameters.set("plan", (*plan_card().parameters)["plan"]);
    parameters.set("script", "#!/bin/sh\n" + std::string(5'000, 's'));
    card.parameters = std::make_shared<const Value>(std::move(parameters));
    card.before = core::CardBefore{slack_person("amy", "U0AMY"), at(9, 0), nullptr};
    card.rules = {"prod exports", "two persons", "a third one"};
    card.risk = 500;
    card.risk_parts = {{"production", 200}, {"rows", 100}, {"night", 100}, {"x", 50}, {"y", 50}};
    const std::vector<core::Who> many(20, slack_person("amy", "U0AMY"));
    card.missing.assign(5, {{"security", 3, many, 400}, {"dba", 2, many, 0}});
    return card;
}

// Every word of a policy that a card has to say, at once.
CardView terms_card() {
    auto card = command_card();
    card.action = "db.migrate";
    card.missing = {{{"dba", 1, {slack_person("cat", "U0CAT")}},
                     {"security", 1, {slack_person("ben", "U0BEN"), slack_person("dan", "U0DAN")}, 3, true}}};
    card.terms.widening = core::CardWidening{{"leads"}, at(10, 10), false};
    card.terms.excluded = {{"riley (github:riley)", std::nullopt}, {"amy", std::nullopt}};
    card.terms.reason_required = true;
    card.terms.claim_from = at(11, 0);
    card.terms.claim_closed = {{at(12, 0), at(13, 0)}};
    return card;
}

TEST(SlackExamples, LookAsAgreed) {
    expect_card("of_terms", terms_card());
    expect_card("of_a_command", command_card());
    expect_card("of_a_plan", plan_card());
    expect_card("of_an_agent", agent_card());
    auto full = full_card();
    expect_card("of_everything", full);
}

core::RequestId numbered(std::int64_t number) {
    core::RequestId::Bytes bytes{};
    bytes[15] = static_cast<std::byte>(number);
    return core::RequestId{bytes};
}

std::vector<CardView> alike_cards(std::size_t count) {
    std::vector<CardView> cards;
    for (std::size_t i = 0; i < count; ++i) {
        auto card = command_card();
        card.number = 1042 + static_cast<std::int64_t>(i);
        card.id = numbered(card.number - 1000);
        card.resource = "orders_" + std::to_string(i);
        card.intent = "Nightly export, part " + std::to_string(i + 1);
        cards.push_back(std::move(card));
    }
    return cards;
}

void expect_list(const std::string& name, const std::vector<CardView>& cards) {
    const core::BatchId id{core::BatchId::Bytes{}};
    const auto message = slack_batch(core::batch_view(id, cards), style);
    test::expect_golden(
        "slack_card_" + name,
        Value::object({{"text", message.text},
                       {"blocks", parse_json(message.blocks.text, {.bytes_max = 1'000'000}).value()},
                       {"metadata", parse_json(message.metadata.text, {.bytes_max = 1'000}).value()}}));
}

TEST(SlackExamples, AListOfRequestsThatAreAlikeLooksAsAgreed) {
    auto some = alike_cards(4);
    some[1].state = State::denied;
    some[1].decided_by = slack_person("amy", "U0AMY");
    some[2].held = core::CardVote{slack_person("cat", "U0CAT"), Verdict::hold,
                                  core::Surface::slack,         at(10, 2),
                                  "wait for the backup",        {}};
    expect_list("of_many_alike", some);
    auto full = alike_cards(core::batch_rows_max);
    for (CardView& card : full) {
        card.action = std::string(40, 'a') + "." + std::string(23, 'b');
        card.environment = std::string(40, 'e');
        card.resource = std::string(1'000, 'r');
        card.intent = std::string(4'000, 'i');
        card.requester.name = std::string(200, 'n');
        card.rules.assign(20, std::string(200, 'u'));
        card.missing.assign(5, {{std::string(200, 'g'), 3, {}, 400}, {"dba", 2, {}, 0}});
        card.held = core::CardVote{slack_person(std::string(200, 'h').c_str(), "U0CAT"),
                                   Verdict::hold,
                                   core::Surface::slack,
                                   at(10, 2),
                                   "wait",
                                   {}};
    }
    expect_list("of_many_alike_and_everything", full);
}

}  // namespace
}  // namespace countersign::wire
