#include <fmt/core.h>

#include <algorithm>

#include "countersign/base/text.hpp"
#include "policy/field_reader.hpp"
#include "policy/logic.hpp"
#include "policy/operands.hpp"

namespace countersign::policy {

using core::Condition;
using core::Test;
using core::Value;
using Operator = core::Test::Operator;

namespace {

constexpr std::pair<std::string_view, Operator> operators[] = {{"eq", Operator::eq},
                                                               {"ne", Operator::ne},
                                                               {"in", Operator::in},
                                                               {"gt", Operator::gt},
                                                               {"gte", Operator::gte},
                                                               {"lt", Operator::lt},
                                                               {"lte", Operator::lte},
                                                               {"glob", Operator::glob},
                                                               {"regex", Operator::regex},
                                                               {"exists", Operator::exists},
                                                               {"cidr", Operator::cidr},
                                                               {"starts_with", Operator::starts_with},
                                                               {"ends_with", Operator::ends_with},
                                                               {"size", Operator::size},
                                                               {"every", Operator::every},
                                                               {"some", Operator::some},
                                                               {"host", Operator::host},
                                                               {"under", Operator::under},
                                                               {"contains", Operator::contains},
                                                               {"same_as", Operator::same_as}};

}  // namespace

bool FieldReader::valid_path(const Node& key, std::string_view path) {
    while (!path.empty()) {
        const bool index = path.front() == '[';
        auto step = path.substr(1, path.substr(1).find_first_of(index ? "]" : ".["));
        if (index) {
            const bool number = !step.empty() && step.size() < 7 &&
                                step.find_first_not_of("0123456789") == std::string_view::npos;
            if ((step != "*" && !number) || path.size() < step.size() + 2) break;
            path.remove_prefix(step.size() + 2);
            continue;
        }
        if (path.front() != '.' || step.empty()) break;
        path.remove_prefix(step.size() + 1);
    }
    if (path.empty()) return true;
    reader_.error(key, fmt::format("`{}` is not a path like parameters.tags[0] or parameters.where.country",
                                   visible(key.text)));
    return false;
}

bool FieldReader::known(const Node& key) {
    const std::string& name = key.text;
    field_ = name;
    if (of_ == Of::element) {
        if (name.starts_with('.') || name.starts_with('[')) return valid_path(key, name);
        reader_.error(key,
                      fmt::format("`{0}` is no part of an element: write .{0}, with a dot", visible(name)));
        return false;
    }
    type_ = FieldType::text;
    if (purpose_ == Purpose::clock && !name.starts_with("time.")) {
        reader_.error(key,
                      fmt::format("`{}` is not about time, which is all that matters here", visible(name)));
        return false;
    }
    if (name.starts_with("parameters") || name.starts_with("requester.claims.")) {
        constexpr std::string_view claims = "requester.claims";
        type_ = FieldType::any;
        const bool of_claims = name.starts_with(claims);
        auto path =
            std::string_view{name}.substr(of_claims ? claims.size() : std::string_view{"parameters"}.size());
        if (path.empty() || path.front() == '.' || path.front() == '[') return valid_path(key, path);
    }
    if (name == "risk" && purpose_ == Purpose::risk) {
        reader_.error(key, "the risk table cannot ask for `risk`, which it adds up");
        return false;
    }
    if (std::ranges::find(plain_fields, name) != plain_fields.end()) {
        if (name == "requester.humans" || name == "risk") type_ = FieldType::number;
        if (name == "time.hour") type_ = FieldType::hour;
        if (name == "time.weekday") type_ = FieldType::weekday;
        if (name == "time.date") type_ = FieldType::date;
        if (name == "time.of_day") type_ = FieldType::of_day;
        if (name == "requester.groups") type_ = FieldType::group;
        return true;
    }
    constexpr std::string_view labels = "labels.";
    if (name.starts_with(labels) && name.size() > labels.size())
        return is_possible_label(reader_, key, std::string_view{name}.substr(labels.size()));
    auto candidates = plain_fields;
    candidates.insert(candidates.end(), {"labels.job", "labels.data", "requester.claims.sub"});
    candidates.insert(candidates.end(), combinators.begin(), combinators.end());
    reader_.error(key,
                  fmt::format("unknown field `{}`{}", visible(name), NodeReader::hint(name, candidates)));
    return false;
}

std::optional<Condition> FieldReader::list_of(const Node& node, bool every) {
    std::vector<Condition> parts;
    bool good = true;
    if (node.kind == Node::Kind::list) {
        if (node.items.empty()) {
            reader_.error(node, "an empty list of conditions decides nothing");
            good = false;
        }
        for (const Node& item : node.items) {
            auto one = condition(item);
            if (one)
                parts.push_back(std::move(*one));
            else
                good = false;
        }
    } else {
        reader_.error(node, "`all` and `any` take a list of conditions");
        good = false;
    }
    if (!good) return std::nullopt;
    if (every) return Condition{core::AllOf{std::move(parts)}};
    return Condition{core::AnyOf{std::move(parts)}};
}

std::optional<Condition> FieldReader::condition(const Node& node) {
    if (!reader_.is_map(node, "a condition")) return std::nullopt;
    if (node.keys.empty()) {
        reader_.error(node, "an empty condition matches everything; leave `when` out to mean that");
        return std::nullopt;
    }
    core::AllOf all;
    bool good = true;
    for (std::size_t i = 0; i < node.keys.size(); ++i) {
        const Node& key = node.keys[i];
        const Node& value = node.items[i];
        std::optional<Condition> one;
        if (key.text == "all" || key.text == "any") {
            one = list_of(value, key.text == "all");
        } else if (key.text == "not") {
            auto inner = condition(value);
            if (inner) one = Condition{core::NotOf{{std::move(*inner)}}};
        } else if (key.text == "freeze" && of_ == Of::request) {
            one = window(value);
        } else {
            one = field(key, value);
        }
        if (one)
            all.of.push_back(std::move(*one));
        else
            good = false;
    }
    if (!good) return std::nullopt;
    if (all.of.size() == 1) return std::move(all.of.front());
    return Condition{std::move(all)};
}

// A named window of time, or any of several.
std::optional<Condition> FieldReader::window(const Node& value) {
    core::AnyOf any;
    const auto names = reader_.texts(value, "`freeze`");
    for (const std::string& name : names) {
        auto found = names_.windows.find(name);
        if (found == names_.windows.end()) {
            std::vector<std::string> known;
            for (const auto& [one, condition] : names_.windows) known.push_back(one);
            reader_.error(value, fmt::format("there is no freeze `{}`{}", visible(name),
                                             NodeReader::hint(name, known)));
            return std::nullopt;
        }
        names_.windows_used.insert(name);
        any.of.push_back(found->second);
    }
    if (any.of.empty()) return std::nullopt;
    if (any.of.size() == 1) return std::move(any.of.front());
    return Condition{std::move(any)};
}

std::optional<Condition> FieldReader::span(const Node& key, const Node& value) {
    auto bounds = read_span(reader_, value, type_ == FieldType::of_day);
    if (!bounds) return std::nullopt;
    return Condition{Test{key.text, Operator::between, std::move(*bounds), nullptr, {key.line, key.column}}};
}

// Another field, for `same_as`: of the request, or of the element at hand where it begins with a dot.
std::optional<Value> FieldReader::other_field(const Node& value) {
    auto text = reader_.text(value, "`same_as`");
    if (!text) return std::nullopt;
    Node named = value;
    named.text = *text;
    const bool element = of_ == Of::element && (text->starts_with('.') || text->starts_with('['));
    FieldReader other{reader_, purpose_, names_, element ? Of::element : Of::request};
    if (!other.known(named)) return std::nullopt;
    const bool comparable = !text->starts_with("time.") && !text->starts_with("requester.people") &&
                            *text != "requester.groups" && *text != "requester.humans" && *text != "risk";
    if (comparable) return Value{std::move(*text)};
    reader_.error(value, fmt::format("`{}` cannot be compared with another field", visible(*text)));
    return std::nullopt;
}

std::optional<Condition> FieldReader::field(const Node& key, const Node& value) {
    if (!known(key)) return std::nullopt;
    return tests(key, value);
}

std::optional<Condition> FieldReader::tests(const Node& key, const Node& value) {
    const bool spans =
        type_ == FieldType::of_day || (type_ == FieldType::date && value.kind == Node::Kind::map);
    if (spans) return span(key, value);
    if (type_ == FieldType::group && value.kind == Node::Kind::map) {
        reader_.error(
            value, "`requester.groups` takes a group or a list of them; write not: { requester.groups: … }");
        return std::nullopt;
    }
    if (value.kind == Node::Kind::list) return operation("in", key, value);
    if (value.kind != Node::Kind::map) {
        const bool star = value.kind == Node::Kind::scalar && value.text.find('*') != std::string::npos &&
                          type_ != FieldType::group && type_ != FieldType::date;
        return operation(star ? "glob" : "eq", key, value);
    }
    if (!reader_.is_map_of(value, "a test", test_keys.keys)) return std::nullopt;
    const Node* missing = NodeReader::find(value, "missing");
    if (value.keys.size() == (missing ? 1U : 0U)) {
        reader_.error(value, "a test needs an operator, like { gt: 10 }");
        return std::nullopt;
    }
    if (missing && !missing_holds(value, *missing)) return std::nullopt;
    core::AllOf all;
    for (std::size_t i = 0; i < value.keys.size(); ++i) {
        if (&value.items[i] == missing) continue;
        auto one = operation(value.keys[i].text, key, value.items[i]);
        if (!one) return std::nullopt;
        if (auto* test = std::get_if<Test>(&one->node)) test->missing_holds = missing != nullptr;
        all.of.push_back(std::move(*one));
    }
    if (all.of.size() == 1) return std::move(all.of.front());
    return Condition{std::move(all)};
}

// Tells whether `missing: holds` may stand in this test; says why not.
bool FieldReader::missing_holds(const Node& key, const Node& value) {
    auto word = scalar_value(value);
    if (value.kind != Node::Kind::scalar || !word || word->text() != "holds") {
        reader_.error(value, "`missing` can only be holds: a missing field then makes the rule apply");
        return false;
    }
    if (purpose_ == Purpose::allows || purpose_ == Purpose::excepts) {
        reader_.error(
            value,
            "`missing: holds` in an `allow` or `unless` would let through who says nothing; leave it out");
        return false;
    }
    if (NodeReader::find(key, "exists")) {
        reader_.error(value, "`exists` says itself what a missing field means; leave `missing` out");
        return false;
    }
    if (of_ == Of::request && !may_be_missing(field_)) {
        reader_.error(value, fmt::format("`{}` is never missing; leave `missing` out", field_));
        return false;
    }
    return true;
}

// `every` and `some`: what the elements of a list have to meet, as a whole or by their parts.
std::optional<Condition> FieldReader::of_elements(Test test, const Node& value) {
    if (type_ != FieldType::any) {
        reader_.error(value, "this field is no list; `every` and `some` are for parameters and claims");
        return std::nullopt;
    }
    FieldReader inner{reader_, purpose_, names_, Of::element};
    const bool parts =
        value.kind == Node::Kind::map && !value.keys.empty() &&
        (value.keys.front().text.starts_with('.') || value.keys.front().text.starts_with('[') ||
         std::ranges::find(combinators, value.keys.front().text) != combinators.end());
    Node whole;
    whole.line = value.line;
    whole.column = value.column;
    auto condition = parts ? inner.condition(value) : inner.tests(whole, value);
    auto shown = condition ? value_of(reader_, value) : std::nullopt;
    if (!shown) return std::nullopt;
    test.operand = std::move(*shown);
    test.element = std::make_shared<const Condition>(std::move(*condition));
    return Condition{std::move(test)};
}

std::optional<Condition> FieldReader::operation(const std::string& name, const Node& key, const Node& value) {
    auto known_operator = std::ranges::find(operators, name, [](const auto& one) { return one.first; });
    Test test{key.text, known_operator->second, {}, nullptr, {key.line, key.column}};
    if (test.op == Operator::every || test.op == Operator::some) return of_elements(std::move(test), value);
    auto found = operand(test.op, value);
    if (!found) return std::nullopt;
    test.operand = std::move(*found);
    return finished(std::move(test), value);
}

bool is_text_field(NodeReader& reader, const Node& at, std::string_view field, Names& names) {
    Node value = at;
    value.kind = Node::Kind::scalar;
    value.text = field;
    value.plain = false;
    return FieldReader{reader, Purpose::tightens, names}.other_field(value).has_value();
}

std::optional<Condition> read_condition(NodeReader& reader, const Node& node, Purpose purpose, Names& names) {
    return FieldReader{reader, purpose, names}.condition(node);
}

}  // namespace countersign::policy
