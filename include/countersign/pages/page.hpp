#pragma once
#include <string>
#include <string_view>

// The one frame of all pages that this server answers with, and what they ask for beside it. The headers of a
// page are net/html_response's; what a card says is drawn into one by wire/html_card.
namespace countersign::pages {

struct Page {
    std::string title;              // plain text
    std::string body;               // HTML, in which every text went through escape_markup
    std::string_view script = {};   // the name of an asset; empty: the page runs none
    std::string_view root = "../";  // from the page's path to the server's root
};
// Makes the whole document.
std::string html_page(const Page& page);
// Makes a paragraph of a plain text.
std::string html_paragraph(std::string_view text);

// A script or a style that a page asks for, below /assets/.
struct Asset {
    std::string_view name;
    std::string_view type;  // of its content: "text/css; charset=utf-8"
    std::string_view content;
    std::string tag;  // changes with the content
};
const Asset* find_asset(std::string_view name);  // nullptr: there is none of that name

}  // namespace countersign::pages
