#include "countersign/core/thread_lines.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <optional>
#include <span>
#include <vector>

#include "core/card_naming.hpp"
#include "core/eligibility.hpp"
#include "core/sentences.hpp"
#include "countersign/base/overload.hpp"
#include "countersign/base/text.hpp"
#include "countersign/core/card.hpp"
#include "countersign/core/review.hpp"
#include "countersign/core/session.hpp"

// What a card's thread says: each entry as one line with who and why.
namespace countersign::core {
namespace {

// What is done where others can see it needs no mention.
std::string_view through_text(Surface via) {
    return via == Surface::api ? " through the API" : "";
}

std::string with_reason(std::string text, const std::string& reason) {
    return reason.empty() ? text : text + ": " + reason;
}

// `after`: what was ruled once this vote was in.
std::string vote_text(const Applied& applied, const Voted& vote, std::size_t index, const Ruling& after) {
    const std::string through{through_text(vote.via)};
    switch (vote.verdict) {
        case Verdict::deny:
            return with_reason(
                after.state == State::denied
                    ? "denied this request" + through
                    : "denied this request" + through + ", which takes " + denial_text(applied.deny),
                vote.reason);
        case Verdict::withdraw:
            return with_reason("withdrew their vote" + through, vote.reason);
        default:
            break;
    }
    std::string text = vote.voter.self_approval ? "approves own request, allowed by policy,"
                                                : std::string(words_of(vote.verdict).past);
    for (const VoteMark& mark : after.votes)
        if (mark.entry == index && mark.counted_for) {
            text += " for " + mark.counted_for->text();
            if (mark.in_place_of) text += ", in place of " + mark.in_place_of->text();
        }
    if (vote.sign_in) text += ", signed in for it";
    text += through;
    if (after.held) text += ", which counts once the hold is released";
    return with_reason(std::move(text), vote.reason);
}

ThreadLine rejudged_line(const Rejudged& again) {
    std::vector<std::string> behind;
    std::vector<std::string> excluded;
    for (const Standing& voter : again.recheck)
        if (voter.behind || voter.excluded)
            (voter.behind ? behind : excluded).push_back(person_text(voter.person));
    std::string text;
    if (!behind.empty())
        text = fmt::format("{} turned out to be behind this request: what they said no longer counts.",
                           join(behind, " and "));
    if (!excluded.empty())
        text += fmt::format(
            "{}{} turned out to be somebody whom the request names: their approval no longer counts.",
            text.empty() ? "" : " ", join(excluded, " and "));
    if (text.empty()) text = "Accounts were linked to one another.";
    if (again.dead_end) text += " The policy refused the request: " + *again.dead_end;
    return ThreadLine{{}, std::move(text)};
}

// ---- what is said while nobody decides

std::string needs_text(const std::vector<std::vector<Lack>>& alternatives) {
    constexpr std::size_t alternatives_named_max = 3;
    std::vector<std::string> ways;
    for (const auto& lacks : alternatives) {
        if (ways.size() == alternatives_named_max) {
            ways.emplace_back("what else the card names");
            break;
        }
        std::vector<std::string> parts;
        for (const Lack& lack : lacks)
            parts.push_back(
                fmt::format("{}{} of {}", lack.later ? "then " : "", lack.count, lack.group.text()));
        ways.push_back(join(parts, " and "));
    }
    return join(ways, ", or ");
}

std::string left_text(const Case& c, Instant now) {
    auto left = std::chrono::duration_cast<std::chrono::minutes>(c.request->expires_at - now);
    if (left < std::chrono::minutes{1}) return "expires within a minute";
    return "expires in " + duration_text(std::chrono::seconds{left}.count());
}

// One of each unfilled slot in turn, so that no group crowds out another.
std::vector<PersonId> could_give(const std::vector<std::vector<Lack>>& alternatives) {
    std::vector<PersonId> people;
    for (std::size_t turn = 0; turn < could_approve_max; ++turn) {
        for (const auto& lacks : alternatives) {
            for (const Lack& lack : lacks) {
                if (people.size() == asked_max) return people;
                if (lack.later || turn >= lack.could_approve.size()) continue;
                const PersonId& person = lack.could_approve[turn];
                if (std::ranges::find(people, person) == people.end()) people.push_back(person);
            }
        }
    }
    return people;
}

// The holder, then whoever else may release.
std::vector<PersonId> could_release(const Case& c, const HoldMark& held, const Directory& directory) {
    std::vector<PersonId> people{held.person};
    if (c.applied->release.empty()) return people;
    const Behind behind{c.request, c.entries, directory};
    std::vector<std::vector<PersonId>> groups;
    for (const GroupId& group : c.applied->release)
        groups.push_back(directory.members(group).value_or(std::vector<PersonId>{}));
    for (const PersonId& person : groups.front()) {
        if (people.size() == asked_max) break;
        const bool in_all = std::ranges::all_of(groups, [&](const std::vector<PersonId>& group) {
            return std::ranges::find(group, person) != group.end();
        });
        if (in_all && person != held.person && !behind.includes(person) && !directory.absence(person))
            people.push_back(person);
    }
    return people;
}

ThreadLine reminder_line(const Case& c, const Directory& directory, const Naming& naming, Instant now) {
    const Ruling ruling = decide(c);
    if (ruling.state != State::pending) return {};
    ThreadLine line;
    std::vector<PersonId> people;
    if (ruling.held) {
        line.text =
            fmt::format("Reminder: this is on hold until somebody releases it, and {}.", left_text(c, now));
        people = could_release(c, *ruling.held, directory);
    } else {
        auto alternatives = lacking(c, ruling, directory);
        line.text = fmt::format("Reminder: this still needs {}, and {}.", needs_text(alternatives),
                                left_text(c, now));
        people = could_give(alternatives);
        if (people.empty()) line.text += " Nobody known could give it.";
    }
    for (const PersonId& person : people) line.asks.push_back(naming.person(person));
    return line;
}

// Whom an escalation lets approve from then on; empty: nobody new.
std::string added_text(const Case& c, std::size_t index) {
    if (!c.applied->widening) return {};
    const Instant from = at_of(c.entries.front()) + c.applied->widening->after;
    for (std::size_t i = 0; i < index; ++i)
        if (std::holds_alternative<Escalated>(c.entries[i]) && at_of(c.entries[i]) >= from) return {};
    if (at_of(c.entries[index]) < from) return {};
    std::vector<std::string> groups;
    for (const GroupId& group : c.applied->widening->approvers) groups.push_back(group.text());
    return fmt::format("From now on whoever is in {} can approve it, too.", join(groups, " and in "));
}

ThreadLine escalation_line(const Case& c, std::size_t index, const Directory& directory, Instant now) {
    const Ruling ruling = decide(c);
    const bool first =
        std::none_of(c.entries.begin(), c.entries.begin() + static_cast<std::ptrdiff_t>(index),
                     [](const Entry& entry) { return std::holds_alternative<Escalated>(entry); });
    std::string text;
    if (first && c.applied->escalate) {
        const auto waited = std::chrono::duration_cast<std::chrono::seconds>(c.applied->escalate->after);
        text =
            fmt::format("Escalated to {}: nobody decided within {}.",
                        join(all_channels(c.applied->escalate->to), " and "), duration_text(waited.count()));
    }
    const std::string added = added_text(c, index);
    if (!added.empty()) text += (text.empty() ? "" : " ") + added;
    if (ruling.state == State::pending && ruling.held) {
        text += fmt::format(" It is on hold, and {}.", left_text(c, now));
    } else if (ruling.state == State::pending) {
        text += fmt::format(" It still needs {}{}, and {}.", needs_text(lacking(c, ruling, directory)),
                            added.empty() ? ", which only those named on the card can give" : "",
                            left_text(c, now));
    }
    return {{}, std::move(text)};
}

// What the request came to by an entry that it was pending before.
std::string decision_text(const Case& c, const Ruling& after) {
    switch (after.state) {
        case State::approved:
            if (!after.review) return "Approved: the quorum is met.";
            return fmt::format(
                "Approved: the quorum is met, with an approval by who asked. Somebody of {} has to review it "
                "within {}.",
                group_names(after.review->missing),
                duration_text(
                    std::chrono::duration_cast<std::chrono::seconds>(c.applied->self_approval->review->within)
                        .count()));
        case State::denied:
            return c.applied->deny.any ? "Denied: one denial is enough."
                                       : "Denied: " + denial_text(c.applied->deny) + " deny it.";
        default:
            return {};  // the sentence says it
    }
}

}  // namespace

bool has_thread_line(const Entry& entry) {
    if (const auto* again = std::get_if<Rejudged>(&entry))
        return again->dead_end || std::ranges::any_of(again->recheck, [](const Standing& voter) {
                   return voter.behind || voter.excluded;
               });
    const auto* opened = std::get_if<Opened>(&entry);
    return !opened || opened->dead_end.has_value();
}

namespace {

std::string reported_text(const Case& c, const Reported& reported) {
    std::string text = reported.succeeded ? "reported success" : "reported failure";
    for (const Entry& entry : c.entries) {
        const auto* claimed = std::get_if<Claimed>(&entry);
        if (!claimed || reported.at < claimed->at) continue;
        const auto took = std::chrono::duration_cast<std::chrono::seconds>(reported.at - claimed->at);
        text += " after " + duration_text(took.count());
    }
    return with_reason(std::move(text), reported.detail);
}

ThreadLine used_line(const Case& c, std::size_t index, const Used& used) {
    const auto session = session_of(c.request, c.applied);
    const auto before = std::ranges::count_if(std::span{c.entries}.first(index), [](const Entry& entry) {
        return std::holds_alternative<Used>(entry);
    });
    return {{},
            fmt::format("Used {} of {} times, now for {}.", before + 1, session ? session->uses : 0,
                        used.request.text())};
}

// Whoever may review it, one of each group in turn.
void ask_reviewers(ThreadLine& line, const Case& c, const Ruling& ruling, const Directory& directory,
                   const Naming& naming) {
    const auto all = reviewers(c, ruling, directory);
    for (std::size_t turn = 0; turn < could_approve_max; ++turn) {
        for (const Reviewers& one : all) {
            if (line.asks.size() == asked_max || turn >= one.people.size()) continue;
            Who who = naming.person(one.people[turn]);
            if (std::ranges::find(line.asks, who) == line.asks.end()) line.asks.push_back(std::move(who));
        }
    }
}

ThreadLine overdue_line(const Case& c, const Directory& directory, const Naming& naming) {
    const Ruling ruling = decide(c);
    if (!ruling.review || !ruling.review->open()) return {};
    ThreadLine line;
    line.text = fmt::format(
        "Nobody of {} has reviewed in time that this was approved by who asked. Until somebody does, nobody "
        "approves a request of their own under this rule.",
        group_names(ruling.review->missing));
    ask_reviewers(line, c, ruling, directory, naming);
    return line;
}

ThreadLine cancelled_line(const Case& c, const Cancelled& cancelled, const Naming& naming) {
    if (cancelled.narrowed)
        return {naming.account(cancelled.by),
                with_reason(fmt::format("lowered what is asked for{} ({}); a new request takes the place of "
                                        "this one",
                                        through_text(cancelled.via), cancelled.narrowed->what),
                            cancelled.reason)};
    if (cancelled.approver)
        return {
            naming.account(cancelled.by),
            with_reason(fmt::format("revoked the session{}", through_text(cancelled.via)), cancelled.reason)};
    if (cancelled.superseded_by)
        return {naming.actor(c, cancelled.by),
                "asked anew for something of which one goes on at a time, which ended this request: " +
                    cancelled.superseded_by->text()};
    return {naming.actor(c, cancelled.by), with_reason("cancelled this request", cancelled.reason)};
}

// What the entry says, whatever came of it.
ThreadLine said_by(const Case& c, std::size_t index, const Ruling& after, const Directory& directory,
                   const Naming& naming, Instant now) {
    return std::visit(
        Overload{
            [&](const Opened& opened) {
                return ThreadLine{{}, with_reason("Refused by the policy", opened.dead_end.value_or(""))};
            },
            [&](const Voted& vote) {
                std::string text = vote_text(c.applied, vote, index, after);
                if (vote.dead_end && after.state == State::refused)
                    text += "; then the policy refused the request: " + *vote.dead_end;
                return ThreadLine{naming.account(vote.voter.account), std::move(text)};
            },
            [&](const Held& held) {
                return ThreadLine{
                    naming.account(held.voter.account),
                    with_reason(fmt::format("holds this request{}", through_text(held.via)), held.reason)};
            },
            [&](const Released& released) {
                return ThreadLine{naming.account(released.voter.account),
                                  with_reason(fmt::format("released the hold{}", through_text(released.via)),
                                              released.reason)};
            },
            [&](const Rejudged& again) { return rejudged_line(again); },
            [&](const Lapsed&) {
                const auto session = session_of(c.request, c.applied);
                if (session && after.state == State::lapsed)
                    return ThreadLine{{},
                                      fmt::format("The session is over; it was used {} of {} times.",
                                                  uses_of(c), session->uses)};
                return ThreadLine{{},
                                  after.state == State::lapsed
                                      ? "Nobody claimed the approval in time; it has lapsed."
                                      : "Nobody decided in time; the request has expired."};
            },
            [&](const Cancelled& cancelled) { return cancelled_line(c, cancelled, naming); },
            [&](const Claimed& claimed) {
                return ThreadLine{naming.actor(c, claimed.by), "claimed the approval and starts"};
            },
            [&](const Reported& reported) {
                return ThreadLine{naming.actor(c, reported.by), reported_text(c, reported)};
            },
            [&](const Reminded&) { return reminder_line(c, directory, naming, now); },
            [&](const Escalated&) { return escalation_line(c, index, directory, now); },
            [&](const Used& used) { return used_line(c, index, used); },
            [&](const Reviewed& reviewed) {
                return ThreadLine{naming.account(reviewed.voter.account),
                                  with_reason(fmt::format("reviewed that this was approved by who asked{}",
                                                          through_text(reviewed.via)),
                                              reviewed.reason)};
            },
            [&](const ReviewOverdue&) { return overdue_line(c, directory, naming); },
        },
        c.entries[index]);
}

// Whose act an entry is; nullopt: nobody's.
std::optional<AccountId> actor_of(const Entry& entry) {
    if (const auto* voted = std::get_if<Voted>(&entry)) return voted->voter.account;
    if (const auto* released = std::get_if<Released>(&entry)) return released->voter.account;
    if (const auto* cancelled = std::get_if<Cancelled>(&entry)) return cancelled->by;
    if (const auto* reviewed = std::get_if<Reviewed>(&entry)) return reviewed->voter.account;
    return std::nullopt;
}

Ruling ruled(const Case& c, std::size_t entries) {
    return decide(c.request, c.applied, std::span{c.entries}.first(entries));
}

}  // namespace

bool decides(const Case& c, std::size_t index) {
    return index > 0 && index < c.entries.size() && ruled(c, index).state == State::pending &&
           ruled(c, index + 1).state != State::pending;
}

std::vector<Who> requesters_to_tell(const Case& c, std::size_t index, const Directory& directory,
                                    Surface surface) {
    const Naming naming{directory, surface};
    const auto by = actor_of(c.entries.at(index));
    const auto own = by ? std::optional{directory.person_of(directory.full(*by))} : std::nullopt;
    std::vector<Who> people;
    for (const AccountId& human : proven_humans(c.request)) {
        if (people.size() == asked_max) break;
        if (own != directory.person_of(directory.full(human))) people.push_back(naming.account(human));
    }
    return people;
}

ThreadLine thread_line(const Case& c, std::size_t index, const Directory& directory, Surface surface,
                       Instant now) {
    const Naming naming{directory, surface};
    if (index >= c.entries.size()) return {};
    now = std::max(now, at_of(c.entries[index]));
    const Ruling after = ruled(c, index + 1);
    ThreadLine line = said_by(c, index, after, directory, naming, now);
    if (line.text.empty() || !decides(c, index)) return line;
    line.decision = decision_text(c, after);
    line.asks = requesters_to_tell(c, index, directory, surface);
    if (after.review) ask_reviewers(line, c, decide(c), directory, naming);
    return line;
}

}  // namespace countersign::core
