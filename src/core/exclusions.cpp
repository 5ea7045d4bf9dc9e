#include "core/exclusions.hpp"

#include <fmt/core.h>

#include "core/fields.hpp"
#include "core/lists.hpp"

namespace countersign::core {
namespace {

// Calls `see` with every value that the field leads to; nullptr stands for one that has no such parts.
template <class See>
void each_stated(const Request& request, std::string_view field, const See& see) {
    auto seen = [&](const FieldValue& value) {
        const auto* found = std::get_if<const Value*>(&value);
        see(found ? *found : nullptr);
    };
    constexpr std::string_view labels = "labels.";
    constexpr std::string_view claims = "requester.claims";
    constexpr std::string_view parameters = "parameters";
    if (field.starts_with(labels)) {
        for (const auto& [name, text] : request.labels) {
            if (name != field.substr(labels.size())) continue;
            const Value value{text};
            see(&value);
        }
    } else if (field.starts_with(claims) && request.requester.claims) {
        walk(&*request.requester.claims, field.substr(claims.size()), seen);
    } else if (field.starts_with(parameters) && request.parameters) {
        walk(&*request.parameters, field.substr(parameters.size()), seen);
    }
}

// Says whether the field is of the elements of a list that has none.
bool is_empty_list(const Request& request, std::string_view field) {
    const auto star = field.find("[*]");
    if (star == std::string_view::npos) return false;
    bool empty = false;
    each_stated(request, field.substr(0, star),
                [&](const Value* value) { empty = value && value->items() && value->items()->empty(); });
    return empty;
}

}  // namespace

ExcludedAccounts excluded_accounts(const std::vector<Exclusion>& exclude, const Request& request) {
    ExcludedAccounts all;
    for (const Exclusion& one : exclude) {
        bool found = false;
        each_stated(request, one.field, [&](const Value* value) {
            found = true;
            const std::string* text = value ? value->string() : nullptr;
            if (!text || text->empty())
                all.problem = fmt::format("{} holds something that names nobody", one.field);
            else
                add_once(all.accounts, normal(AccountId{one.kind.empty() ? *text : one.kind + ":" + *text}));
        });
        if (!found && !is_empty_list(request, one.field))
            all.problem = fmt::format("{} is missing: it says whose approvals do not count", one.field);
    }
    if (all.accounts.size() > excluded_max)
        all.problem = fmt::format("more than {} people are named whose approvals do not count", excluded_max);
    return all;
}

}  // namespace countersign::core
