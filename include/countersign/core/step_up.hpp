#pragma once
#include <chrono>
#include <string>
#include <vector>

#include "countersign/core/ids.hpp"
#include "countersign/core/time.hpp"

namespace countersign::core {

// Says what a sign-in at the OpenID provider must have been like to go with an approval.
struct StepUp {
    std::vector<std::string> acr;  // the level is one of these; empty: any
    std::vector<std::string> amr;  // all of these methods were used
    friend bool operator==(const StepUp&, const StepUp&) = default;
};
inline constexpr std::size_t step_up_words_max = 16;  // of either list

// Describes the sign-in that went with an approval, in the words of OpenID Connect Core 1.0 §2.
struct SignIn {
    AccountId account;  // "oidc:<issuer>|<sub>"
    std::string acr;    // empty: the provider does not say
    std::vector<std::string> amr;
    Instant at;  // `auth_time`, to the second
    friend bool operator==(const SignIn&, const SignIn&) = default;
};

// So old may a sign-in be when the approval is recorded, and so far may the provider's clock be ahead.
inline constexpr Duration sign_in_age_max = std::chrono::minutes{10};
inline constexpr Duration sign_in_ahead_max = std::chrono::minutes{1};

bool meets(const StepUp& asked, const SignIn& given);
// Says whether the sign-in is all that is asked for, for an approval at `at`.
bool meets_all(const std::vector<StepUp>& asked, const SignIn& given, Instant at);

}  // namespace countersign::core
