#include "countersign/core/value.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <iterator>
#include <numeric>

#include "countersign/base/check.hpp"
#include "countersign/base/text.hpp"

namespace countersign::core {
namespace {

constexpr double whole_max = 9007199254740991.0;  // 2^53 − 1
const Value null_value;

// UTF-8 orders like UTF-16 except that U+E000…U+FFFF (lead bytes EE and EF) come after what UTF-16 writes as
// surrogates (lead bytes F0…F4).
unsigned rank(char c) {
    auto byte = static_cast<unsigned char>(c);
    return byte == 0xEE || byte == 0xEF ? byte + 0x10U : byte;
}

void write_number(std::string& out, double number) {
    COUNTERSIGN_CHECK(std::isfinite(number));
    if (number == 0) {
        out += '0';
        return;
    }
    std::array<char, 32> buffer{};
    if (std::abs(number) <= whole_max && std::trunc(number) == number) {
        auto [end, error] =
            std::to_chars(buffer.data(), buffer.data() + buffer.size(), static_cast<std::int64_t>(number));
        out.append(buffer.data(), end);
        return;
    }
    auto [end, error] =
        std::to_chars(buffer.data(), buffer.data() + buffer.size(), number, std::chars_format::scientific);
    std::string_view shortest{buffer.data(), static_cast<std::size_t>(end - buffer.data())};
    if (shortest.front() == '-') {
        out += '-';
        shortest.remove_prefix(1);
    }
    auto e = shortest.find('e');
    std::string digits{shortest.substr(0, 1)};
    if (e > 2) digits += shortest.substr(2, e - 2);
    auto exponent = shortest.substr(e + 1);
    if (exponent.front() == '+') exponent.remove_prefix(1);
    int x = 0;
    std::from_chars(exponent.data(), exponent.data() + exponent.size(), x);
    const int point = x + 1;  // the dot's position, counted in digits
    const int count = static_cast<int>(digits.size());
    auto zeros = [](int n) { return std::string(static_cast<std::size_t>(n), '0'); };
    if (count <= point && point <= 21) {
        out += digits + zeros(point - count);
    } else if (0 < point && point <= 21) {
        out.append(digits, 0, static_cast<std::size_t>(point));
        out += '.';
        out.append(digits, static_cast<std::size_t>(point));
    } else if (-6 < point && point <= 0) {
        out += "0." + zeros(-point) + digits;
    } else {
        out += digits[0];
        if (count > 1) out += '.' + digits.substr(1);
        out += 'e';
        out += x < 0 ? '-' : '+';
        out += std::to_string(std::abs(x));
    }
}

// Tells whether a double, written with as many digits as the number was, has the very same ones: then nothing
// of what was written is lost.
bool keeps_its_digits(std::string_view mantissa, double value) {
    constexpr std::size_t digits_max = 767;  // of the double that has most
    std::string digits;
    std::ranges::copy_if(mantissa, std::back_inserter(digits), [](char c) { return c >= '0' && c <= '9'; });
    digits.erase(0, digits.find_first_not_of('0'));
    digits.erase(digits.find_last_not_of('0') + 1);
    if (digits.empty()) return value == 0;
    if (digits.size() > digits_max) return false;
    std::array<char, digits_max + 16> buffer{};
    auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), std::abs(value),
                                      std::chars_format::scientific, static_cast<int>(digits.size()) - 1);
    if (error != std::errc{}) return false;
    std::string_view kept{buffer.data(), static_cast<std::size_t>(end - buffer.data())};
    kept = kept.substr(0, kept.find('e'));
    return kept.front() == digits.front() &&
           (digits.size() == 1 || kept.substr(2) == std::string_view{digits}.substr(1));
}

auto position(auto& members, std::string_view name) {
    return std::lower_bound(members.begin(), members.end(), name,
                            [](const Value::Member& member, std::string_view wanted) {
                                return canonical_less(member.first, wanted);
                            });
}

