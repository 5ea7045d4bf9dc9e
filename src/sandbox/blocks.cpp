#include "sandbox/blocks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "countersign/base/text.hpp"

namespace countersign::sandbox {
namespace {

using core::Value;

// Walks one payload and collects everything that Slack would refuse.
class Checker {
  public:
    explicit Checker(Surface surface) : surface_(surface) {}

    void blocks(const Value& blocks, const std::string& at) {
        const auto* items = blocks.items();
        if (!items) return say("must be an array", at);
        const std::size_t most = surface_ == Surface::message ? message_blocks_max : view_blocks_max;
        if (items->size() > most) say(fmt::format("no more than {} items allowed", most), at);
        for (std::size_t i = 0; i < items->size(); ++i) block((*items)[i], fmt::format("{}/{}", at, i));
    }

    void text_object(const Value& text, const std::string& at, std::size_t units_max, bool plain_only) {
        if (!text.members()) return say("missing required field: text object", at);
        std::string_view type = text["type"].text();
        if (type != "plain_text" && (plain_only || type != "mrkdwn")) {
            say(plain_only ? "must be a plain_text object" : "unsupported type: text object", at + "/type");
        }
        if (type == "mrkdwn" && text["emoji"].boolean()) say("invalid additional property: emoji", at);
        if (type == "plain_text" && text["verbatim"].boolean())
            say("invalid additional property: verbatim", at);
        string(text, "text", at, 1, units_max);
    }

    void string(const Value& owner, std::string_view name, const std::string& at, std::size_t units_min,
                std::size_t units_max) {
        const Value& value = owner[name];
        std::string pointer = fmt::format("{}/{}", at, name);
        if (value.is_null()) {
            if (units_min > 0) say(fmt::format("missing required field: {}", name), at);
            return;
        }
        if (!value.string()) return say("must be a string", pointer);
        std::size_t units = utf16_units(*value.string());
        if (units < units_min) say(fmt::format("must be more than {} characters", units_min - 1), pointer);
        if (units > units_max) say(fmt::format("must be less than {} characters", units_max + 1), pointer);
    }

    void say(std::string what, std::string at) {
        if (complaints_.size() < complaints_max) complaints_.push_back({std::move(what), std::move(at)});
    }
    Complaints take() { return std::move(complaints_); }

  private:
    static constexpr std::size_t complaints_max = 20;

