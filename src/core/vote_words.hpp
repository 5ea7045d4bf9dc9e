#pragma once
#include <optional>

#include "countersign/core/advance.hpp"

// What a vote has to say beside its verdict.
namespace countersign::core {

// Refuses where the verdict or the rules ask for a reason, and there is none that a person can read.
std::optional<Refusal> no_reason(const Case& c, const Cast& cast, const Standing& voter);

// Says whether an approval has the resource's name typed with it, as it stands.
bool types_resource(const Case& c, const Cast& cast);
// Refuses an approval without it, where the rules ask for it.
std::optional<Refusal> not_typed(const Case& c, const Cast& cast);

}  // namespace countersign::core
