#pragma once
#include <array>
#include <concepts>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/base/text.hpp"
#include "countersign/core/ids.hpp"
#include "countersign/core/time.hpp"

namespace countersign::pg {

// A statement with parameters $1, $2, …: a constant of the program, prepared on a connection when it is first
// run there. Nothing that comes from outside is ever part of it.
struct Query {
    const char* text;
};
// One that is put together from constants when the program starts.
inline Query composed(const std::string& text) {
    static std::deque<std::string> kept;  // as long as the program lives
    return {kept.emplace_back(text).c_str()};
}

// A list's elements, in the text form of an array.
class TextArray {
  public:
    void add(std::string_view element) {
        if (!text_.empty()) text_ += ',';
        text_ += '"';
        for (char c : element) {
            if (c == '"' || c == '\\') text_ += '\\';
            if (c != '\0') text_ += c;
        }
        text_ += '"';
    }
    std::string finished() const { return "{" + text_ + "}"; }

  private:
    std::string text_;
};

// The parameters of one run of a query, in order, as PostgreSQL's types read them as text. A NUL cannot be
// stored as text: it is left out.
class Arguments {
  public:
    Arguments() = default;
    template <class... Values>
    static Arguments of(const Values&... values) {
        Arguments all;
        (all.add(values), ...);
        return all;
    }

    void add(std::nullopt_t) { values_.emplace_back(); }
    void add(std::string_view text) {
        std::string& kept = values_.emplace_back(std::in_place).value();
        for (char c : text)
            if (c != '\0') kept += c;
    }
    void add(const std::string& text) { add(std::string_view{text}); }
    void add(const char* text) { add(std::string_view{text}); }
    void add(bool truth) { add(std::string_view{truth ? "t" : "f"}); }
    template <std::integral Number>
        requires(!std::same_as<Number, bool>)
    void add(Number number) {
        values_.emplace_back(std::to_string(number));
    }
    void add(core::Instant at) { values_.emplace_back(core::rfc3339(at)); }
    template <class Kind>
    void add(const core::Minted<Kind>& id) {
        values_.emplace_back(hex(id.bytes()));
    }
    template <class Kind>
    void add(const core::Given<Kind>& id) {
        add(std::string_view{id.text()});
    }
    // 16 bytes are a UUID's; others are bytea.
    template <std::size_t size>
    void add(const std::array<std::byte, size>& bytes) {
        if constexpr (size == 16)
            values_.emplace_back(hex(bytes));
        else
            values_.emplace_back("\\x" + hex(bytes));
    }
    void add(const std::vector<std::string>& texts) {
        TextArray array;
        for (const auto& text : texts) array.add(text);
        values_.emplace_back(array.finished());
    }
    template <class Kind>
    void add(const std::vector<core::Minted<Kind>>& ids) {
        TextArray array;
        for (const auto& id : ids) array.add(hex(id.bytes()));
        values_.emplace_back(array.finished());
    }
    template <class Value>
    void add(const std::optional<Value>& value) {
        if (value)
            add(*value);
        else
            add(std::nullopt);
    }

    // Pointers into this object; null: SQL's NULL.
    std::vector<const char*> pointers() const {
        std::vector<const char*> all;
        all.reserve(values_.size());
        for (const auto& value : values_) all.push_back(value ? value->c_str() : nullptr);
        return all;
    }

  private:
    std::vector<std::optional<std::string>> values_;
};

}  // namespace countersign::pg
