#pragma once
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "countersign/core/value.hpp"
#include "countersign/wire/stored.hpp"

// The database keeps canonical JSON. These write and read it, whatever is kept.
namespace countersign::wire {

using core::Value;

// Writes canonical JSON straight away: members are put in RFC 8785 order by hand, which for the names used
// here is plain byte order. An entry is written twice for every vote, so no Value is built.
class StoredWriter {
  public:
    explicit StoredWriter(const Salt* seal) : seal_(seal) { out_.reserve(512); }
    std::string take() { return std::move(out_); }

    StoredWriter& begin() { return raw('{'); }
    StoredWriter& end() { return close('}'); }
    StoredWriter& begin_list() { return raw('['); }
    StoredWriter& end_list() { return close(']'); }
    StoredWriter& key(std::string_view name) {
        comma();
        out_ += '"';
        out_ += name;
        out_ += "\":";
        fresh_ = true;
        return *this;
    }
    StoredWriter& text(std::string_view value) {
        comma();
        core::quote_to(out_, value);
        return *this;
    }
    // Writes a text of a person: in a sealed form its hash.
    StoredWriter& own(std::string_view value) {
        if (!seal_) return text(value);
        comma();
        out_ += '"';
        out_ += sealed(*seal_, value);
        out_ += '"';
        return *this;
    }
    StoredWriter& whole(std::int64_t value) {
        comma();
        char digits[24];
        auto done = std::to_chars(digits, digits + sizeof digits, value);
        out_.append(digits, done.ptr);
        return *this;
    }
    StoredWriter& truth(bool value) {
        comma();
        out_ += value ? "true" : "false";
        return *this;
    }
    StoredWriter& value(const Value& value) {
        comma();
        core::canonical_to(out_, value);
        return *this;
    }
    StoredWriter& at(core::Instant value) { return whole(value.time_since_epoch().count()); }
    const Salt* seal() const { return seal_; }

  private:
    StoredWriter& raw(char c) {
        comma();
        out_ += c;
        fresh_ = true;
        return *this;
    }
    StoredWriter& close(char c) {
        out_ += c;
        fresh_ = false;
        return *this;
    }
    void comma() {
        if (!fresh_) out_ += ',';
        fresh_ = false;
    }

    const Salt* seal_;
    std::string out_;
    bool fresh_ = true;
};

void write_owns(StoredWriter& w, const std::vector<core::AccountId>& accounts);

// Reads what was written by us; anything else is corrupt.
class StoredReader {
  public:
    explicit StoredReader(const Value& value) : value_(value) {}
    bool ok() const { return ok_; }
    void must(bool condition) { ok_ = ok_ && condition; }

    const Value& member(std::string_view name) { return value_[name]; }
    std::string text(std::string_view name) {
        const std::string* found = value_[name].string();
        must(found != nullptr);
        return found ? *found : std::string{};
    }
    std::optional<std::string> maybe_text(std::string_view name) {
        if (value_[name].is_null()) return std::nullopt;
        return text(name);
    }
    std::int64_t whole(std::string_view name) {
        auto found = value_[name].integer();
        must(found.has_value());
        return found.value_or(0);
    }
    // Reads what is written only where it is so.
    std::optional<core::Duration> maybe_span(std::string_view name) {
        if (value_[name].is_null()) return std::nullopt;
        return core::Duration{whole(name)};
    }
    bool truth_if_there(std::string_view name) { return !value_[name].is_null() && truth(name); }
    bool truth(std::string_view name) {
        const bool* found = value_[name].boolean();
        must(found != nullptr);
        return found && *found;
    }
    core::Instant at(std::string_view name) { return core::Instant{core::Duration{whole(name)}}; }
    const Value::Array& list(std::string_view name) {
        static const Value::Array none;
        const Value::Array* found = value_[name].items();
        must(found != nullptr);
        return found ? *found : none;
    }
    template <class Id>
    std::vector<Id> ids(std::string_view name) {
        std::vector<Id> all;
        for (const Value& item : list(name)) {
            must(item.string() != nullptr);
            all.emplace_back(std::string(item.text()));
        }
        return all;
    }
    std::vector<std::string> texts(std::string_view name) {
        std::vector<std::string> all;
        for (const Value& item : list(name)) {
            must(item.string() != nullptr);
            all.emplace_back(item.text());
        }
        return all;
    }
    template <class T>
    T known(std::optional<T> parsed) {
        must(parsed.has_value());
        return parsed.value_or(T{});
    }

  private:
    const Value& value_;
    bool ok_ = true;
};

Result<Value> parse_stored(std::string_view text);
std::unexpected<Failure> not_ours(const char* what);

}  // namespace countersign::wire
