#pragma once
#include <optional>
#include <string>
#include <vector>

#include "countersign/core/policy.hpp"
#include "countersign/core/request.hpp"

namespace countersign::core {

inline constexpr std::size_t excluded_max = 200;  // accounts that one request may name

// Whose approvals of a request do not count. Where a field is missing or holds something that names nobody,
// `problem` says so, and nobody's approval can count.
struct ExcludedAccounts {
    std::vector<AccountId> accounts;
    std::optional<std::string> problem;
};
ExcludedAccounts excluded_accounts(const std::vector<Exclusion>& exclude, const Request& request);

}  // namespace countersign::core
