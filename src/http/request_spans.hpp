#pragma once
#include "countersign/app/requests.hpp"
#include "countersign/app/runtime.hpp"
#include "http/call.hpp"

// What calls do to a request, as steps of its trace. Each does nothing where nobody follows.
namespace countersign::http {

// The call filed it: the request belongs to the trace of the call's `traceparent`, where it has one.
void trace_filed(const app::Runtime& runtime, const Call& call, const app::CaseNow& now, core::Instant begun);
// A client that waited for the decision is answered: from the decision on.
void trace_answered(const app::Runtime& runtime, const app::CaseNow& now);
void trace_claimed(const app::Runtime& runtime, const app::CaseNow& now);

}  // namespace countersign::http
