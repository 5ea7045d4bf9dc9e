#include <fmt/core.h>

#include <algorithm>
#include <chrono>

#include "countersign/adapters/policy.hpp"
#include "countersign/base/text.hpp"
#include "countersign/core/lowering.hpp"
#include "countersign/core/session.hpp"
#include "policy/keys.hpp"
#include "policy/reader.hpp"

// What a `require` rule lets an approver do beside approving one act as it was asked for.
namespace countersign::policy {
namespace {

constexpr std::string_view parameter_prefix = "parameters.";

}  // namespace

bool is_one_parameter(NodeReader& reader, const Node& at, const std::string& field, Names& names,
                      std::string_view what) {
    if (!is_text_field(reader, at, field, names)) return false;
    if (field.starts_with(parameter_prefix) && field.find('*') == std::string::npos) return true;
    reader.error(
        at, fmt::format("{} names a parameter, like parameters.rows, and not `{}`", what, visible(field)));
    return false;
}

std::vector<std::string> read_lower(NodeReader& reader, const Node& node, Names& names) {
    std::vector<std::string> fields;
    const bool list = node.kind == Node::Kind::list;
    if (list && (node.items.empty() || node.items.size() > core::lowerable_max)) {
        reader.error(node,
                     fmt::format("`lower` takes 1 to {} parameters: [parameters.rows]", core::lowerable_max));
        return fields;
    }
    auto one = [&](const Node& item) {
        auto field = reader.text(item, "a parameter");
        if (!field || !is_one_parameter(reader, item, *field, names, "`lower`")) return;
        if (std::ranges::find(fields, *field) != fields.end())
            return reader.error(item, fmt::format("`{}` stands in `lower` twice", visible(*field)));
        fields.push_back(std::move(*field));
    };
    if (!list)
        one(node);
    else
        for (const Node& item : node.items) one(item);
    return fields;
}

std::optional<core::SessionTerms> read_session(NodeReader& reader, const Node& node, Names& names) {
    if (!reader.is_map_of(node, "`session`", session_keys.keys)) return std::nullopt;
    const Node* from = NodeReader::find(node, "from");
    const Node* max = NodeReader::find(node, "max");
    const Node* uses = NodeReader::find(node, "uses");
    if (from == nullptr || max == nullptr || uses == nullptr) {
        reader.error(node, "`session` is { from: parameters.minutes, max: 4h, uses: 20 }, all three");
        return std::nullopt;
    }
    core::SessionTerms terms;
    auto field = reader.text(*from, "`from`");
    if (!field || !is_one_parameter(reader, *from, *field, names, "`from`")) return std::nullopt;
    if (field->find_first_of(".[", parameter_prefix.size()) != std::string::npos) {
        reader.error(*from,
                     "`from` names a parameter that stands beside the others, like parameters.minutes");
        return std::nullopt;
    }
    terms.from = std::move(*field);
    auto longest = reader.duration(*max, "`max`");
    if (!longest) return std::nullopt;
    terms.max = *longest;
    if (terms.max < std::chrono::minutes{1} || terms.max > core::session_longest)
        reader.error(
            *max, fmt::format(
                      "`max` is between 1m and {}",
                      duration_text(
                          std::chrono::duration_cast<std::chrono::seconds>(core::session_longest).count())));
    auto value = scalar_value(*uses);
    const auto count = uses->kind == Node::Kind::scalar && value ? value->integer() : std::nullopt;
    if (!count || *count < 1 || *count > std::int64_t{core::session_uses_max}) {
        reader.error(*uses, fmt::format("`uses` is a whole number from 1 to {}", core::session_uses_max));
        return std::nullopt;
    }
    terms.uses = static_cast<std::uint32_t>(*count);
    return terms;
}

std::optional<core::ReviewTerms> read_review(NodeReader& reader, const Node& node, Names& names) {
    if (!reader.is_map_of(node, "`review`", review_keys.keys)) return std::nullopt;
    const Node* by = NodeReader::find(node, "by");
    const Node* within = NodeReader::find(node, "within");
    if (by == nullptr || within == nullptr) {
        reader.error(node,
                     "`review` says who looks at it afterwards, and by when: { by: security, within: 24h }");
        return std::nullopt;
    }
    auto group = read_group_name(reader, *by, names, "`by`");
    auto longest = reader.duration(*within, "`within`");
    if (!group || !longest) return std::nullopt;
    if (*longest < core::review_soonest || *longest > core::review_latest)
        reader.error(*within, "`within` is between 1s and 366d");
    return core::ReviewTerms{{std::move(*group)}, *longest};
}

}  // namespace countersign::policy
