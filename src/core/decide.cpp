#include "countersign/core/decide.hpp"

#include <algorithm>
#include <array>

#include "core/nudges.hpp"
#include "core/self_approvals.hpp"
#include "core/tally.hpp"
#include "countersign/core/advance.hpp"

namespace countersign::core {
namespace {

constexpr std::array<std::string_view, 10> states{"pending",   "approved", "denied",    "refused", "expired",
                                                  "cancelled", "claimed",  "succeeded", "failed",  "lapsed"};

}  // namespace

std::string_view name_of(State state) {
    return states[static_cast<std::size_t>(state)];
}

std::optional<State> parse_state(std::string_view text) {
    auto found = std::ranges::find(states, text);
    if (found == states.end()) return std::nullopt;
    return static_cast<State>(found - states.begin());
}

std::span<const std::string_view> state_names() {
    return states;
}

bool final(State state) {
    return state != State::pending && state != State::approved && state != State::claimed;
}

Ruling decide(const Request& request, const Applied& applied, std::span<const Entry> entries) {
    Tally tally{request, applied};
    for (const Entry& entry : entries) tally.read(entry);
    return tally.ruling();
}

std::optional<Instant> due_at(const Case& c, const Ruling& ruling) {
    if (ruling.state == State::pending)
        return std::min(c.request->expires_at, Nudges{c}.first().value_or(c.request->expires_at));
    const auto review = review_due(c, ruling);
    if (ruling.state != State::approved) return review;
    return review && ruling.grant_ends ? std::min(*review, *ruling.grant_ends) : ruling.grant_ends;
}

std::vector<Objection> objections(const Case& c) {
    std::vector<Objection> all;
    if (c.applied->deny.counts.empty()) return all;
    Tally tally{c.request, c.applied};
    for (const Entry& entry : c.entries) tally.read(entry);
    for (const CountOf& one : c.applied->deny.counts)
        all.push_back({one.of, one.count, static_cast<std::uint32_t>(tally.denials(one.of))});
    return all;
}

}  // namespace countersign::core
