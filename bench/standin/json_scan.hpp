#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// These read just enough JSON for a bot's cards: they walk over well-formed text and return raw pieces of it.
namespace bench {

// Returns the raw text of a member's value ("\"C0OPS\"", "[…]"), or empty.
std::string_view member(std::string_view object, std::string_view name);
std::vector<std::string_view> items(std::string_view array);
// Returns what stands between the quotes, escapes left as they are, or empty where it is no string.
std::string_view inside_quotes(std::string_view raw);
std::string quoted(std::string_view text);

// Holds the first button of an actions block whose action id contains `word`. Its texts are raw, escapes and
// all.
struct Button {
    std::string action_id;
    std::string block_id;
    std::string value;
};
std::optional<Button> find_button(std::string_view blocks, std::string_view word);

}  // namespace bench
