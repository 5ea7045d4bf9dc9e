#include "policy/logic.hpp"

#include <algorithm>
#include <limits>
#include <optional>

#include "countersign/base/overload.hpp"

namespace countersign::policy {
namespace {

using core::Test;
using core::Truth;
using core::Value;
using Operator = core::Test::Operator;

Ways none_of(const core::Condition& condition);

void join_ways(Ways& all, Ways more) {
    all.complete = all.complete && more.complete;
    for (Way& way : more.ways) {
        if (all.ways.size() == ways_max) {
            all.complete = false;
            return;
        }
        all.ways.push_back(std::move(way));
    }
}

Ways product(const Ways& a, const Ways& b) {
    Ways both{{}, a.complete && b.complete};
    for (const Way& x : a.ways) {
        for (const Way& y : b.ways) {
            if (both.ways.size() == ways_max || x.size() + y.size() > literals_max) {
                both.complete = false;
                continue;
            }
            both.ways.push_back(x);
            both.ways.back().insert(both.ways.back().end(), y.begin(), y.end());
        }
    }
    return both;
}

template <class Of>
Ways all_together(const std::vector<core::Condition>& parts, Of of) {
    Ways all{{Way{}}, true};
    for (const core::Condition& part : parts) all = product(all, of(part));
    return all;
}

template <class Of>
Ways any_one(const std::vector<core::Condition>& parts, Of of) {
    Ways any;
    for (const core::Condition& part : parts) join_ways(any, of(part));
    return any;
}

bool has_star(std::string_view text) {
    return text.find('*') != std::string_view::npos;
}

// A list with patterns among its values, as one test for each; empty: no such list.
std::vector<Test> spelled_out(const Test& test) {
    std::vector<Test> each;
    const auto* items = test.op == Operator::in ? test.operand.items() : nullptr;
    if (!items || std::ranges::none_of(*items, [](const Value& one) { return has_star(one.text()); }))
        return each;
    for (const Value& one : *items)
        each.push_back({test.field, has_star(one.text()) ? Operator::glob : Operator::eq, one, nullptr,
                        test.at, nullptr, test.missing_holds});
    return each;
}

Ways ways_of_test(const Test& test, bool positive) {
    Ways ways;
    auto each = spelled_out(test);
    if (each.size() > ways_max || (!positive && each.size() > literals_max)) return {{}, false};
    if (each.empty()) return {{Way{literal(test, positive)}}, true};
    if (!positive) ways.ways.emplace_back();
    for (Test& one : each) {
        if (positive) ways.ways.emplace_back();
        ways.ways.back().push_back({std::make_shared<const Test>(std::move(one)), positive});
    }
    return ways;
}

Ways none_of(const core::Condition& condition) {
    return std::visit(Overload{[](const core::AllOf& all) { return any_one(all.of, none_of); },
                               [](const core::AnyOf& any) { return all_together(any.of, none_of); },
                               [](const core::NotOf& inner) {
                                   return inner.of.empty() ? Ways{{}, false} : ways_of(inner.of.front());
                               },
                               [](const Test& test) { return ways_of_test(test, false); }},
                      condition.node);
}

// ---- what the tests of one field say together

bool holds(const Literal& literal, const Value& value) {
    Truth truth = core::judge(*literal.test, value);
    return truth == Truth::unknown || (truth == Truth::yes) == literal.positive;
}

bool asks_to_exist(const Literal& literal) {
    if (literal.test->op != Operator::exists) return literal.positive && !literal.test->missing_holds;
    return literal.test->operand.truth(true) == literal.positive;
}
bool asks_to_miss(const Literal& literal) {
    return literal.test->op == Operator::exists && literal.test->operand.truth(true) != literal.positive;
}

// The values a literal leaves; nullopt: too many to list.
std::optional<std::vector<Value>> listed(const Literal& literal) {
    const Test& test = *literal.test;
    if (!literal.positive) return std::nullopt;
    if (test.op == Operator::eq) return std::vector<Value>{test.operand};
    if (test.op != Operator::in || !test.operand.items()) return std::nullopt;
    for (const Value& item : *test.operand.items())
        if (has_star(item.text())) return std::nullopt;
    return *test.operand.items();
}

std::optional<std::vector<Value>> domain(std::string_view field) {
    std::vector<Value> all;
    if (field == "time.hour")
        for (int hour = 0; hour < 24; ++hour) all.emplace_back(hour);
    else if (field == "time.weekday")
        for (int day = 1; day <= 7; ++day) all.emplace_back(day);
    else if (field == "requester.kind")
        all = {Value{"person"}, Value{"workload"}};
    else
        return std::nullopt;
    return all;
}

struct Bounds {
    double least = -std::numeric_limits<double>::infinity();
    double most = std::numeric_limits<double>::infinity();
    bool least_open = false;
    bool most_open = false;