    void block(const Value& block, const std::string& at) {
        if (!block.members()) return say("must be an object", at);
        string(block, "block_id", at, 0, 255);
        std::string_view id = block["block_id"].text();
        if (!id.empty() && !ids_.insert(std::string(id)).second) {
            say(fmt::format("block_id already exists: {}", visible(id)), at + "/block_id");
        }
        std::string_view type = block["type"].text();
        if (type == "header") return text_object(block["text"], at + "/text", 150, true);
        if (type == "section") return section(block, at);
        if (type == "context") return context(block, at);
        if (type == "actions") return actions(block, at);
        if (type == "divider") return;
        if (type == "image") return image(block, at, true);
        if (type == "input") return input(block, at);
        if (type == "rich_text") return rich_text(block, at);
        if (type == "markdown") return string(block, "text", at, 1, 12'000);
        say(fmt::format("unsupported type: {}", visible(type)), at + "/type");
    }

    void section(const Value& block, const std::string& at) {
        const auto* fields = block["fields"].items();
        if (block["text"].is_null() && !fields) say("missing required field: text or fields", at);
        if (!block["text"].is_null()) text_object(block["text"], at + "/text", 3000, false);
        if (fields) {
            if (fields->empty() || fields->size() > 10) say("must have 1 to 10 items", at + "/fields");
            for (std::size_t i = 0; i < fields->size(); ++i)
                text_object((*fields)[i], fmt::format("{}/fields/{}", at, i), 2000, false);
        }
        if (block["accessory"].members()) {
            actions_of_block_.clear();
            element(block["accessory"], at + "/accessory");
        }
    }

    void context(const Value& block, const std::string& at) {
        const auto* elements = block["elements"].items();
        if (!elements || elements->empty() || elements->size() > 10)
            return say("must have 1 to 10 items", at + "/elements");
        for (std::size_t i = 0; i < elements->size(); ++i) {
            std::string here = fmt::format("{}/elements/{}", at, i);
            if ((*elements)[i]["type"].text() == "image") {
                image((*elements)[i], here, false);
            } else {
                text_object((*elements)[i], here, 3000, false);
            }
        }
    }

    void actions(const Value& block, const std::string& at) {
        const auto* elements = block["elements"].items();
        if (!elements || elements->empty() || elements->size() > 25)
            return say("must have 1 to 25 items", at + "/elements");
        actions_of_block_.clear();
        for (std::size_t i = 0; i < elements->size(); ++i)
            element((*elements)[i], fmt::format("{}/elements/{}", at, i));
    }

    void image(const Value& block, const std::string& at, bool titled) {
        string(block, "image_url", at, 1, 3000);
        string(block, "alt_text", at, 1, 2000);
        if (titled && block["title"].members()) text_object(block["title"], at + "/title", 2000, true);
    }

    void input(const Value& block, const std::string& at) {
        text_object(block["label"], at + "/label", 2000, true);
        if (!block["hint"].is_null()) text_object(block["hint"], at + "/hint", 2000, true);
        if (!block["element"].members()) return say("missing required field: element", at);
        if (block["element"]["type"].text() == "button")
            say("unsupported type: button", at + "/element/type");
        actions_of_block_.clear();
        element(block["element"], at + "/element");
    }

    void element(const Value& element, const std::string& at) {
        string(element, "action_id", at, 0, 255);
        std::string_view id = element["action_id"].text();
        if (!id.empty() && !actions_of_block_.insert(std::string(id)).second) {
            say(fmt::format("action_id already exists: {}", visible(id)), at + "/action_id");
        }
        if (!element["placeholder"].is_null())
            text_object(element["placeholder"], at + "/placeholder", 150, true);
        if (!element["confirm"].is_null()) confirm(element["confirm"], at + "/confirm");
        std::string_view type = element["type"].text();
        if (type == "button") return button(element, at);
        if (type == "plain_text_input") return text_input(element, at);
        if (type == "overflow") return options(element, at, 5);
        if (type == "checkboxes" || type == "radio_buttons") return options(element, at, 10);
        if (type == "static_select" || type == "multi_static_select") return options(element, at, 100);
        static constexpr std::array known{"users_select",
                                          "multi_users_select",
                                          "conversations_select",
                                          "multi_conversations_select",
                                          "channels_select",
                                          "datepicker",
                                          "timepicker",
                                          "datetimepicker",
                                          "number_input",
                                          "email_text_input",
                                          "url_text_input",
                                          "external_select",
                                          "multi_channels_select",
                                          "multi_external_select"};
        if (std::ranges::find(known, type) == known.end())
            say(fmt::format("unsupported type: {}", visible(type)), at + "/type");
    }

    void button(const Value& element, const std::string& at) {
        text_object(element["text"], at + "/text", 75, true);
        string(element, "value", at, 0, 2000);
        string(element, "url", at, 0, 3000);
        string(element, "accessibility_label", at, 0, 75);
        const Value& style = element["style"];
        if (!style.is_null() && style.text() != "primary" && style.text() != "danger")
            say("must be one of: primary, danger", at + "/style");
    }

    void text_input(const Value& element, const std::string& at) {
        for (std::string_view name : {"min_length", "max_length"}) {
            const Value& length = element[name];
            if (length.is_null()) continue;
            std::int64_t least = name == "max_length" ? 1 : 0;
            auto whole = length.integer();
            if (!whole || *whole < least || *whole > 3000)
                say(fmt::format("must be between {} and 3000", least), fmt::format("{}/{}", at, name));
        }
        string(element, "initial_value", at, 0, 3000);
    }

    void options(const Value& element, const std::string& at, std::size_t options_max) {
        const auto* options = element["options"].items();
        if (!options && element["option_groups"].items()) return;
        if (!options || options->empty() || options->size() > options_max)
            return say(fmt::format("must have 1 to {} items", options_max), at + "/options");
        for (std::size_t i = 0; i < options->size(); ++i) {
            std::string here = fmt::format("{}/options/{}", at, i);
            text_object((*options)[i]["text"], here + "/text", 75, false);
            string((*options)[i], "value", here, 1, 150);
            if (!(*options)[i]["description"].is_null())
                text_object((*options)[i]["description"], here + "/description", 75, false);
        }
    }

    void confirm(const Value& confirm, const std::string& at) {
        text_object(confirm["title"], at + "/title", 100, true);
        text_object(confirm["text"], at + "/text", 300, false);
        text_object(confirm["confirm"], at + "/confirm", 30, true);
        text_object(confirm["deny"], at + "/deny", 30, true);
    }

    void rich_text(const Value& block, const std::string& at) {
        const auto* elements = block["elements"].items();
        if (!elements) return say("missing required field: elements", at);
        for (std::size_t i = 0; i < elements->size(); ++i)
            rich_part((*elements)[i], fmt::format("{}/elements/{}", at, i), 0);
    }

    void rich_part(const Value& part, const std::string& at, int nesting) {
        std::string_view type = part["type"].text();
        const auto* elements = part["elements"].items();
        if (!elements) return say("missing required field: elements", at);
        const bool list = type == "rich_text_list";
        static constexpr std::array known{"rich_text_section", "rich_text_list", "rich_text_quote",
                                          "rich_text_preformatted"};
        if (std::ranges::find(known, type) == known.end())
            say(fmt::format("unsupported type: {}", visible(type)), at + "/type");
        for (std::size_t i = 0; i < elements->size(); ++i) {
            std::string here = fmt::format("{}/elements/{}", at, i);
            if (list && nesting == 0) {
                rich_part((*elements)[i], here, nesting + 1);
            } else {
                rich_inline((*elements)[i], here, type == "rich_text_preformatted");
            }
        }
    }

    void rich_inline(const Value& item, const std::string& at, bool preformatted) {
        std::string_view type = item["type"].text();
        if (preformatted && type != "text" && type != "link")
            return say(fmt::format("unsupported type: {}", visible(type)), at + "/type");
        if (type == "text") return string(item, "text", at, 1, 12'000);
        if (type == "link") return string(item, "url", at, 1, 3000);
        if (type == "user") return string(item, "user_id", at, 1, 255);
        if (type == "date") {
            if (!item["timestamp"].integer()) say("must be an integer", at + "/timestamp");
            return string(item, "format", at, 1, 255);
        }
        static constexpr std::array known{"usergroup", "channel", "broadcast", "emoji", "color"};
        if (std::ranges::find(known, type) == known.end())
            say(fmt::format("unsupported type: {}", visible(type)), at + "/type");
    }

    Surface surface_;
    Complaints complaints_;
    std::set<std::string> ids_;
    std::set<std::string> actions_of_block_;
};

void add_units(const Value& value, std::size_t& units) {
    if (const auto* items = value.items()) {
        for (const auto& item : *items) add_units(item, units);
    } else if (const auto* members = value.members()) {
        for (const auto& [name, member] : *members) {
            if (name == "text" && member.string()) {
                units += utf16_units(*member.string());
            } else if (member.items() || member.members()) {
                add_units(member, units);
            }
        }
    }
}

bool has_input(const Value& blocks) {
    const auto* items = blocks.items();
    return items && std::ranges::any_of(*items, [](const Value& b) { return b["type"].text() == "input"; });
}

}  // namespace

Complaints check_blocks(const Value& blocks, Surface surface, std::string_view at) {
    Checker checker{surface};
    checker.blocks(blocks, std::string(at));
    return checker.take();
}

Complaints check_view(const Value& view, Surface surface) {
    Checker checker{surface};
    std::string_view type = view["type"].text();
    if (type != (surface == Surface::modal ? "modal" : "home")) {
        checker.say(surface == Surface::modal ? "must be a modal" : "must be a home view", "/type");
    }
    checker.string(view, "private_metadata", "", 0, 3000);
    checker.string(view, "callback_id", "", 0, 255);
    checker.string(view, "external_id", "", 0, 255);
    if (surface == Surface::modal) {
        checker.text_object(view["title"], "/title", 24, true);
        for (std::string_view name : {"submit", "close"})
            if (!view[name].is_null()) checker.text_object(view[name], fmt::format("/{}", name), 24, true);
        if (has_input(view["blocks"]) && view["submit"].is_null())
            checker.say("missing required field: submit", "");
    } else {
        for (std::string_view name : {"title", "submit", "close"})
            if (!view[name].is_null()) checker.say(fmt::format("invalid additional property: {}", name), "");
    }
    if (view["blocks"].is_null()) {
        checker.say("missing required field: blocks", "");
    } else {
        checker.blocks(view["blocks"], "/blocks");
    }
    return checker.take();
}

std::size_t text_units(const Value& blocks) {
    std::size_t units = 0;
    add_units(blocks, units);
    return units;
}

FoundElement find_element(const Value& blocks, std::string_view action_id, std::string_view block_id) {
    const auto* items = blocks.items();
    if (!items) return {};
    for (const auto& block : *items) {
        if (!block_id.empty() && block["block_id"].text() != block_id) continue;
        for (std::string_view place : {"accessory", "element"})
            if (block[place].members() && block[place]["action_id"].text() == action_id)
                return {&block, &block[place]};
        if (block["type"].text() != "actions") continue;
        const auto* elements = block["elements"].items();
        if (!elements) continue;
        for (const auto& element : *elements)
            if (element["action_id"].text() == action_id) return {&block, &element};
    }
    return {};
}

}  // namespace countersign::sandbox
