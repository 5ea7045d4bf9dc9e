#pragma once
#include <optional>

#include "countersign/core/entry.hpp"

namespace countersign::core {

// Says when a case that is still pending then is due for its next reminder or escalation. A case that can
// take few more entries has no more of them.
struct Nudges {
    explicit Nudges(const Case& c);
    std::optional<Instant> first() const;

    std::optional<Instant> reminder;
    std::optional<Instant> escalation;
};

}  // namespace countersign::core
