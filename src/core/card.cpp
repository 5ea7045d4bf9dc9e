#include "countersign/core/card.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "core/eligibility.hpp"
#include "core/sentences.hpp"
#include "countersign/base/overload.hpp"
#include "countersign/base/text.hpp"
#include "countersign/core/hidden.hpp"

namespace countersign::core {
namespace {

// Names people for one surface: the account there that a mention can use, and a name for everybody else.
class Naming {
  public:
    Naming(const Directory& directory, Surface surface) : directory_(directory), surface_(name_of(surface)) {}

    Who person(const PersonId& id) const { return named(id, directory_.accounts_of(id)); }
    // Somebody who acted: their own account is the one to mention, where it is of this surface.
    Who account(const AccountId& id) const {
        auto person = directory_.person_of(id);
        auto accounts = directory_.accounts_of(person);
        accounts.insert(accounts.begin(), directory_.full(id));
        return named(person, accounts);
    }

  private:
    Who named(const PersonId& id, const std::vector<AccountId>& accounts) const {
        Who who{id.text(), std::nullopt};
        for (const AccountId& one : accounts) {
            const ChatUser* user = directory_.user(one);
            // A display name is anybody's choice, so it never stands without the account it belongs to.
            if (user && !user->name.empty() && id.text().find(':') != std::string::npos &&
                who.name == id.text())
                who.name = user->name + " (" + id.text() + ")";
            if (user && !who.account && parts(one).kind == surface_) who.account = one;
        }
        return who;
    }

