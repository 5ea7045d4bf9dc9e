#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "countersign/core/value.hpp"
#include "countersign/wire/slack_card.hpp"

// The pieces Slack messages and views are made of.
namespace countersign::wire::blocks {

using core::Value;

inline constexpr std::size_t text_units_max = 2'900;  // of 3,000

// An array whose items are moved in; an initializer list would copy them.
template <class... Items>
Value::Array list(Items... items) {
    Value::Array made;
    made.reserve(sizeof...(items));
    (made.push_back(std::move(items)), ...);
    return made;
}

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

Value plain(std::string_view text);   // plain_text object; text must not be empty
Value mrkdwn(std::string_view text);  // our own words, hostile parts already escaped
Value header(std::string id, std::string_view text);
Value section(std::string id, Value text);
Value context(std::string id, std::string_view mrkdwn_text);
Value button(std::string_view action, std::string_view label, std::string_view value,
             std::string_view style = {});

// rich_text: text here is literal.
Value rich_text(std::string id, Value::Array elements);
Value rich_section(Value::Array inline_elements);
Value rich_preformatted(std::string_view text);
Value rich_quote(Value::Array inline_elements);
Value text(std::string_view words);
Value bold(std::string_view words);
Value code(std::string_view words);
Value link(std::string_view url, std::string_view words);
Value person(const core::Who& who, const SlackStyle& style);  // a mention, or the name as literal text
// Long literal text as several elements, none over the limit.
void push_text(Value::Array& to, std::string_view words);

// "rows = 120000". A name that could pass for something else stands in quotes, as JSON.
std::string parameter_line(const core::CardParameter& parameter);

bool may_link(std::string_view url, const SlackStyle& style);

}  // namespace countersign::wire::blocks
