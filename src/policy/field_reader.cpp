#include "policy/field_reader.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "countersign/base/text.hpp"
#include "policy/operands.hpp"

// What tests compare a field with.
namespace countersign::policy {

using core::Condition;
using core::Test;
using core::Value;
using Operator = core::Test::Operator;

std::optional<Value> FieldReader::number_operand(const Node& value, std::string_view what) {
    if (type_ == FieldType::weekday) return read_weekday(reader_, value);
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

std::optional<Value> FieldReader::operand(Operator op, const Node& value) {
    using enum Operator;
    switch (op) {
        case in:
            return list_operand(value);
        case size:
            return read_size(reader_, value);
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
        case contains: {
            Value list = Value::array();
            const bool several = value.kind == Node::Kind::list && !value.items.empty();
            for (const Node& item : several ? value.items : std::vector<Node>{value}) {
                auto one = reader_.scalar(item, "what is contained");
                if (!one) return std::nullopt;
                list.push(std::move(*one));
            }
            return list;
        }
        case same_as:
            return other_field(value);
        case every:
        case some:
        case between:
            return std::nullopt;  // read elsewhere
        case eq:
        case ne:
            break;
    }
    return plain_operand(value);
}

// A value that the field is to equal.
std::optional<Value> FieldReader::plain_operand(const Node& value) {
    if (type_ == FieldType::weekday) return read_weekday(reader_, value);
    if (type_ == FieldType::date) return read_date(reader_, value);
    if (type_ == FieldType::group) {
        auto group = read_group_name(reader_, value, names_, "a group");
        return group ? std::optional{Value{group->text()}} : std::nullopt;
    }
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
        if (!text || type_ != FieldType::text) return true;
        std::string example = *text;
        if (test.op == glob || test.op == in) std::ranges::replace(example, '*', 'x');
        if (test.op == starts_with || test.op == contains) example += 'x';
        if (test.op == ends_with || test.op == contains) example.insert(0, "x");
        return is_possible(reader_, where, field_, *text, example);
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
    if ((test.op == same_as || test.op == contains) && type_ != FieldType::text && type_ != FieldType::any) {
        reader_.error(value, "this field is a number");
        return std::nullopt;
    }
    const bool number = type_ == FieldType::number || type_ == FieldType::hour || type_ == FieldType::weekday;
    if ((of_text && number) || (of_numbers && type_ == FieldType::text)) {
        reader_.error(value, of_text ? "this field is a number" : "this field is text, which has no order");
        return std::nullopt;
    }
    if (test.op == contains && !may_be_there(test, value)) return std::nullopt;
    if (test.op == same_as || test.op == contains) return Condition{std::move(test)};
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

}  // namespace countersign::policy
