#include "countersign/core/budget.hpp"

#include <fmt/core.h>

#include <cmath>

#include "countersign/base/text.hpp"

namespace countersign::core {
namespace {

// What rounding of a decimal fraction to a double may have added, in millionths.
constexpr double rounding = 1e-3;

std::string window_text(Duration per) {
    return duration_text(std::chrono::duration_cast<std::chrono::seconds>(per).count());
}

}  // namespace

std::string millionths_text(std::int64_t amount) {
    std::string text = std::to_string(amount / millionths);
    if (amount % millionths == 0) return text;
    std::string rest = fmt::format("{:06}", amount % millionths);
    rest.erase(rest.find_last_not_of('0') + 1);
    return text + "." + rest;
}

std::optional<std::int64_t> in_millionths(double number) {
    if (!(number >= 0)) return std::nullopt;
    constexpr std::int64_t most = (budget_sum_max + 1) * millionths;
    const double exact = number * static_cast<double>(millionths);
    if (exact >= static_cast<double>(most)) return most;
    return static_cast<std::int64_t>(std::ceil(exact - rounding));
}

std::string budget_text(const Budget& budget) {
    if (budget.count != 0)
        return fmt::format("{} request{} within {}", budget.count, budget.count == 1 ? "" : "s",
                           window_text(budget.per));
    return fmt::format("{} of {} within {}", millionths_text(budget.max), budget.sum,
                       window_text(budget.per));
}

std::string common_text(const std::vector<std::string>& by) {
    if (by.empty()) return {};
    std::vector<std::string> names;
    for (const std::string& field : by) names.push_back(field == by_people ? "person behind it" : field);
    return ", each " + join(names, " and ") + " by itself";
}

}  // namespace countersign::core
