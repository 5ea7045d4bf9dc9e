#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace countersign::core {

enum class Verdict : std::uint8_t { approve, deny, hold, release, withdraw, lower, revoke, review };

// How a verdict is called, wherever it is read or written.
struct VerdictWords {
    std::string_view name;   // in the API, in commands and in the tests of policies: "approve"
    std::string_view title;  // of a button: "Approve"
    std::string_view past;   // behind the name of whoever voted: "approved"
    std::string_view noun;   // before what was voted on: "approval of"
    std::string_view yours;  // to whoever voted: "You approved this."
};
const VerdictWords& words_of(Verdict verdict);
std::string_view name_of(Verdict verdict);
std::optional<Verdict> parse_verdict(std::string_view text);
std::vector<std::string> verdict_names();

}  // namespace countersign::core
