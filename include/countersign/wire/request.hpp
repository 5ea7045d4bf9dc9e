#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "countersign/app/requests.hpp"
#include "countersign/core/advance.hpp"
#include "countersign/core/value.hpp"

// These read the bodies of the API's calls about requests.
namespace countersign::wire {

// Reads the body of POST /v1/requests, which was parsed strictly. Unknown members are errors that name the
// nearest known one. Fails with invalid_input, a pointer and one of the codes unknown_field, wrong_type,
// missing_field, invalid_value, too_long, reserved_name, not_available, or with too_large
// (parameters_too_large).
Result<app::Ask> ask_from(const core::Value& body);
// A body nests one level deeper than its parameters may.
inline constexpr std::size_t body_values_max = 20'000;
inline constexpr std::size_t body_nesting_max = core::nesting_max + 1;
// Bounds the nesting of documents in which a filed request stands: pages, events, exports.
inline constexpr std::size_t document_nesting_max = core::nesting_max + 16;

struct VoteBody {
    core::Verdict verdict = core::Verdict::approve;
    std::string reason;
    std::string digest;                     // of what the voter saw
    std::string resource;                   // its name, as the voter typed it; may be empty
    std::vector<core::Lowered> lower = {};  // of the verdict `lower`, at least one
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

}  // namespace countersign::wire
