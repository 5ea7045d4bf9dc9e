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

const std::vector<std::string> plain_fields{
    "action",         "resource",       "environment",       "intent",
    "requester.name", "requester.kind", "requester.account", "requester.humans"};

enum class FieldType : std::uint8_t { text, number, any };

// The tests of one field, and what its rule does.
class FieldReader {
  public:
    FieldReader(Reader& reader, bool allows) : reader_(reader), allows_(allows) {}

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
    std::optional<Condition> finished(Test test, const Node& value);

    Reader& reader_;
    bool allows_;
    FieldType type_ = FieldType::any;
};

std::vector<std::string> operator_names() {
    std::vector<std::string> names;
    for (const auto& [name, op] : operators) names.emplace_back(name);
    return names;
}

bool FieldReader::valid_path(const Node& key, std::string_view path) {
    while (!path.empty()) {
        const bool index = path.front() == '[';
        auto step = path.substr(1, path.substr(1).find_first_of(index ? "]" : ".["));
        if (index) {
            const bool number = !step.empty() && step.size() < 7 &&
                                step.find_first_not_of("0123456789") == std::string_view::npos;
            if ((step != "*" && !number) || path.size() < step.size() + 2) break;
            path.remove_prefix(step.size() + 2);
            if (step == "*" && allows_)
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
    if (std::ranges::find(plain_fields, name) != plain_fields.end()) {
        if (name == "requester.humans") type_ = FieldType::number;
        return true;
    }
    if (name.starts_with("labels.") && name.size() > 7) return true;
    if (name.starts_with("parameters.") || name.starts_with("parameters[") || name == "parameters") {
        type_ = FieldType::any;
        return valid_path(key, std::string_view{name}.substr(10));
    }
    if (name == "risk" || name == "time.hour" || name == "time.weekday") {
        reader_.error(key, fmt::format("the field `{}` is not supported by this version yet", name));
        return false;
    }
    auto candidates = plain_fields;
    candidates.insert(candidates.end(), {"labels.job", "labels.data", "parameters", "all", "any", "not"});
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
    if (!reader_.is_map_of(value, "a test", operator_names())) return std::nullopt;
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

std::optional<Value> FieldReader::number_operand(const Node& value, std::string_view what) {
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
    if (value.kind != Node::Kind::map) return number_operand(value, "`size`");
    if (!reader_.is_map_of(value, "`size`", {"eq", "gt", "gte", "lt", "lte"})) return std::nullopt;
    Value bounds = Value::object();
    for (std::size_t i = 0; i < value.keys.size(); ++i) {
        auto bound = number_operand(value.items[i], "a size");
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
    auto found = reader_.scalar(value, "what is compared with");
    if (!found) return std::nullopt;
    if (type_ == FieldType::text && !found->string()) {
        reader_.error(value, fmt::format("this field is text, so a {} never equals it; put it in quotes",
                                         found->type_name()));
        return std::nullopt;
    }
    if (type_ == FieldType::number && !found->number()) {
        reader_.error(value, "this field is a number; write it without quotes");
        return std::nullopt;
    }
    return found;
}

std::optional<Condition> FieldReader::finished(Test test, const Node& value) {
    using enum Operator;
    const bool of_text = test.op == glob || test.op == regex || test.op == starts_with ||
                         test.op == ends_with || test.op == cidr || test.op == size;
    const bool of_numbers = test.op == gt || test.op == gte || test.op == lt || test.op == lte;
    if ((of_text && type_ == FieldType::number) || (of_numbers && type_ == FieldType::text)) {
        reader_.error(value, of_text ? "this field is a number" : "this field is text, which has no order");
        return std::nullopt;
    }
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

std::optional<Condition> read_condition(Reader& reader, const Node& node, bool allows) {
    return FieldReader{reader, allows}.condition(node);
}

}  // namespace countersign::policy
