#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "countersign/app/requests.hpp"
#include "countersign/core/advance.hpp"
#include "countersign/core/value.hpp"

// Requests as the API words them.
namespace countersign::wire {

// The body of POST /v1/requests, already parsed strictly. Closed: unknown members are errors that name the
// nearest known one. invalid_input with a pointer and one of the codes unknown_field, wrong_type,
// missing_field, invalid_value, too_long, reserved_name, not_available; too_large: parameters_too_large.
Result<app::Ask> ask_from(const core::Value& body);
// How deep a body may nest: parameters may, and they stand one level down.
inline constexpr std::size_t body_nesting_max = core::nesting_max + 1;

struct VoteBody {
    core::Verdict verdict = core::Verdict::approve;
    std::string reason;
    std::string digest;  // of what the voter was looking at
};
struct CancelBody {
    std::string reason;
};
struct ClaimBody {
    std::string digest;
};
struct OutcomeBody {
    bool succeeded = false;
    std::string detail;
};
Result<VoteBody> vote_from(const core::Value& body);
Result<CancelBody> cancel_from(const core::Value& body);
Result<ClaimBody> claim_from(const core::Value& body);
Result<OutcomeBody> outcome_from(const core::Value& body);

// The request as every reader sees it.
core::Value request_document(const core::Case& c, const core::Ruling& ruling,
                             const core::Directory& directory, core::Instant now);
// A claimed request without an outcome is overdue after this long.
inline constexpr core::Duration overdue_after{std::chrono::hours{24}};

}  // namespace countersign::wire
