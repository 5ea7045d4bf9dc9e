#include "countersign/core/entry.hpp"

#include <array>

namespace countersign::core {
namespace {

constexpr std::array<std::string_view, 5> verdicts{"approve", "deny", "hold", "release", "withdraw"};
constexpr std::array<std::string_view, 11> kinds{"opened",   "voted",     "held",     "released",
                                                 "lapsed",   "cancelled", "claimed",  "reported",
                                                 "rejudged", "reminded",  "escalated"};
static_assert(kinds.size() == std::variant_size_v<Entry>);

template <class T, std::size_t n>
std::optional<T> parse(const std::array<std::string_view, n>& names, std::string_view text) {
    for (std::size_t i = 0; i < n; ++i)
        if (names[i] == text) return static_cast<T>(i);
    return std::nullopt;
}

}  // namespace

std::string_view name_of(Verdict verdict) {
    return verdicts[static_cast<std::size_t>(verdict)];
}
std::optional<Verdict> parse_verdict(std::string_view text) {
    return parse<Verdict>(verdicts, text);
}

Instant at_of(const Entry& entry) {
    return std::visit([](const auto& one) { return one.at; }, entry);
}
std::string_view kind_of(const Entry& entry) {
    return kinds[entry.index()];
}
bool is_self_approval(const Entry& entry) {
    const auto* voted = std::get_if<Voted>(&entry);
    return voted && voted->verdict == Verdict::approve && voted->voter.self_approval;
}

}  // namespace countersign::core
