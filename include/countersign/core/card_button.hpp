#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

#include "countersign/core/verdict.hpp"

namespace countersign::core {

// A button below a card: each gives a verdict, but for Details, which opens the full view.
enum class CardButton : std::uint8_t { approve, deny, hold, release, lower, revoke, review, details };

std::string_view name_of(CardButton button);  // "Approve", as people read it
// "approve", as the messages of chats carry it.
std::string_view id_of(CardButton button);
std::optional<CardButton> parse_card_button(std::string_view id);  // nullopt: there is none
std::optional<Verdict> verdict_of(CardButton button);              // nullopt: it is Details
std::optional<CardButton> button_of(Verdict verdict);              // nullopt: no card has one for it

}  // namespace countersign::core
