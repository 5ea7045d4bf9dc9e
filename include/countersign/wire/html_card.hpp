#pragma once
#include <string>
#include <vector>

#include "countersign/core/card_sections.hpp"

namespace countersign::wire {

// Draws sections of a card as HTML, for a page of ours: <section class="part-outcome">…. The headline is an
// <h1>, other headings are <h2>. Nothing in them is markup or can be clicked but links of our own.
std::string html_sections(const std::vector<core::CardSection>& sections);
// 2026-01-05 14:03:12 UTC, in a <time> that tells programs the same.
std::string html_moment(core::Instant at);

}  // namespace countersign::wire
