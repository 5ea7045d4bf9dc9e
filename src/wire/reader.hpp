#pragma once
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/base/result.hpp"
#include "countersign/core/value.hpp"

// Bodies of the API are read strictly: what is unknown, missing or of another type is an error with a
// pointer.
namespace countersign::wire {

inline constexpr std::size_t url_chars_max = 2'000;

std::unexpected<Failure> wrong_type(const std::string& pointer, std::string_view expected,
                                    const core::Value& got);
std::unexpected<Failure> invalid(const std::string& pointer, std::string detail);

// Reads one JSON object with a fixed set of members.
class ObjectReader {
  public:
    static Result<ObjectReader> over(const core::Value& value, std::string at,
                                     std::span<const std::string_view> known);

    const core::Value* find(std::string_view name) const { return members_->find(name); }
    std::string pointer(std::string_view name) const { return at_ + "/" + std::string(name); }
    // Returns nullopt where the member is absent.
    Result<std::optional<std::string>> text(std::string_view name, std::size_t chars_max) const;
    Result<std::string> needed_text(std::string_view name, std::size_t chars_max) const;
    // Returns an empty list where the member is absent.
    Result<std::span<const core::Value>> list(std::string_view name, std::size_t items_max) const;

  private:
    ObjectReader(const core::Value::Object& members, std::string at)
        : members_(&members), at_(std::move(at)) {}

    const core::Value::Object* members_;
    std::string at_;
};

// Reads a list of texts, none of which may be empty.
Result<std::vector<std::string>> texts(const ObjectReader& reader, std::string_view name,
                                       std::size_t items_max, std::size_t chars_max);

}  // namespace countersign::wire
