#include "countersign/core/card.hpp"

#include <algorithm>

#include "core/card_naming.hpp"
#include "core/eligibility.hpp"
#include "core/exclusions.hpp"
#include "countersign/core/hidden.hpp"
#include "countersign/core/review.hpp"
#include "countersign/core/session.hpp"

namespace countersign::core {
namespace {

CardVote card_vote(const Case& c, const Naming& naming, const VoteMark& vote) {
    return {naming.account(vote.account),
            vote.verdict,
            vote.via,
            vote.at,
            vote.reason,
            vote.counted_for ? std::optional{vote.counted_for->text()} : std::nullopt,
            vote.self_approval,
            after_card(c.entries[vote.entry]),
            vote.sign_in.has_value(),
            vote.in_place_of ? std::optional{naming.person(*vote.in_place_of).name} : std::nullopt};
}

// Whose act settled it: the last one who acted before it left pending, or who cancelled.
std::optional<Who> decider(const Case& c, const Ruling& ruling, const Naming& naming) {
    if (ruling.state == State::cancelled) {
        for (const Entry& entry : c.entries)
            if (const auto* cancelled = std::get_if<Cancelled>(&entry)) return naming.actor(c, cancelled->by);
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
            CardLack shown{lack.group.text(), lack.count, {}, lack.more, lack.later};
            for (const PersonId& person : lack.could_approve)
                shown.could_approve.push_back(naming.person(person));
            alternative.push_back(std::move(shown));
        }
        view.missing.push_back(std::move(alternative));
    }
}

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
        const auto* cancelled = std::get_if<Cancelled>(&entry);
        if (!cancelled || !cancelled->approver) continue;
        view.revoked = !cancelled->narrowed;
        if (cancelled->narrowed)
            view.narrowed_into = CardNarrowed{naming.account(cancelled->by), cancelled->narrowed->what, 0};
    }
}

// A hash says nothing to anybody. Whoever wants it finds it in the records.
void hide_erased(CardView& view) {
    const Who nobody{"(erased)", std::nullopt};
    auto erase = [](std::string& text) {
        if (!text.empty()) text = "(erased)";
    };
    auto erase_people = [&](std::vector<Who>& people) { people.assign(people.empty() ? 0 : 1, nobody); };
    view.words_erased = true;
    view.requester = nobody;
    if (view.resource) view.resource = nobody.name;
    erase(view.intent);
    erase(view.run);
    if (view.state != State::refused) erase(view.reason);  // else it is the policy's
    erase_people(view.acts_for);
    erase_people(view.on_behalf_of);
    view.parameters = nullptr;
    for (auto& [name, value] : view.labels) value = nobody.name;
    view.links.clear();
    for (CardVote& vote : view.votes) {
        vote.who = nobody;
        if (vote.in_place_of) vote.in_place_of = nobody.name;
        erase(vote.reason);
    }
    if (view.decided_by) view.decided_by = nobody;
    if (view.outcome_detail) erase(*view.outcome_detail);
    if (view.review)
        for (CardReview::Given& given : view.review->given) {
            given.who = nobody;
            erase(given.reason);
        }
    if (!view.held) return;
    view.held->who = nobody;
    erase(view.held->reason);
}

void add_review(CardView& view, const Case& c, const Ruling& ruling, const Directory& directory,
                const Naming& naming) {
    if (!ruling.review) return;
    CardReview& review = view.review.emplace();
    review.due = ruling.review->due;
    review.overdue = ruling.review->overdue;
    for (const Reviewers& one : reviewers(c, ruling, directory)) {
        auto& missing = review.missing.emplace_back(one.group.text(), std::vector<Who>{}, one.more);
        for (const PersonId& person : one.people) missing.could_review.push_back(naming.person(person));
    }
    for (const ReviewMark& mark : ruling.review->given) {
        auto& given = review.given.emplace_back(naming.account(mark.account), std::vector<std::string>{},
                                                mark.at, mark.reason);
        for (const GroupId& group : mark.groups) given.groups.push_back(group.text());
    }
}

