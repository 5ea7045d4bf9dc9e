#include "policy/reader.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "countersign/base/text.hpp"

namespace countersign::policy {

std::string NodeReader::hint(std::string_view wrong, const std::vector<std::string>& candidates) {
    auto near = nearest(wrong, candidates);
    return near ? fmt::format("; did you mean `{}`?", *near) : "";
}

bool NodeReader::is_map(const Node& node, std::string_view what) {
    if (node.kind != Node::Kind::map) {
        error(node, fmt::format("{} must be a map of keys and values", what));
        return false;
    }
    std::map<std::string, int> seen;
    bool good = true;
    for (const Node& key : node.keys) {
        auto [first, fresh] = seen.try_emplace(key.text, key.line);
        if (fresh) continue;
        error(key, fmt::format("key `{}` appears twice, first in line {}", visible(key.text), first->second));
        good = false;
    }
    return good;
}

bool NodeReader::is_map_of(const Node& node, std::string_view what, const std::vector<std::string>& known,
                           const std::vector<std::string>& reserved) {
    if (!is_map(node, what)) return false;
    bool good = true;
    for (const Node& key : node.keys) {
        if (std::ranges::find(known, key.text) != known.end()) continue;
        good = false;
        if (key.text == "<<") {
            error(key, "merge keys (<<) are not supported; write the values out");
        } else if (std::ranges::find(reserved, key.text) != reserved.end()) {
            error(key, fmt::format("`{}` is not supported yet", key.text));
        } else {
            error(key,
                  fmt::format("unknown key `{}` in {}{}", visible(key.text), what, hint(key.text, known)));
        }
    }
    return good;
}

const Node* NodeReader::find(const Node& map, std::string_view key) {
    for (std::size_t i = 0; i < map.keys.size() && i < map.items.size(); ++i)
        if (map.keys[i].text == key) return &map.items[i];
    return nullptr;
}

std::optional<core::Value> NodeReader::scalar(const Node& node, std::string_view what) {
    if (node.kind != Node::Kind::scalar && node.kind != Node::Kind::null) {
        error(node, fmt::format("{} must be a single value", what));
        return std::nullopt;
    }
    auto value = scalar_value(node);
    if (!value)
        error(node, fmt::format("{} is a number beyond what JSON can hold; quote it to mean text", what));
    return value;
}

std::optional<std::string> NodeReader::text(const Node& node, std::string_view what) {
    auto value = scalar(node, what);
    if (!value) return std::nullopt;
    const std::string* found = value->string();
    if (found && readable(*found)) return *found;
    error(node, fmt::format("{} must be text, not {}{}", what,
                            !found           ? fmt::format("a {}", value->type_name())
                            : found->empty() ? "empty"
                                             : "blank",
                            node.plain ? "; put it in quotes" : ""));
    return std::nullopt;
}

std::vector<std::string> NodeReader::texts(const Node& node, std::string_view what) {
    std::vector<std::string> all;
    if (node.kind != Node::Kind::list) {
        if (auto one = text(node, what)) all.push_back(std::move(*one));
        return all;
    }
    if (node.items.empty()) error(node, fmt::format("{} must not be an empty list", what));
    for (const Node& item : node.items)
        if (auto one = text(item, what)) all.push_back(std::move(*one));
    return all;
}

std::optional<std::uint32_t> NodeReader::count(const Node& node) {
    auto value = scalar(node, "`count`");
    if (!value) return std::nullopt;
    auto n = value->integer();
    if (n && *n >= 1 && *n <= policy_count_max) return static_cast<std::uint32_t>(*n);
    error(node, fmt::format("`count` must be a whole number from 1 to {}", policy_count_max));
    return std::nullopt;
}

std::optional<core::Duration> NodeReader::duration(const Node& node, std::string_view what) {
    auto value = scalar(node, what);
    if (!value) return std::nullopt;
    auto seconds = value->string() ? parse_duration_s(*value->string()) : std::nullopt;
    if (seconds) return std::chrono::seconds{*seconds};
    error(node, fmt::format("{} must be a duration like 30m, 1h30m or 2d, of at most 366 days", what));
    return std::nullopt;
}

std::optional<core::Value> value_of(NodeReader& reader, const Node& node) {
    if (node.kind == Node::Kind::list) {
        core::Value list = core::Value::array();
        for (const Node& item : node.items) {
            auto value = value_of(reader, item);
            if (!value) return std::nullopt;
            list.push(std::move(*value));
        }
        return list;
    }
    if (node.kind != Node::Kind::map) return reader.scalar(node, "a value");
    if (!reader.is_map(node, "a value")) return std::nullopt;
    core::Value map = core::Value::object();
    for (std::size_t i = 0; i < node.keys.size(); ++i) {
        auto value = value_of(reader, node.items[i]);
        if (!value) return std::nullopt;
        map.set(node.keys[i].text, std::move(*value));
    }
    return map;
}

}  // namespace countersign::policy
