#pragma once
#include "countersign/app/ports.hpp"
#include "countersign/app/requests.hpp"
#include "countersign/app/tracer.hpp"

namespace countersign::app {

// What became of a vote, as a step of its request's trace.
Span span_of_vote(core::RequestId request, const core::Cast& cast, const Origin& origin,
                  const Result<Answer>& answer);

}  // namespace countersign::app
