#pragma once
#include <optional>

#include "policy/reader.hpp"

// What tests of conditions compare with, where that has a form of its own. nullopt: a finding says why.
namespace countersign::policy {

// Days by name or, as ISO 8601 has them, by number; kept as the number.
std::optional<core::Value> read_weekday(NodeReader& reader, const Node& value);
// A whole number, or bounds: { gt: 0, lte: 10 }.
std::optional<core::Value> read_size(NodeReader& reader, const Node& value);
// "2026-12-24", a day that there is.
std::optional<core::Value> read_date(NodeReader& reader, const Node& value);
// { from: …, to: … } of days, of days of every year ("12-24"), or of times of day ("22:00").
std::optional<core::Value> read_span(NodeReader& reader, const Node& value, bool of_day);

}  // namespace countersign::policy
