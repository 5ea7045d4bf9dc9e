#include "countersign/core/why.hpp"

#include <array>

namespace countersign::core {
namespace {

constexpr std::array<std::string_view, 41> codes{"self_approval",
                                                 "not_eligible",
                                                 "guest",
                                                 "bot",
                                                 "deleted",
                                                 "foreign",
                                                 "unlinked",
                                                 "directory_stale",
                                                 "decided",
                                                 "expired",
                                                 "digest_differs",
                                                 "repeated",
                                                 "too_many_changes",
                                                 "reason_required",
                                                 "already_held",
                                                 "not_held",
                                                 "not_releaser",
                                                 "nothing_to_withdraw",
                                                 "not_approved",
                                                 "claimed",
                                                 "lapsed",
                                                 "not_claimed",
                                                 "reported",
                                                 "not_behind",
                                                 "case_full",
                                                 "excluded",
                                                 "too_early",
                                                 "confirmation_required",
                                                 "step_up_required",
                                                 "not_lowerable",
                                                 "is_session",
                                                 "not_a_session",
                                                 "used_up",
                                                 "not_covered",
                                                 "nothing_to_review",
                                                 "reviews_overdue",
                                                 "reviews_unknown",
                                                 "budget_spent",
                                                 "not_its_turn",
                                                 "filled_last",
                                                 "not_superseded"};
static_assert(codes.size() == static_cast<std::size_t>(Why::not_superseded) + 1);

}  // namespace

std::string_view code_of(Why why) {
    return codes[static_cast<std::size_t>(why)];
}

}  // namespace countersign::core
