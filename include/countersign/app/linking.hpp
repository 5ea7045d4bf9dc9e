#pragma once
#include <string>
#include <vector>

#include "countersign/app/chats.hpp"
#include "countersign/app/people.hpp"
#include "countersign/app/people_sync.hpp"
#include "countersign/app/roster.hpp"
#include "countersign/app/runtime.hpp"

// How people say that two accounts are theirs, or that they are away.
namespace countersign::app {

// An account as both sides of a link are shown it: "dan (slack:T0SIM/U0DAN)". Display names are anybody's
// choice, so one never stands alone. Still hostile text.
std::string account_text(const core::Directory& directory, const core::AccountId& account);

// What either side is asked, line by line, naming both accounts.
std::vector<std::string> link_question(const core::Directory& directory, const LinkOffer& offer);

class Linking {
  public:
    struct Parts {
        PeopleStore& people;
        LinkCodeStore& codes;
        PeopleSync& sync;
        Roster& roster;
        const Chats& chats;
    };
    Linking(const Runtime& runtime, Parts parts) : runtime_(runtime), parts_(parts) {}

    // A code for the other account to give, good for link_code_life; an earlier one is void.
    Later<std::string> ask_code(core::AccountId asker, Deadline deadline);
    // The offer that giving a code makes. The asker is shown it too, in private. Failures besides
    // LinkCodeStore's: invalid_input (not a code at all), conflict (code "already_one").
    Later<LinkOffer> give_code(core::AccountId giver, std::string code, Deadline deadline);
    // Once both agreed, the accounts are one person's; whoever is not the one answering is told what came of
    // it.
    Later<LinkOffer> answer_offer(LinkOfferId offer, core::AccountId account, bool agrees, Deadline deadline);
    Later<Done> set_absence(core::Absence absence, Deadline deadline);

  private:
    Later<Done> confide(core::AccountId to, Confidence what);
    AdminEvent linked_event(const core::AccountId& by);

    const Runtime& runtime_;
    Parts parts_;
};

}  // namespace countersign::app