// Reads an index as RFC 6901 defines it: no sign, no leading zero, and "-" is never an existing item.
std::optional<std::size_t> array_index(std::string_view token) {
    if (token.empty() || (token.size() > 1 && token.front() == '0')) return std::nullopt;
    std::size_t index = 0;
    auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), index);
    if (error != std::errc{} || end != token.data() + token.size()) return std::nullopt;
    return index;
}

std::optional<std::string> unescaped(std::string_view token) {
    std::string name;
    for (std::size_t i = 0; i < token.size(); ++i) {
        if (token[i] != '~') {
            name += token[i];
            continue;
        }
        if (++i == token.size() || (token[i] != '0' && token[i] != '1')) return std::nullopt;
        name += token[i] == '0' ? '~' : '/';
    }
    return name;
}

}  // namespace

bool canonical_less(std::string_view a, std::string_view b) {
    auto [x, y] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
    if (y == b.end()) return false;
    if (x == a.end()) return true;
    return rank(*x) < rank(*y);
}

Value::Object::Object(std::initializer_list<Member> members)
    : Object(from_unsorted(std::vector<Member>(members))) {}

Value::Object Value::Object::from_unsorted(std::vector<Member> members,
                                           std::optional<std::string>* duplicate) {
    Object object;
    auto in_order = [](const Member& a, const Member& b) { return !canonical_less(a.first, b.first); };
    if (std::adjacent_find(members.begin(), members.end(), in_order) == members.end()) {
        object.members_ = std::move(members);
        return object;
    }
    std::vector<std::uint32_t> order(members.size());
    std::iota(order.begin(), order.end(), 0U);
    std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
        if (canonical_less(members[a].first, members[b].first)) return true;
        return a < b && members[a].first == members[b].first;
    });
    object.members_.reserve(members.size());
    for (std::uint32_t i : order) {
        if (!object.members_.empty() && object.members_.back().first == members[i].first) {
            if (duplicate && !*duplicate) *duplicate = members[i].first;
            object.members_.back().second = std::move(members[i].second);
        } else {
            object.members_.push_back(std::move(members[i]));
        }
    }
    return object;
}

const Value* Value::Object::find(std::string_view name) const {
    auto it = position(members_, name);
    return it != members_.end() && it->first == name ? &it->second : nullptr;
}

Value* Value::Object::find(std::string_view name) {
    auto it = position(members_, name);
    return it != members_.end() && it->first == name ? &it->second : nullptr;
}

void Value::Object::set(std::string name, Value value) {
    auto it = position(members_, name);
    if (it != members_.end() && it->first == name) {
        it->second = std::move(value);
    } else {
        members_.emplace(it, std::move(name), std::move(value));
    }
}

bool Value::Object::insert(std::string name, Value value) {
    auto it = position(members_, name);
    if (it != members_.end() && it->first == name) return false;
    members_.emplace(it, std::move(name), std::move(value));
    return true;
}

bool Value::Object::erase(std::string_view name) {
    auto it = position(members_, name);
    if (it == members_.end() || it->first != name) return false;
    members_.erase(it);
    return true;
}

bool operator==(const Value::Object& a, const Value::Object& b) {
    return a.members_ == b.members_;
}

std::optional<std::int64_t> Value::integer() const {
    const double* n = number();
    if (!n || !(std::abs(*n) <= whole_max) || std::trunc(*n) != *n) return std::nullopt;
    return static_cast<std::int64_t>(*n);
}

std::string_view Value::type_name() const {
    constexpr std::array<std::string_view, 6> names{"null", "boolean", "number", "string", "array", "object"};
    return names[data_.index()];
}

const Value& Value::operator[](std::string_view name) const {
    const Object* object = members();
    const Value* found = object ? object->find(name) : nullptr;
    return found ? *found : null_value;
}

const Value& Value::operator[](std::size_t index) const {
    const Array* array = items();
    return array && index < array->size() ? (*array)[index] : null_value;
}

std::string_view Value::text(std::string_view otherwise) const {
    const std::string* s = string();
    return s ? std::string_view{*s} : otherwise;
}

bool Value::truth(bool otherwise) const {
    const bool* b = boolean();
    return b ? *b : otherwise;
}

