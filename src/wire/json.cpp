#include "countersign/wire/json.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "countersign/base/text.hpp"

namespace countersign::wire {
namespace {

using core::Value;

constexpr std::int64_t whole_max = 9007199254740991;  // 2^53 − 1

// Says whether a rejected string token ends in half of a surrogate pair.
bool lone_surrogate(std::string_view token) {
    auto escape = token.rfind("\\u");
    if (escape == std::string_view::npos) return false;
    unsigned unit = 0;
    auto digits = token.substr(escape + 2, 4);
    std::from_chars(digits.data(), digits.data() + digits.size(), unit, 16);
    if (unit >= 0xD800 && unit <= 0xDFFF) return true;
    return escape >= 6 && lone_surrogate(token.substr(0, escape));
}

// Receives the parser's events and builds values bottom-up: what is finished but not yet owned by a closed
// container waits on two stacks, so that each container is allocated once, at its exact size.
class Builder {
  public:
    using json = nlohmann::json;

    Builder(std::string_view text, const JsonRules& rules) : text_(text), rules_(rules) {
        members_.reserve(64);
    }

    bool null() { return put(Value{}); }
    bool boolean(bool truth) { return put(Value{truth}); }
    bool number_integer(json::number_integer_t n) {
        if (rules_.strict && (n > whole_max || n < -whole_max)) return would_be_rounded();
        return put(Value{static_cast<double>(n)});
    }
    bool number_unsigned(json::number_unsigned_t n) {
        if (rules_.strict && n > static_cast<json::number_unsigned_t>(whole_max)) return would_be_rounded();
        return put(Value{static_cast<double>(n)});
    }
    bool number_float(json::number_float_t n, const std::string& token) {
        if (!std::isfinite(n)) return stop("json_number", "a number is too large for JSON's arithmetic");
        if (rules_.strict && !core::unrounded(token)) return would_be_rounded();
        return put(Value{n});
    }
    bool string(std::string& text) { return put(Value{std::string_view{text}}); }
    bool binary(json::binary_t&) { return stop("json_syntax", "binary data is not JSON"); }
    bool start_object(std::size_t) { return descend(true); }
    bool start_array(std::size_t) { return descend(false); }
    bool key(std::string& name) {
        members_.emplace_back(name, Value{});
        return true;
    }
    bool end_object() {
        auto first = members_.begin() + static_cast<std::ptrdiff_t>(frames_.back().first);
        std::vector<Value::Member> own(std::make_move_iterator(first),
                                       std::make_move_iterator(members_.end()));
        members_.erase(first, members_.end());
        frames_.pop_back();
        std::optional<std::string> duplicate;
        auto object = Value::Object::from_unsorted(std::move(own), rules_.strict ? &duplicate : nullptr);
        if (duplicate) {
            stop("json_duplicate_name", "an object has two members of one name; each name may appear once");
            failure_->pointer += "/" + core::pointer_token(*duplicate);
            return false;
        }
        return put(Value{std::move(object)});
    }
    bool end_array() {
        auto first = items_.begin() + static_cast<std::ptrdiff_t>(frames_.back().first);
        Value::Array own(std::make_move_iterator(first), std::make_move_iterator(items_.end()));
        items_.erase(first, items_.end());
        frames_.pop_back();
        return put(Value{std::move(own)});
    }
    bool parse_error(std::size_t position, const std::string& token,
                     const nlohmann::detail::exception& error) {
        if (error.id == 406) return stop("json_number", "a number is too large for JSON's arithmetic");
        if (!valid_utf8(text_)) return stop("json_unicode", "the text is not valid UTF-8");
        if (lone_surrogate(token))
            return stop("json_unicode", "a string holds half of a surrogate pair (\\uD800 to \\uDFFF alone)");
        return stop("json_syntax", fmt::format("this is not JSON: unexpected input near byte {}", position));
    }

    // Records an error, also one found before the parser runs. Returns false, which makes the parser stop.
    bool stop(std::string code, std::string detail) {
        failure_ = Failure{Trouble::invalid_input, std::move(detail), std::move(code), pointer()};
        return false;
    }
    Result<Value> take() {
        if (failure_) return std::unexpected(std::move(*failure_));
        return std::move(root_);
    }

  private:
    struct Frame {
        bool object;
        std::size_t first;  // where its own part of the stack begins
    };

