#pragma once
#include <optional>

#include "countersign/core/entry.hpp"

namespace countersign::core {

// When a case, should it still be pending then, next asks for attention. A case that can take few more
// entries asks no more.
struct Nudges {
    explicit Nudges(const Case& c);
    std::optional<Instant> first() const;

    std::optional<Instant> reminder;
    std::optional<Instant> escalation;
};

}  // namespace countersign::core
