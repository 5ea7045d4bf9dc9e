#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/core/value.hpp"

// Reads plans of Terraform and OpenTofu for people who decide on them. Nothing depends on it: the plan itself
// stands beside what is said here.
namespace countersign::core {

struct PlanChange {
    enum class Kind : std::uint8_t {
        replace,
        destroy,
        forget,
        change,
        add,
        action
    } kind;               // the gravest first
    std::string address;  // "aws_db_instance.orders"; hostile
    friend bool operator==(const PlanChange&, const PlanChange&) = default;
};
struct PlanSummary {
    std::size_t add = 0;
    std::size_t change = 0;
    std::size_t replace = 0;  // destroyed and made anew
    std::size_t destroy = 0;
    std::size_t forget = 0;           // no longer managed, but left there
    std::size_t actions = 0;          // invoked beside the changes (`action_invocations`)
    std::size_t deferred = 0;         // left for a later plan (`deferred_changes`)
    bool from_text = false;           // counted from what the plan prints, not from its JSON
    std::vector<PlanChange> gravest;  // the gravest ones, at most plan_changes_max
    friend bool operator==(const PlanSummary&, const PlanSummary&) = default;
};
inline constexpr std::size_t plan_changes_max = 6;

// Reads what `terraform show -json` printed (its "resource_changes", format version 1.x), or what
// `terraform plan` printed ("# address will be created"). nullopt: this is no plan.
std::optional<PlanSummary> plan_summary(const Value& plan);

// "1 to add · 1 to change · 1 replaced (destroys)", the gravest first.
std::string plan_counts_text(const PlanSummary& plan);
std::string_view sign_of(PlanChange::Kind kind);  // "-/+", "-", "~", as Terraform prints it

}  // namespace countersign::core
