#include "core/nudges.hpp"

#include <algorithm>

namespace countersign::core {

Nudges::Nudges(const Case& c) {
    const Applied& applied = c.applied;
    if (applied.remind.empty() && !applied.escalate) return;
    if (c.entries.empty() || c.entries.size() + entries_reserved >= case_entries_max) return;
    const Instant opened = at_of(c.entries.front());
    std::optional<Instant> reminded;
    std::optional<Instant> escalated;
    for (const Entry& entry : c.entries) {
        if (const auto* one = std::get_if<Reminded>(&entry)) reminded = one->at;
        if (const auto* one = std::get_if<Escalated>(&entry)) escalated = one->at;
    }
    auto next = std::ranges::find_if(applied.remind,
                                     [&](Duration after) { return !reminded || opened + after > *reminded; });
    if (next != applied.remind.end()) reminder = opened + *next;
    if (applied.escalate && !escalated) escalation = opened + applied.escalate->after;
    // Approvers that are added later are told of then.
    const bool widens_later = applied.widening && escalated && *escalated < opened + applied.widening->after;
    if (widens_later) escalation = opened + applied.widening->after;
}

std::optional<Instant> Nudges::first() const {
    if (reminder && escalation) return std::min(*reminder, *escalation);
    return reminder ? reminder : escalation;
}

}  // namespace countersign::core
