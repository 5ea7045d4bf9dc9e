#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "countersign/core/decide.hpp"
#include "countersign/core/value.hpp"

// What was decided, as a statement that can be signed and handed on.
namespace countersign::wire {

inline constexpr std::string_view statement_v1 = "https://in-toto.io/Statement/v1";
inline constexpr std::string_view decision_predicate = "urn:countersign:predicate:decision:v1";

// The case as it was when it was decided, which is when it left `pending`; nullopt: it is pending.
struct Decided {
    core::Case c;
    core::Ruling ruling;
};
std::optional<Decided> decided_part(const core::Case& c);

// Where the log has the event of the decision.
struct LogPosition {
    std::string_view origin;
    std::int64_t index = 0;
    std::string_view leaf;
};
// An in-toto statement: its subjects are the request's digest and the digests of files that its parameters
// name. docs/schemas/decision-v1.schema.json describes the predicate. It follows from the case and its place.
core::Value decision_statement(const Decided& decided, const LogPosition& position);

}  // namespace countersign::wire
