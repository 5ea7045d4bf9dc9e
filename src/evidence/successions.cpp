#include "evidence/successions.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <span>

#include "countersign/core/decide.hpp"
#include "countersign/core/lowering.hpp"
#include "countersign/core/session.hpp"

namespace countersign::evidence {
namespace {

const core::Opened* opening_of(const core::Case& c) {
    return c.entries.empty() ? nullptr : std::get_if<core::Opened>(&c.entries.front());
}

const core::Cancelled* lowering_in(const core::Case& c) {
    for (const core::Entry& entry : c.entries)
        if (const auto* ended = std::get_if<core::Cancelled>(&entry); ended && ended->narrowed) return ended;
    return nullptr;
}

bool names(const core::Entry& entry, const core::RequestId& request) {
    const auto* used = std::get_if<core::Used>(&entry);
    return used != nullptr && used->request == request;
}

}  // namespace

void Successions::take(const core::Case& c, bool erased) {
    const auto* opened = opening_of(c);
    const bool follows = opened && (opened->narrowed_from || opened->session);
    const bool is_followed = lowering_in(c) != nullptr || core::uses_of(c) > 0;
    if (follows || is_followed) kept_.insert_or_assign(c.request->id.text(), Kept{c, erased});
}

const Successions::Kept* Successions::find(const core::RequestId& id) const {
    auto found = kept_.find(id.text());
    return found == kept_.end() ? nullptr : &found->second;
}

std::string Successions::lowering_problem(const Kept& before, const core::Cancelled::Narrowed& into,
                                          bool whole) const {
    const Kept* after = find(into.into);
    if (after == nullptr)
        return whole ? fmt::format("was lowered to {}, which is not there", into.into.text()) : "";
    const auto& from = opening_of(after->c)->narrowed_from;
    if (!from || from->request != before.c.request->id || after->c.request->digest != into.digest)
        return fmt::format("was lowered to {}, which says something else", into.into.text());
    if (before.erased || after->erased) return {};
    auto numbers = core::numbers_lowered(before.c.request, after->c.request, before.c.applied);
    auto again = core::lowered(before.c.request, before.c.applied, numbers);
    if (again && again->digest == after->c.request->digest) return {};
    return fmt::format("was lowered to {}, which differs in more than lower numbers", into.into.text());
}

std::string Successions::use_problem(const Kept& session, std::size_t index, bool whole) const {
    const auto& used = std::get<core::Used>(session.c.entries[index]);
    const Kept* covered = find(used.request);
    if (covered == nullptr)
        return whole ? fmt::format("covered {}, which is not there", used.request.text()) : "";
    const auto& of = opening_of(covered->c)->session;
    if (!of || *of != session.c.request->id || covered->c.request->digest != used.digest)
        return fmt::format("covered {}, which says something else", used.request.text());
    core::Case before = session.c;
    before.entries.erase(before.entries.begin() + static_cast<std::ptrdiff_t>(index), before.entries.end());
    if (core::decide(before).state != core::State::approved)
        return fmt::format("covered {} when it was not approved", used.request.text());
    if (session.erased || covered->erased) return {};
    const auto terms = core::session_of(session.c.request, session.c.applied);
    if (!terms || core::uses_of(before) >= terms->uses ||
        !core::covers(before, covered->c.request, covered->c.applied))
        return fmt::format("covered {}, for which it does not stand", used.request.text());
    return {};
}

// What a request says of where it came from.
std::string Successions::origin_problem(const Kept& kept, bool whole) const {
    const auto* opened = opening_of(kept.c);
    const core::RequestId& own = kept.c.request->id;
    if (opened->narrowed_from) {
        const Kept* before = find(opened->narrowed_from->request);
        const auto* ended = before ? lowering_in(before->c) : nullptr;
        const bool agrees = ended ? ended->narrowed->into == own : before == nullptr && !whole;
        if (!agrees) return "says that it took the place of a request that does not say so";
    }
    if (!opened->session) return {};
    const Kept* session = find(*opened->session);
    const bool agrees = session ? std::ranges::any_of(session->c.entries,
                                                      [&](const auto& entry) { return names(entry, own); })
                                : !whole;
    return agrees ? "" : "says that a session approved it, which does not say so";
}

std::vector<Successions::Problem> Successions::problems(bool whole, core::Instant until) const {
    std::vector<Problem> all;
    for (const auto& [id, kept] : kept_) {
        auto note = [&](std::string text) {
            if (!text.empty()) all.push_back({kept.c.request->id, std::move(text)});
        };
        if (const auto* ended = lowering_in(kept.c); ended && ended->at < until)
            note(lowering_problem(kept, *ended->narrowed, whole));
        for (std::size_t i = 0; i < kept.c.entries.size(); ++i)
            if (std::holds_alternative<core::Used>(kept.c.entries[i]) &&
                core::at_of(kept.c.entries[i]) < until)
                note(use_problem(kept, i, whole));
        if (const auto* opened = opening_of(kept.c); opened && opened->at < until)
            note(origin_problem(kept, whole));
    }
    return all;
}

}  // namespace countersign::evidence
