#include "pg/facts.hpp"

#include <algorithm>

#include "countersign/base/overload.hpp"

namespace countersign::pg {
namespace {

std::string_view type_of(const core::Entry& entry, core::State after) {
    return std::visit(Overload{[](const core::Opened&) { return std::string_view("request.created"); },
                               [](const core::Voted&) { return std::string_view("request.voted"); },
                               [](const core::Held&) { return std::string_view("request.held"); },
                               [](const core::Released&) { return std::string_view("request.released"); },
                               [](const core::Rejudged&) { return std::string_view("request.rejudged"); },
                               [&](const core::Lapsed&) {
                                   return after == core::State::lapsed ? std::string_view("request.lapsed")
                                                                       : std::string_view("request.expired");
                               },
                               [](const core::Cancelled&) { return std::string_view("request.cancelled"); },
                               [](const core::Claimed&) { return std::string_view("request.claimed"); },
                               [](const core::Reported& e) {
                                   return e.succeeded ? std::string_view("request.succeeded")
                                                      : std::string_view("request.failed");
                               },
                               [](const core::Reminded&) { return std::string_view("request.reminded"); },
                               [](const core::Escalated&) { return std::string_view("request.escalated"); }},
                      entry);
}

// Decisions are facts of their own, beside the entry that brought them about.
std::string_view decision_of(core::State state) {
    switch (state) {
        case core::State::approved:
            return "request.approved";
        case core::State::denied:
            return "request.denied";
        case core::State::refused:
            return "request.refused";
        default:
            return {};
    }
}

}  // namespace

std::vector<std::string_view> event_types(const core::Entry& entry, core::State before, core::State after) {
    std::vector<std::string_view> types{type_of(entry, after)};
    if (core::is_self_approval(entry)) types.emplace_back("breakglass.used");
    if (before != after && !decision_of(after).empty()) types.push_back(decision_of(after));
    return types;
}

std::string counted_persons(const core::Ruling& ruling, const wire::Salt& salt) {
    std::string out = "{";
    for (const auto& vote : ruling.votes) {
        if (!vote.counted_for || vote.verdict != core::Verdict::approve) continue;
        if (out.size() > 1) out += ',';
        out += wire::sealed_uuid(salt, vote.person.text());
    }
    return out += '}';
}

std::string persons(const std::vector<core::PersonId>& people, const wire::Salt& salt) {
    std::string out = "{";
    for (const auto& person : people) {
        if (out.size() > 1) out += ',';
        out += wire::sealed_uuid(salt, person.text());
    }
    return out += '}';
}

std::uint32_t quorum_min(const core::Applied& applied) {
    if (applied.kind != core::Applied::Kind::require) return 0;
    std::uint32_t least = UINT32_MAX;
    for (const auto& slots : applied.alternatives) {
        std::uint32_t sum = 0;
        for (const auto& group : slots.groups) sum += group.count;
        least = std::min(least, sum);
    }
    return applied.alternatives.empty() ? 0 : least;
}

}  // namespace countersign::pg
