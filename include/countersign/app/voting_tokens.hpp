#pragma once
#include <string>
#include <vector>

#include "countersign/app/service.hpp"

// A token that votes was made by an administrator; that it may vote is for its owner to say, in a chat.
namespace countersign::app {

// What the owner is asked, line by line; hostile text as far as a renderer is concerned. Failures of both:
// not_found (no token of this account's person waits for an answer, whatever the reason: whose tokens there
// are is nobody else's business), conflict (it is confirmed or ended), unavailable.
Later<std::vector<std::string>> voting_token_question(World& world, core::TokenId token, core::AccountId who,
                                                      Deadline deadline);
// From a yes on the token votes as `who`; with a no it is revoked.
Later<Done> answer_voting_token(World& world, core::TokenId token, core::AccountId who, bool agrees,
                                Deadline deadline);

}  // namespace countersign::app
