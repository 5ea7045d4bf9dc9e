#pragma once
#include <compare>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace countersign::core {

// Holds a JSON value (I-JSON, RFC 7493): numbers are doubles, object members are unique and kept in RFC 8785
// order (UTF-16 code units), so that writing one out is writing its canonical form. Text becomes a Value in
// wire/json.hpp only; everything else builds and reads Values.
class Value {
  public:
    using Member = std::pair<std::string, Value>;
    using Array = std::vector<Value>;
    // Keeps members sorted by `canonical_less`, each name once. Is built through `set` or the initializer
    // list.
    class Object {
      public:
        Object() = default;
        Object(std::initializer_list<Member> members);
        const Value* find(std::string_view name) const;  // nullptr: no such member
        Value* find(std::string_view name);
        void set(std::string name, Value value);     // inserts or replaces
        bool insert(std::string name, Value value);  // false where the name is there already
        bool erase(std::string_view name);
        // Sorts members that come in any order once. Of several with one name the last wins, and `duplicate`
        // (where given) gets the first such name.
        static Object from_unsorted(std::vector<Member> members,
                                    std::optional<std::string>* duplicate = nullptr);
        std::size_t size() const { return members_.size(); }
        bool empty() const { return members_.empty(); }
        auto begin() const { return members_.begin(); }
        auto end() const { return members_.end(); }
        friend bool operator==(const Object&, const Object&);

      private:
        std::vector<Member> members_;
    };

    Value() = default;  // null
    Value(std::nullptr_t) {}
    Value(bool b) : data_(b) {}
    Value(double n) : data_(n) {}
    Value(int n) : data_(static_cast<double>(n)) {}
    Value(std::int64_t n) : data_(static_cast<double>(n)) {}
    Value(std::size_t n) : data_(static_cast<double>(n)) {}
    Value(std::uint32_t n) : data_(static_cast<double>(n)) {}
    Value(const char* text) : data_(std::string(text)) {}
    Value(std::string_view text) : data_(std::string(text)) {}
    Value(std::string text) : data_(std::move(text)) {}
    Value(Array items) : data_(std::move(items)) {}
    Value(Object members) : data_(std::move(members)) {}
    static Value array() { return Value{Array{}}; }
    static Value object() { return Value{Object{}}; }
    static Value object(std::initializer_list<Member> members) { return Value{Object{members}}; }

    bool is_null() const { return std::holds_alternative<std::monostate>(data_); }
    // Each returns nullptr where the value has another type.
    const bool* boolean() const { return std::get_if<bool>(&data_); }
    const double* number() const { return std::get_if<double>(&data_); }
    const std::string* string() const { return std::get_if<std::string>(&data_); }
    const Array* items() const { return std::get_if<Array>(&data_); }
    const Object* members() const { return std::get_if<Object>(&data_); }
    Array* items() { return std::get_if<Array>(&data_); }
    Object* members() { return std::get_if<Object>(&data_); }
    std::optional<std::int64_t> integer() const;  // nullopt where it is no whole number within ±(2^53−1)
    std::string_view type_name() const;           // "null", "boolean", "number", "string", "array", "object"

    // These read messages whose senders may leave things out: what is missing or of another type gives the
    // default.
    const Value& operator[](std::string_view name) const;  // a member, or a null Value
    const Value& operator[](std::size_t index) const;      // an item, or a null Value
    std::string_view text(std::string_view otherwise = {}) const;
    bool truth(bool otherwise = false) const;
    std::int64_t whole(std::int64_t otherwise = 0) const;
    const Value* at_pointer(std::string_view json_pointer) const;  // RFC 6901; nullptr: nothing there

    // These build a value, which must be an object (or null, which becomes one) or an array (or null).
    Value& set(std::string name, Value value);
    Value& push(Value value);

    friend bool operator==(const Value&, const Value&) = default;

  private:
    std::variant<std::monostate, bool, double, std::string, Array, Object> data_;
};

// Writes a name as one token of a JSON Pointer (RFC 6901): "a~1b" of "a/b".
std::string pointer_token(std::string_view name);

// Orders members as RFC 8785 does, by UTF-16 code units.
bool canonical_less(std::string_view a, std::string_view b);
// Writes a value's RFC 8785 text, which is also how all JSON is written here. Numbers are written as
// ECMAScript writes them.
std::string canonical(const Value& value);
void canonical_to(std::string& out, const Value& value);
std::string canonical_number(double finite);
// A number as JSON writes it, in any notation, as the double it is; nullopt: it is beyond ±(2^53−1), or the
// double lacks some of its digits.
std::optional<double> unrounded(std::string_view number);
void quote_to(std::string& out, std::string_view text);  // writes a text as JSON, with its quotes

}  // namespace countersign::core
