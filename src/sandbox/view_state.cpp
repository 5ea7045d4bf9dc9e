#include "sandbox/view_state.hpp"

#include <fmt/format.h>

#include <array>
#include <string>
#include <utility>

#include "countersign/base/text.hpp"

namespace countersign::sandbox {

using core::Value;

namespace {

// Names the member that holds an element type's value, and what it is when empty.
struct ElementKind {
    std::string_view type;
    std::string_view member;
    enum class Shape : std::uint8_t { text, option, options, list, whole } shape;
};

const ElementKind* kind_of(std::string_view type) {
    using enum ElementKind::Shape;
    static constexpr std::array kinds{
        ElementKind{"plain_text_input", "value", text},
        ElementKind{"email_text_input", "value", text},
        ElementKind{"url_text_input", "value", text},
        ElementKind{"number_input", "value", text},
        ElementKind{"static_select", "selected_option", option},
        ElementKind{"external_select", "selected_option", option},
        ElementKind{"radio_buttons", "selected_option", option},
        ElementKind{"overflow", "selected_option", option},
        ElementKind{"multi_static_select", "selected_options", options},
        ElementKind{"checkboxes", "selected_options", options},
        ElementKind{"users_select", "selected_user", text},
        ElementKind{"conversations_select", "selected_conversation", text},
        ElementKind{"channels_select", "selected_channel", text},
        ElementKind{"multi_users_select", "selected_users", list},
        ElementKind{"multi_conversations_select", "selected_conversations", list},
        ElementKind{"multi_channels_select", "selected_channels", list},
        ElementKind{"datepicker", "selected_date", text},
        ElementKind{"timepicker", "selected_time", text},
        ElementKind{"datetimepicker", "selected_date_time", whole}};
    for (const auto& kind : kinds)
        if (kind.type == type) return &kind;
    return nullptr;
}

Value option_named(const Value& element, std::string_view wanted) {
    const auto* options = element["options"].items();
    if (!options) return {};
    for (const auto& option : *options)
        if (option["value"].text() == wanted)
            return Value::object({{"text", option["text"]}, {"value", option["value"]}});
    return {};
}

Value filled(const ElementKind& kind, const Value& element, const Value& given) {
    using enum ElementKind::Shape;
    switch (kind.shape) {
        case text:
            if (!given.is_null()) return given.text().empty() ? Value{} : Value{given.text()};
            return element["initial_value"].string() ? element["initial_value"] : Value{};
        case whole:
            return given.integer() ? given : Value{};
        case option:
            return given.is_null() ? element["initial_option"] : option_named(element, given.text());
        case options:
        case list:
            break;
    }
    Value chosen = Value::array();
    if (const auto* items = given.items()) {
        for (const auto& item : *items) {
            Value one = kind.shape == options ? option_named(element, item.text()) : item;
            if (!one.is_null()) chosen.push(std::move(one));
        }
    } else if (given.is_null() && element["initial_options"].items()) {
        chosen = element["initial_options"];
    }
    return chosen;
}

const Value& given_for(const Value& given, std::string_view block, std::string_view action) {
    const Value& by_block = given[block];
    if (by_block.members()) return by_block[action];
    return by_block.is_null() ? given[action] : by_block;
}

bool is_empty(const Value& state) {
    for (std::string_view name : {"value", "selected_option", "selected_user", "selected_conversation",
                                  "selected_channel", "selected_date", "selected_time", "selected_date_time"})
        if (!state[name].is_null()) return false;
    for (std::string_view name : {"selected_options", "selected_users"})
        if (state[name].items() && !state[name].items()->empty()) return false;
    return true;
}

}  // namespace

Value state_values(const Value& blocks, const Value& given) {
    Value values = Value::object();
    const auto* items = blocks.items();
    if (!items) return values;
    for (const auto& block : *items) {
        std::string_view id = block["block_id"].text();
        Value of_block = Value::object();
        auto add = [&](const Value& element) {
            const ElementKind* kind = kind_of(element["type"].text());
            if (!kind) return;
            std::string_view action = element["action_id"].text();
            Value state = Value::object({{"type", kind->type}});
            state.set(std::string(kind->member), filled(*kind, element, given_for(given, id, action)));
            of_block.set(std::string(action), std::move(state));
        };
        add(block["element"]);
        add(block["accessory"]);
        if (block["type"].text() == "actions" && block["elements"].items())
            for (const auto& element : *block["elements"].items()) add(element);
        if (!of_block.members()->empty()) values.set(std::string(id), std::move(of_block));
    }
    return values;
}

Value input_problems(const Value& blocks, const Value& values) {
    Value problems = Value::object();
    const auto* items = blocks.items();
    if (!items) return problems;
    for (const auto& block : *items) {
        if (block["type"].text() != "input") continue;
        std::string id{block["block_id"].text()};
        const Value& element = block["element"];
        const Value& state = values[id][element["action_id"].text()];
        if (is_empty(state)) {
            if (!block["optional"].truth()) problems.set(id, "Please complete this required field.");
            continue;
        }
        const std::int64_t units = static_cast<std::int64_t>(utf16_units(state["value"].text()));
        if (units > 0 && units < element["min_length"].whole(0)) {
            problems.set(id,
                         fmt::format("Please enter at least {} characters.", element["min_length"].whole()));
        } else if (units > element["max_length"].whole(3000)) {
            problems.set(
                id, fmt::format("Please enter at most {} characters.", element["max_length"].whole(3000)));
        }
    }
    return problems;
}

}  // namespace countersign::sandbox
