// Random conditions against a second, naive way of thinking: not three values of truth, but what may hold and
// what must.
#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>
#include <map>
#include <set>

#include "core/world.hpp"
#include "countersign/core/match.hpp"
#include "support/random_cases.hpp"

namespace countersign::core::testing::conditions {
namespace {

using Operator = core::Test::Operator;
using support::Chance;

const std::vector<std::string> words{"a", "b", "c"};

// `one` and `two` list people, `made` is made of them; `chat` was never read.
const std::vector<std::string> groups{"one", "two", "made", "chat"};

void add_groups(Policy& policy) {
    using Combined = GroupRecord::Combined;
    for (const std::string& word : words) policy.people.push_back({PersonId{word}, {}});
    policy.groups.push_back({GroupId{"one"}, GroupRecord::People{{PersonId{"a"}}}});
    policy.groups.push_back({GroupId{"two"}, GroupRecord::People{{PersonId{"a"}, PersonId{"b"}}}});
    policy.groups.push_back(
        {GroupId{"made"}, Combined{Combined::How::any, {GroupId{"two"}, PersonId{"c"}}, {GroupId{"one"}}}});
    policy.groups.push_back({GroupId{"chat"}, GroupRecord::InChat{Surface::slack, "S1"}});
}

bool is_in(const std::string& person, std::string_view group) {
    if (group == "one") return person == "a";
    return group == "two" ? person != "c" : person != "a";
}

Value some_scalar(Chance& chance) {
    if (chance.one_in(3)) return Value{chance.below(3)};
    return Value{words[chance.below(3)]};
}

Value some_list(Chance& chance) {
    Value list = Value::array();
    for (std::size_t i = chance.below(4); i > 0; --i) list.push(some_scalar(chance));
    return list;
}

// ---- random tests and trees of them

core::Test scalar_test(Chance& chance, const std::string& field) {
    core::Test test;
    test.field = field;
    switch (chance.below(4)) {
        case 0:
            test.op = Operator::gt;
            test.operand = Value{chance.below(3)};
            break;
        case 1:
            test.op = Operator::ne;
            test.operand = some_scalar(chance);
            break;
        case 2:
            test.op = Operator::in;
            test.operand = Value::Array{some_scalar(chance), some_scalar(chance)};
            break;
        default:
            test.op = Operator::eq;
            test.operand = some_scalar(chance);
    }
    return test;
}

// This asks about the moment at which a request is opened, on the clocks of UTC.
core::Test time_test(Chance& chance) {
    auto two = [](std::size_t n) { return (n < 10 ? "0" : "") + std::to_string(n); };
    auto day = [&] { return two(1 + chance.below(12)) + "-" + two(1 + chance.below(28)); };
    auto moment = [&] { return two(chance.below(24)) + ":" + two(chance.below(60)); };
    switch (chance.below(4)) {
        case 0:
            return {"time.of_day", Operator::between,
                    Value::object().set("from", moment()).set("to", moment())};
        case 1:
            return {"time.date", Operator::between, Value::object().set("from", day()).set("to", day())};
        case 2:
            return {"time.hour", chance.one_in(2) ? Operator::gte : Operator::lt, Value{chance.below(24)}};
        default:
            return {"time.weekday", Operator::in, Value::Array{1 + chance.below(7), 1 + chance.below(7)}};
    }
}

core::Test shape_test(Chance& chance) {
    switch (chance.below(3)) {
        case 0:
            return {"parameters.list", Operator::size, Value{chance.below(4)}};
        case 1:
            return {"parameters.scalar", chance.one_in(2) ? Operator::starts_with : Operator::ends_with,
                    Value{words[chance.below(3)]}};
        default:
            return {"parameters.scalar", Operator::glob, Value{words[chance.below(3)] + "*"}};
    }
}

core::Test some_test(Chance& chance, bool allow) {
    core::Test test;
    switch (chance.below(10)) {
        case 8:
            return time_test(chance);
        case 9:
            test = shape_test(chance);
            break;
        case 5:
            test = {"requester.groups", Operator::in,
                    Value::Array{groups[chance.below(4)], groups[chance.below(4)]}};
            break;
        case 6:
            test = {chance.one_in(2) ? "parameters.list" : "parameters.scalar", Operator::contains,
                    some_list(chance)};
            break;
        case 7:
            test = {"parameters.scalar", Operator::same_as, Value{"parameters.other"}};
            break;
        case 0:
            test = scalar_test(chance, "requester.people");
            test.operand = test.op == Operator::in
                               ? Value{Value::Array{words[chance.below(3)], words[chance.below(3)]}}
                               : Value{words[chance.below(3)]};
            if (test.op == Operator::gt) test.op = Operator::eq;
            return test;
        case 1:
            test.field = "parameters.list";
            test.op = chance.one_in(2) ? Operator::every : Operator::some;
            test.element = std::make_shared<const Condition>(Condition{scalar_test(chance, "")});
            break;
        case 2:
            return {"parameters.scalar", Operator::exists, Value{chance.one_in(2)}};
        case 3:
            test = scalar_test(chance, "parameters.list[*]");
            break;
        default:
            test = scalar_test(chance, "parameters.scalar");
    }
    test.missing_holds = !allow && chance.one_in(2);
    return test;
}

Condition some_condition(Chance& chance, bool allow, int depth) {
    if (depth == 0 || chance.one_in(3)) return {some_test(chance, allow)};
    std::vector<Condition> parts;
    for (std::size_t i = 1 + chance.below(3); i > 0; --i)
        parts.push_back(some_condition(chance, allow, depth - 1));
    if (chance.one_in(3)) return {NotOf{{parts.front()}}};
    if (chance.one_in(2)) return {AllOf{std::move(parts)}};
    return {AnyOf{std::move(parts)}};
}

// ---- the naive way

struct Holds {
    bool may;
    bool must;
};
Holds surely(bool b) {
    return {b, b};
}
constexpr Holds nobody_knows{true, false};

Holds of_scalar(const core::Test& test, const Value& value) {
    auto equal = [&](const Value& wanted) {
        return value.type_name() == wanted.type_name() ? surely(value == wanted) : nobody_knows;
    };
    if (test.op == Operator::gt)
        return value.number() ? surely(*value.number() > *test.operand.number()) : nobody_knows;
    if (test.op == Operator::eq) return equal(test.operand);
    if (test.op == Operator::ne) {
        const Holds same = equal(test.operand);
        return {!same.must, !same.may};
    }
    // A list may mix types, and the value may be of any one of them.
    bool comparable = false;
    for (const Value& one : *test.operand.items()) {
        if (equal(one).must) return surely(true);
        comparable = comparable || one.type_name() == value.type_name();
    }
    return comparable ? surely(false) : nobody_knows;
}

Holds some_of(const std::vector<Holds>& all) {
    return {std::ranges::any_of(all, &Holds::may), std::ranges::any_of(all, &Holds::must)};
}
Holds all_of(const std::vector<Holds>& all) {
    return {std::ranges::all_of(all, &Holds::may), std::ranges::all_of(all, &Holds::must)};
}

// Days and minutes are counted; what ends before it begins goes on in the next year, or on the next day.
bool within(int value, int from, int to, bool with_end) {
    const int end = with_end ? to + 1 : to;
    return from <= to ? from <= value && value < end : value >= from || value < end;
}

Holds of_time(const core::Test& test, Instant at) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(at).time_since_epoch().count();
    const auto days = seconds / 86'400;
    const int minute = static_cast<int>(seconds % 86'400 / 60);
    if (test.field == "time.hour") {
        const auto bound = static_cast<int>(*test.operand.number());
        return surely(test.op == Operator::lt ? minute / 60 < bound : minute / 60 >= bound);
    }
    if (test.field == "time.weekday") {
        const auto weekday = (days + 3) % 7 + 1;  // the first day of all was a Thursday
        return surely(std::ranges::any_of(*test.operand.items(), [&](const Value& one) {
            return static_cast<std::int64_t>(*one.number()) == weekday;
        }));
    }
    auto number = [](std::string_view text, std::size_t begin) {
        return (text[begin] - '0') * 10 + (text[begin + 1] - '0');
    };
    const auto from = test.operand["from"].text();
    const auto to = test.operand["to"].text();
    const int scale = test.field == "time.date" ? 100 : 60;
    const int begin = number(from, 0) * scale + number(from, 3);
    const int end = number(to, 0) * scale + number(to, 3);
    if (test.field == "time.of_day") return surely(within(minute, begin, end, false));
    const std::time_t then = seconds;
    std::tm broken{};
    gmtime_r(&then, &broken);
    return surely(within((broken.tm_mon + 1) * 100 + broken.tm_mday, begin, end, true));
}

struct Naive {
    const Request& request;
    bool allow;
    Instant at;

