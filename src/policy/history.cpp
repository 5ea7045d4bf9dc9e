#include <fmt/core.h>

#include <algorithm>
#include <chrono>

#include "countersign/base/text.hpp"
#include "countersign/core/match.hpp"
#include "policy/keys.hpp"
#include "policy/reader.hpp"

// What a rule says about requests that came before.
namespace countersign::policy {
namespace {

constexpr std::string_view budget_example =
    "{ count: 20, per: 1h } or { sum: parameters.amount, max: 50000, per: 1d }";

bool is_common_field(NodeReader& reader, const Node& at, const std::string& field, Names& names) {
    const bool plain = field == "action" || field == "resource" || field == "environment" ||
                       field == core::by_requester || field == core::by_people;
    if (plain) return true;
    const bool said = field.starts_with("labels.") || field.starts_with("parameters.");
    if (said && field.find('*') == std::string::npos) return is_text_field(reader, at, field, names);
    reader.error(at, fmt::format("`{}` is nothing that requests have in common here; write action, resource, "
                                 "environment, requester, requester.people, a label or a parameter",
                                 visible(field)));
    return false;
}

// Sorted, because it means the same in any order.
std::vector<std::string> read_common(NodeReader& reader, const Node& node, Names& names,
                                     std::string_view what) {
    std::vector<std::string> fields;
    const bool list = node.kind == Node::Kind::list;
    if (list && (node.items.empty() || node.items.size() > core::common_fields_max)) {
        reader.error(
            node, fmt::format("{} takes 1 to {} fields: [action, resource]", what, core::common_fields_max));
        return fields;
    }
    auto one = [&](const Node& item) {
        auto field = reader.text(item, "a field");
        if (!field || !is_common_field(reader, item, *field, names)) return;
        if (std::ranges::find(fields, *field) != fields.end())
            return reader.error(item, fmt::format("`{}` stands in {} twice", visible(*field), what));
        fields.push_back(std::move(*field));
    };
    if (!list)
        one(node);
    else
        for (const Node& item : node.items) one(item);
    std::ranges::sort(fields);
    return fields;
}

class BudgetReader {
  public:
    BudgetReader(NodeReader& reader, const Node& node, Names& names)
        : reader_(reader), node_(node), names_(names) {}

    std::optional<core::BudgetTerms> read(const std::string& rule) {
        if (!reader_.is_map_of(node_, "`budget`", budget_keys.keys)) return std::nullopt;
        core::BudgetTerms terms;
        terms.budget.rule = rule;
        const bool counts = find("count") != nullptr;
        const bool sums = find("sum") != nullptr;
        if (counts == sums || sums != (find("max") != nullptr) || !find("per")) {
            reader_.error(node_, fmt::format("`budget` is {}", budget_example));
            return std::nullopt;
        }
        const bool good = (counts ? count(terms.budget) : sum(terms.budget)) && per(terms.budget);
        if (const Node* by = find("by")) terms.budget.by = read_common(reader_, *by, names_, "`by`");
        if (const Node* over = find("over")) {
            terms.over = read_requirement(reader_, *over, names_);
            auto alternatives =
                terms.over ? core::alternatives_of(*terms.over) : Result<std::vector<core::Slots>>{{}};
            if (!alternatives) reader_.error(*over, alternatives.error().detail);
        }
        if (!good) return std::nullopt;
        return terms;
    }

  private:
    const Node* find(std::string_view key) const { return NodeReader::find(node_, key); }

    bool count(core::Budget& budget) {
        auto value = reader_.scalar(*find("count"), "`count`");
        const auto number = value ? value->integer() : std::nullopt;
        const bool good = number && *number >= 1 && *number <= std::int64_t{core::budget_count_max};
        if (good) budget.count = static_cast<std::uint32_t>(*number);
        if (!good)
            reader_.error(*find("count"), fmt::format("`count` is a whole number of requests from 1 to {}",
                                                      core::budget_count_max));
        return good;
    }
    bool sum(core::Budget& budget) {
        auto field = reader_.text(*find("sum"), "`sum`");
        if (!field || !is_one_parameter(reader_, *find("sum"), *field, names_, "`sum`")) return false;
        budget.sum = std::move(*field);
        auto value = reader_.scalar(*find("max"), "`max`");
        const double* number = value ? value->number() : nullptr;
        const auto most = number ? core::in_millionths(*number) : std::nullopt;
        const bool good = most && *most > 0 && *most <= core::budget_sum_max * core::millionths;
        if (good) budget.max = *most;
        if (!good)
            reader_.error(*find("max"),
                          fmt::format("`max` is a number above 0, of at most {}", core::budget_sum_max));
        return good;
    }
    bool per(core::Budget& budget) {
        auto window = reader_.duration(*find("per"), "`per`");
        if (!window) return false;
        budget.per = *window;
        if (*window >= core::budget_shortest && *window <= core::budget_longest) return true;
        reader_.error(*find("per"), "`per` is a stretch of time from 1m to 92d");
        return false;
    }

    NodeReader& reader_;
    const Node& node_;
    Names& names_;
};

}  // namespace

std::vector<core::BudgetTerms> read_budgets(NodeReader& reader, const Node& node, const std::string& rule,
                                            Names& names) {
    std::vector<core::BudgetTerms> budgets;
    const bool list = node.kind == Node::Kind::list;
    if (list && (node.items.empty() || node.items.size() > core::budgets_max)) {
        reader.error(node, fmt::format("`budget` takes 1 to {} of {}", core::budgets_max, budget_example));
        return budgets;
    }
    auto one = [&](const Node& item) {
        auto terms = BudgetReader{reader, item, names}.read(rule);
        if (!terms) return;
        const bool twice = std::ranges::any_of(budgets, [&](const core::BudgetTerms& other) {
            return other.budget.sum == terms->budget.sum && other.budget.per == terms->budget.per &&
                   other.budget.by == terms->budget.by;
        });
        if (twice)
            return reader.error(item, "this rule has a budget of the same within the same time already");
        budgets.push_back(std::move(*terms));
    };
    if (!list)
        one(node);
    else
        for (const Node& item : node.items) one(item);
    return budgets;
}

std::optional<core::Turns> read_turns(NodeReader& reader, const Node& node, Names& names) {
    core::Turns turns;
    const Node* by = &node;
    if (node.kind == Node::Kind::map) {
        if (!reader.is_map_of(node, "`one_at_a_time`", turns_keys.keys)) return std::nullopt;
        by = NodeReader::find(node, "by");
        if (by == nullptr) {
            reader.error(node,
                         "`one_at_a_time` is [action, resource], or { by: [action, resource], "
                         "supersede: true }");
            return std::nullopt;
        }
        if (const Node* supersede = NodeReader::find(node, "supersede")) {
            auto value = supersede->kind == Node::Kind::scalar ? scalar_value(*supersede) : std::nullopt;
            turns.supersede = value && value->truth();
            if (!value || !value->boolean())
                reader.error(*supersede,
                             "`supersede` is true, where a new request ends those before it, or "
                             "false, where it waits for them");
        }
    }
    turns.by = read_common(reader, *by, names, "`one_at_a_time`");
    if (std::ranges::find(turns.by, core::by_people) != turns.by.end()) {
        reader.error(*by,
                     "`one_at_a_time` cannot go by requester.people, of whom there may be several; "
                     "write requester");
        return std::nullopt;
    }
    if (turns.by.empty()) return std::nullopt;
    return turns;
}

}  // namespace countersign::policy