void add_grants(CardView& view, const Case& c, const Ruling& ruling, const Naming& naming) {
    if (ruling.state == State::pending) view.lowerable = lowerable(c.request, c.applied);
    if (const auto session = session_of(c.request, c.applied))
        view.session = CardSession{session->lasts, session->uses, uses_of(c)};
    const auto* opened = c.entries.empty() ? nullptr : std::get_if<Opened>(&c.entries.front());
    if (opened == nullptr) return;
    view.by_session = opened->session.has_value();
    if (const auto& from = opened->narrowed_from)
        view.narrowed_from = CardNarrowed{naming.account(from->by), from->what, from->number};
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
    view.step_up = !c.applied->step_up.empty();
    view.shadow = c.applied->shadow;
    add_grants(view, c, ruling, naming);
    view.risk = c.applied->risk;
    view.risk_parts = c.applied->risk_parts;
    add_lacks(view, c, ruling, directory, naming);
    view.one_denial_ends = c.applied->deny.any;
    if (ruling.state == State::pending)
        for (const Objection& one : objections(c))
            view.objections.push_back({one.group.text(), one.count, one.given});
    for (const VoteMark& vote : ruling.votes) view.votes.push_back(card_vote(c, naming, vote));
    add_hold(view, c, ruling, naming);
    view.created_at = request.created_at;
    view.expires_at = request.expires_at;
    view.terms = card_terms(c, ruling, directory, surface);
    add_end(view, c, ruling, naming);
    add_review(view, c, ruling, directory, naming);
    if (request.words_erased) hide_erased(view);
    return view;
}

CardTerms card_terms(const Case& c, const Ruling& ruling, const Directory& directory, Surface surface) {
    CardTerms terms;
    const Applied& applied = c.applied;
    if (c.entries.empty() || final(ruling.state)) return terms;
    const Instant opened = at_of(c.entries.front());
    const Instant from = opened + applied.claim_after;
    if (applied.claim_after > Duration{}) terms.claim_from = from;
    const Instant last = ruling.grant_ends.value_or(std::max(c.request->expires_at, from) + applied.grant);
    for (const Span& closed : applied.claim_closed)
        if (closed.to > ruling.decided_at.value_or(opened) && closed.from < last)
            terms.claim_closed.push_back(closed);
    if (ruling.state != State::pending || applied.kind != Applied::Kind::require) return terms;
    terms.reason_required = applied.reason_required;
    terms.budgets = applied.budgets;
    terms.over_budget = applied.over_budget;
    terms.turns = applied.turns;
    for (const Slots& slots : applied.alternatives)
        for (const CountOf& one : slots.groups)
            if (one.not_last != 0 &&
                std::ranges::find(terms.not_last, one.of, &CountOf::of) == terms.not_last.end())
                terms.not_last.push_back(one);
    const Naming naming{directory, surface};
    for (const AccountId& account : excluded_accounts(applied.exclude, c.request).accounts)
        terms.excluded.push_back({naming.account(account).name, std::nullopt});
    if (!applied.widening) return terms;
    terms.widening = CardWidening{{}, opened + applied.widening->after, widened(c)};
    for (const GroupId& group : applied.widening->approvers) terms.widening->groups.push_back(group.text());
    return terms;
}

CardBefore card_before(const Case& approved, const Ruling& ruling, const Directory& directory,
                       Surface surface) {
    const Naming naming{directory, surface};
    const Request& request = approved.request;
    CardBefore before{decider(approved, ruling, naming).value_or(Who{}),
                      ruling.decided_at.value_or(request.created_at), nullptr, request.environment,
                      request.number};
    if (request.parameters) before.parameters = approved.request.share(*request.parameters);
    return before;
}

}  // namespace countersign::core