    Holds missing(const core::Test& test, bool negated) const {
        if (test.missing_holds) return surely(!negated);
        return allow ? nobody_knows : surely(false);
    }
    // Who counts is who makes the rule stricter, and of those the proven have to be so one and all.
    Holds in_groups(const core::Test& test, bool negated) const {
        const bool loosens = allow != negated;
        std::set<std::string> named;
        for (const AccountId& one : request.requester.humans) named.insert(one.text());
        if (!loosens)
            for (const AccountId& one : request.on_behalf_of) named.insert(one.text());
        if (named.empty()) return missing(test, negated);
        std::vector<Holds> each;
        for (const std::string& person : named) {
            std::vector<Holds> ways;
            for (const Value& group : *test.operand.items())
                ways.push_back(group.text() == "chat" ? nobody_knows : surely(is_in(person, group.text())));
            each.push_back(some_of(ways));
        }
        return loosens ? all_of(each) : some_of(each);
    }
    Holds contained(const core::Test& test, const Value& value) const {
        std::vector<Holds> each{surely(true)};
        for (const Value& wanted : *test.operand.items()) {
            if (!value.string() && !value.items()) return nobody_knows;
            if (value.string())
                each.push_back(surely(wanted.string() && value.text() == wanted.text()));
            else
                each.push_back(surely(std::ranges::find(*value.items(), wanted) != value.items()->end()));
        }
        return value.string() || value.items() ? all_of(each) : nobody_knows;
    }
    Holds people(const core::Test& test, bool negated) const {
        std::set<std::string> named;
        for (const AccountId& one : request.requester.humans) named.insert(one.text());
        const bool strict = allow && !negated;
        if (!strict)
            for (const AccountId& one : request.on_behalf_of) named.insert(one.text());
        if (named.empty()) return missing(test, negated);
        std::vector<Holds> each;
        for (const std::string& one : named) each.push_back(of_scalar(test, Value{one}));
        // `ne` speaks of none of them; an allow wants everybody to fit, and within its `not` anybody matters.
        const bool every = test.op == Operator::ne ? !(allow && negated) : strict;
        return every ? all_of(each) : some_of(each);
    }
    Holds shape(const core::Test& test, bool negated) const {
        const Value& value = (*request.parameters)[test.field.substr(11)];
        if (value.is_null()) return missing(test, negated);
        if (test.op == Operator::size)
            return surely(value.items()->size() == static_cast<std::size_t>(*test.operand.number()));
        if (!value.string()) return nobody_knows;
        // A word is one letter long, so that it starts, ends and fits with itself alone.
        return surely(value.text() == test.operand.text().substr(0, 1));
    }
    Holds of(const core::Test& test, bool negated) const {
        if (test.field.starts_with("time.")) return of_time(test, at);
        if (test.op == Operator::size || test.op == Operator::starts_with || test.op == Operator::ends_with ||
            test.op == Operator::glob)
            return shape(test, negated);
        if (test.field == "requester.people") return people(test, negated);
        if (test.field == "requester.groups") return in_groups(test, negated);
        if (test.op == Operator::contains) {
            const Value& value = (*request.parameters)[test.field.substr(11)];
            return value.is_null() ? missing(test, negated) : contained(test, value);
        }
        if (test.op == Operator::same_as) {
            const Value& one = (*request.parameters)["scalar"];
            const Value& other = (*request.parameters)["other"];
            if (one.is_null() || other.is_null()) return missing(test, negated);
            return one.type_name() == other.type_name() ? surely(one == other) : nobody_knows;
        }
        const Value& scalar = (*request.parameters)["scalar"];
        if (test.op == Operator::exists) return surely(scalar.is_null() != test.operand.truth());
        if (test.field == "parameters.scalar")
            return scalar.is_null() ? missing(test, negated) : of_scalar(test, scalar);
        const Value& list = (*request.parameters)["list"];
        if (list.is_null()) return missing(test, negated);
        std::vector<Holds> each;
        const bool inner = test.element != nullptr;
        for (const Value& one : *list.items())
            each.push_back(of_scalar(inner ? std::get<core::Test>(test.element->node) : test, one));
        if (each.empty()) return test.op == Operator::some ? surely(false) : missing(test, negated);
        if (inner) return test.op == Operator::every ? all_of(each) : some_of(each);
        return test.op == Operator::ne ? all_of(each) : some_of(each);
    }
    Holds of(const Condition& condition, bool negated) const {
        if (const auto* test = std::get_if<core::Test>(&condition.node)) return of(*test, negated);
        if (const auto* inner = std::get_if<NotOf>(&condition.node)) {
            const Holds held = of(inner->of.front(), !negated);
            return {!held.must, !held.may};
        }
        const auto* all = std::get_if<AllOf>(&condition.node);
        std::vector<Holds> parts;
        for (const Condition& one : all ? all->of : std::get<AnyOf>(condition.node).of)
            parts.push_back(of(one, negated));
        return all ? all_of(parts) : some_of(parts);
    }
    bool applies(const Condition& condition) const {
        const Holds held = of(condition, false);
        return allow ? held.must : held.may;
    }
};

Request some_request(Chance& chance) {
    Request request = request_of({});
    for (const std::string& word : words) {
        if (chance.one_in(3)) request.requester.humans.emplace_back(word);
        if (chance.one_in(4)) request.on_behalf_of.emplace_back(word);
    }
    Value parameters = Value::object();
    if (!chance.one_in(3)) parameters.set("scalar", some_scalar(chance));
    if (!chance.one_in(3)) parameters.set("list", some_list(chance));
    if (!chance.one_in(3)) parameters.set("other", some_scalar(chance));
    request.parameters = std::move(parameters);
    return request;
}

TEST(Property, ConditionsAgreeWithTheNaiveWay) {
    std::map<std::pair<bool, bool>, std::size_t> seen;
    support::for_each_case([&](Chance& chance) {
        Rule rule;
        rule.name = "r";
        rule.allow = chance.one_in(2);
        if (!rule.allow) rule.refuse = "no";
        rule.when = some_condition(chance, rule.allow, 3);
        if (chance.one_in(3)) rule.unless = some_condition(chance, true, 2);
        const Request request = some_request(chance);
        Policy policy;
        add_groups(policy);
        policy.rules = {rule};
        for (const std::string& word : words) policy.people.push_back({PersonId{word}, {}});
        const Instant at = start + std::chrono::minutes{chance.below(3 * 366 * 24 * 60)};
        auto applied = match(policy, request, std::nullopt, at);
        ASSERT_TRUE(applied);
        const bool excepted = rule.unless && Naive{request, !rule.allow, at}.applies(*rule.unless);
        const bool expected = Naive{request, rule.allow, at}.applies(rule.when) && !excepted;
        EXPECT_EQ(!applied->rules.empty(), expected);
        ++seen[{rule.allow, expected}];
    });
    if (!support::sees_every_kind()) return;
    for (bool allow : {false, true})
        for (bool applies : {false, true}) EXPECT_GT((seen[{allow, applies}]), 0U) << allow << applies;
}

// Saying less never lets through what saying more did not, where the rules say that silence counts.
TEST(Property, LeavingOutNeverHelpsWhereMissingHolds) {
    std::size_t compared = 0;
    support::for_each_case([&](Chance& chance) {
        Rule rule;
        rule.name = "r";
        rule.refuse = "no";
        core::Test test = scalar_test(chance, "parameters.scalar");
        test.missing_holds = true;
        rule.when = chance.one_in(2) ? Condition{test} : Condition{NotOf{{{test}}}};
        Policy policy;
        policy.rules = {rule};
        Request silent = request_of({});
        silent.parameters = Value::object();
        EXPECT_FALSE(match(policy, silent, std::nullopt, start)->rules.empty());
        ++compared;
    });
    EXPECT_GT(compared, 0U);
}

}  // namespace
}  // namespace countersign::core::testing::conditions
