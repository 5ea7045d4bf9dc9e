#include "countersign/core/entry.hpp"

#include <array>

namespace countersign::core {
namespace {

constexpr std::array<std::string_view, 14> kinds{
    "opened",   "voted",    "held",     "released",  "lapsed", "cancelled", "claimed",
    "reported", "rejudged", "reminded", "escalated", "used",   "reviewed",  "review_overdue"};
static_assert(kinds.size() == std::variant_size_v<Entry>);

}  // namespace

Instant at_of(const Entry& entry) {
    return std::visit([](const auto& one) { return one.at; }, entry);
}
std::string_view kind_of(const Entry& entry) {
    return kinds[entry.index()];
}
const PersonId* person_who_acted(const Entry& entry) {
    return std::visit(
        [](const auto& one) -> const PersonId* {
            if constexpr (requires { one.voter; })
                return &one.voter.person;
            else
                return nullptr;
        },
        entry);
}
bool is_self_approval(const Entry& entry) {
    const auto* voted = std::get_if<Voted>(&entry);
    return voted && voted->verdict == Verdict::approve && voted->voter.self_approval;
}
std::optional<Duration> after_card(const Entry& entry) {
    const auto* voted = std::get_if<Voted>(&entry);
    return voted ? voted->after_card : std::nullopt;
}

}  // namespace countersign::core
