#pragma once
#include <chrono>
#include <optional>

#include "countersign/core/decide.hpp"
#include "countersign/core/people.hpp"
#include "countersign/core/value.hpp"

namespace countersign::wire {

// Makes the document of a request that every reader gets.
core::Value request_document(const core::Case& c, const core::Ruling& ruling,
                             const core::Directory& directory, core::Instant now);
// A sign-in that went with an approval: account, level (`acr`, null where unsaid), methods (`amr`), time.
core::Value sign_in_value(const core::SignIn& sign_in);
// As text of RFC 3339, or null.
core::Value time_or_null(const std::optional<core::Instant>& at);
// A claimed request without an outcome is overdue after this time.
inline constexpr core::Duration overdue_after{std::chrono::hours{24}};

}  // namespace countersign::wire
