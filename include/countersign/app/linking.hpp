#pragma once
#include <string>

#include "countersign/app/service.hpp"

// How people say that two accounts are theirs, or that they are away.
namespace countersign::app {

// An account as both sides of a link are shown it: "dan (slack:T0SIM/U0DAN)". Display names are anybody's
// choice, so one never stands alone. Still hostile text.
std::string account_text(const core::Directory& directory, const core::AccountId& account);

// What either side is asked, line by line, naming both accounts.
std::vector<std::string> link_question(const core::Directory& directory, const LinkOffer& offer);

// A code for the other account to give, good for link_code_life; an earlier one is void.
Later<std::string> ask_link_code(World& world, core::AccountId asker, Deadline deadline);
// The offer that giving a code makes. The asker is shown it too, in private. Failures besides
// LinkCodeStore's: invalid_input (not a code at all), conflict (code "already_one").
Later<LinkOffer> give_link_code(World& world, core::AccountId giver, std::string code, Deadline deadline);
// Once both agreed, the accounts are one person's; whoever is not the one answering is told what came of it.
Later<LinkOffer> answer_link_offer(World& world, LinkOfferId offer, core::AccountId account, bool agrees,
                                   Deadline deadline);
Later<Done> set_absence(World& world, core::Absence absence, Deadline deadline);

// Reads links and absences where that was not done lately. unavailable: they cannot be read, and nothing may
// be decided without them.
Later<Done> know_people(World& world, Deadline deadline);
// Notices within `poll` what any replica or administrator changed, and judges open requests again. Until
// cancelled.
rt::asio::awaitable<void> follow_people(World& world);

}  // namespace countersign::app
