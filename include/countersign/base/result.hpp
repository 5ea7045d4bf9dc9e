#pragma once
#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>

namespace countersign {

// Says what a caller can do about a failure. Finer detail is for people and goes into `detail`.
enum class Trouble : std::uint8_t {
    invalid_input,    // the caller must change what it sends
    unauthenticated,  // no identity, or a wrong one
    forbidden,        // the identity has no right to this
    not_found,
    conflict,  // it was true a moment ago, or was already done differently
    too_large,
    overloaded,   // a named limit is reached: try again later
    unavailable,  // a dependency is down: try again later
    timed_out,    // nobody knows whether it happened
    cancelled,
    corrupt,  // stored data breaks an invariant: an alarm, and no decision
};

// Returns the trouble's word in logs and metrics, e.g. "timed_out".
std::string_view name_of(Trouble trouble);

struct Failure {
    Trouble trouble;
    std::string detail;   // one sentence for a person: what is wrong and what to do; never holds a secret
    std::string code;     // stable machine word, e.g. "digest_differs"; may be empty
    std::string pointer;  // JSON Pointer to what is wrong in the input; empty: the whole
    std::source_location where = std::source_location::current();
    // Says of `overloaded` when to try again, where that is known.
    std::optional<std::chrono::sys_time<std::chrono::microseconds>> not_before = {};
};

template <class T>
using Result = std::expected<T, Failure>;

// Stands for the value of an operation whose success has nothing to say.
struct Done {
    friend bool operator==(const Done&, const Done&) = default;
};

[[nodiscard]] inline std::unexpected<Failure> fail(
    Trouble trouble, std::string detail, std::string code = {}, std::string pointer = {},
    std::source_location where = std::source_location::current()) {
    return std::unexpected(Failure{trouble, std::move(detail), std::move(code), std::move(pointer), where});
}

// Hands a failure on: `if (!r) return pass(r);`
template <class T>
[[nodiscard]] std::unexpected<Failure> pass(Result<T>& failed) {
    return std::unexpected(std::move(failed).error());
}

}  // namespace countersign
