#include "countersign/core/step_up.hpp"

#include <algorithm>

#include "core/lists.hpp"

namespace countersign::core {

bool meets(const StepUp& asked, const SignIn& given) {
    return (asked.acr.empty() || contains(asked.acr, given.acr)) &&
           std::ranges::all_of(asked.amr, [&](const std::string& one) { return contains(given.amr, one); });
}

bool meets_all(const std::vector<StepUp>& asked, const SignIn& given, Instant at) {
    return given.at <= at + sign_in_ahead_max && at - given.at <= sign_in_age_max &&
           std::ranges::all_of(asked, [&](const StepUp& one) { return meets(one, given); });
}

}  // namespace countersign::core
