#pragma once
#include <string>
#include <vector>

#include "countersign/core/card.hpp"
#include "countersign/core/value.hpp"

// A card on a terminal, drawn from what the API says of a request.
namespace countersign::cli {

// Reads a request document. What it does not say (who exactly is proven to be behind it, the risk) is
// not in it.
core::CardView card_of(const core::Value& request);
// The sections of a card, one line each, with nothing cut.
std::vector<std::string> card_lines(const core::CardView& card);

}  // namespace countersign::cli
