#pragma once
#include <string_view>

#include "countersign/base/result.hpp"
#include "countersign/core/advance.hpp"
#include "countersign/core/value.hpp"

// These turn failures and refusals into what HTTP says of them: RFC 9457 problem documents.
namespace countersign::wire {

unsigned status_of(const Failure& failure);
// Turns a refused command into the failure that an API caller gets.
Failure failure_of(const core::Refusal& refusal);
std::string_view reason_phrase(unsigned status);
// Makes {type, title, status, detail, code, pointer?}.
core::Value problem_document(unsigned status, const Failure& failure);

}  // namespace countersign::wire