    bool put(Value value) {
        if (++values_ > rules_.values_max)
            return stop(
                "json_values",
                fmt::format("more than {} values: pass a digest or a reference instead", rules_.values_max));
        if (frames_.empty())
            root_ = std::move(value);
        else if (frames_.back().object)
            members_.back().second = std::move(value);
        else
            items_.push_back(std::move(value));
        return true;
    }
    bool descend(bool object) {
        if (frames_.size() >= rules_.nesting_max)
            return stop("json_nesting", fmt::format("values nest deeper than {} levels", rules_.nesting_max));
        frames_.push_back({object, object ? members_.size() : items_.size()});
        return true;
    }
    bool would_be_rounded() {
        return stop("json_number",
                    "a number is beyond ±9007199254740991, or has more digits than JSON's arithmetic keeps, "
                    "which are some 16; send it as a string");
    }
    // Returns a pointer to the parser's position. An object's newest member is the last one before the next
    // object's begin.
    std::string pointer() const {
        std::string path;
        std::size_t members_end = members_.size();
        std::size_t items_end = items_.size();
        std::vector<std::string> tokens;
        for (auto frame = frames_.rbegin(); frame != frames_.rend(); ++frame) {
            if (frame->object) {
                if (members_end > frame->first)
                    tokens.push_back(core::pointer_token(members_[members_end - 1].first));
                members_end = frame->first;
            } else {
                tokens.push_back(std::to_string(items_end - frame->first));
                items_end = frame->first;
            }
        }
        for (auto token = tokens.rbegin(); token != tokens.rend(); ++token) path += "/" + *token;
        return path;
    }

    std::string_view text_;
    const JsonRules& rules_;
    std::size_t values_ = 0;
    std::vector<Frame> frames_;
    std::vector<Value::Member> members_;
    std::vector<Value> items_;
    Value root_;
    std::optional<Failure> failure_;
};

// Scans JSON with just enough of its grammar to find where texts and containers end.
class Scan {
  public:
    explicit Scan(std::string_view text) : text_(text) {}

    // Returns the position past the text that begins at `at`; npos where it does not end.
    std::size_t past_text(std::size_t at) const {
        for (std::size_t i = at + 1; i < text_.size(); ++i) {
            i += plain_json_length(text_.substr(i));
            if (i == text_.size()) break;
            if (text_[i] == '"') return i + 1;
            if (text_[i] == '\\') ++i;
        }
        return std::string_view::npos;
    }
    // Returns the position past the object or array that begins at `at`; npos where it does not end.
    std::size_t past_container(std::size_t at) const {
        std::size_t depth = 0;
        for (std::size_t i = at; i < text_.size();) {
            switch (marks[static_cast<unsigned char>(text_[i])]) {
                case Mark::none:
                    ++i;
                    break;
                case Mark::quote:
                    i = past_text(i);
                    break;
                case Mark::opens:
                    ++i;
                    ++depth;
                    break;
                case Mark::closes:
                    ++i;
                    if (--depth == 0) return i;
                    break;
            }
        }
        return std::string_view::npos;
    }
    std::size_t past_space(std::size_t at) const {
        auto next = text_.find_first_not_of(" \t\r\n", at);
        return next == std::string_view::npos ? text_.size() : next;
    }
    // Returns where the first container under one of these names at or after `at` begins and ends. Without
    // one both are the text's end, as they are when the text is cut short.
    std::pair<std::size_t, std::size_t> find(std::span<const std::string_view> names, std::size_t at) const {
        const std::pair none{text_.size(), text_.size()};
        for (;;) {
            auto begin = text_.find('"', at);
            if (begin == std::string_view::npos) return none;
            at = past_text(begin);
            if (at == std::string_view::npos) return none;
            auto name = text_.substr(begin + 1, at - begin - 2);
            if (std::ranges::find(names, name) == names.end()) continue;
            auto colon = past_space(at);
            if (colon == text_.size() || text_[colon] != ':') continue;
            auto value = past_space(colon + 1);
            if (value == text_.size() || (text_[value] != '{' && text_[value] != '[')) continue;
            auto end = past_container(value);
            return end == std::string_view::npos ? none : std::pair{value, end};
        }
    }

  private:
    enum class Mark : std::uint8_t { none, quote, opens, closes };
    static constexpr auto marks = [] {
        std::array<Mark, 256> all{};
        all['"'] = Mark::quote;
        all['{'] = all['['] = Mark::opens;
        all['}'] = all[']'] = Mark::closes;
        return all;
    }();

    std::string_view text_;
};

}  // namespace

Result<Value> parse_json(std::string_view text, const JsonRules& rules) {
    if (text.size() > rules.bytes_max) {
        return fail(Trouble::too_large, fmt::format("the JSON text is larger than {} bytes", rules.bytes_max),
                    "json_bytes");
    }
    Builder builder{text, rules};
    // The parser would take a zero byte for the end of input, and skip a byte order mark.
    if (text.find('\0') != std::string_view::npos || text.starts_with("\xEF\xBB\xBF")) {
        builder.stop("json_syntax", "this is not JSON: a zero byte or a byte order mark is in the text");
    } else {
        nlohmann::json::sax_parse(text.begin(), text.end(), &builder);
    }
    return builder.take();
}

Result<Value> parse_json_without(std::span<const std::string_view> left_out, std::string_view text,
                                 const JsonRules& rules) {
    if (text.size() > rules.bytes_max) return parse_json(text, rules);
    const Scan scan{text};
    std::string kept;
    std::size_t done = 0;
    while (done < text.size()) {
        auto [begin, end] = scan.find(left_out, done);
        if (begin == text.size() && done == 0) return parse_json(text, rules);
        kept.append(text, done, begin - done);
        if (begin < text.size()) kept += "null";
        done = end;
    }
    return parse_json(kept, rules);
}

}  // namespace countersign::wire
