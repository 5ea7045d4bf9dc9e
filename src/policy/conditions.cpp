#include <fmt/core.h>

#include <algorithm>

#include "countersign/base/text.hpp"
#include "policy/logic.hpp"
#include "policy/reader.hpp"

namespace countersign::policy {
namespace {

using core::Condition;
using core::Test;
using core::Value;
using Operator = core::Test::Operator;

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
                                                               {"under", Operator::under}};

enum class FieldType : std::uint8_t { text, number, hour, weekday, any };

constexpr std::string_view weekdays[] = {"monday", "tuesday",  "wednesday", "thursday",
                                         "friday", "saturday", "sunday"};

// The tests of one field, and what its rule does.
class FieldReader {
  public:
    enum class Of : std::uint8_t { request, element };
    FieldReader(Reader& reader, Purpose purpose, Of of = Of::request)
        : reader_(reader), purpose_(purpose), of_(of) {}

    std::optional<Condition> condition(const Node& node);
    // What is asked of one field, or of an element as a whole, where the key is empty.
    std::optional<Condition> tests(const Node& key, const Node& value);

  private:
    bool known(const Node& key);
    bool valid_path(const Node& key, std::string_view path);
    std::optional<Condition> field(const Node& key, const Node& value);
    std::optional<Condition> operation(const std::string& name, const Node& key, const Node& value);
    std::optional<Condition> of_elements(Test test, const Node& value);
    bool missing_holds(const Node& key, const Node& value);
    std::optional<Condition> list_of(const Node& node, bool every);
    std::optional<Value> operand(Operator op, const Node& value);
    std::optional<Value> list_operand(const Node& value);
    std::optional<Value> size_operand(const Node& value);
    std::optional<Value> number_operand(const Node& value, std::string_view what);
    std::optional<Value> weekday_operand(const Node& value);
    bool fits_the_field(const Test& test, const Node& value);
    bool may_be_there(const Test& test, const Node& at);
    std::optional<Condition> finished(Test test, const Node& value);

    Reader& reader_;
    Purpose purpose_;
    Of of_;
    FieldType type_ = FieldType::any;
    std::string field_;
};

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
        return true;
    }
    if (name.starts_with("labels.") && name.size() > 7) return true;
    auto candidates = plain_fields;
    candidates.insert(candidates.end(), {"labels.job", "labels.data", "requester.claims.sub"});
    candidates.insert(candidates.end(), combinators.begin(), combinators.end());
    reader_.error(key, fmt::format("unknown field `{}`{}", visible(name), Reader::hint(name, candidates)));
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

std::optional<Condition> FieldReader::field(const Node& key, const Node& value) {
    if (!known(key)) return std::nullopt;
    return tests(key, value);
}