std::int64_t Value::whole(std::int64_t otherwise) const {
    return integer().value_or(otherwise);
}

std::string pointer_token(std::string_view name) {
    std::string token;
    for (char c : name) {
        if (c == '~')
            token += "~0";
        else if (c == '/')
            token += "~1";
        else
            token += c;
    }
    return token;
}

const Value* Value::at_pointer(std::string_view pointer) const {
    const Value* at = this;
    while (at && !pointer.empty()) {
        if (pointer.front() != '/') return nullptr;
        pointer.remove_prefix(1);
        auto token = pointer.substr(0, pointer.find('/'));
        pointer.remove_prefix(token.size());
        if (const Object* object = at->members()) {
            auto name = unescaped(token);
            at = name ? object->find(*name) : nullptr;
        } else if (const Array* array = at->items()) {
            auto index = array_index(token);
            at = index && *index < array->size() ? &(*array)[*index] : nullptr;
        } else {
            return nullptr;
        }
    }
    return at;
}

Value& Value::set(std::string name, Value value) {
    if (is_null()) data_ = Object{};
    COUNTERSIGN_CHECK(members());
    members()->set(std::move(name), std::move(value));
    return *this;
}

Value& Value::push(Value value) {
    if (is_null()) data_ = Array{};
    COUNTERSIGN_CHECK(items());
    items()->push_back(std::move(value));
    return *this;
}

void quote_to(std::string& out, std::string_view text) {
    constexpr std::string_view digits = "0123456789abcdef";
    out += '"';
    std::size_t done = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        i += plain_json_length(text.substr(i));
        if (i == text.size()) break;
        auto byte = static_cast<unsigned char>(text[i]);
        if (byte >= 0x20 && byte != '"' && byte != '\\') continue;
        out.append(text, done, i - done);
        done = i + 1;
        switch (byte) {
            case '"':
                out += "\\\"";
                break;
            case '\\':
                out += "\\\\";
                break;
            case '\b':
                out += "\\b";
                break;
            case '\t':
                out += "\\t";
                break;
            case '\n':
                out += "\\n";
                break;
            case '\f':
                out += "\\f";
                break;
            case '\r':
                out += "\\r";
                break;
            default:
                out += "\\u00";
                out += digits[byte >> 4U];
                out += digits[byte & 15U];
        }
    }
    out.append(text, done, text.size() - done);
    out += '"';
}

void canonical_to(std::string& out, const Value& value) {
    if (const std::string* text = value.string()) {
        quote_to(out, *text);
    } else if (const double* number = value.number()) {
        write_number(out, *number);
    } else if (const bool* truth = value.boolean()) {
        out += *truth ? "true" : "false";
    } else if (const Value::Object* object = value.members()) {
        out += '{';
        bool first = true;
        for (const auto& [name, member] : *object) {
            if (!std::exchange(first, false)) out += ',';
            quote_to(out, name);
            out += ':';
            canonical_to(out, member);
        }
        out += '}';
    } else if (const Value::Array* array = value.items()) {
        out += '[';
        bool first = true;
        for (const Value& item : *array) {
            if (!std::exchange(first, false)) out += ',';
            canonical_to(out, item);
        }
        out += ']';
    } else {
        out += "null";
    }
}

std::string canonical(const Value& value) {
    std::string out;
    if (value.members() || value.items()) out.reserve(512);  // saves most reallocations of a card's text
    canonical_to(out, value);
    return out;
}

std::optional<double> unrounded(std::string_view number) {
    if (number.starts_with('+')) number.remove_prefix(1);
    double value = 0;
    auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
    if (error != std::errc{} || end != number.data() + number.size()) return std::nullopt;
    if (!std::isfinite(value) || std::abs(value) > whole_max) return std::nullopt;
    if (!keeps_its_digits(number.substr(0, number.find_first_of("eE")), value)) return std::nullopt;
    return value;
}

std::string canonical_number(double finite) {
    std::string out;
    write_number(out, finite);
    return out;
}

}  // namespace countersign::core
