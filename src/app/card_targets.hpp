#pragma once
#include <cstddef>
#include <vector>

#include "countersign/app/chats.hpp"
#include "countersign/core/policy.hpp"

// Where the cards of a request are posted.
namespace countersign::app {

// The channels that the rules name, else each chat's own.
std::vector<CardTarget> card_targets(const core::Applied& applied, const Chats& chats);
// Only the channels that the rules name. What rules on trial let through is shown there, and nowhere else.
std::vector<CardTarget> named_targets(const core::Applied& applied, const Chats& chats);
// Where the escalation of these rules posts cards, in chats that are served.
std::vector<CardTarget> escalation_targets(const core::Applied& applied,
                                           const std::vector<core::Surface>& served);

inline constexpr std::size_t direct_cards_max = 10;  // of a request, in each chat
// Where a request that was just opened is shown to its approvers in person, in chats whose `notify` has
// `direct`: one of each group in turn, of those who are asked first. A chat takes a person's id for the
// channel.
std::vector<CardTarget> direct_targets(const core::Request& request, const core::Applied& applied,
                                       const core::Opened& opened, const core::Directory& directory,
                                       const std::vector<core::Surface>& served);

}  // namespace countersign::app
