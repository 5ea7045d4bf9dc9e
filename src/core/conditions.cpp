#include "core/conditions.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "core/fields.hpp"
#include "core/lists.hpp"
#include "countersign/base/overload.hpp"
#include "countersign/base/text.hpp"
#include "countersign/core/glob.hpp"

namespace countersign::core {
namespace {

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

// A list with all of these elements, or a text with all of these parts.
Truth contains_all(const FieldValue& seen, const Value& wanted) {
    if (!wanted.items()) return Truth::unknown;
    const auto text = text_of(seen);
    const auto* value = std::get_if<const Value*>(&seen);
    const Value::Array* items = value ? (*value)->items() : nullptr;
    if (!items && !text) return Truth::unknown;
    return truth(std::ranges::all_of(*wanted.items(), [&](const Value& one) {
        if (text) return one.string() && text->find(*one.string()) != std::string_view::npos;
        return std::ranges::any_of(
            *items, [&](const Value& item) { return equals(FieldValue{&item}, one) == Truth::yes; });
    }));
}

// Dates and times of day are written so that they sort as they come.
Truth lies_between(std::string_view value, const Value& span) {
    std::string_view from = span["from"].text();
    std::string_view to = span["to"].text();
    const bool day = value.find('-') != std::string_view::npos;
    constexpr std::size_t of_every_year = std::string_view{"12-24"}.size();
    const bool yearly = day && (from.empty() ? to : from).size() == of_every_year;
    if (yearly) value.remove_prefix(std::string_view{"2026-"}.size());
    const bool begun = from.empty() || value >= from;
    const bool over = !to.empty() && (day ? value > to : value >= to);
    const bool past_the_end = (yearly || !day) && !from.empty() && !to.empty() && from > to;
    return truth(past_the_end ? begun || !over : begun && !over);
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
        case same_as:
            return Truth::unknown;  // what its elements or another field say is not for one value to tell
        case contains:
            return contains_all(seen, test.operand);
        case between: {
            auto text = text_of(seen);
            return text ? lies_between(*text, test.operand) : Truth::unknown;
        }
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

// Says whether one value equals another field's; nullopt: that field is missing.
std::optional<Truth> same_as(const Test& test, const FieldValue& seen, const Standpoint& from) {
    Judge whole = from.judge;
    const std::string_view field = test.operand.text();
    if (!field.starts_with('.') && !field.starts_with('[')) whole.element = nullptr;
    bool found = false;
    Truth any = Truth::no;
    look_up(Standpoint{whole, from.negated}, field, [&](const FieldValue& its) {
        found = true;
        if (std::holds_alternative<Mismatch>(its) || std::holds_alternative<Mismatch>(seen)) {
            any = std::max(any, Truth::unknown);
            return;
        }
        const Value wanted =
            std::visit(Overload{[](std::string_view text) { return Value{text}; },
                                [](double number) { return Value{number}; },
                                [](const Value* value) { return *value; }, [](Mismatch) { return Value{}; }},
                       its);
        const bool comparable = !wanted.items() && !wanted.members();
        any = std::max(any, comparable ? equals(seen, wanted) : Truth::unknown);
    });
    if (!found) return std::nullopt;
    return any;
}

// Those humans behind a request count who make the policy stricter: where the rule applies the more
// the more it holds, anybody who is named; else all who are proven.
Truth of_requesters_groups(const Test& test, const Standpoint& from) {
    const Facts& facts = from.judge.facts;
    const bool loosens = from.judge.tightens == from.negated;
    std::vector<std::string> groups;
    if (const auto* items = test.operand.items())
        for (const Value& one : *items) groups.emplace_back(one.text());
    else
        groups.emplace_back(test.operand.text());
    const auto humans = loosens ? proven_humans(facts.request()) : humans_behind(facts.request());
    if (humans.empty()) return missing(test, from);
    // As with a person's name, a right that rests on a group ends with the account.
    if (loosens && !facts.all_there()) return Truth::unknown;
    Truth together = loosens ? Truth::yes : Truth::no;
    for (const AccountId& human : humans) {
        Membership best = Membership::no;
        for (const std::string& group : groups)
            best = std::max(best, facts.in_group(human, GroupId{group}, !loosens));
        const Truth one = best == Membership::yes  ? Truth::yes
                          : best == Membership::no ? Truth::no
                                                   : Truth::unknown;
        together = loosens ? std::min(together, one) : std::max(together, one);
    }
    return together;
}

// One of several values (`[*]`) that fits is enough, but `ne` means that none is equal. In an allow every
// proven human has to fit, and within `not` none of those who are named.
Truth evaluate_here(const Test& test, const Standpoint& from) {
    if (test.field == "requester.groups") return of_requesters_groups(test, from);
    const bool of_list = test.op == Test::Operator::every || test.op == Test::Operator::some;
    bool found = false;
    Truth any = Truth::no;
    Truth all = Truth::yes;
    look_up(from, test.field, [&](const FieldValue& seen) {
        const auto one = of_list                              ? of_elements(test, seen, from)
                         : test.op == Test::Operator::same_as ? same_as(test, seen, from)
                                                              : std::optional{one_value(test, seen)};
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

Truth evaluate(const Test& test, const Standpoint& from) {
    if (!test.zone) return evaluate_here(test, from);
    Judge judge = from.judge;
    judge.zone = test.zone->get();
    return evaluate_here(test, {judge, from.negated});
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

const Facts::Clock& Facts::clock(const Zone* zone) const {
    if (clock_ && clock_->first == zone) return clock_->second;
    const LocalTime time = zone ? zone->local(now_) : utc_time(now_);
    clock_ = {zone, Clock{time,
                          fmt::format("{:04}-{:02}-{:02}", static_cast<int>(time.date.year()),
                                      static_cast<unsigned>(time.date.month()),
                                      static_cast<unsigned>(time.date.day())),
                          fmt::format("{:02}:{:02}", time.hour, time.minute)}};
    return clock_->second;
}

std::vector<GroupId> Facts::groups_of_humans() const {
    std::vector<GroupId> groups;
    for (const GroupRecord& group : directory_.policy().groups)
        for (const AccountId& human : humans_behind(request_))
            if (in_group(human, group.name, true) != Membership::no) add_once(groups, group.name);
    return groups;
}

bool Facts::is_group(const GroupId& group) const {
    return std::ranges::find(directory_.policy().groups, group, &GroupRecord::name) !=
           directory_.policy().groups.end();
}

bool Facts::is_part(const GroupId& part, const GroupId& of, std::size_t depth) const {
    if (depth > groups_nesting_max) return false;
    const auto& groups = directory_.policy().groups;
    const auto record = std::ranges::find(groups, of, &GroupRecord::name);
    const auto* combined =
        record == groups.end() ? nullptr : std::get_if<GroupRecord::Combined>(&record->members);
    return combined && combined->how == GroupRecord::Combined::How::any &&
           std::ranges::any_of(combined->of, [&](const auto& one) {
               const auto* group = std::get_if<GroupId>(&one);
               return group && (*group == part || is_part(part, *group, depth + 1));
           });
}

Membership Facts::in_group(const AccountId& human, const GroupId& group, bool by_any) const {
    return by_any ? directory_.membership(directory_.person_of(human), group)
                  : directory_.membership(human, group);
}

// An account that nobody has is no human, however many of them a caller names.
std::size_t Facts::humans(bool proven) const {
    auto humans = proven ? proven_humans(request_) : humans_behind(request_);
    return static_cast<std::size_t>(std::ranges::count_if(humans, [&](const AccountId& human) {
        return directory_.presence(human) != Directory::Presence::nobody;
    }));
}

bool Facts::all_there() const {
    return humans(true) == proven_humans(request_).size();
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

Judge judge_of_exception(const Rule& rule, const Facts& facts) {
    Judge judge = judge_of(rule, facts);
    judge.tightens = !judge.tightens;
    return judge;
}

bool applies(const Rule& rule, const Facts& facts) {
    return judge_of(rule, facts).applies(rule.when) &&
           !(rule.unless && judge_of_exception(rule, facts).applies(*rule.unless));
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
