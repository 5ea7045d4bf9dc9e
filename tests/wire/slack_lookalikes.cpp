#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <random>

#include "countersign/core/advance.hpp"
#include "countersign/wire/slack_card.hpp"
#include "countersign/wire/slack_views.hpp"

namespace countersign::wire {
namespace {

using core::Value;

// Values made of what has been mistaken for something else.
Value tricky_value(std::mt19937_64& chance, int depth) {
    static const std::vector<std::string> texts{"",
                                                "a",
                                                "a\nb",
                                                "a\\nb",
                                                "\u200B",
                                                "\\u{200B}",
                                                "(empty)",
                                                "\"",
                                                "{}",
                                                "[]",
                                                "é",
                                                "e\u0301",
                                                "a.b",
                                                "a[0]",
                                                " = ",
                                                "null",
                                                "1",
                                                "\u2028",
                                                "a\n\nb ",
                                                "a\n \nb",
                                                "a\n\n \nb",
                                                "a\n \n\nb",
                                                "a\tb\nc",
                                                "a→   b\nc",
                                                "a\r\nb\r\n",
                                                "a\nb\n",
                                                "a\\n\nb",
                                                "a\u200B\nb",
                                                "a\\u{200B}\nb",
                                                "a b",
                                                "'a b'",
                                                "a 'b",
                                                "$",
                                                "\u2022\u2022\u2022\u2022",
                                                "<argv[1], below>",
                                                "-x=y",
                                                "x=y"};
    auto text = [&] { return texts[chance() % texts.size()]; };
    switch (chance() % (depth > 0 ? 6 : 4)) {
        case 0:
            return Value{chance() % 2};
        case 1:
            return chance() % 2 ? Value{} : Value{true};
        case 4: {
            Value list = Value::array();
            for (auto n = chance() % 3; n > 0; --n) list.push(tricky_value(chance, depth - 1));
            return list;
        }
        case 5: {
            Value object = Value::object();
            for (auto n = chance() % 3; n > 0; --n) object.set(text(), tricky_value(chance, depth - 1));
            return object;
        }
        default:
            return Value{text()};
    }
}

// Parameters as a wrapped command has them, or nearly so.
Value tricky_command(std::mt19937_64& chance) {
    Value argv = Value::array();
    for (auto n = 1 + chance() % 3; n > 0; --n) argv.push(Value{tricky_value(chance, 0).text()});
    Value parameters = Value::object({{"argv", argv}, {"cwd", tricky_value(chance, 0).text()}});
    if (chance() % 8) parameters.set("executable", Value::object({{"path", tricky_value(chance, 0).text()}}));
    if (chance() % 2) parameters.set("attachments", tricky_value(chance, 1));
    if (chance() % 2) parameters.set("plan", tricky_value(chance, 1));
    return parameters;
}

// The card of a request with these parameters, and none of them where it is no object.
core::CardView lookalike_card(const Value& parameters, std::pair<std::string, std::string> label) {
    core::Request request{*core::RequestId::parse("req_01JD0000000000000000000001"),
                          7,
                          "a",
                          {},
                          {},
                          "",
                          {},
                          {},
                          {},
                          {},
                          {},
                          "",
                          core::Instant{},
                          core::Instant{std::chrono::hours{1}}};
    if (parameters.members()) request.parameters = parameters;
    request.labels = {std::move(label)};
    core::Applied applied;
    applied.kind = core::Applied::Kind::require;
    applied.alternatives = {{{{1, core::GroupId{"security"}}}}};
    core::Case c{request, applied, {core::Opened{core::Instant{}, {}, {}, {}, {}}}};
    const core::Directory nobody{std::make_shared<const core::Policy>(), {}};
    return core::card(c, core::decide(c), nobody, core::Surface::slack);
}

TEST(SlackCards, TwoDifferentRequestsNeverLookAlike) {
    std::mt19937_64 chance{11};
    std::map<std::string, std::string> shown_as;
    for (int i = 0; i < 10'000; ++i) {
        const Value parameters = chance() % 2 ? tricky_value(chance, 2) : tricky_command(chance);
        std::pair<std::string, std::string> label{tricky_value(chance, 0).text(),
                                                  tricky_value(chance, 0).text()};
        const std::string what = core::canonical(parameters.members() ? parameters : Value{"none"}) +
                                 core::canonical(Value{Value::Array{label.first, label.second}});
        auto view = lookalike_card(parameters, label);
        const SlackViewNote page{.request = "r", .page = 1, .seen = 1, .pages = 1};
        for (const std::string& shown :
             {slack_card(view, {}).blocks.text, slack_full_view(view, {}, page, false).text}) {
            EXPECT_EQ(shown_as.try_emplace(shown, what).first->second, what);
            EXPECT_EQ(shown.find("\u200B"), std::string::npos);
        }
        if (HasFailure()) return;
    }
}

}  // namespace
}  // namespace countersign::wire