    void at_least(double bound, bool open) {
        if (bound < least || (bound == least && least_open)) return;
        least = bound;
        least_open = open;
    }
    void at_most(double bound, bool open) {
        if (bound > most || (bound == most && most_open)) return;
        most = bound;
        most_open = open;
    }
    void take(const Literal& literal) {
        const double* bound = literal.test->operand.number();
        if (!bound) return;
        switch (literal.test->op) {
            case Operator::gt:
                return literal.positive ? at_least(*bound, true) : at_most(*bound, false);
            case Operator::gte:
                return literal.positive ? at_least(*bound, false) : at_most(*bound, true);
            case Operator::lt:
                return literal.positive ? at_most(*bound, true) : at_least(*bound, false);
            case Operator::lte:
                return literal.positive ? at_most(*bound, false) : at_least(*bound, true);
            default:
                return;
        }
    }
    bool empty() const { return least > most || (least == most && (least_open || most_open)); }
    bool within(const Bounds& other) const {
        Bounds both = other;
        both.at_least(least, least_open);
        both.at_most(most, most_open);
        return both.least == least && both.least_open == least_open && both.most == most &&
               both.most_open == most_open;
    }
};

Bounds bounds_of(std::string_view field, std::uint32_t risk_max) {
    Bounds bounds;
    if (field == "requester.humans" || field == "risk") bounds.at_least(0, false);
    if (field == "risk") bounds.at_most(risk_max, false);
    return bounds;
}

// A text test as a glob; nullopt: it is none.
std::optional<std::string> as_glob(const Test& test) {
    const std::string* text = test.operand.string();
    if (!text) return std::nullopt;
    if (test.op == Operator::glob) return *text;
    if (has_star(*text)) return std::nullopt;
    if (test.op == Operator::eq) return *text;
    if (test.op == Operator::starts_with) return *text + "*";
    if (test.op == Operator::ends_with) return "*" + *text;
    return std::nullopt;
}

// Says whether `wide` matches everything that `narrow` matches: a star of `narrow` can only be met by one of
// `wide`.
bool covers(const std::string& wide, const std::string& narrow) {
    return core::judge({"", Operator::glob, Value{wide}, nullptr, {}}, Value{narrow}) == Truth::yes;
}

bool meet(const std::string& a, const std::string& b) {
    auto agree = [](std::string_view x, std::string_view y) { return x.starts_with(y) || y.starts_with(x); };
    auto before = [](const std::string& glob) { return std::string_view{glob}.substr(0, glob.find('*')); };
    auto agree_at_the_end = [](std::string_view x, std::string_view y) {
        return x.ends_with(y) || y.ends_with(x);
    };
    auto after = [](const std::string& glob) {
        auto star = glob.rfind('*');
        return star == std::string::npos ? std::string_view{glob} : std::string_view{glob}.substr(star + 1);
    };
    if (!has_star(a)) return covers(b, a);
    if (!has_star(b)) return covers(a, b);
    return agree(before(a), before(b)) && agree_at_the_end(after(a), after(b));
}

bool can_be_an_action(std::string_view glob) {
    std::string text{glob};
    std::ranges::replace(text, '*', 'x');
    return core::valid_action(text) || text.empty();
}

class FieldTests {
  public:
    FieldTests(std::string_view field, std::vector<Literal> literals, std::uint32_t risk_max)
        : field_(field), literals_(std::move(literals)), bounds_(bounds_of(field, risk_max)) {
        for (const Literal& literal : literals_) bounds_.take(literal);
        must_exist_ = !may_be_missing(field) || std::ranges::any_of(literals_, asks_to_exist);
        must_miss_ = std::ranges::any_of(literals_, asks_to_miss);
        candidates_ = domain(field);
        for (const Literal& literal : literals_)
            if (auto values = listed(literal); values && !candidates_) candidates_ = std::move(values);
        if (!candidates_) return;
        std::erase_if(*candidates_, [&](const Value& value) {
            return !std::ranges::all_of(literals_, [&](const Literal& l) { return holds(l, value); }) ||
                   (field_ == "action" && !core::valid_action(value.text()));
        });
    }

    bool possible() const {
        if (has_many_values(field_)) return !(must_exist_ && must_miss_);
        if (must_miss_) return !must_exist_;
        if (!must_exist_) return true;
        if (contradicted()) return false;
        if (candidates_) return !candidates_->empty();
        return !bounds_.empty() && globs_meet();
    }

