#pragma once
#include <string>
#include <string_view>

// Pages of ours: HTML without scripts, which works in any browser and at any width. What a card says is drawn
// into them by wire/html_card.
namespace countersign::wire {

// The style of every page, as it stands between the style tags.
std::string_view page_style();
// Makes the whole document. `title` is text; `body` is HTML, in which every text went through escape_markup.
std::string html_page(std::string_view title, std::string_view body);
// Makes a paragraph of a plain text.
std::string html_paragraph(std::string_view text);

}  // namespace countersign::wire
