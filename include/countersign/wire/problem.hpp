#pragma once
#include <string_view>

#include "countersign/base/result.hpp"
#include "countersign/core/advance.hpp"
#include "countersign/core/value.hpp"

// Failures and refusals as HTTP tells them: RFC 9457 problem documents.
namespace countersign::wire {

unsigned status_of(const Failure& failure);
// How a refused command looks to an API caller.
Failure failure_of(const core::Refusal& refusal);
std::string_view reason_phrase(unsigned status);
// {type, title, status, detail, code, pointer?}
core::Value problem_document(unsigned status, const Failure& failure);

}  // namespace countersign::wire
