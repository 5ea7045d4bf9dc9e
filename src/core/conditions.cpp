#include "core/conditions.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "core/lists.hpp"
#include "countersign/base/overload.hpp"
#include "countersign/base/text.hpp"
#include "countersign/core/glob.hpp"

namespace countersign::core {
namespace {

// Stands for a path that leads through a value without such parts: `tags[*]` where tags is a text.
struct Mismatch {};
// Refers to a field's value, wherever it lives in the request.
using FieldValue = std::variant<std::string_view, double, const Value*, Mismatch>;

std::optional<std::string_view> text_of(const FieldValue& seen) {
    if (const auto* text = std::get_if<std::string_view>(&seen)) return *text;
    if (const auto* value = std::get_if<const Value*>(&seen))
        if (const std::string* text = (*value)->string()) return std::string_view{*text};
    return std::nullopt;
}

std::optional<double> number_of(const FieldValue& seen) {
    if (const double* number = std::get_if<double>(&seen)) return *number;
    if (const auto* value = std::get_if<const Value*>(&seen))
        if (const double* number = (*value)->number()) return *number;
    return std::nullopt;
}

// Calls `see` with everything a path like `.where.tags[*]` leads to.
template <class See>
void walk(const Value* at, std::string_view path, const See& see) {
    while (at && !path.empty()) {
        if (path.front() == '.') {
            path.remove_prefix(1);
            auto name = path.substr(0, path.find_first_of(".["));
            path.remove_prefix(name.size());
            if (!at->members()) return see(FieldValue{Mismatch{}});
            at = at->members()->find(name);
            continue;
        }
        auto close = path.find(']');
        const Value::Array* items = at->items();
        if (path.front() != '[' || close == std::string_view::npos || !items)
            return see(FieldValue{Mismatch{}});
        auto inside = path.substr(1, close - 1);
        path.remove_prefix(close + 1);
        if (inside == "*") {
            for (const Value& item : *items) walk(&item, path, see);
            return;
        }
        std::size_t index = 0;
        std::from_chars(inside.data(), inside.data() + inside.size(), index);
        at = index < items->size() ? &(*items)[index] : nullptr;
    }
    if (at) see(FieldValue{at});
}

// A test and where it stands: within an odd number of `not`, what makes it true makes its rule apply less.
struct Standpoint {
    const Judge& judge;
    bool negated = false;

