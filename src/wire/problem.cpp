#include "countersign/wire/problem.hpp"

#include <array>
#include <string>
#include <utility>

namespace countersign::wire {
namespace {

struct CodeStatus {
    std::string_view code;
    unsigned status;
};
// These codes have a status of their own, which tells more than that of their trouble.
constexpr std::array<CodeStatus, 19> by_code{{{"idempotency_mismatch", 422},
                                              {"sensitive_not_allowed", 422},
                                              {"sensitive_not_found", 422},
                                              {"sensitive_overlap", 422},
                                              {"invisible_character", 422},
                                              {"unknown_person", 422},
                                              {"lapsed", 410},
                                              {"too_many_pending", 429},
                                              {"too_many_waiters", 429},
                                              {"too_many_streams", 429},
                                              {"too_many_subscriptions", 429},
                                              {"rate_limited", 429},
                                              {"too_many_failures", 429},
                                              {"unsupported_media_type", 415},
                                              {"method_not_allowed", 405},
                                              {"unready", 503},
                                              {"quarantined", 500},
                                              {"too_many_alternatives", 422},
                                              {"directory_stale", 503}}};

}  // namespace

unsigned status_of(const Failure& failure) {
    for (const auto& [code, status] : by_code)
        if (failure.code == code) return status;
    switch (failure.trouble) {
        case Trouble::invalid_input:
            return 400;
        case Trouble::unauthenticated:
            return 401;
        case Trouble::forbidden:
            return 403;
        case Trouble::not_found:
            return 404;
        case Trouble::conflict:
            return 409;
        case Trouble::too_large:
            return 413;
        case Trouble::overloaded:
        case Trouble::unavailable:
        case Trouble::timed_out:
        case Trouble::cancelled:
            return 503;
        case Trouble::corrupt:
            return 500;
    }
    return 500;
}

Failure failure_of(const core::Refusal& refusal) {
    using core::Why;
    auto trouble = Trouble::conflict;
    auto code = std::string(core::code_of(refusal.why));
    switch (refusal.why) {
        case Why::self_approval:
        case Why::not_eligible:
        case Why::guest:
        case Why::bot:
        case Why::deleted:
        case Why::foreign:
        case Why::unlinked:
        case Why::not_releaser:
        case Why::excluded:
        case Why::filled_last:
        case Why::step_up_required:
            trouble = Trouble::forbidden;
            break;
        case Why::not_behind:
            trouble = Trouble::forbidden;
            code = "not_yours";
            break;
        case Why::reason_required:
        case Why::confirmation_required:
        case Why::not_lowerable:
            trouble = Trouble::invalid_input;
            break;
        case Why::reviews_unknown:
        case Why::directory_stale:
            trouble = Trouble::unavailable;
            break;
        default:
            break;
    }
    return {trouble, refusal.sentence, std::move(code), {}};
}

std::string_view reason_phrase(unsigned status) {
    switch (status) {
        case 400:
            return "Bad Request";
        case 401:
            return "Unauthorized";
        case 403:
            return "Forbidden";
        case 404:
            return "Not Found";
        case 405:
            return "Method Not Allowed";
        case 409:
            return "Conflict";
        case 410:
            return "Gone";
        case 413:
            return "Content Too Large";
        case 415:
            return "Unsupported Media Type";
        case 422:
            return "Unprocessable Content";
        case 429:
            return "Too Many Requests";
        case 500:
            return "Internal Server Error";
        case 503:
            return "Service Unavailable";
        default:
            return "Error";
    }
}

core::Value problem_document(unsigned status, const Failure& failure) {
    auto code = failure.code;
    if (code.empty()) code = name_of(failure.trouble);
    auto document = core::Value::object({{"type", "about:blank"},
                                         {"title", reason_phrase(status)},
                                         {"status", std::size_t{status}},
                                         {"detail", failure.detail},
                                         {"code", std::move(code)}});
    if (!failure.pointer.empty()) document.set("pointer", failure.pointer);
    return document;
}

}  // namespace countersign::wire
