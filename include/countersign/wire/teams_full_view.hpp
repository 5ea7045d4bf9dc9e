#pragma once
#include <cstddef>
#include <string>

#include "countersign/wire/teams_card.hpp"

// The full view of a request shows everything of it, unshortened, in as many pages as that takes.
namespace countersign::wire {

struct TeamsPage {
    std::size_t number = 0;      // from 0 on; one past the last is the last
    std::string pass;            // lets its reader go on: to the next page, or to approve at the end
    bool can_approve = false;    // at its end
    bool in_dialog = false;      // else it stands in the card's place
    std::string read_pass = {};  // they have read all of it before: lets them approve on any page
};
struct TeamsFullView {
    JsonText card;
    std::size_t pages = 0;
};
std::size_t teams_full_view_pages(const core::CardView& card, const TeamsStyle& style);
TeamsFullView teams_full_view(const core::CardView& card, const TeamsStyle& style, const TeamsPage& page);

}  // namespace countersign::wire
