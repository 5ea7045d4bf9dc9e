#pragma once
#include <cstddef>
#include <vector>

#include "countersign/core/card_sections.hpp"

// What is asked for, in the form in which people read such things: a command as a shell line, texts raw,
// plans counted, the rest as a table.
namespace countersign::core {

struct WhatText {
    std::vector<CardSection> sections;
    bool whole = true;  // nothing of it was left out
};
// As a card shows it, within so many rows of a phone.
WhatText what_is_asked(const CardView& card, std::size_t rows_max);
// Leaves nothing out, however long it is.
std::vector<CardSection> all_that_is_asked(const CardView& card);

}  // namespace countersign::core
