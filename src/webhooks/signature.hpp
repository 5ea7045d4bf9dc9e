#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "countersign/base/secret.hpp"
#include "countersign/core/time.hpp"

namespace countersign::webhooks {

// Makes the value of `webhook-signature` (Standard Webhooks 1.0.0): one `v1,…` for each of the secrets, over
// "id.timestamp.body". `id` holds no dot.
std::string signature(const std::vector<Secret>& secrets, std::string_view id, core::Instant at,
                      std::string_view body);
std::string timestamp(core::Instant at);  // makes `webhook-timestamp`, in seconds

}  // namespace countersign::webhooks
