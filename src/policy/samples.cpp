#include "policy/samples.hpp"

#include <algorithm>
#include <charconv>

#include "countersign/adapters/policy_diff.hpp"
#include "countersign/adapters/policy_tests.hpp"
#include "countersign/base/overload.hpp"
#include "countersign/core/people.hpp"
#include "policy/lint.hpp"

namespace countersign::policy {
namespace {

using core::Test;
using core::Value;
using Operator = core::Test::Operator;

constexpr std::size_t values_max = 40;  // of one field
constexpr std::size_t elements_max = 20;
constexpr std::string_view anything_else = "something-else";

std::string without_stars(std::string text) {
    std::ranges::replace(text, '*', 'x');
    return text;
}

// Puts a value at a path like `.plan.types[0]`; `[*]` is the first element.
Value put(Value at, std::string_view path, const Value& value) {
    if (path.empty()) return value;
    if (path.front() == '.') {
        path.remove_prefix(1);
        const std::string name{path.substr(0, path.find_first_of(".["))};
        if (!at.members()) at = Value::object();
        at.set(name, put(at[name], path.substr(name.size()), value));
        return at;
    }
    const auto close = path.find(']');
    if (close == std::string_view::npos) return at;
    std::size_t index = 0;
    std::from_chars(path.data() + 1, path.data() + close, index);
    Value list = Value::array();
    const std::size_t size = std::min(elements_max, std::max(index + 1, at.items() ? at.items()->size() : 0));
    for (std::size_t i = 0; i < size; ++i)
        list.push(i == index        ? put(at[i], path.substr(close + 1), value)
                  : at[i].is_null() ? Value{"x"}
                                    : at[i]);
    return list;
}

// An element that meets the plain parts of a condition on elements.
Value element_of(const core::Condition& condition) {
    Value element;
    each_test(condition, [&](const Test& test, bool negated) {
        if (negated) return;
        Value value{anything_else};
        if (test.op == Operator::eq) value = test.operand;
        if (test.op == Operator::in && test.operand.items())
            value = Value{without_stars(std::string{test.operand[0].text()})};
        if (test.op == Operator::glob) value = Value{without_stars(std::string{test.operand.text()})};
        if (const double* bound = test.operand.number(); bound && test.op != Operator::eq)
            value = Value{test.op == Operator::gt || test.op == Operator::gte ? *bound + 1 : *bound - 1};
        element = put(element, test.field, value);
    });
    return element;
}

Value list_of(std::size_t size) {
    Value list = Value::array();
    for (std::size_t i = 0; i < std::min(size, elements_max); ++i) list.push(Value{"x"});
    return list;
}

// The moment in the week of the usual one that has this hour, weekday, date or time of day, in UTC.
core::Instant moment_of(std::string_view field, const Value& value, core::Instant at) {
    const auto day = std::chrono::floor<std::chrono::days>(at);
    if (field == "time.hour") return day + std::chrono::hours{value.whole(12)};
    if (field == "time.weekday") {
        const auto weekday = std::chrono::weekday{day}.iso_encoding();
        return at + std::chrono::days{value.whole(1) - static_cast<std::int64_t>(weekday)};
    }
    const std::string text{value.text()};
    if (field == "time.of_day")
        return core::parse_rfc3339(core::rfc3339(day).substr(0, 11) + text + ":00Z").value_or(at);
    const std::string date = text.size() == 5 ? "2026-" + text : text;
    return core::parse_rfc3339(date + "T12:00:00Z").value_or(at);
}

}  // namespace

Samples::Samples(std::vector<const core::Policy*> policies) : policies_(std::move(policies)) {
    for (const core::Policy* policy : policies_) {
        for (const core::RiskEntry& entry : policy->risk) learn(entry.when);
        for (const core::Rule& rule : policy->rules) {
            learn(rule.when);
            if (rule.unless) learn(*rule.unless);
            learn_needs(rule);
            learn_ways(rule.when);
            if (!rule.unless) continue;
            learn_ways({core::AllOf{{rule.when, core::Condition{core::NotOf{{*rule.unless}}}}}});
            learn_ways({core::AllOf{{rule.when, *rule.unless}}});
        }
    }
    ways_.emplace_back();
    add("action", Value{"anything.else"});
    add("requester.humans", Value{0});
    add("requester.humans", Value{1});
}

void Samples::need(const std::string& field, Value value) {
    add(field, value);
    needs_.try_emplace(field, std::move(value));
}

// A request that does not name its resource, its authors or its owners is refused by rules that ask for them,
// whatever else they say: nothing else of them could be seen.
void Samples::learn_needs(const core::Rule& rule) {
    if (rule.resource_typed) need("resource", Value{anything_else});
    for (const core::Exclusion& one : rule.exclude) {
        const auto star = one.field.find("[*]");
        const Value nobody{one.kind.empty() ? "email:nobody-else@example.com" : "nobody-else"};
        if (star == std::string::npos)
            need(one.field, nobody);
        else
            need(one.field.substr(0, star), Value::array());
    }
    for (const core::BudgetTerms& terms : rule.budgets)
        if (!terms.budget.sum.empty()) need(terms.budget.sum, Value{1});
    if (rule.require) learn_needs(*rule.require);
}

void Samples::learn_needs(const core::Requirement& requirement) {
    auto inside = [&](const auto& all) {
        for (const core::Requirement& one : all.of) learn_needs(one);
    };
    auto by_request = [&](const core::CountFor& one) {
        const auto open = one.of.find('{');
        const auto close = one.of.find('}', open);
        if (open != std::string::npos && close != std::string::npos) {
            const std::string after = one.of.substr(close + 1);
            for (const core::GroupId& group : one.one_of) {
                std::string_view text = group.text();
                if (text.size() < open + after.size() || !text.ends_with(after)) continue;
                text.remove_prefix(open);
                text.remove_suffix(after.size());
                need(one.of.substr(open + 1, close - open - 1), Value{text});
            }
        }
        for (const auto& [person, group] : one.of_requester) {
            need("requester.humans", Value{0});  // nobody but whom the table lists
            need("requester.people", Value{person.text()});
        }
    };
    std::visit(
        Overload{[](const core::CountOf&) {}, by_request, [&](const core::RequireAll& all) { inside(all); },
                 [&](const core::RequireAny& any) { inside(any); },
                 [&](const core::RequireThen& then) { inside(then); }},
        requirement.node);
}

void Samples::learn_ways(core::Condition condition) {
    conditions_.push_back(std::make_unique<core::Condition>(std::move(condition)));
    for (Way& way : ways_of(*conditions_.back()).ways) ways_.push_back(std::move(way));
}

void Samples::learn(const core::Condition& condition) {
    each_test(condition, [&](const Test& test, bool) { learn(test); });
}

void Samples::add(const std::string& field, Value value) {
    auto& all = values_[field];
    if (all.size() < values_max && std::ranges::find(all, value) == all.end())
        all.push_back(std::move(value));
}

void Samples::learn(const Test& test) {
    const std::string& field = test.field;
    const bool text = field != "requester.humans" && field != "risk" && !field.starts_with("time.");
    if (field == "risk") return;
    for (const Value& value : values_of(test))
        add(field, value.string() ? Value{without_stars(std::string{value.text()})} : value);
    if (test.op == Operator::between)
        for (const char* bound : {"from", "to"})
            if (!test.operand[bound].is_null()) add(field, test.operand[bound]);
    if (const double* bound = test.operand.number(); bound && test.op != Operator::size)
        for (double near : {*bound - 1, *bound, *bound + 1}) add(field, Value{near});
    if (test.op == Operator::size)
        for (std::size_t n = 0; n <= 3; ++n) add(field, list_of(n));
    if (test.op == Operator::every || test.op == Operator::some) {
        add(field, Value{Value::Array{element_of(*test.element)}});
        add(field, Value{Value::Array{element_of(*test.element), Value{anything_else}}});
    }
    if (test.op == Operator::contains) add(field, test.operand);
    if (test.op == Operator::glob) add(field, Value{without_stars(std::string{test.operand.text()})});
    if (test.op == Operator::starts_with) add(field, Value{std::string{test.operand.text()} + "x"});
    if (test.op == Operator::ends_with) add(field, Value{"x" + std::string{test.operand.text()}});
    for (std::size_t i = 0; test.operand.items() && i < test.operand.items()->size(); ++i) {
        const std::string one{test.operand[i].text()};
        if (test.op == Operator::under) add(field, Value{one + "/x"});
        if (test.op == Operator::host) add(field, Value{"https://" + without_stars(one) + "/"});
        if (test.op == Operator::cidr) add(field, Value{one.substr(0, one.find('/'))});
    }
    if (text && field != "action" && !field.starts_with("requester.")) add(field, Value{anything_else});
}

bool Samples::meets(const Way& way, const std::string& field, const Value& value) const {
    return std::ranges::all_of(way, [&](const Literal& one) {
        if (one.test->field != field || one.test->op == Operator::every || one.test->op == Operator::some)
            return true;
        return (core::judge(*one.test, value) == core::Truth::yes) == one.positive;
    });
}

Samples::Said Samples::meeting(const Way& way) const {
    Said said;
    for (const Literal& one : way) {
        const std::string& field = one.test->field;
        const auto known = values_.find(field);
        if (said.contains(field) || known == values_.end()) continue;
        const bool needed =
            one.positive != (one.test->op == Operator::exists && !one.test->operand.truth(true));
        if (!needed && field != "action") continue;
        const auto fits =
            std::ranges::find_if(known->second, [&](const Value& value) { return meets(way, field, value); });
        if (fits != known->second.end()) said.emplace(field, *fits);
    }
    return said;
}

// Says what rules need as well, but where the way itself speaks of it.
Samples::Said Samples::complete(const Way& way, Said said) const {
    for (const auto& [field, value] : needs_) {
        const bool spoken_of = std::ranges::any_of(way, [&](const Literal& one) {
            return one.test->field.starts_with(field) || field.starts_with(one.test->field);
        });
        if (!spoken_of) said.try_emplace(field, value);
    }
    return said;
}

void Samples::say_of_requester(core::Request& request, std::string_view field, const Value& value) const {
    const std::string text{value.text()};
    auto& requester = request.requester;
    if (field == "name") requester.name = text;
    if (field == "account") requester.account = core::AccountId{text};
    if (field == "kind")
        requester.kind = text == "person" ? core::Requester::Kind::person : core::Requester::Kind::workload;
    if (field.starts_with("people")) requester.humans.emplace_back(text);
    if (field == "humans") {
        requester.humans.clear();
        for (std::int64_t i = 0; i < std::min<std::int64_t>(value.whole(0), 3); ++i)
            requester.humans.emplace_back("email:somebody-" + std::to_string(i) + "@example.com");
    }
    if (field == "groups") {
        const core::Directory offline{
            std::shared_ptr<const core::Policy>{std::shared_ptr<const core::Policy>{}, policies_.back()}, {}};
        const auto members = offline.members(core::GroupId{text}, 1);
        if (members && !members->empty()) requester.humans.emplace_back(members->front().text());
    }
    if (field.starts_with("claims"))
        requester.claims = put(requester.claims.value_or(Value::object()),
                               field.substr(std::string_view{"claims"}.size()), value);
}

void Samples::say(core::Request& request, const std::string& field, const Value& value) const {
    const std::string text{value.text()};
    constexpr std::string_view requester = "requester.";
    constexpr std::string_view labels = "labels.";
    constexpr std::string_view parameters = "parameters";
    if (field == "action") request.action = text;
    if (field == "resource") request.resource = text;
    if (field == "environment") request.environment = text;
    if (field == "intent") request.intent = text;
    if (field.starts_with(labels)) request.labels.emplace_back(field.substr(labels.size()), text);
    if (field.starts_with(requester))
        say_of_requester(request, std::string_view{field}.substr(requester.size()), value);
    if (field.starts_with("time.")) request.created_at = moment_of(field, value, request.created_at);
    if (field.starts_with(parameters))
        request.parameters = put(request.parameters.value_or(Value::object()),
                                 std::string_view{field}.substr(parameters.size()), value);
}

core::Request Samples::request_of(const Said& said) const {
    core::Request request{core::RequestId{core::RequestId::Bytes{}},
                          0,
                          "anything.else",
                          {},
                          {},
                          {},
                          {},
                          {},
                          {},
                          {},
                          {},
                          {},
                          usual_moment(),
                          {}};
    request.requester.humans.emplace_back("email:somebody@example.com");
    for (const auto& [field, value] : said) say(request, field, value);
    return request;
}

std::vector<core::Request> Samples::make() const {
    std::vector<core::Request> all;
    for (const Way& way : ways_) {
        const Said bare = meeting(way);
        const Said base = complete(way, bare);
        all.push_back(request_of(base));
        if (bare != base) all.push_back(request_of(bare));
        for (const auto& [field, values] : values_) {
            if (field == "action" && !way.empty()) continue;
            if (base.contains(field)) {
                Said without = base;
                without.erase(field);
                all.push_back(request_of(without));
            }
            for (const Value& value : values) {
                if (all.size() >= policy_samples_max) return all;
                Said with = base;
                with.insert_or_assign(field, value);
                all.push_back(request_of(with));
                if (field != "time.weekday" && field != "time.date") continue;
                // Days begin and end at other moments on the clocks of other zones.
                for (int hour : {0, 23}) {
                    Said then = with;
                    if (then.try_emplace("time.hour", hour).second) all.push_back(request_of(then));
                }
            }
        }
    }
    return all;
}

}  // namespace countersign::policy
