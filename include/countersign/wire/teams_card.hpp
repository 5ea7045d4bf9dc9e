#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/core/card_sections.hpp"
#include "countersign/wire/json_text.hpp"

// What people see in Teams of a request: Adaptive Cards 1.5.
namespace countersign::wire {

inline constexpr std::size_t teams_card_bytes_max = 28 * 1024;
// Cards are made anew for each viewer where a conversation has no more members than that.
inline constexpr std::size_t teams_viewers_max = 60;

struct TeamsStyle {
    std::vector<std::string> link_hosts;  // only links to these can be opened
    std::vector<std::string> viewers;     // ids ("29:…") for whom the card is made anew; empty: for nobody
};

// Who looks at a card that is made for one person alone.
struct TeamsViewer {
    bool behind = false;                      // the request, so that approving is not offered
    std::optional<core::Verdict> voted = {};  // their latest vote
    std::string notice = {};                  // said above the card, hostile; empty: nothing
    // Asks on the card itself for what this vote takes beside a press: a reason, the resource's name.
    std::optional<core::Verdict> asks_reason = {};
    std::string resource = {};  // whose name is to be typed; empty: none is
    bool needs_reason = true;
    bool own_request = false;                   // they approve what they are behind
    std::vector<core::Lowerable> numbers = {};  // to type less for; none where it is not asked
};

struct TeamsCard {
    JsonText card;
    std::string summary;  // for notifications
    bool whole = true;    // all that is asked for stands on it, unshortened
};
// `viewer` null: everybody's.
TeamsCard teams_card(const core::CardView& card, const TeamsStyle& style,
                     const TeamsViewer* viewer = nullptr);
// Says whether a card shows all of what its approvers approve; if not, that takes the full view.
bool teams_card_is_whole(const core::CardView& card, const TeamsStyle& style);
// For a person who asked to see it, in their own chat: with Details alone.
TeamsCard teams_private_card(const core::CardView& card, const TeamsStyle& style);
// For a person who said that they want to approve it, with the question whether to. `note`, hostile: said
// above it. `reason`: what they gave already. Where the essence is not all (`whole`), the button opens the
// full view.
TeamsCard teams_approval(const core::CardView& card, const TeamsStyle& style, std::string_view note,
                         std::string_view reason, bool whole);
// A second message of the same request in the same conversation, which must not be used any more.
TeamsCard teams_retired_card(const core::CardView& card);
// What is left of a card: words, and nothing to press.
TeamsCard teams_words_alone(std::string words);

}  // namespace countersign::wire
