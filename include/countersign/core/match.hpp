#pragma once
#include <optional>
#include <vector>

#include "countersign/base/result.hpp"
#include "countersign/core/history.hpp"
#include "countersign/core/people.hpp"
#include "countersign/core/policy.hpp"
#include "countersign/core/request.hpp"

namespace countersign::core {

// Combines every rule that matches, the most restrictive first. `expires_in` may only shorten; the time
// fields are judged at `now`. `held_back` says what other requests keep it from, where that is known: a
// budget that is spent asks whoever its rule names beyond it, and all else refuses. Fails (invalid_input)
// when more than alternatives_max alternatives result.
Result<Applied> match(const Directory& directory, const Request& request, std::optional<Duration> expires_in,
                      Instant now, const std::vector<HeldBack>& held_back = {});
// Matches with persons as the policy alone lists them, without chats or links.
Result<Applied> match(const Policy& policy, const Request& request, std::optional<Duration> expires_in,
                      Instant now);

// Returns the alternatives that one rule's requirement stands for. Fails (invalid_input) when they are too
// many, or ask for more than slots_max people.
Result<std::vector<Slots>> alternatives_of(const Requirement& requirement);

}  // namespace countersign::core
