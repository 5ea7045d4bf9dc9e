#include "countersign/core/verdict.hpp"

#include <array>

namespace countersign::core {
namespace {

constexpr std::array<VerdictWords, 8> verdicts{{
    {"approve", "Approve", "approved", "approval of", "You approved this."},
    {"deny", "Deny", "denied", "denial of", "You denied this."},
    {"hold", "Hold", "put it on hold", "hold on", "You put this on hold."},
    {"release", "Release", "released it", "release of", "You released this."},
    {"withdraw", "Take my vote back", "withdrew", "withdrawal from", "You took your vote back."},
    {"lower", "Lower", "lowered", "lowering of", "You lowered this."},
    {"revoke", "Revoke", "revoked", "revocation of", "You revoked this."},
    {"review", "Review", "reviewed", "review of", "You reviewed this."},
}};

}  // namespace

const VerdictWords& words_of(Verdict verdict) {
    return verdicts.at(static_cast<std::size_t>(verdict));
}

std::string_view name_of(Verdict verdict) {
    return words_of(verdict).name;
}

std::optional<Verdict> parse_verdict(std::string_view text) {
    for (std::size_t i = 0; i < verdicts.size(); ++i)
        if (verdicts.at(i).name == text) return static_cast<Verdict>(i);
    return std::nullopt;
}

std::vector<std::string> verdict_names() {
    std::vector<std::string> names;
    for (const VerdictWords& words : verdicts) names.emplace_back(words.name);
    return names;
}

}  // namespace countersign::core