    // Says whether the test holds wherever these literals do.
    bool implies(const Test& wanted, std::uint32_t risk_max) const {
        auto each = spelled_out(wanted);
        if (std::ranges::any_of(each, [&](const Test& one) { return implies(one, risk_max); })) return true;
        if (std::ranges::any_of(literals_, [&](const Literal& l) { return same(l, wanted); })) return true;
        if (wanted.op == Operator::exists) return wanted.operand.truth(true) ? must_exist_ : must_miss_;
        if (must_miss_) return wanted.missing_holds;
        if (has_many_values(field_) || !must_exist_ || must_miss_) return false;
        if (candidates_)
            return std::ranges::all_of(
                *candidates_, [&](const Value& value) { return core::judge(wanted, value) == Truth::yes; });
        Bounds wide = bounds_of(field_, risk_max);
        const Bounds before = wide;
        wide.take(literal(wanted));
        if (!wide.within(before) || !before.within(wide)) return bounds_.within(wide);
        auto pattern = as_glob(wanted);
        return pattern && std::ranges::any_of(literals_, [&](const Literal& l) {
                   auto own = l.positive ? as_glob(*l.test) : std::nullopt;
                   return own && covers(*pattern, *own);
               });
    }

  private:
    static bool same(const Literal& literal, const Test& wanted) {
        return literal.positive && literal.test->op == wanted.op && literal.test->operand == wanted.operand &&
               (wanted.missing_holds || !literal.test->missing_holds);
    }
    // Says whether one test is asked to hold and not to hold.
    bool contradicted() const {
        return std::ranges::any_of(literals_, [&](const Literal& a) {
            return a.positive && std::ranges::any_of(literals_, [&](const Literal& b) {
                       return !b.positive && a.test->op == b.test->op && a.test->operand == b.test->operand;
                   });
        });
    }
    bool globs_meet() const {
        for (const Literal& a : literals_) {
            auto x = as_glob(*a.test);
            if (!x || !a.positive) continue;
            if (field_ == "action" && !can_be_an_action(*x)) return false;
            for (const Literal& b : literals_) {
                auto y = as_glob(*b.test);
                if (y && (b.positive ? !meet(*x, *y) : covers(*y, *x))) return false;
            }
        }
        return true;
    }

    std::string_view field_;
    std::vector<Literal> literals_;
    Bounds bounds_;
    std::optional<std::vector<Value>> candidates_;
    bool must_exist_ = false;
    bool must_miss_ = false;
};

std::vector<Literal> of_field(const Way& way, std::string_view field) {
    std::vector<Literal> literals;
    for (const Literal& literal : way)
        if (literal.test->field == field) literals.push_back(literal);
    return literals;
}

}  // namespace

Literal literal(const Test& test, bool positive) {
    return {std::shared_ptr<const Test>{std::shared_ptr<const Test>{}, &test}, positive};
}

Ways ways_of(const core::Condition& condition) {
    return std::visit(Overload{[](const core::AllOf& all) { return all_together(all.of, ways_of); },
                               [](const core::AnyOf& any) { return any_one(any.of, ways_of); },
                               [](const core::NotOf& inner) {
                                   return inner.of.empty() ? Ways{{}, false} : none_of(inner.of.front());
                               },
                               [](const Test& test) { return ways_of_test(test, true); }},
                      condition.node);
}

bool possible(const Way& way, std::uint32_t risk_max) {
    for (std::size_t i = 0; i < way.size(); ++i) {
        const std::string& field = way[i].test->field;
        auto first = std::ranges::find_if(way, [&](const Literal& l) { return l.test->field == field; });
        if (first != way.begin() + static_cast<std::ptrdiff_t>(i)) continue;
        if (!FieldTests{field, of_field(way, field), risk_max}.possible()) return false;
    }
    return true;
}

bool possible_together(const Way& a, const Way& b, std::uint32_t risk_max) {
    Way both = a;
    both.insert(both.end(), b.begin(), b.end());
    return possible(both, risk_max);
}

bool implies(const Way& way, const core::Condition& condition, std::uint32_t risk_max) {
    auto follows = [&](const core::Condition& part) { return implies(way, part, risk_max); };
    return std::visit(Overload{[&](const core::AllOf& all) { return std::ranges::all_of(all.of, follows); },
                               [&](const core::AnyOf& any) { return std::ranges::any_of(any.of, follows); },
                               [&](const core::NotOf& inner) {
                                   if (inner.of.empty()) return false;
                                   Ways ways = ways_of(inner.of.front());
                                   return ways.complete &&
                                          std::ranges::none_of(ways.ways, [&](const Way& other) {
                                              return possible_together(way, other, risk_max);
                                          });
                               },
                               [&](const Test& test) {
                                   return FieldTests{test.field, of_field(way, test.field), risk_max}.implies(
                                       test, risk_max);
                               }},
                      condition.node);
}

bool may_be_missing(std::string_view field) {
    return field == "resource" || field == "environment" || field == "requester.people" ||
           field.starts_with("requester.people[") || field.starts_with("labels.") ||
           field.starts_with("parameters") || field.starts_with("requester.claims");
}

bool has_many_values(std::string_view field) {
    return field == "requester.people" || field.find("[*]") != std::string_view::npos;
}

}  // namespace countersign::policy
