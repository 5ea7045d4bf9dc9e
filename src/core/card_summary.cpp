#include "countersign/core/card_summary.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/sentences.hpp"
#include "countersign/base/text.hpp"
#include "countersign/core/advance.hpp"

namespace countersign::core {
namespace {

// "2 of security, then 1 of dba"; alternatives joined by "or".
std::string still_needed(const Case& c, const Ruling& ruling) {
    auto waits = [](const CountOf& slot, const Slots& asked, const Slots& missing) {
        const auto its = std::ranges::find(asked.groups, slot.of, &CountOf::of);
        return its != asked.groups.end() && std::ranges::any_of(its->after, [&](const GroupId& first) {
                   return std::ranges::find(missing.groups, first, &CountOf::of) != missing.groups.end();
               });
    };
    std::string all;
    for (std::size_t i = 0; i < ruling.missing.size(); ++i) {
        std::string one;
        for (const CountOf& slot : ruling.missing[i].groups)
            one += fmt::format("{}{}{} of {}", one.empty() ? "" : ", ",
                               waits(slot, c.applied->alternatives.at(i), ruling.missing[i]) ? "then " : "",
                               slot.count, slot.of.text());
        all += (all.empty() ? "" : ", or ") + one;
    }
    return all;
}

}  // namespace

CardSummary card_summary(const Case& c, const Ruling& ruling) {
    const Request& request = c.request;
    CardSummary summary{.id = request.id, .number = request.number, .line = request.action, .detail = {}};
    if (request.environment) summary.line += " in " + *request.environment;
    if (request.resource) summary.line += " on " + *request.resource;
    summary.detail = fmt::format("{}, asked by {}", name_of(ruling.state), request.requester.name);
    if (ruling.review && ruling.review->open()) {
        const std::string due = rfc3339(ruling.review->due);
        summary.detail +=
            fmt::format(", to be reviewed by {} until {} {} UTC", group_names(ruling.review->missing),
                        due.substr(0, 10), due.substr(11, 5));
    }
    if (!open(ruling.state)) return summary;
    const std::string expires = rfc3339(request.expires_at);
    summary.detail += fmt::format(", expires {} {} UTC", expires.substr(0, 10), expires.substr(11, 5));
    if (auto needed = still_needed(c, ruling); !needed.empty()) summary.detail += ", still needed: " + needed;
    return summary;
}

std::string recorded_sentence(Verdict verdict, const Case& c, const Ruling& ruling) {
    auto sentence = fmt::format("Your {} #{} is recorded.", words_of(verdict).noun, c.request->number);
    for (const Entry& entry : c.entries)
        if (const auto* ended = std::get_if<Cancelled>(&entry); ended && ended->narrowed)
            return fmt::format("#{} is lowered ({}). {} takes its place, with a card of its own.",
                               c.request->number, visible(ended->narrowed->what),
                               ended->narrowed->into.text());
    if (verdict == Verdict::review) {
        if (ruling.review && ruling.review->open())
            sentence +=
                fmt::format(" Somebody of {} has to review it as well.", group_names(ruling.review->missing));
        return sentence;
    }
    if (ruling.state != State::pending)
        return sentence + fmt::format(" The request is {}.", name_of(ruling.state));
    if (verdict == Verdict::deny) {
        for (const Objection& one : objections(c))
            sentence += fmt::format(" It is denied once {} of {} deny it ({} so far).", one.count,
                                    one.group.text(), one.given);
    }
    if (ruling.held) sentence += " The request is on hold: nothing is decided until it is released.";
    if (auto needed = still_needed(c, ruling); !needed.empty()) sentence += " Still needed: " + needed + ".";
    return sentence;
}

}  // namespace countersign::core
