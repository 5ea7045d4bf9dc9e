#pragma once
#include <optional>

#include "countersign/core/advance.hpp"

namespace countersign::core {

// Refuses an approval that lacks the sign-in its rules ask for: there was none, it is not of the person who
// votes, it was not what is asked for, or it was too long ago.
std::optional<Refusal> not_signed_in(const Case& c, const Cast& cast, const Directory& directory,
                                     Instant now);

}  // namespace countersign::core
