#pragma once
#include <string>
#include <vector>

#include "countersign/app/log_tail.hpp"
#include "countersign/app/people_sync.hpp"
#include "countersign/app/ports.hpp"
#include "countersign/app/roster.hpp"
#include "countersign/app/runtime.hpp"

namespace countersign::app {

// A token that votes was made by an administrator; that it may vote is for its owner to say, in a chat.
class VotingTokens {
  public:
    struct Parts {
        TokenStore& tokens;
        PeopleSync& people;
        Roster& roster;
        LogTail& log;
    };
    VotingTokens(const Runtime& runtime, Parts parts) : runtime_(runtime), parts_(parts) {}

    // What the owner is asked, line by line; hostile text as far as a renderer is concerned. Failures of
    // both: not_found (no token of this account's person waits for an answer, whatever the reason: whose
    // tokens there are is nobody else's business), conflict (it is confirmed or ended), unavailable.
    Later<std::vector<std::string>> question(core::TokenId token, core::AccountId who, Deadline deadline);
    // From a yes on the token votes as `who`; with a no it is revoked.
    Later<Done> answer(core::TokenId token, core::AccountId who, bool agrees, Deadline deadline);

  private:
    Later<Token> find(core::TokenId id, core::AccountId who, Deadline deadline);

    const Runtime& runtime_;
    Parts parts_;
};

}  // namespace countersign::app
