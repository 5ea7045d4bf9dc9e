#pragma once
#include <cstdint>
#include <string_view>

namespace countersign::core {

// Says why a command changed nothing. It is an answer of the domain, not an error.
enum class Why : std::uint8_t {
    self_approval,
    not_eligible,
    guest,
    bot,
    deleted,
    foreign,
    unlinked,
    directory_stale,
    decided,
    expired,
    digest_differs,
    repeated,
    too_many_changes,
    reason_required,
    already_held,
    not_held,
    not_releaser,
    nothing_to_withdraw,
    not_approved,
    claimed,
    lapsed,
    not_claimed,
    reported,
    not_behind,
    case_full,
    excluded,
    too_early,
    confirmation_required,
    step_up_required,
    not_lowerable,
    is_session,
    not_a_session,
    used_up,
    not_covered,
    nothing_to_review,
    reviews_overdue,
    reviews_unknown,
    budget_spent,
    not_its_turn,
    filled_last,
    not_superseded
};
std::string_view code_of(Why why);  // as in problem documents: "self_approval", "decided", …

}  // namespace countersign::core
