#pragma once
#include <optional>
#include <string_view>

#include "countersign/core/time.hpp"

// These decide when a delivery that failed is tried again.
namespace countersign::webhooks {

inline constexpr core::Duration give_up_after{std::chrono::hours{72}};
// A longer pause is not granted: an endpoint with a wrong clock would lose what it was to be told.
inline constexpr core::Duration asked_max{std::chrono::hours{1}};
inline constexpr core::Duration first_retry_max{std::chrono::seconds{5}};

// Returns when to try again after `attempts` failures, the one that just failed included: within 5 s, then
// after growing gaps, each up to a fifth shorter or longer as `chance` in [0, 1) has it, and not before
// `asked` (Retry-After), which counts for asked_max at most. The last attempt is at the end of the 72 hours;
// nullopt says that it has been.
std::optional<core::Instant> next_attempt(std::int32_t attempts, core::Instant begun_at, core::Instant now,
                                          std::optional<core::Instant> asked, double chance);

// Reads Retry-After (RFC 9110 §10.2.3): seconds, or a date in the form "Sun, 06 Nov 1994 08:49:37 GMT";
// nullopt where it is neither.
std::optional<core::Instant> parse_retry_after(std::string_view text, core::Instant now);

}  // namespace countersign::webhooks
