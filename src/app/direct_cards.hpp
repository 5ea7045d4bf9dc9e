#pragma once
#include <vector>

#include "countersign/app/ports.hpp"

namespace countersign::app {

inline constexpr std::size_t direct_cards_max = 10;  // of a request, in each chat

// Where a request that was just opened is shown to its approvers in person, in chats whose `notify` has
// `direct`: one of each group in turn, of those who are asked first. A chat takes a person's id for the
// channel.
std::vector<CardTarget> direct_targets(const core::Request& request, const core::Applied& applied,
                                       const core::Opened& opened, const core::Directory& directory,
                                       const std::vector<core::Surface>& served);

}  // namespace countersign::app