    // An allow counts those humans alone who are proven. Whom the caller names may only hold it back.
    bool proven_count() const { return !judge.tightens; }
    bool proven_people() const { return !judge.tightens && !negated; }
};

// The fields of `requester.`, without that.
template <class See>
void look_up_requester(const Standpoint& from, std::string_view field, const See& see) {
    const Facts& facts = from.judge.facts;
    const Requester& requester = facts.request().requester;
    auto text = [&](std::string_view t) { see(FieldValue{t}); };
    if (field == "name") return text(requester.name);
    if (field == "account") return text(requester.account.text());
    if (field == "kind") return text(requester.kind == Requester::Kind::person ? "person" : "workload");
    if (field == "humans") {
        return see(FieldValue{static_cast<double>(facts.humans(from.proven_count()))});
    }
    if (field == "people" || field == "people[*]") {
        // A right that rests on a person ends with their account: who is nobody fits no allow.
        const bool all_there = facts.humans(true) == proven_humans(facts.request()).size();
        if (from.proven_people() && !all_there) return see(FieldValue{Mismatch{}});
        for (const std::string& person : facts.people(from.proven_people())) text(person);
        return;
    }
    constexpr std::string_view claims = "claims";
    if (field.starts_with(claims) && requester.claims)
        walk(&*requester.claims, field.substr(claims.size()), see);
}

template <class See>
void look_up(const Standpoint& from, std::string_view field, const See& see) {
    const Judge& judge = from.judge;
    if (judge.element) return walk(judge.element, field, see);
    const Request& request = judge.facts.request();
    auto text = [&](std::string_view t) { see(FieldValue{t}); };
    auto number = [&](auto n) { see(FieldValue{static_cast<double>(n)}); };
    if (field == "action") return text(request.action);
    if (field == "intent") return text(request.intent);
    if (field == "resource" && request.resource) return text(*request.resource);
    if (field == "environment" && request.environment) return text(*request.environment);
    constexpr std::string_view requester = "requester.";
    if (field.starts_with(requester)) return look_up_requester(from, field.substr(requester.size()), see);
    if (field == "risk" && judge.facts.risk) return number(*judge.facts.risk);
    if (field == "time.hour") return number(judge.facts.local(judge.zone).hour);
    if (field == "time.weekday") return number(judge.facts.local(judge.zone).weekday);
    if (field.starts_with("labels.")) {
        field.remove_prefix(7);
        for (const auto& [name, value] : request.labels)
            if (name == field) return text(value);
        return;
    }
    if (field.starts_with("parameters") && request.parameters)
        walk(&*request.parameters, field.substr(std::string_view{"parameters"}.size()), see);
}

Truth truth(bool b) {
    return b ? Truth::yes : Truth::no;
}

Truth equals(const FieldValue& seen, const Value& operand) {
    if (const std::string* text = operand.string()) {
        auto value = text_of(seen);
        return value ? truth(*value == *text) : Truth::unknown;
    }
    if (const double* number = operand.number()) {
        auto value = number_of(seen);
        return value ? truth(*value == *number) : Truth::unknown;
    }
    const auto* value = std::get_if<const Value*>(&seen);
    if (operand.is_null()) return truth(value && (*value)->is_null());
    const bool* wanted = operand.boolean();
    const bool* found = value ? (*value)->boolean() : nullptr;
    return wanted && found ? truth(*wanted == *found) : Truth::unknown;
}

Truth among(const FieldValue& seen, const Value& operand) {
    const Value::Array* items = operand.items();
    if (!items) return Truth::unknown;
    // A list may mix types, so the value has a wrong type only where it fits none of them.
    Truth best = Truth::unknown;
    for (const Value& item : *items) {
        const std::string* text = item.string();
        Truth one = Truth::unknown;
        if (text && text->find('*') != std::string::npos) {
            auto value = text_of(seen);
            one = value ? truth(glob_matches(*text, *value)) : Truth::unknown;
        } else {
            one = equals(seen, item);
        }
        if (one == Truth::yes) return one;
        if (one == Truth::no) best = Truth::no;
    }
    return best;
}

bool compares(Test::Operator op, double value, double bound) {
    switch (op) {
        case Test::Operator::gt:
            return value > bound;
        case Test::Operator::gte:
            return value >= bound;
        case Test::Operator::lt:
            return value < bound;
        case Test::Operator::lte:
            return value <= bound;
        default:
            return value == bound;
    }
}

Truth size_fits(const FieldValue& seen, const Value& operand) {
    double size = 0;
    const auto* value = std::get_if<const Value*>(&seen);
    if (auto text = text_of(seen))
        size = static_cast<double>(code_points(*text));
    else if (value && (*value)->items())
        size = static_cast<double>((*value)->items()->size());
    else if (value && (*value)->members())
        size = static_cast<double>((*value)->members()->size());
    else
        return Truth::unknown;
    if (const double* exactly = operand.number()) return truth(size == *exactly);
    if (!operand.members()) return Truth::unknown;
    constexpr std::pair<std::string_view, Test::Operator> bounds[] = {{"gt", Test::Operator::gt},
                                                                      {"gte", Test::Operator::gte},
                                                                      {"lt", Test::Operator::lt},
                                                                      {"lte", Test::Operator::lte},
                                                                      {"eq", Test::Operator::eq}};
    for (const auto& [name, op] : bounds) {
        const double* bound = operand[name].number();
        if (bound && !compares(op, size, *bound)) return Truth::no;
    }
    return Truth::yes;
}

Truth text_test(const Test& test, std::string_view text) {
    using enum Test::Operator;
    if (test.op == regex || test.op == cidr || test.op == host || test.op == under) {
        if (!test.compiled) return Truth::unknown;
        auto matched = (*test.compiled)(text);
        return matched ? truth(*matched) : Truth::unknown;
    }
    const std::string* operand = test.operand.string();
    if (!operand) return Truth::unknown;
    if (test.op == glob) return truth(glob_matches(*operand, text));
    if (test.op == starts_with) return truth(text.starts_with(*operand));
    return truth(text.ends_with(*operand));
}

Truth one_value(const Test& test, const FieldValue& seen) {
    using enum Test::Operator;
    if (std::holds_alternative<Mismatch>(seen)) return Truth::unknown;
    switch (test.op) {
        case eq:
        case ne:
            return equals(seen, test.operand);
        case in:
            return among(seen, test.operand);
        case gt:
        case gte:
        case lt:
        case lte: {
            auto value = number_of(seen);
            const double* bound = test.operand.number();
            return value && bound ? truth(compares(test.op, *value, *bound)) : Truth::unknown;
        }
        case size:
            return size_fits(seen, test.operand);
        case exists:
            return Truth::yes;
        case every:
        case some:
            return Truth::unknown;  // what its elements meet is not for one value to say
        case glob:
        case regex:
        case cidr:
        case host:
        case under:
        case starts_with:
        case ends_with: {
            auto text = text_of(seen);
            return text ? text_test(test, *text) : Truth::unknown;
        }
    }
    return Truth::unknown;
}

Truth negated(Truth t) {
    if (t == Truth::unknown) return t;
    return t == Truth::yes ? Truth::no : Truth::yes;
}

Truth evaluate(const Condition& condition, const Standpoint& from);

// What a test of a missing field says.
Truth missing(const Test& test, const Standpoint& from) {
    if (test.missing_holds) return truth(!from.negated);
    return from.judge.tightens ? Truth::no : Truth::unknown;
}

// What the elements of one list say together; nullopt: there are none of whom `every` could say anything,
// which is as if the list were missing.
std::optional<Truth> of_elements(const Test& test, const FieldValue& seen, const Standpoint& from) {
    const auto* value = std::get_if<const Value*>(&seen);
    const Value::Array* items = value ? (*value)->items() : nullptr;
    if (!items || !test.element) return Truth::unknown;
    const bool every = test.op == Test::Operator::every;
    if (items->empty() && every) return std::nullopt;
    Truth together = every ? Truth::yes : Truth::no;
    for (const Value& item : *items) {
        Judge judge = from.judge;
        judge.element = &item;
        const Truth one = evaluate(*test.element, {judge, from.negated});
        together = every ? std::min(together, one) : std::max(together, one);
    }
    return together;
}

// One of several values (`[*]`) that fits is enough, but `ne` means that none is equal. In an allow every
// proven human has to fit, and within `not` none of those who are named.
Truth evaluate(const Test& test, const Standpoint& from) {
    const bool of_list = test.op == Test::Operator::every || test.op == Test::Operator::some;
    bool found = false;
    Truth any = Truth::no;
    Truth all = Truth::yes;
    look_up(from, test.field, [&](const FieldValue& seen) {
        const auto one = of_list ? of_elements(test, seen, from) : std::optional{one_value(test, seen)};
        if (!one) return;
        found = true;
        any = std::max(any, *one);
        all = std::min(all, *one);
    });
    if (test.op == Test::Operator::exists) return test.operand.truth(true) ? any : negated(any);
    if (!found) return missing(test, from);
    const bool people = !from.judge.tightens && test.field.starts_with("requester.people");
    if (test.op == Test::Operator::ne) return negated(people && from.negated ? all : any);
    return people && !from.negated ? all : any;
}

// `all` is the least of its parts, `any` the greatest. Depth is bounded by the loader.
Truth evaluate(const Condition& condition, const Standpoint& from) {
    return std::visit(Overload{
                          [&](const AllOf& all) {
                              Truth least = Truth::yes;
                              for (const Condition& one : all.of) {
                                  least = std::min(least, evaluate(one, from));
                                  if (least == Truth::no) break;
                              }
                              return least;
                          },
                          [&](const AnyOf& any) {
                              Truth greatest = Truth::no;
                              for (const Condition& one : any.of) {
                                  greatest = std::max(greatest, evaluate(one, from));
                                  if (greatest == Truth::yes) break;
                              }
                              return greatest;
                          },
                          [&](const NotOf& inner) {
                              if (inner.of.empty()) return Truth::unknown;
                              return negated(evaluate(inner.of.front(), {from.judge, !from.negated}));
                          },
                          [&](const Test& test) { return evaluate(test, from); },
                      },
                      condition.node);
}

}  // namespace

LocalTime Facts::local(const Zone* zone) const {
    if (!local_ || local_->first != zone) local_ = {zone, zone ? zone->local(now_) : utc_time(now_)};
    return local_->second;
}

// An account that nobody has is no human, however many of them a caller names.
std::size_t Facts::humans(bool proven) const {
    auto humans = proven ? proven_humans(request_) : humans_behind(request_);
    return static_cast<std::size_t>(std::ranges::count_if(humans, [&](const AccountId& human) {
        return directory_.presence(human) != Directory::Presence::nobody;
    }));
}

const std::vector<std::string>& Facts::people(bool proven) const {
    auto& people = proven ? proven_ : named_;
    if (people) return *people;
    people.emplace();
    for (const AccountId& human : proven ? proven_humans(request_) : humans_behind(request_))
        add_once(*people, directory_.person_of(human).text());
    return *people;
}

Truth Judge::truth(const Condition& condition) const {
    return evaluate(condition, Standpoint{*this});
}

void Judge::each_value(std::string_view field, const std::function<void(std::optional<Value>)>& see) const {
    look_up(Standpoint{*this}, field, [&](const FieldValue& seen) {
        std::visit(Overload{[&](std::string_view text) { see(Value{text}); },
                            [&](double number) { see(Value{number}); },
                            [&](const Value* value) { see(*value); }, [&](Mismatch) { see(std::nullopt); }},
                   seen);
    });
}

Judge judge_of(const Rule& rule, const Facts& facts) {
    return {facts, rule.zone.get(), rule.refuse.has_value() || rule.require.has_value()};
}

Judge judge_of(const RiskEntry& entry, const Facts& facts) {
    return {facts, entry.zone.get(), true};
}

Truth judge(const Test& test, const Value& value) {
    Truth outcome = one_value(test, FieldValue{&value});
    if (test.op == Test::Operator::exists && !test.operand.truth(true)) return negated(outcome);
    return test.op == Test::Operator::ne ? negated(outcome) : outcome;
}

std::vector<const RiskEntry*> risks_of(const Policy& policy, const Facts& facts) {
    std::vector<const RiskEntry*> applying;
    for (const RiskEntry& entry : policy.risk)
        if (judge_of(entry, facts).applies(entry.when)) applying.push_back(&entry);
    // Entries of as many points stay in the policy's order, which is that of their addresses.
    std::ranges::sort(applying, [](const RiskEntry* a, const RiskEntry* b) {
        return a->points != b->points ? a->points > b->points : std::less{}(a, b);
    });
    return applying;
}

namespace {

// "production" for a field that must be just that, "rows" for parameters.rows that must be many.
std::string name_of_test(const Test& test) {
    if (test.op == Test::Operator::eq && test.operand.string() && !test.operand.text().empty())
        return std::string{test.operand.text()};
    return test.field.substr(test.field.rfind('.') + 1);
}

void name_tests(const Condition& condition, std::vector<std::string>& names) {
    constexpr std::size_t names_max = 3;
    auto all_of = [&](const std::vector<Condition>& parts) {
        for (const Condition& part : parts) name_tests(part, names);
    };
    std::visit(Overload{[&](const AllOf& all) { all_of(all.of); }, [&](const AnyOf& any) { all_of(any.of); },
                        [&](const NotOf& none) {
                            const std::size_t before = names.size();
                            all_of(none.of);
                            for (std::size_t i = before; i < names.size(); ++i) names[i] = "not " + names[i];
                        },
                        [&](const Test& test) {
                            if (names.size() < names_max) names.push_back(name_of_test(test));
                        }},
               condition.node);
}

}  // namespace

std::string name_of(const RiskEntry& entry) {
    constexpr std::size_t name_bytes_max = 60;
    std::vector<std::string> names;
    name_tests(entry.when, names);
    if (names.empty()) return "any request";
    return std::string{clip_utf8(join(names, " + "), name_bytes_max)};
}

std::uint32_t points_of(const std::vector<const RiskEntry*>& entries) {
    std::uint32_t points = 0;
    for (const RiskEntry* entry : entries) points += entry->points;
    return points;
}

}  // namespace countersign::core
