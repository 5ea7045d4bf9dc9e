#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

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

namespace detail {
inline void push_members(std::vector<Value::Member>&) {}
template <class Its, class... Rest>
void push_members(std::vector<Value::Member>& to, std::string_view name, Its&& value, Rest&&... rest) {
    to.emplace_back(std::piecewise_construct, std::forward_as_tuple(name),
                    std::forward_as_tuple(std::forward<Its>(value)));
    push_members(to, std::forward<Rest>(rest)...);
}
}  // namespace detail

// An object of names and values in turn, moved in; best in the order of their names.
template <class... NamesAndValues>
Value object(NamesAndValues&&... in_turn) {
    std::vector<Value::Member> made;
    made.reserve(sizeof...(in_turn) / 2);
    detail::push_members(made, std::forward<NamesAndValues>(in_turn)...);
    return Value{Value::Object::from_unsorted(std::move(made))};
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
