#pragma once
#include <vector>

#include "countersign/app/ports.hpp"
#include "countersign/core/value.hpp"

// What callers are told of a request whose cards cannot be posted where the policy wants them.
namespace countersign::http {

// Looks for what is wrong with a pending request's cards; finds nothing where all is well, or where that is
// not known.
Later<std::vector<app::CardProblem>> problems_of(app::OutboxStore& outbox, const app::CaseNow& now,
                                                 core::Instant now_at, Deadline deadline);
// Adds `unannounced`, where there is no chat that could show the request.
void tell_no_chat(core::Value& document);
// Adds `problem` to the request's `cards`, and `unannounced` where no chat shows it.
void tell_problems(core::Value& document, const std::vector<app::CardProblem>& problems);

}  // namespace countersign::http