std::optional<Condition> FieldReader::tests(const Node& key, const Node& value) {
    if (value.kind == Node::Kind::list) return operation("in", key, value);
    if (value.kind != Node::Kind::map) {
        const bool star = value.kind == Node::Kind::scalar && value.text.find('*') != std::string::npos;
        return operation(star ? "glob" : "eq", key, value);
    }
    if (!reader_.is_map_of(value, "a test", test_keys.keys)) return std::nullopt;
    const Node* missing = Reader::find(value, "missing");
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
    if (purpose_ == Purpose::allows) {
        reader_.error(value,
                      "`missing: holds` in an `allow` would let through who says nothing; leave it out");
        return false;
    }
    if (Reader::find(key, "exists")) {
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
    FieldReader inner{reader_, purpose_, Of::element};
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

// Days by name or, as ISO 8601 has them, by number; kept as the number.
std::optional<Value> FieldReader::weekday_operand(const Node& value) {
    auto found = reader_.scalar(value, "a weekday");
    if (!found) return std::nullopt;
    auto number = found->integer();
    if (number && *number >= 1 && *number <= 7) return found;
    if (const std::string* text = found->string()) {
        const std::string name = lower_ascii(*text);
        for (std::size_t day = 0; day < std::size(weekdays); ++day)
            if (name == weekdays[day] || name == weekdays[day].substr(0, 3)) return Value{day + 1};
    }
    reader_.error(value, "a weekday is mon, tue, wed, thu, fri, sat or sun (or 1 for Monday to 7)");
    return std::nullopt;
}

std::optional<Value> FieldReader::number_operand(const Node& value, std::string_view what) {
    if (type_ == FieldType::weekday) return weekday_operand(value);
    auto found = reader_.scalar(value, what);
    if (!found) return std::nullopt;
    if (found->number()) return found;
    reader_.error(value, fmt::format("{} must be a number", what));
    return std::nullopt;
}

std::optional<Value> FieldReader::list_operand(const Node& value) {
    if (value.kind != Node::Kind::list || value.items.empty()) {
        reader_.error(value, "`in` takes a list of at least one value");
        return std::nullopt;
    }
    Value list = Value::array();
    for (const Node& item : value.items) {
        auto one = operand(Operator::eq, item);
        if (!one) return std::nullopt;
        list.push(std::move(*one));
    }
    return list;
}

std::optional<Value> FieldReader::size_operand(const Node& value) {
    auto whole = [&](const Node& node) -> std::optional<Value> {
        auto size = reader_.scalar(node, "`size`");
        if (size && size->integer() && *size->integer() >= 0) return size;
        if (size) reader_.error(node, "a size is a whole number, from 0");
        return std::nullopt;
    };
    if (value.kind != Node::Kind::map) return whole(value);
    if (!reader_.is_map_of(value, "`size`", size_keys.keys)) return std::nullopt;
    if (value.keys.empty()) {
        reader_.error(value, "`size` needs a bound, like { lte: 10 }");
        return std::nullopt;
    }
    Value bounds = Value::object();
    for (std::size_t i = 0; i < value.keys.size(); ++i) {
        auto bound = whole(value.items[i]);
        if (!bound) return std::nullopt;
        bounds.set(value.keys[i].text, std::move(*bound));
    }
    return bounds;
}

std::optional<Value> FieldReader::operand(Operator op, const Node& value) {
    using enum Operator;
    switch (op) {
        case in:
            return list_operand(value);
        case size:
            return size_operand(value);
        case gt:
        case gte:
        case lt:
        case lte:
            return number_operand(value, "what is compared with");
        case exists: {
            auto found = reader_.scalar(value, "`exists`");
            if (found && !found->boolean()) {
                reader_.error(value, "`exists` is true or false");
                return std::nullopt;
            }
            return found;
        }
        case cidr:
        case host:
        case under: {
            Value list = Value::array();
            for (std::string& one : reader_.texts(value, "what is compared with")) list.push(std::move(one));
            if (list.items()->empty()) return std::nullopt;
            return list;
        }
        case glob:
        case regex:
        case starts_with:
        case ends_with: {
            auto text = reader_.text(value, "a pattern");
            if (!text) return std::nullopt;
            return Value{std::move(*text)};
        }
        case every:
        case some:
            return std::nullopt;  // read by of_elements
        case eq:
        case ne:
            break;
    }
    if (type_ == FieldType::weekday) return weekday_operand(value);
    auto found = reader_.scalar(value, "what is compared with");
    if (!found) return std::nullopt;
    if (type_ == FieldType::text && !found->string()) {
        reader_.error(value, fmt::format("this field is text, so a {} never equals it; put it in quotes",
                                         found->type_name()));
        return std::nullopt;
    }
    if ((type_ == FieldType::number || type_ == FieldType::hour) && !found->number()) {
        reader_.error(value, "this field is a number; write it without quotes");
        return std::nullopt;
    }
    return found;
}

bool FieldReader::may_be_there(const Test& test, const Node& at) {
    using enum Operator;
    auto one = [&](const Value& value, const Node& where) {
        const std::string* text = value.string();
        const bool star = text && text->find('*') != std::string::npos;
        const bool part = test.op == glob || test.op == starts_with || test.op == ends_with;
        return !text || type_ != FieldType::text ||
               is_possible(reader_, where, field_, *text, part || (star && test.op == in));
    };
    if (test.op == regex || test.op == cidr || test.op == host || test.op == under) return true;
    const auto* items = test.operand.items();
    if (!items) return one(test.operand, at);
    bool good = true;
    for (std::size_t i = 0; i < items->size(); ++i)
        good = one((*items)[i], i < at.items.size() ? at.items[i] : at) && good;
    return good;
}

// Values that a field with a few possible ones can never have.
bool FieldReader::fits_the_field(const Test& test, const Node& value) {
    auto each = [&](auto&& good) {
        if (const auto* items = test.operand.items()) return std::ranges::all_of(*items, good);
        return test.op == Operator::exists || good(test.operand);
    };
    const bool equality = test.op == Operator::eq || test.op == Operator::ne || test.op == Operator::in;
    if (type_ == FieldType::hour && !each([&](const Value& hour) {
            auto whole = hour.integer();
            return whole && *whole >= 0 && *whole <= (equality ? 23 : 24);
        })) {
        reader_.error(value, "hours are whole, from 0 to 23 (before midnight: { lt: 24 })");
        return false;
    }
    if (test.field == "requester.kind" && equality && !each([](const Value& kind) {
            return kind.text() == "person" || kind.text() == "workload" ||
                   kind.text().find('*') != std::string_view::npos;
        })) {
        reader_.error(value, "`requester.kind` is person or workload");
        return false;
    }
    return true;
}

std::optional<Condition> FieldReader::finished(Test test, const Node& value) {
    using enum Operator;
    const bool of_text = test.op == glob || test.op == regex || test.op == starts_with ||
                         test.op == ends_with || test.op == cidr || test.op == size || test.op == host ||
                         test.op == under;
    const bool of_numbers = test.op == gt || test.op == gte || test.op == lt || test.op == lte;
    const bool number = type_ != FieldType::text && type_ != FieldType::any;
    if ((of_text && number) || (of_numbers && type_ == FieldType::text)) {
        reader_.error(value, of_text ? "this field is a number" : "this field is text, which has no order");
        return std::nullopt;
    }
    if (!fits_the_field(test, value) || !may_be_there(test, value)) return std::nullopt;
    const std::string* text = test.operand.string();
    if (text && text->size() > policy_pattern_chars_max) {
        reader_.error(value, fmt::format("longer than {} bytes", policy_pattern_chars_max));
        return std::nullopt;
    }
    if (test.op == ne && text && text->find('*') != std::string::npos) {
        reader_.error(value, "`ne` compares the text as it is, `*` too; write not: { field: pattern }");
        return std::nullopt;
    }
    if (test.op == regex || test.op == cidr || test.op == host || test.op == under) {
        std::string why;
        if (test.op == regex) {
            test.compiled = compile_regex(*text, why);
            why = fmt::format("`{}` is no regular expression that RE2 takes: {}", visible(*text), why);
        } else {
            std::vector<std::string> all;
            for (const Value& one : *test.operand.items()) all.emplace_back(one.text());
            test.compiled = test.op == cidr   ? compile_cidrs(all, why)
                            : test.op == host ? compile_hosts(all, why)
                                              : compile_folders(all, why);
        }
        if (!test.compiled) {
            reader_.error(value, why);
            return std::nullopt;
        }
    }
    return Condition{std::move(test)};
}

}  // namespace

std::optional<Condition> read_condition(Reader& reader, const Node& node, Purpose purpose) {
    return FieldReader{reader, purpose}.condition(node);
}

}  // namespace countersign::policy
