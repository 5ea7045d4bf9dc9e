#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/core/card_sections.hpp"
#include "countersign/wire/json_text.hpp"
#include "countersign/wire/teams_card.hpp"

// The pieces that Adaptive Cards 1.5 are made of. Text that is not ours goes into runs of a RichTextBlock
// alone, which read no markdown, dates or mentions.
namespace countersign::wire::cards {

using Json = JsonText;
using Items = JsonItems;

// How a run looks.
struct Look {
    bool strong = false;
    bool quiet = false;
    bool literal = false;
    bool large = false;
    std::string_view opens = {};  // a URL to open; empty: none
};
// Blanks that a renderer would drop or draw as one stay visible.
Json run(std::string_view text, const Look& look = {});
Json rich(Items runs, bool close = false);  // `close`: without a gap above
Json said(std::string_view words);          // one block of plain text, hostile or not
Json heading(std::string_view words);
// `fallback`: what clients that know no such cards show instead. They may read markup, so none is left in it.
Json card(Items body, Items actions, std::string_view fallback);

// Data that a button carries back; all of them carry `form` and `act`.
struct Press {
    std::string_view act;
    std::string_view request = {};
    std::string_view digest = {};
    std::int64_t version = 0;
    std::int64_t page = 0;
    std::string_view pass = {};
    std::string_view about = {};
    std::string_view id = {};
    std::string_view reason = {};  // with `about`
};
Json execute(std::string_view title, const Press& press, bool with_inputs = false);
// Answers with a message that has a value, for clients and places without Action.Execute.
Json submit(std::string_view title, const Press& press, bool opens_dialog, bool with_inputs = false);
std::string_view title_of(core::Verdict verdict);  // of the button that sends it
// Asks for the reason of an act; `of_own_request`: of approving what one is behind.
Json reason_input(std::string_view act, bool of_own_request);
Json comment_input(std::string_view act);  // the same, but nobody has to say anything
// Asks for the resource's name, and shows it as it is to be typed.
std::vector<Json> resource_input(std::string_view resource);
// One input for each number, which says what was asked for.
std::vector<Json> number_inputs(const std::vector<core::Lowerable>& numbers);
Json show_card(std::string_view title, Items body, const Json& action);

struct Short {
    std::string text;
    bool whole = true;
};
// Beyond `chars_max` its head, how much is missing, and its tail, so that nothing hides behind the cut.
Short shortened(std::string safe, std::size_t chars_max);

// Leaves what no renderer takes for markup; all else becomes a question mark.
std::string without_markup(std::string_view text, std::size_t chars_max);

// A line's blocks: one, and one more for each line end in its texts. `close`: without a gap above.
std::vector<Json> line(const core::CardLine& line, const TeamsStyle& style, bool close = true);
// What is raw, in a fixed width: a block for each of its lines, and more for one that is long.
std::vector<Json> fixed_width(std::string_view raw);
Json quoted(Items blocks);  // set off from what is around them
std::size_t bytes_of(const std::vector<Json>& blocks);

}  // namespace countersign::wire::cards
