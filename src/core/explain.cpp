#include "countersign/core/explain.hpp"

#include <fmt/core.h>

#include "core/conditions.hpp"
#include "countersign/base/overload.hpp"
#include "countersign/base/text.hpp"
#include "countersign/core/match.hpp"

namespace countersign::core {
namespace {

constexpr std::size_t shown_chars_max = 120;
constexpr std::size_t shown_values_max = 5;
constexpr std::string_view weekdays[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                         "Friday", "Saturday", "Sunday"};

std::string shown(const Value& value) {
    std::string text = printable(canonical(value));
    if (text.size() <= shown_chars_max) return text;
    return std::string{clip_utf8(text, shown_chars_max)} + "…";
}

// Writes a value as people do: weekdays by name.
std::string shown(const Test& test, const Value& value) {
    auto day = value.integer();
    if (test.field != "time.weekday" || !day || *day < 1 || *day > 7) return shown(value);
    return std::string{weekdays[*day - 1]};
}

std::string wanted_size(const Value& operand) {
    if (!operand.members()) return "of size " + shown(operand);
    constexpr std::pair<std::string_view, std::string_view> words[] = {
        {"eq", ""}, {"gt", "more than "}, {"gte", "at least "}, {"lt", "less than "}, {"lte", "at most "}};
    std::vector<std::string> bounds;
    for (const auto& [name, word] : words)
        if (const Value& bound = operand[name]; !bound.is_null())
            bounds.push_back(std::string{word} + shown(bound));
    return "of size " + join(bounds, " and ");
}

std::string wanted_span(const Value& span) {
    std::string text;
    if (const Value& from = span["from"]; !from.is_null()) text = "from " + std::string{from.text()};
    if (const Value& to = span["to"]; !to.is_null())
        text += (text.empty() ? "to " : " to ") + std::string{to.text()};
    return text;
}

std::string wanted(const Test& test) {
    using enum Test::Operator;
    switch (test.op) {
        case eq:
            return shown(test, test.operand);
        case ne:
            return "anything but " + shown(test, test.operand);
        case in: {
            std::vector<std::string> items;
            for (std::size_t i = 0; test.operand.items() && i < test.operand.items()->size(); ++i)
                items.push_back(shown(test, test.operand[i]));
            return "one of " + join(items, ", ");
        }
        case gt:
            return "more than " + shown(test, test.operand);
        case gte:
            return "at least " + shown(test, test.operand);
        case lt:
            return "less than " + shown(test, test.operand);
        case lte:
            return "at most " + shown(test, test.operand);
        case glob:
            return "something like " + shown(test.operand);
        case regex:
            return "a match of the regular expression " + shown(test.operand);
        case exists:
            return test.operand.truth(true) ? "any value" : "no value";
        case cidr:
            return "an address in " + shown(test.operand);
        case every:
            return "every element to be " + shown(test.operand);
        case some:
            return "some element to be " + shown(test.operand);
        case host:
            return "a URL of " + shown(test.operand);
        case under:
            return "a path under " + shown(test.operand);
        case contains:
            return "something that contains " + shown(test.operand);
        case same_as:
            return "the same as " + std::string{test.operand.text()};
        case between:
            return wanted_span(test.operand);
        case starts_with:
            return "something that starts with " + shown(test.operand);
        case ends_with:
            return "something that ends with " + shown(test.operand);
        case size:
            return "something " + wanted_size(test.operand);
    }
    return {};
}

Reason reason_of(const Test& test, const Judge& rules, Truth truth) {
    Judge judge = rules;
    if (test.zone) judge.zone = test.zone->get();
    Reason reason{Reason::Kind::test, truth, test.field, wanted(test), {}, {}, test.at, {}};
    std::vector<std::string> found;
    bool mismatch = false;
    bool more = false;
    judge.each_value(test.field, [&](const std::optional<Value>& value) {
        if (!value)
            mismatch = true;
        else if (found.size() < shown_values_max)
            found.push_back(shown(test, *value));
        else
            more = true;
    });
    if (more) found.emplace_back("…");
    reason.found = join(found, ", ");
    if (mismatch)
        reason.sentence = fmt::format("{} leads through a value that has no such parts", test.field);
    else if (found.empty() && test.missing_holds)
        reason.sentence = fmt::format("{} is missing, which counts as {}", test.field, reason.wanted);
    else if (found.empty())
        reason.sentence = fmt::format("{} is missing, wanted {}", test.field, reason.wanted);
    else if (truth == Truth::unknown)
        reason.sentence = fmt::format("{} is {}, of a type that cannot be compared with {}", test.field,
                                      reason.found, reason.wanted);
    else if (truth == Truth::yes && test.op == Test::Operator::eq)
        reason.sentence = fmt::format("{} is {}", test.field, reason.found);
    else
        reason.sentence = fmt::format("{} is {}, wanted {}", test.field, reason.found, reason.wanted);
    return reason;
}

// Each part is judged by the same code as in `match`. The loader bounds the depth.
Reason reason_of(const Condition& condition, const Judge& judge) {
    const Truth truth = judge.truth(condition);
    auto with_parts = [&](Reason::Kind kind, const std::vector<Condition>& parts) {
        Reason reason;
        reason.kind = kind;
        reason.truth = truth;
        for (const Condition& one : parts) reason.of.push_back(reason_of(one, judge));
        return reason;
    };
    return std::visit(Overload{[&](const AllOf& all) { return with_parts(Reason::Kind::all, all.of); },
                               [&](const AnyOf& any) { return with_parts(Reason::Kind::any, any.of); },
                               [&](const NotOf& inner) { return with_parts(Reason::Kind::none, inner.of); },
                               [&](const Test& test) { return reason_of(test, judge, truth); }},
                      condition.node);
}

void decide_by(const Reason& reason, std::vector<const Reason*>& tests) {
    if (reason.kind == Reason::Kind::test) return tests.push_back(&reason);
    for (const Reason& part : reason.of)
        if (reason.kind == Reason::Kind::none || part.truth == reason.truth) decide_by(part, tests);
}

}  // namespace

std::string_view name_of(Truth truth) {
    switch (truth) {
        case Truth::no:
            return "no";
        case Truth::unknown:
            return "unknown";
        case Truth::yes:
            return "yes";
    }
    return "unknown";
}

std::vector<const Reason*> decisive(const Reason& reason) {
    std::vector<const Reason*> tests;
    decide_by(reason, tests);
    return tests;
}

Explanation explain(const Directory& directory, const Request& request, std::optional<Duration> expires_in,
                    Instant now) {
    const Policy& policy = directory.policy();
    Facts facts{directory, request, now};
    Explanation all{{}, 0, {}, true, match(directory, request, expires_in, now)};
    for (const RiskEntry& entry : policy.risk) {
        Judge judge = judge_of(entry, facts);
        all.risk.push_back({&entry, judge.applies(entry.when), reason_of(entry.when, judge)});
    }
    all.points = points_of(risks_of(policy, facts));
    facts.risk = all.points;
    for (const Rule& rule : policy.rules) {
        Judge judge = judge_of(rule, facts);
        RuleReport report{&rule, judge.applies(rule.when), reason_of(rule.when, judge)};
        if (rule.unless) {
            const Judge exception = judge_of_exception(rule, facts);
            report.unless = reason_of(*rule.unless, exception);
            report.excepted = report.applies && exception.applies(*rule.unless);
            report.applies = report.applies && !report.excepted;
        }
        all.by_default = all.by_default && !report.applies;
        all.rules.push_back(std::move(report));
    }
    return all;
}

}  // namespace countersign::core
