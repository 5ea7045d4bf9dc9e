#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "countersign/base/overload.hpp"
#include "countersign/base/text.hpp"
#include "countersign/core/match.hpp"
#include "policy/lint.hpp"

namespace countersign::policy {
namespace {

using core::Condition;
using core::Test;
using Operator = core::Test::Operator;

// What `probes` all match, matches everything that matters.
constexpr std::string_view probes[] = {"x", "production", "0", "Zz-9 _/:.", "db.export", "~!?", "two\nlines"};

bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// Tells whether an expression holds a word, whose place in a longer text matters.
bool has_word(std::string_view regex) {
    bool in_class = false;
    std::size_t letters = 0;
    for (std::size_t i = 0; i < regex.size(); ++i) {
        if (regex[i] == '\\') {
            ++i;
            letters = 0;
            continue;
        }
        if (regex[i] == '[') in_class = true;
        if (regex[i] == ']') in_class = false;
        letters = !in_class && is_letter(regex[i]) ? letters + 1 : 0;
        if (letters >= 2) return true;
    }
    return false;
}

// The alternatives of an expression that stand in no parentheses: each of them is for the whole value.
std::vector<std::string_view> branches_of(std::string_view regex) {
    std::vector<std::string_view> branches;
    std::size_t begin = 0;
    int depth = 0;
    bool in_class = false;
    for (std::size_t i = 0; i < regex.size(); ++i) {
        const char c = regex[i];
        if (c == '\\') {
            ++i;
        } else if (in_class || c == '[') {
            in_class = c != ']';
        } else if (c == '|' && depth == 0) {
            branches.push_back(regex.substr(begin, i - begin));
            begin = i + 1;
        } else {
            depth += c == '(' ? 1 : c == ')' ? -1 : 0;
        }
    }
    branches.push_back(regex.substr(begin));
    return branches;
}

// Tells whether an expression leaves an end open, or says where it is.
bool knows_its_ends(std::string_view regex) {
    while (regex.starts_with("(?")) {
        auto close = regex.find(')');
        if (close == std::string_view::npos || regex.substr(0, close).find(':') != std::string_view::npos)
            break;
        regex.remove_prefix(close + 1);
    }
    // In `^a|b|c$` the anchors are of the outer ones alone.
    if (const auto branches = branches_of(regex); branches.size() > 1)
        return std::ranges::all_of(
            branches, [](std::string_view one) { return !has_word(one) || knows_its_ends(one); });
    for (std::string_view begin : {"^", "\\A", ".*", ".+"})
        if (regex.starts_with(begin)) return true;
    for (std::string_view end : {"$", "\\z", ".*", ".+"})
        if (regex.ends_with(end)) return true;
    return false;
}

// Tells whether an expression has a part that fits anything, as `.*` and `[^?]+` do.
bool has_gap(std::string_view regex) {
    for (std::string_view gap : {".*", ".+", "[^", "\\S"})
        if (regex.find(gap) != std::string_view::npos) return true;
    return false;
}

// Tells whether a field holds a URL, a path or a host, by what such fields are called.
bool is_called(std::string_view field, std::initializer_list<std::string_view> names) {
    const std::string name = lower_ascii(field.substr(field.rfind('.') + 1));
    return std::ranges::any_of(
        names, [&](std::string_view one) { return name == one || name.ends_with("_" + std::string{one}); });
}

// A part of a URL or path may stand anywhere in it, and the end of a host's name belongs to other hosts, too.
bool takes_in_strangers(const Test& test) {
    const std::string_view text = test.operand.text();
    const auto* items = test.op == Operator::host ? test.operand.items() : nullptr;
    if (test.op == Operator::contains)
        return is_called(test.field, {"url", "uri", "path", "host", "hostname", "domain"});
    if (test.op == Operator::ends_with)
        return is_called(test.field, {"host", "hostname", "domain"}) && !text.starts_with('.');
    return items && std::ranges::any_of(*items, [](const core::Value& one) {
               return one.text().starts_with("*.") && one.text().find('.', 2) == std::string_view::npos;
           });
}

// A pattern over URLs or paths, in which `*` crosses what must not be crossed.
bool is_loose_location(const Test& test) {
    auto location = [](std::string_view text) {
        return text.starts_with('/') || text.find("://") != std::string_view::npos;
    };
    auto loose = [&](std::string_view text) {
        return location(text) &&
               (test.op == Operator::starts_with || text.find('*') != std::string_view::npos);
    };
    std::string_view text = test.operand.text();
    if (test.op == Operator::glob || test.op == Operator::starts_with) return loose(text);
    if (test.op == Operator::ends_with) return text.find('/') != std::string_view::npos;
    if (test.op == Operator::regex)
        return location(text.substr(text.starts_with('^') ? 1 : 0)) && has_gap(text);
    const auto* items = test.op == Operator::in ? test.operand.items() : nullptr;
    return items && std::ranges::any_of(*items, [&](const core::Value& one) { return loose(one.text()); });
}

// Tells whether nothing else is asked of the field that an empty text would fail.
bool asks_existence_alone(const Condition& condition, const std::string& field) {
    return !any_test(condition, [&](const Test& test, bool) {
        return test.field == field && test.op != Operator::exists;
    });
}

// Tells whether all elements of a list, or how many they are, are asked about too.
bool asks_more_of(const Condition& condition, const std::string& field) {
    return any_test(condition, [&](const Test& test, bool negated) {
        if (test.field != field) return false;
        if (test.op == Operator::size) return !negated;
        return test.op == (negated ? Operator::some : Operator::every);
    });
}

// How far two words are one slip of the finger apart, in a part that is more than a number or a letter.
bool nearly_same(std::string_view a, std::string_view b) {
    if (lower_ascii(a) == lower_ascii(b)) return true;
    constexpr std::size_t letters_min = 5;
    if (std::min(a.size(), b.size()) < letters_min || a.size() > b.size() + 1 || b.size() > a.size() + 1)
        return false;
    auto differs = std::ranges::mismatch(a, b);
    const auto head = static_cast<std::size_t>(differs.in1 - a.begin());
    auto x = a.substr(head);
    auto y = b.substr(head);
    while (!x.empty() && !y.empty() && x.back() == y.back()) {
        x.remove_suffix(1);
        y.remove_suffix(1);
    }
    const bool swapped = x.size() == 2 && y.size() == 2 && x[0] == y[1] && x[1] == y[0];
    if (x.size() > 1 || y.size() > 1) return swapped;
    // `stage-1` and `stage-2`, `team.a` and `team.b` are meant.
    auto word_at = [&](std::string_view whole, std::size_t at) {
        constexpr std::string_view between = "._:/-[]";
        auto begin = whole.find_last_of(between, at == 0 ? 0 : at - 1);
        begin = begin == std::string_view::npos || at == 0 ? 0 : begin + 1;
        return whole.substr(begin, std::min(whole.find_first_of(between, at), whole.size()) - begin);
    };
    const bool letters = std::ranges::all_of(x, is_letter) && std::ranges::all_of(y, is_letter);
    return letters && std::min(word_at(a, head).size(), word_at(b, head).size()) > 2;
}

}  // namespace

bool fits_any_text(const Test& test) {
    return std::ranges::all_of(probes, [&](std::string_view probe) {
        return core::judge(test, core::Value{probe}) == core::Truth::yes;
    });
}

// Expressions and patterns that fit less or more than they seem to, also within an element of a list.
void Lint::lint_text(const Test& test, const std::string& file, bool opens, const Node* rule) {
    if (test.op == Operator::regex && has_word(test.operand.text()) && !knows_its_ends(test.operand.text()) &&
        !fits_any_text(test))
        warn("whole_value", file, test.at,
             "this regular expression fits no text that is longer: open it with .* at an end, or say "
             "with ^ and $ that whole values are meant",
             rule);
    if (opens && is_loose_location(test))
        warn("loose_pattern", file, test.at,
             "`*`, `starts_with`, `ends_with` and regular expressions cross / and .. and whatever stands "
             "before "
             "a host: ask for `host` or `under`",
             rule);
    else if (opens && takes_in_strangers(test))
        warn("loose_pattern", file, test.at,
             "this fits what others own, too: ask for the whole `host`, for `*.` and a domain of yours, or "
             "for "
             "`under`",
             rule);
    if (opens && test.op == Operator::under && test.operand.items() &&
        std::ranges::any_of(*test.operand.items(), [](const core::Value& one) { return one.text() == "/"; }))
        warn("matches_everything", file, test.at, "everything is under `/`: name the folder that is meant",
             rule);
}

void Lint::lint_condition(const Condition& condition, const std::string& file, Purpose purpose,
                          const Node* rule) {
    auto tell = [&](std::string_view kind, const Test& test, const std::string& message) {
        warn(kind, file, test.at, message, rule);
    };
    const bool allows = purpose == Purpose::allows;
    each_test(condition, [&](const Test& test, bool negated) {
        const bool element = test.field.find("[*]") != std::string::npos && is_callers_word(test.field);
        if (element && test.op == Operator::ne)
            tell("any_element", test,
                 fmt::format(
                     "`{0}` with `ne` means that none is equal; say `every` or `some` of the list instead",
                     test.field));
        else if (element && allows && !negated)
            tell("any_element", test,
                 "`[*]` is true when any one element fits; an `allow` usually means all: say `every` of the "
                 "list");
        if (allows && !negated && test.op == Operator::some && is_callers_word(test.field) &&
            !asks_more_of(condition, test.field))
            tell("any_element", test,
                 "`some` is true when one element fits, whatever the others are; an `allow` usually means "
                 "all: "
                 "say `every`, or the list's `size` as well");
        if (test.op == Operator::regex && fits_any_text(test))
            tell("matches_everything", test,
                 fmt::format("this regular expression matches everything; to ask whether there is a value at "
                             "all, write {}: {{ exists: true }}",
                             test.field));
        lint_text(test, file, allows != negated, rule);
        auto within = [&](const Test& part, bool turned) { lint_text(part, file, allows != turned, rule); };
        if (test.element) each_test(*test.element, within, negated);
        const bool opens = test.op == Operator::exists && test.operand.truth(true) == (allows != negated);
        if (opens && (test.field.starts_with("labels.") || test.field.starts_with("parameters.")) &&
            asks_existence_alone(condition, test.field))
            tell("empty_text", test,
                 fmt::format(
                     "an empty text exists too: ask for something of `{0}`, like {{ size: {{ gt: 0 }} }}",
                     test.field));
        if (test.field.starts_with("requester.people"))
            each_text(test, [&](std::string_view person) { lint_person(person, file, test.at, rule); });
    });
}

// Windows of time have clocks of their own, which are looked at where they are named.
void Lint::lint_clock(const Condition& condition, const std::string& file, const Node* rule, bool window) {
    const Node* zone = rule ? NodeReader::find(*rule, "timezone") : nullptr;
    auto shell = loaded_.files.find(file);
    if (!zone && shell != loaded_.files.end()) zone = NodeReader::find(shell->second->root, "timezone");
    bool told = false;
    each_test(condition, [&](const Test& test, bool) {
        if (!test.field.starts_with("time.") || test.zone.has_value() != window) return;
        if (!zone && !std::exchange(told, true))
            warn("no_timezone", file, test.at,
                 "no `timezone` is given, so this is on the clocks of UTC; say so, or say which", rule);
        auto hour = test.operand.integer();
        if (test.field == "time.hour" && test.op == Operator::lte && hour)
            warn("last_hour", file, test.at,
                 fmt::format("hour {0} lasts until {0}:59; write {{ lt: {1} }}, for what it is", *hour,
                             *hour + 1),
                 rule);
    });
}

void Lint::lint_windows() {
    for (const auto& [name, source] : loaded_.windows) {
        lint_clock(loaded_.names.windows.at(name), source.file, nullptr, true);
        if (!loaded_.names.windows_used.contains(name))
            warn("unused_freeze", source.file, place_of(*source.key),
                 fmt::format("no rule refers to freeze `{}`", name));
    }
}

// ---- across rules

// The caller's fields that a rule names outside of its conditions, each with the key that it stands at.
std::vector<std::pair<std::string_view, std::string>> fields_beside(const core::Rule& rule) {
    std::vector<std::pair<std::string_view, std::string>> all;
    auto add = [&](std::string_view key, const std::string& field) {
        if (is_callers_word(field)) all.emplace_back(key, field);
    };
    for (const core::BudgetTerms& one : rule.budgets) {
        add("budget", one.budget.sum);
        for (const std::string& field : one.budget.by) add("budget", field);
    }
    for (const std::string& field : rule.turns ? rule.turns->by : std::vector<std::string>{})
        add("one_at_a_time", field);
    for (const std::string& field : rule.lower) add("lower", field);
    for (const core::Exclusion& one : rule.exclude) add("exclude", one.field);
    if (rule.session) add("session", rule.session->from);
    return all;
}

// Names and values that are one slip apart: one of them is perhaps meant to be the other.
void Lint::lint_spelling() {
    struct Used {
        std::string text;
        std::string file;
        core::FilePosition at;
        const Node* rule;
    };
    std::map<std::string, std::vector<Used>> words;  // by what they are values of; "": fields
    auto use = [&](const std::string& of, std::string_view text, const std::string& file,
                   core::FilePosition at, const Node* rule) {
        constexpr std::size_t words_max = 300;  // of one field; comparing is quadratic
        auto& all = words[of];
        if (all.size() < words_max && std::ranges::find(all, text, &Used::text) == all.end())
            all.push_back({std::string{text}, file, at, rule});
    };
    auto collect = [&](const Condition& condition, const std::string& file, const Node* rule) {
        each_test(condition, [&](const Test& test, bool) {
            if (is_callers_word(test.field)) use("", test.field, file, test.at, rule);
            for (const core::Value& value : values_of(test)) {
                std::string_view text = value.text();
                if (text.ends_with(".*")) text.remove_suffix(2);
                if (!text.empty() && text.find('*') == std::string_view::npos)
                    use(test.field, text, file, test.at, rule);
            }
        });
    };
    for (std::size_t i = 0; i < rules().size(); ++i) collect(whens_[i], rules()[i].file, loaded_.rules[i]);
    for (const core::RiskEntry& entry : loaded_.policy.risk) collect(entry.when, entry.file, nullptr);
    for (std::size_t i = 0; i < rules().size(); ++i)
        for (const auto& [key, field] : fields_beside(rules()[i]))
            use("", field, rules()[i].file, place_of(key_of(*loaded_.rules[i], key)), loaded_.rules[i]);
    for (const auto& [field, all] : words) {
        for (std::size_t i = 1; i < all.size(); ++i) {
            auto near =
                std::ranges::find_if(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(i),
                                     [&](const Used& one) { return nearly_same(one.text, all[i].text); });
            if (near == all.begin() + static_cast<std::ptrdiff_t>(i)) continue;
            warn("spelling", all[i].file, all[i].at,
                 fmt::format(
                     "`{}` is nearly `{}` ({}:{}:{}); if it is meant to be the same, spell it the same",
                     visible(all[i].text), visible(near->text), near->file, near->at.line, near->at.column),
                 all[i].rule);
        }
    }
}

// What tests ask for that is one slip from what a rule names, or that a pattern of actions leaves out. Where
// nothing but the default's refusal meets a test, the slip is what the test is about.
void Lint::lint_tested_words() {
    std::map<std::string, std::set<std::string>> asked;  // by field; "": fields
    for (const auto& [file, document] : loaded_.files) {
        for (const core::Request& request : tested_requests(*document, loaded_.policy)) {
            auto applied = core::match(loaded_.policy, request, std::nullopt, request.created_at);
            if (!applied || (applied->rules.empty() && applied->kind == core::Applied::Kind::refuse))
                continue;
            asked["action"].insert(request.action);
            if (request.environment) asked["environment"].insert(*request.environment);
            for (const auto& [name, value] : request.labels) asked[""].insert("labels." + name);
            const auto* members = request.parameters ? request.parameters->members() : nullptr;
            for (const auto& member : members ? *members : core::Value::Object{})
                asked[""].insert("parameters." + member.first);
        }
    }
    std::set<std::string> named;
    auto collect = [&](const Test& test) {
        if (is_callers_word(test.field)) named.insert(test.field);
        each_text(test, [&](std::string_view text) { named.insert(std::string{text}); });
    };
    for (const Condition& when : whens_) each_test(when, [&](const Test& test, bool) { collect(test); });
    auto look = [&](const std::string& field, std::string_view word, std::size_t i, const Test& test) {
        for (const std::string& other : asked[field]) {
            if (named.contains(other) || !nearly_same(word, other)) continue;
            warn("spelling", rules()[i].file, test.at,
                 fmt::format("`{}` is nearly `{}`, which a test asks for; if it is meant to be the same, "
                             "spell it the same",
                             visible(word), visible(other)),
                 loaded_.rules[i]);
        }
    };
    for (std::size_t i = 0; i < rules().size(); ++i) {
        each_test(whens_[i], [&](const Test& test, bool) {
            if (is_callers_word(test.field)) look("", test.field, i, test);
            if (test.field != "action" && test.field != "environment") return;
            each_text(test, [&](std::string_view text) { look(test.field, text, i, test); });
            std::string_view pattern = test.op == Operator::glob ? test.operand.text() : std::string_view{};
            if (!pattern.ends_with(".*")) return;
            const std::string bare{pattern.substr(0, pattern.size() - 2)};
            if (asked[test.field].contains(bare) && !named.contains(bare))
                warn("spelling", rules()[i].file, test.at,
                     fmt::format("`{}` does not take in `{}`, which a test asks for; name both if both are "
                                 "meant",
                                 visible(pattern), visible(bare)),
                     loaded_.rules[i]);
        });
    }
}

// Numbers that fall between two rules: below one bound, above the same one, and it itself is in neither.
void Lint::lint_bands() {
    struct Bound {
        Operator op;
        double number;
        std::string file;
        core::FilePosition at;
        const Node* rule;
    };
    std::map<std::string, std::vector<Bound>> bounds;
    auto collect = [&](const Condition& condition, const std::string& file, const Node* rule) {
        each_test(condition, [&](const Test& test, bool) {
            for (const core::Value& value : values_of(test))
                if (value.number())
                    bounds[test.field].push_back({Operator::eq, *value.number(), file, test.at, rule});
            const double* number = test.operand.number();
            if (number && test.op != Operator::eq && test.op != Operator::ne)
                bounds[test.field].push_back({test.op, *number, file, test.at, rule});
        });
    };
    for (std::size_t i = 0; i < rules().size(); ++i) collect(whens_[i], rules()[i].file, loaded_.rules[i]);
    for (const core::RiskEntry& entry : loaded_.policy.risk) collect(entry.when, entry.file, nullptr);
    for (const auto& [field, all] : bounds) {
        for (const Bound& below : all) {
            if (below.op != Operator::lt) continue;
            auto same = [&](const Bound& one, auto... ops) {
                return one.number == below.number && ((one.op == ops) || ...);
            };
            auto above = std::ranges::find_if(all, [&](const Bound& one) { return same(one, Operator::gt); });
            const bool met = std::ranges::any_of(
                all, [&](const Bound& one) { return same(one, Operator::gte, Operator::lte, Operator::eq); });
            if (above == all.end() || met) continue;
            warn("gap", below.file, below.at,
                 fmt::format(
                     "{0} is neither below {0} here nor above it at {1}:{2}:{3}; one of the two takes in "
                     "the bound itself",
                     core::canonical(core::Value{below.number}), above->file, above->at.line,
                     above->at.column),
                 below.rule);
        }
    }
}

// Rules that no test meets, in a policy that has tests.
void Lint::lint_tested() {
    std::set<std::string> met;
    bool any = false;
    for (const auto& [file, document] : loaded_.files) {
        for (const core::Request& request : tested_requests(*document, loaded_.policy)) {
            any = true;
            auto applied = core::match(loaded_.policy, request, std::nullopt, request.created_at);
            if (applied) met.insert(applied->rules.begin(), applied->rules.end());
        }
    }
    for (std::size_t i = 0; any && i < rules().size(); ++i)
        if (!met.contains(rules()[i].name)) warn("untested", i, "name", "is met by no test");
}

}  // namespace countersign::policy
