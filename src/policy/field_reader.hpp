#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "policy/reader.hpp"

namespace countersign::policy {

enum class FieldType : std::uint8_t { text, number, hour, weekday, date, of_day, group, any };

// Reads conditions: the tests of one field after the other. nullopt: findings say why.
class FieldReader {
  public:
    enum class Of : std::uint8_t { request, element };
    FieldReader(NodeReader& reader, Purpose purpose, Names& names, Of of = Of::request)
        : reader_(reader), purpose_(purpose), names_(names), of_(of) {}

    std::optional<core::Condition> condition(const Node& node);
    // What is asked of one field, or of an element as a whole, where the key is empty.
    std::optional<core::Condition> tests(const Node& key, const Node& value);

    // Another field, for `same_as`: of the request, or of the element at hand where it begins with a dot.
    std::optional<core::Value> other_field(const Node& value);

  private:
    bool known(const Node& key);
    bool valid_path(const Node& key, std::string_view path);
    std::optional<core::Condition> field(const Node& key, const Node& value);
    std::optional<core::Condition> operation(const std::string& name, const Node& key, const Node& value);
    std::optional<core::Condition> of_elements(core::Test test, const Node& value);
    bool missing_holds(const Node& key, const Node& value);
    std::optional<core::Condition> list_of(const Node& node, bool every);
    std::optional<core::Value> operand(core::Test::Operator op, const Node& value);
    std::optional<core::Value> list_operand(const Node& value);
    std::optional<core::Value> number_operand(const Node& value, std::string_view what);
    std::optional<core::Condition> window(const Node& value);
    std::optional<core::Condition> span(const Node& key, const Node& value);
    std::optional<core::Value> plain_operand(const Node& value);
    bool fits_the_field(const core::Test& test, const Node& value);
    bool may_be_there(const core::Test& test, const Node& at);
    std::optional<core::Condition> finished(core::Test test, const Node& value);

    NodeReader& reader_;
    Purpose purpose_;
    Names& names_;
    Of of_;
    FieldType type_ = FieldType::any;
    std::string field_;
};

}  // namespace countersign::policy
