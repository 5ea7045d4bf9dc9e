#include "core/terraform.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "core/shown.hpp"
#include "countersign/base/text.hpp"

namespace countersign::core {
namespace {

using Kind = PlanChange::Kind;

constexpr std::size_t address_bytes_max = 300;

void count(PlanSummary& plan, Kind kind, std::string_view address) {
    switch (kind) {
        case Kind::replace:
            ++plan.replace;
            break;
        case Kind::destroy:
            ++plan.destroy;
            break;
        case Kind::forget:
            ++plan.forget;
            break;
        case Kind::change:
            ++plan.change;
            break;
        case Kind::add:
            ++plan.add;
            break;
        case Kind::action:
            ++plan.actions;
            break;
    }
    auto& gravest = plan.gravest;
    const auto place = std::ranges::upper_bound(gravest, kind, {}, &PlanChange::kind);
    if (place == gravest.end() && gravest.size() == plan_changes_max) return;
    gravest.insert(place, {kind, std::string{clip_utf8(address, address_bytes_max)}});
    if (gravest.size() > plan_changes_max) gravest.pop_back();
}

// The actions of a change, as the JSON form lists them: ["delete", "create"] is a replacement. Whatever is
// not known here counts as a change.
std::optional<Kind> kind_of(const Value& actions) {
    const auto* items = actions.items();
    if (items == nullptr || items->empty()) return Kind::change;
    auto has = [&](std::string_view name) {
        return std::ranges::any_of(*items, [&](const Value& one) { return one.text() == name; });
    };
    if (has("delete") && has("create")) return Kind::replace;
    if (has("forget") && has("create")) return Kind::replace;
    if (has("delete")) return Kind::destroy;
    if (has("forget")) return Kind::forget;
    if (has("create")) return Kind::add;
    const bool nothing = items->size() == 1 && (has("no-op") || has("read"));
    return nothing ? std::nullopt : std::optional{Kind::change};
}

std::optional<PlanSummary> summary_of_json(const Value& plan) {
    const auto* changes = plan["resource_changes"].items();
    const auto* actions = plan["action_invocations"].items();
    const auto* deferred = plan["deferred_changes"].items();
    if (changes == nullptr && actions == nullptr && deferred == nullptr) return std::nullopt;
    PlanSummary summary;
    if (changes != nullptr)
        for (const Value& one : *changes)
            if (auto kind = kind_of(one["change"]["actions"])) count(summary, *kind, one["address"].text());
    if (actions != nullptr)
        for (const Value& one : *actions) count(summary, Kind::action, one["address"].text());
    if (deferred != nullptr) summary.deferred = deferred->size();
    return summary;
}

// Colours, as terminals take them ("\x1b[1m"), are left out.
std::string without_colours(std::string_view line) {
    std::string plain;
    for (std::size_t i = 0; i < line.size(); ++i) {
        if (line.substr(i).starts_with("\x1b[")) {
            const auto end = line.find('m', i);
            if (end != line.npos) {
                i = end;
                continue;
            }
        }
        plain.push_back(line[i]);
    }
    return plain;
}

// One line of what a plan prints: "  # aws_db_instance.orders must be replaced".
std::optional<std::pair<Kind, std::string_view>> change_in(std::string_view line) {
    constexpr std::array<std::pair<std::string_view, Kind>, 8> endings{
        {{" must be replaced", Kind::replace},
         {" will be replaced", Kind::replace},
         {" is tainted, so must be replaced", Kind::replace},
         {" will be destroyed", Kind::destroy},
         {" will no longer be managed by", Kind::forget},
         {" will be updated in-place", Kind::change},
         {" will be created", Kind::add},
         {" will be invoked", Kind::action}}};
    line = trim(line);
    if (!line.starts_with("# ")) return std::nullopt;
    line.remove_prefix(2);
    for (const auto& [ending, kind] : endings)
        if (const auto at = line.find(ending); at != line.npos && at > 0)
            return std::pair{kind, line.substr(0, line.find(' '))};
    return std::nullopt;
}

std::optional<PlanSummary> summary_of_text(std::string_view text) {
    PlanSummary summary;
    summary.from_text = true;
    bool any = text.find("No changes. ") != text.npos;
    for (auto at = text.find("# "); at != text.npos; at = text.find("# ", at)) {
        const auto begin = text.rfind('\n', at) + 1;  // npos + 1 is the beginning
        const auto end = std::min(text.find('\n', at), text.size());
        const std::string line = without_colours(text.substr(begin, end - begin));
        if (auto change = change_in(line)) {
            count(summary, change->first, change->second);
            any = true;
        }
        at = end;
    }
    if (!any) return std::nullopt;
    return summary;
}

}  // namespace

std::optional<PlanSummary> plan_summary(const Value& plan) {
    if (const std::string* text = plan.string()) return summary_of_text(*text);
    return plan.members() != nullptr ? summary_of_json(plan) : std::nullopt;
}

std::string plan_counts_text(const PlanSummary& plan) {
    std::vector<std::string> parts;
    auto part = [&](std::size_t count, std::string_view what) {
        if (count > 0) parts.push_back(fmt::format("{} {}", count_text(count), what));
    };
    part(plan.replace, "replaced (destroys)");
    part(plan.destroy, "to destroy");
    part(plan.forget, "no longer managed");
    part(plan.change, "to change");
    part(plan.add, "to add");
    part(plan.actions, plan.actions == 1 ? "action to run" : "actions to run");
    part(plan.deferred, "deferred");
    return parts.empty() ? "no changes" : join(parts, " · ");
}

std::string_view sign_of(Kind kind) {
    switch (kind) {
        case Kind::replace:
            return "-/+";
        case Kind::destroy:
            return "-";
        case Kind::forget:
            return ".";
        case Kind::change:
            return "~";
        case Kind::add:
            return "+";
        case Kind::action:
            return "!";
    }
    return "~";
}

}  // namespace countersign::core
