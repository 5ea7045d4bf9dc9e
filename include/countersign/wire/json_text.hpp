#pragma once
#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "countersign/core/value.hpp"

// JSON that is made anew at every click is written as text straight away, without a tree that is built,
// walked and thrown away.
namespace countersign::wire {

// Holds one complete JSON value.
struct JsonText {
    std::string text;
    friend bool operator==(const JsonText&, const JsonText&) = default;
};

namespace detail {

inline void write_json(std::string& to, std::string_view words) {
    core::quote_to(to, words);
}
inline void write_json(std::string& to, std::same_as<bool> auto truth) {
    to += truth ? "true" : "false";
}
inline void write_json(std::string& to, std::integral auto number)
    requires(!std::same_as<decltype(number), bool>)
{
    to += std::to_string(number);
}
inline void write_json(std::string& to, const JsonText& json) {
    to += json.text;
}

inline void write_members(std::string&) {}
template <class Its, class... Rest>
void write_members(std::string& to, std::string_view name, const Its& its, const Rest&... rest) {
    to += to.back() == '{' ? "\"" : ",\"";
    to += name;
    to += "\":";
    write_json(to, its);
    write_members(to, rest...);
}

}  // namespace detail

// Writes an object of alternating names and values: texts, booleans, whole numbers, JSON. The names are our
// own, need no escaping and come in RFC 8785's order, so that the text is the canonical one.
template <class... NamesAndValues>
JsonText json_object(const NamesAndValues&... in_turn) {
    constexpr std::size_t usual_bytes = 120;
    JsonText made;
    made.text.reserve(usual_bytes);
    made.text += '{';
    detail::write_members(made.text, in_turn...);
    made.text += '}';
    return made;
}

// Writes an array, item by item.
class JsonItems {
  public:
    JsonItems() {
        constexpr std::size_t usual_bytes = 250;
        text_.reserve(usual_bytes);
        text_ += '[';
    }
    template <std::same_as<JsonText>... Items>
    explicit JsonItems(const Items&... items) : JsonItems() {
        (push_back(items), ...);
    }
    void push_back(const JsonText& item) {
        if (size_++ > 0) text_ += ',';
        text_ += item.text;
    }
    void append(const JsonItems& others) {
        if (others.empty()) return;
        if (size_ > 0) text_ += ',';
        text_.append(others.text_, 1);
        size_ += others.size_;
    }
    std::size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }
    JsonText take() && {
        text_ += ']';
        return {std::move(text_)};
    }

  private:
    std::string text_;
    std::size_t size_ = 0;
};

}  // namespace countersign::wire
