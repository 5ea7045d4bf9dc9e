#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "countersign/core/card_sections.hpp"
#include "countersign/wire/slack_message.hpp"

// The pieces Slack messages and views are made of.
namespace countersign::wire::blocks {

using Json = JsonText;
using Items = JsonItems;

inline constexpr std::size_t text_units_max = 2'900;  // of 3,000

// The size of a text as Slack may count it: UTF-16 units after escaping.
std::size_t units(std::string_view text);
std::string_view head(std::string_view text, std::size_t units_max);
std::string_view tail(std::string_view text, std::size_t units_max);
// Inert and short: invisible characters made visible; beyond the limit its head, how much is missing, and its
// tail, so that nothing hides behind the cut.
struct Short {
    std::string text;
    bool whole = true;
};
Short shortened(std::string_view hostile, std::size_t units_max);
Short cut(std::string safe, std::size_t units_max);  // what `visible` or its like made safe already

Json plain(std::string_view text);   // plain_text object; text must not be empty
Json mrkdwn(std::string_view text);  // our own words, hostile parts already escaped
Json header(std::string_view id, std::string_view text);
Json section(std::string_view id, const Json& text);
Json section(std::string_view id, const Json& text, const Json& beside);
// A menu behind three dots; each option is a label and a value of at most 150 characters, at most five.
Json menu(std::string_view action, const std::vector<std::pair<std::string, std::string>>& options);
Json context(std::string_view id, std::string_view mrkdwn_text);
// Opens an address of at most 3,000 bytes in the browser.
Json link_button(std::string_view action, std::string_view label, std::string_view address);
Json button(std::string_view action, std::string_view label, std::string_view value,
            std::string_view style = {});
Json actions(std::string_view id, Items buttons);

// rich_text: text here is literal.
Json rich_text(std::string_view id, Items elements);
Json rich_section(Items inline_elements);
Json rich_preformatted(std::string_view text);
Json rich_quote(Items inline_elements);
Json text(std::string_view words);
Json quotation(std::string_view id,
               const core::CardSection& section);  // a heading, and its first line quoted
Json bold(std::string_view words);
Json code(std::string_view words);
Json link(std::string_view url, std::string_view words);
Json person(const core::Who& who, const SlackStyle& style);  // a mention, or the name as literal text
// Long literal text as several elements, none over the limit.
void push_text(Items& to, std::string_view words);

// The id by which a person is mentioned; empty: they are named instead. Ids are of this workspace and look
// like ids: anything else is never put into a mention.
std::string_view user_id(const core::Who& who, const SlackStyle& style);
bool may_link(std::string_view url, const SlackStyle& style);

// ---- runs of a card's text

std::string plain_line(const core::CardLine& line);  // for plain_text
std::string mrkdwn_line(const core::CardLine& line, const SlackStyle& style);
// Adds a line's runs to the inline elements before it, if any, on a line of its own.
void push_line(Items& to, const core::CardLine& line, const SlackStyle& style);
// Cuts a text into pieces that a block can hold, after line ends where that is possible. Together they are
// the text.
std::vector<std::string_view> pieces_of(std::string_view text);
// One section as elements of a rich text: its heading and lines, then what is raw, then its note.
void push_section(Items& to, const core::CardSection& section, const SlackStyle& style);

}  // namespace countersign::wire::blocks
