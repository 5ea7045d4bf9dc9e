#include <fmt/core.h>

#include <algorithm>

#include "countersign/base/text.hpp"
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
                                                               {"size", Operator::size}};

enum class FieldType : std::uint8_t { text, number, hour, weekday, any };

constexpr std::string_view weekdays[] = {"monday", "tuesday",  "wednesday", "thursday",
                                         "friday", "saturday", "sunday"};

// The tests of one field, and what its rule does.
class FieldReader {
  public:
    FieldReader(Reader& reader, Purpose purpose) : reader_(reader), purpose_(purpose) {}

    std::optional<Condition> condition(const Node& node);

  private:
    bool known(const Node& key);
    bool valid_path(const Node& key, std::string_view path);
    std::optional<Condition> field(const Node& key, const Node& value);
    std::optional<Condition> operation(const std::string& name, const Node& key, const Node& value);
    std::optional<Condition> list_of(const Node& node, bool every);
    std::optional<Value> operand(Operator op, const Node& value);
    std::optional<Value> list_operand(const Node& value);
    std::optional<Value> size_operand(const Node& value);
    std::optional<Value> number_operand(const Node& value, std::string_view what);
    std::optional<Value> weekday_operand(const Node& value);
    bool fits_the_field(const Test& test, const Node& value);
    bool may_be_there(const Test& test, const Node& at);
    bool may_be_there(std::string_view text, bool pattern, const Node& at);
    std::optional<Condition> finished(Test test, const Node& value);

    Reader& reader_;
    Purpose purpose_;
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
            if (step == "*" && purpose_ == Purpose::allows)
                reader_.warning(key, "`[*]` is true when any one element fits; an `allow` usually means all");
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
    type_ = FieldType::text;
    field_ = name;
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
    if (value.kind == Node::Kind::list) return operation("in", key, value);
    if (value.kind != Node::Kind::map) {
        const bool star = value.kind == Node::Kind::scalar && value.text.find('*') != std::string::npos;
        return operation(star ? "glob" : "eq", key, value);
    }
    if (!reader_.is_map_of(value, "a test", test_keys.keys)) return std::nullopt;
    if (value.keys.empty()) {
        reader_.error(value, "a test needs an operator, like { gt: 10 }");
        return std::nullopt;
    }
    core::AllOf all;
    for (std::size_t i = 0; i < value.keys.size(); ++i) {
        auto one = operation(value.keys[i].text, key, value.items[i]);
        if (!one) return std::nullopt;
        all.of.push_back(std::move(*one));
    }
    if (all.of.size() == 1) return std::move(all.of.front());
    return Condition{std::move(all)};
}

std::optional<Condition> FieldReader::operation(const std::string& name, const Node& key, const Node& value) {
    auto known_operator = std::ranges::find(operators, name, [](const auto& one) { return one.first; });
    Test test{key.text, known_operator->second, {}, nullptr, {key.line, key.column}};
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
        case cidr: {
            Value list = Value::array();
            for (std::string& range : reader_.texts(value, "`cidr`")) list.push(std::move(range));
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

// Whether any request may have such a text in the field; says why not. `pattern`: it is a part of one, or has
// stars.
bool FieldReader::may_be_there(std::string_view text, bool pattern, const Node& at) {
    if (type_ != FieldType::text || field_ == "intent") return true;
    if (auto found = overlooked(text); found && !pattern) {
        reader_.error(at, fmt::format("no request has such a value: `{}` has {}", visible(text), *found));
        return false;
    }
    if (field_ != "action" && field_ != "environment") return true;
    const bool action = field_ == "action";
    auto fits = action ? core::valid_action : core::valid_environment;
    std::string whole{text};
    if (pattern) {
        std::erase(whole, '*');
        whole.insert(0, "x");
    }
    if (fits(whole)) return true;
    const std::string meant = lower_ascii(trim(text));
    const bool near = !pattern && fits(meant);
    reader_.error(at, fmt::format("no request has {} `{}`: it is lower-case letters, digits and {}{}",
                                  action ? "an action" : "an environment", visible(text),
                                  action ? ". _ : -" : ". _ : / -",
                                  near ? fmt::format("; did you mean `{}`?", meant) : ""));
    return false;
}

bool FieldReader::may_be_there(const Test& test, const Node& at) {
    using enum Operator;
    auto one = [&](const Value& value, const Node& where) {
        const std::string* text = value.string();
        const bool star = text && text->find('*') != std::string::npos;
        const bool part = test.op == glob || test.op == starts_with || test.op == ends_with;
        return !text || may_be_there(*text, part || (star && test.op == in), where);
    };
    if (test.op == regex || test.op == cidr) return true;
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
                         test.op == ends_with || test.op == cidr || test.op == size;
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
    if (test.op == regex || test.op == cidr) {
        std::string why;
        if (test.op == regex) {
            test.compiled = compile_regex(*text, why);
            why = fmt::format("`{}` is no regular expression that RE2 takes: {}", visible(*text), why);
        } else {
            std::vector<std::string> ranges;
            for (const Value& range : *test.operand.items()) ranges.emplace_back(range.text());
            test.compiled = compile_cidrs(ranges, why);
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