    const Directory& directory_;
    std::string_view surface_;
};

CardVote card_vote(const Naming& naming, const VoteMark& vote) {
    return {naming.account(vote.account),
            vote.verdict,
            vote.via,
            vote.at,
            vote.reason,
            vote.counted_for ? std::optional{vote.counted_for->text()} : std::nullopt,
            vote.self_approval};
}

// Whoever acted through the API: the requester is known by its name rather than by its token.
Who actor(const Case& c, const Naming& naming, const AccountId& by) {
    if (by != c.request->requester.account) return naming.account(by);
    return {c.request->requester.name, std::nullopt};
}

// Whose act settled it: the last one who acted before it left pending, or who cancelled.
std::optional<Who> decider(const Case& c, const Ruling& ruling, const Naming& naming) {
    if (ruling.state == State::cancelled) {
        for (const Entry& entry : c.entries)
            if (const auto* cancelled = std::get_if<Cancelled>(&entry))
                return actor(c, naming, cancelled->by);
    }
    const bool by_vote = ruling.state != State::pending && ruling.state != State::refused &&
                         ruling.state != State::expired && c.applied->kind == Applied::Kind::require;
    if (!by_vote || !ruling.decided_at) return std::nullopt;
    const Verdict deciding = ruling.state == State::denied ? Verdict::deny : Verdict::approve;
    std::optional<AccountId> last;
    for (const Entry& entry : c.entries) {
        if (at_of(entry) > *ruling.decided_at) break;
        const auto* voted = std::get_if<Voted>(&entry);
        if (voted && voted->verdict == deciding) last = voted->voter.account;
        if (deciding == Verdict::deny) continue;
        if (const auto* released = std::get_if<Released>(&entry)) last = released->voter.account;
    }
    if (!last) return std::nullopt;
    return naming.account(*last);
}

void add_lacks(CardView& view, const Case& c, const Ruling& ruling, const Directory& directory,
               const Naming& naming) {
    for (const auto& lacks : lacking(c, ruling, directory)) {
        std::vector<CardLack> alternative;
        for (const Lack& lack : lacks) {
            CardLack shown{lack.group.text(), lack.count, {}, lack.more};
            for (const PersonId& person : lack.could_approve)
                shown.could_approve.push_back(naming.person(person));
            alternative.push_back(std::move(shown));
        }
        view.missing.push_back(std::move(alternative));
    }
}

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
        if (mark.entry == index && mark.counted_for) text += " for " + mark.counted_for->text();
    text += through;
    if (after.held) text += ", which counts once the hold is released";
    return with_reason(std::move(text), vote.reason);
}

ThreadLine rejudged_line(const Rejudged& again) {
    std::vector<std::string> names;
    for (const Standing& voter : again.recheck)
        if (voter.behind) names.push_back(person_text(voter.person));
    std::string text = names.empty() ? std::string{"Accounts were linked to one another."}
                                     : fmt::format(
                                           "{} turned out to be behind this request: what they said "
                                           "no longer counts.",
                                           join(names, " and "));
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
            parts.push_back(fmt::format("{} of {}", lack.count, lack.group.text()));
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
                if (turn >= lack.could_approve.size()) continue;
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

ThreadLine escalation_line(const Case& c, const Directory& directory, Instant now) {
    const Ruling ruling = decide(c);
    std::vector<std::string> channels;
    std::string after;
    if (c.applied->escalate) {
        channels = all_channels(c.applied->escalate->to);
        auto waited = std::chrono::duration_cast<std::chrono::seconds>(c.applied->escalate->after);
        after = duration_text(waited.count());
    }
    auto text = fmt::format("Escalated to {}: nobody decided within {}.", join(channels, " and "), after);
    if (ruling.state == State::pending && ruling.held) {
        text += fmt::format(" It is on hold, and {}.", left_text(c, now));
    } else if (ruling.state == State::pending) {
        text += fmt::format(" It still needs {}, which only those named on the card can give, and {}.",
                            needs_text(lacking(c, ruling, directory)), left_text(c, now));
    }
    return {{}, std::move(text)};
}

}  // namespace

namespace {

void add_requester(CardView& view, const Request& request, const Naming& naming) {
    const Requester& requester = request.requester;
    // A token is a program's, whosever it is.
    view.requester_is_program =
        requester.kind == Requester::Kind::workload || parts(requester.account).kind == "token";
    view.requester = {requester.name, std::nullopt};
    view.run = requester.run;
    const auto proven = proven_humans(request);
    if (view.requester_is_program)
        for (const AccountId& human : proven) view.acts_for.push_back(naming.account(human));
    else
        view.requester = naming.account(proven.empty() ? requester.account : proven.front());
    for (const AccountId& human : request.on_behalf_of)
        view.on_behalf_of.push_back({naming.account(human).name, std::nullopt});
    view.no_human_named = humans_behind(request).empty();
}

void add_hold(CardView& view, const Case& c, const Ruling& ruling, const Naming& naming) {
    if (!ruling.held) return;
    view.held = CardVote{naming.account(ruling.held->account),
                         Verdict::hold,
                         Surface::api,
                         ruling.held->at,
                         ruling.held->reason,
                         std::nullopt,
                         false};
    for (const GroupId& group : c.applied->release) view.releasers.push_back(group.text());
    for (const Entry& entry : c.entries)
        if (const auto* held = std::get_if<Held>(&entry); held && held->at == ruling.held->at)
            view.held->via = held->via;
}

void add_end(CardView& view, const Case& c, const Ruling& ruling, const Naming& naming) {
    view.grant_ends = ruling.grant_ends;
    view.decided_at = ruling.decided_at;
    view.decided_by = decider(c, ruling, naming);
    view.reason = ruling.reason;
    for (const Entry& entry : c.entries) {
        if (const auto* claimed = std::get_if<Claimed>(&entry)) view.claimed_at = claimed->at;
        if (const auto* lapsed = std::get_if<Lapsed>(&entry)) view.ended_at = lapsed->at;
        if (const auto* reported = std::get_if<Reported>(&entry)) {
            view.ended_at = reported->at;
            view.outcome_detail = reported->detail;
        }
    }
}

}  // namespace

CardView card(const Case& c, const Ruling& ruling, const Directory& directory, Surface surface) {
    const Naming naming{directory, surface};
    const Request& request = c.request;
    CardView view;
    view.id = request.id;
    view.number = request.number;
    view.version = c.version();
    view.state = ruling.state;
    view.action = request.action;
    view.resource = request.resource;
    view.environment = request.environment;
    view.intent = request.intent;
    add_requester(view, request, naming);
    if (request.parameters) view.parameters = c.request.share(*request.parameters);
    if (!c.applied->hide.empty()) view.hidden = hidden_in(request).size();
    view.labels = request.labels;
    view.links = request.links;
    view.digest = request.digest;
    view.rules = c.applied->rules;
    view.resource_typed = c.applied->resource_typed;
    view.shadow = c.applied->shadow;
    view.risk = c.applied->risk;
    view.risk_parts = c.applied->risk_parts;
    add_lacks(view, c, ruling, directory, naming);
    view.one_denial_ends = c.applied->deny.any;
    if (ruling.state == State::pending)
        for (const Objection& one : objections(c))
            view.objections.push_back({one.group.text(), one.count, one.given});
    for (const VoteMark& vote : ruling.votes) view.votes.push_back(card_vote(naming, vote));
    add_hold(view, c, ruling, naming);
    view.created_at = request.created_at;
    view.expires_at = request.expires_at;
    add_end(view, c, ruling, naming);
    return view;
}

bool has_thread_line(const Entry& entry) {
    // A claim follows an approval at once; the card says it.
    if (std::holds_alternative<Claimed>(entry)) return false;
    if (const auto* again = std::get_if<Rejudged>(&entry))
        return again->dead_end || std::ranges::any_of(again->recheck, &Standing::behind);
    const auto* opened = std::get_if<Opened>(&entry);
    return !opened || opened->dead_end.has_value();
}

ThreadLine thread_line(const Case& c, std::size_t index, const Directory& directory, Surface surface,
                       Instant now) {
    const Naming naming{directory, surface};
    if (index >= c.entries.size()) return {};
    now = std::max(now, at_of(c.entries[index]));
    return std::visit(
        Overload{
            [&](const Opened& opened) {
                return ThreadLine{{}, with_reason("Refused by the policy", opened.dead_end.value_or(""))};
            },
            [&](const Voted& vote) {
                auto after = decide(c.request, c.applied, std::span{c.entries}.first(index + 1));
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
                auto before = decide(c.request, c.applied, std::span{c.entries}.first(index));
                return ThreadLine{{},
                                  before.state == State::approved
                                      ? "Nobody claimed the approval in time; it has lapsed."
                                      : "Nobody decided in time; the request has expired."};
            },
            [&](const Cancelled& cancelled) {
                return ThreadLine{actor(c, naming, cancelled.by),
                                  with_reason("cancelled this request", cancelled.reason)};
            },
            [&](const Claimed& claimed) {
                return ThreadLine{actor(c, naming, claimed.by), "claimed the approval"};
            },
            [&](const Reported& reported) {
                return ThreadLine{actor(c, naming, reported.by),
                                  with_reason(reported.succeeded ? "reported success" : "reported failure",
                                              reported.detail)};
            },
            [&](const Reminded&) { return reminder_line(c, directory, naming, now); },
            [&](const Escalated&) { return escalation_line(c, directory, now); },
        },
        c.entries[index]);
}

}  // namespace countersign::core
