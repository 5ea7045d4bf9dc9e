#pragma once
#include <optional>
#include <string>
#include <variant>

#include "countersign/app/people_sync.hpp"
#include "countersign/app/roster.hpp"
#include "countersign/core/advance.hpp"
#include "countersign/core/verdict.hpp"

// Votes that begin where nobody is authenticated, as at a terminal: whoever is to vote is asked in private in
// their chat, and what they press there is the vote. The credential that asks decides nothing.
namespace countersign::app {

class Chats;

struct VoteAsked {
    core::RequestId request;
    core::AccountId account;  // of the chat that asks
    core::Verdict verdict = core::Verdict::approve;
    std::string reason;    // that they gave beforehand; may be empty
    std::string asked_by;  // what asked: "the token laptop (…ab12)"; hostile
};

// A chat that can put such a question to one person.
class VoteAsker {
  public:
    virtual ~VoteAsker() = default;
    // Nothing: they were asked. A refusal: the vote would not count, so nobody was asked and nothing is
    // recorded. not_found, forbidden: the request is not theirs to read. Else as chats fail.
    virtual Later<std::optional<core::Refusal>> ask_vote(VoteAsked asked, Deadline deadline) = 0;
};

// The buttons of a question about any verdict but approval carry this, as one text.
struct VoteQuestion {
    core::Verdict verdict = core::Verdict::deny;
    core::RequestId request;
    std::string digest;
    std::string reason;
    std::string text() const;
};
// nullopt: it is none, or it is one about an approval, which takes a question that shows the request.
std::optional<VoteQuestion> read_vote_question(std::string_view text);

class VoteQuestions {
  public:
    struct Parts {
        PeopleSync& people;
        Roster& roster;
        const Chats& chats;
    };
    struct Wanted {
        core::AccountId owner;  // a person, by any account of theirs or their name in the policy
        core::RequestId request;
        core::Verdict verdict = core::Verdict::approve;
        std::string reason;
        std::string asked_by;  // as in VoteAsked
    };
    // Where they were asked, and as whom their vote will be on record.
    struct Asked {
        core::Surface chat;
        core::PersonId person;
    };
    using Outcome = std::variant<Asked, core::Refusal>;

    explicit VoteQuestions(Parts parts) : parts_(parts) {}
    // Asks the account whose vote would count; of several, the first. conflict, code "no_chat": they have no
    // account in a chat that is connected. Else as VoteAsker fails.
    Later<Outcome> ask(Wanted wanted, Deadline deadline);

  private:
    Parts parts_;
};

}  // namespace countersign::app
