#pragma once
#include <charconv>
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

#include "countersign/base/text.hpp"
#include "countersign/core/ids.hpp"
#include "countersign/core/time.hpp"

// Values as SQL text, for strings that hold several statements at once. The server's
// standard_conforming_strings is on (its default since 9.1): a backslash means itself.
namespace countersign::pg {

// Safe between single quotes. A NUL cannot be stored as text: it is left out.
inline void escape_to(std::string& out, std::string_view text) {
    for (char c : text) {
        if (c == '\'') out += '\'';
        if (c != '\0') out += c;
    }
}
inline std::string literal(std::string_view text) {
    std::string out = "'";
    escape_to(out, text);
    return out += '\'';
}
template <class Kind>
std::string hex_of(const core::Minted<Kind>& id) {
    return hex(id.bytes());
}
inline std::string literal(core::Instant at) {
    return literal(core::rfc3339(at));
}
template <class Kind>
std::string literal(const core::Minted<Kind>& id) {
    return "'" + hex_of(id) + "'";
}

// One array literal, element by element.
class Array {
  public:
    Array() : out_("'{") {}
    // Without anything that would need quoting: numbers, UUIDs, times, our own words.
    void plain(std::string_view word) {
        comma();
        out_ += word;
    }
    void plain(std::integral auto number) {
        comma();
        char digits[24];
        auto done = std::to_chars(digits, digits + sizeof digits, number);
        out_.append(digits, done.ptr);
    }
    void plain(core::Instant at) { plain(core::rfc3339(at)); }
    template <class Kind>
    void plain(const core::Minted<Kind>& id) {
        plain(hex_of(id));
    }
    void null() { plain("NULL"); }
    void text(std::string_view any) {
        comma();
        out_ += '"';
        for (char c : any) {
            if (c == '"' || c == '\\') out_ += '\\';
            if (c == '\'') out_ += '\'';
            if (c != '\0') out_ += c;
        }
        out_ += '"';
    }
    std::string_view finished() {
        if (!closed_) out_ += "}'";
        closed_ = true;
        return out_;
    }
    bool empty() const { return out_.size() == 2; }

  private:
    void comma() {
        if (out_.size() > 2) out_ += ',';
    }
    std::string out_;
    bool closed_ = false;
};

template <class... Arrays>
void append_arrays(std::string& sql, Arrays&... arrays) {
    bool first = true;
    auto one = [&](Array& array) {
        if (!first) sql += ',';
        first = false;
        sql += array.finished();
    };
    (one(arrays), ...);
}

}  // namespace countersign::pg
