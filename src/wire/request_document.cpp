#include "countersign/wire/request_document.hpp"

#include <algorithm>
#include <utility>
#include <variant>
#include <vector>

#include "countersign/core/advance.hpp"
#include "countersign/core/card.hpp"
#include "countersign/core/hidden.hpp"
#include "countersign/core/review.hpp"
#include "countersign/core/session.hpp"

namespace countersign::wire {

core::Value sign_in_value(const core::SignIn& sign_in) {
    auto methods = core::Value::array();
    for (const std::string& one : sign_in.amr) methods.push(one);
    return core::Value::object({{"account", sign_in.account.text()},
                                {"acr", sign_in.acr.empty() ? core::Value() : core::Value(sign_in.acr)},
                                {"amr", std::move(methods)},
                                {"at", core::rfc3339(sign_in.at)}});
}

core::Value time_or_null(const std::optional<core::Instant>& at) {
    return at ? core::Value(core::rfc3339(*at)) : core::Value();
}

namespace {

using core::Value;

Value or_null(const std::optional<std::string>& text) {
    return text ? Value(*text) : Value();
}
Value text_or_null(const std::string& text) {
    return text.empty() ? Value() : Value(text);
}

// What rules on trial would have asked: one of the lists of `asks`.
Value shadow_of(const core::Shadow& shadow) {
    auto rules = Value::array();
    for (const auto& rule : shadow.rules) rules.push(rule);
    auto asks = Value::array();
    for (const auto& slots : shadow.alternatives) {
        auto all = Value::array();
        for (const auto& slot : slots.groups)
            all.push(Value::object({{"group", slot.of.text()}, {"count", slot.count}}));
        asks.push(std::move(all));
    }
    return Value::object({{"rules", std::move(rules)},
                          {"refuses", shadow.refuses},
                          {"reason", text_or_null(shadow.refusal)},
                          {"asks", std::move(asks)}});
}

Value list_of(const std::vector<std::string>& all) {
    auto list = Value::array();
    for (const auto& one : all) list.push(one);
    return list;
}

// What the rules ask about other requests.
void history_of(Value& policy, const core::Applied& applied) {
    if (!applied.budgets.empty()) {
        auto budgets = Value::array();
        for (const core::Budget& one : applied.budgets) {
            auto budget =
                Value::object({{"rule", one.rule},
                               {"seconds", std::chrono::duration_cast<std::chrono::seconds>(one.per).count()},
                               {"by", list_of(one.by)}});
            if (one.count != 0) {
                budget.set("count", one.count);
            } else {
                budget.set("sum", one.sum);
                budget.set("max", static_cast<double>(one.max) / static_cast<double>(core::millionths));
            }
            budgets.push(std::move(budget));
        }
        policy.set("budgets", std::move(budgets));
    }
    if (!applied.over_budget.empty()) policy.set("over_budget", list_of(applied.over_budget));
    if (applied.turns.empty()) return;
    auto turns = Value::array();
    for (const core::Turns& one : applied.turns)
        turns.push(Value::object({{"by", list_of(one.by)}, {"supersede", one.supersede}}));
    policy.set("one_at_a_time", std::move(turns));
}

template <class Ids>
Value texts(const Ids& ids) {
    auto list = Value::array();
    for (const auto& id : ids) list.push(id.text());
    return list;
}

Value missing_of(const core::Case& c, const core::Ruling& ruling, const core::Directory& directory) {
    if (!core::open(ruling.state)) return Value::array();
    auto slots = [](const std::vector<core::Lack>& lacks) {
        auto list = Value::array();
        for (const auto& lack : lacks) {
            auto one = Value::object({{"group", lack.group.text()},
                                      {"count", lack.count},
                                      {"could_approve", texts(lack.could_approve)}});
            if (lack.more > 0) one.set("more", static_cast<std::int64_t>(lack.more));
            if (lack.later) one.set("later", true);
            list.push(std::move(one));
        }
        return list;
    };
    auto alternatives = core::lacking(c, ruling, directory);
    if (alternatives.empty()) return Value::array();
    if (alternatives.size() == 1) return slots(alternatives.front());
    auto any = Value::array();
    for (const auto& alternative : alternatives) any.push(slots(alternative));
    return Value::object({{"any", std::move(any)}});
}

Value votes_of(const core::Case& c, const core::Ruling& ruling) {
    auto votes = Value::array();
    for (const auto& mark : ruling.votes) {
        auto vote =
            Value::object({{"person", mark.person.text()},
                           {"verdict", core::name_of(mark.verdict)},
                           {"via", core::name_of(mark.via)},
                           {"at", core::rfc3339(mark.at)},
                           {"reason", text_or_null(mark.reason)},
                           {"counted_for", mark.counted_for ? Value(mark.counted_for->text()) : Value()}});
        if (mark.self_approval) vote.set("self_approval", true);
        if (mark.in_place_of) vote.set("in_place_of", mark.in_place_of->text());
        if (const auto after = core::after_card(c.entries[mark.entry]))
            vote.set("after_card_ms", std::chrono::duration_cast<std::chrono::milliseconds>(*after).count());
        if (mark.sign_in) vote.set("sign_in", sign_in_value(*mark.sign_in));
        votes.push(std::move(vote));
    }
    return votes;
}

// Adds whose denials end the request, where one of anybody eligible is not enough, and who may release a hold
// beside its holder.
void who_may_stop_it(Value& document, const core::Case& c, const core::Ruling& ruling) {
    if (!core::open(ruling.state)) return;
    if (const auto& deny = c.applied->deny; !deny.any || !deny.counts.empty()) {
        auto counts = Value::array();
        for (const auto& one : core::objections(c))
            counts.push(
                Value::object({{"group", one.group.text()}, {"count", one.count}, {"given", one.given}}));
        document.set("deny", Value::object({{"any", deny.any}, {"counts", std::move(counts)}}));
    }
    if (ruling.held && !c.applied->release.empty()) document.set("release", texts(c.applied->release));
}

// Adds what the rules ask beside the slots.
void terms_of(Value& document, const core::CardTerms& terms) {
    if (terms.reason_required) document.set("reason_required", true);
    if (!terms.excluded.empty()) {
        auto names = Value::array();
        for (const auto& who : terms.excluded) names.push(who.name);
        document.set("excluded", std::move(names));
    }
    if (terms.widening) {
        auto groups = Value::array();
        for (const auto& group : terms.widening->groups) groups.push(group);
        document.set("widening", Value::object({{"groups", std::move(groups)},
                                                {"from", core::rfc3339(terms.widening->from)},
                                                {"on", terms.widening->on}}));
    }
    if (!terms.claim_from && terms.claim_closed.empty()) return;
    auto closed = Value::array();
    for (const core::Span& one : terms.claim_closed)
        closed.push(
            Value::object({{"from", core::rfc3339(one.from)},
                           {"to", one.to < core::end_of_time ? Value(core::rfc3339(one.to)) : Value()}}));
    document.set("claim", Value::object({{"not_before", time_or_null(terms.claim_from)},
                                         {"closed", std::move(closed)}}));
}

void what_was_asked(Value& document, const core::Request& request) {
    document.set("id", request.id.text());
    document.set("number", request.number);
    document.set("digest", request.digest);
    document.set("action", request.action);
    document.set("resource", or_null(request.resource));
    document.set("environment", or_null(request.environment));
    document.set("intent", request.intent);
    document.set("parameters", request.parameters ? *request.parameters : Value());
    auto hidden = Value::array();
    for (auto& pointer : core::hidden_in(request)) hidden.push(std::move(pointer));
    if (!hidden.items()->empty()) document.set("sensitive", std::move(hidden));
    auto labels = Value::object();
    for (const auto& [name, value] : request.labels) labels.set(name, value);
    document.set("labels", std::move(labels));
    document.set("on_behalf_of", texts(request.on_behalf_of));
    if (!request.links.empty()) {
        auto related = Value::array();
        for (const auto& link : request.links)
            related.push(Value::object({{"title", link.title}, {"url", link.url}}));
        document.set("related", std::move(related));
    }
    document.set("created_at", core::rfc3339(request.created_at));
    document.set("expires_at", core::rfc3339(request.expires_at));
    document.set("links", Value::object({{"self", "/v1/requests/" + request.id.text()}}));
}

void what_became_of_it(Value& document, const core::Case& c, const core::Ruling& ruling, core::Instant now) {
    if (ruling.grant_ends) document.set("grant_expires_at", core::rfc3339(*ruling.grant_ends));
    for (const auto& entry : c.entries) {
        if (const auto* claimed = std::get_if<core::Claimed>(&entry)) {
            document.set("claimed_at", core::rfc3339(claimed->at));
            bool overdue = ruling.state == core::State::claimed && now - claimed->at > overdue_after;
            if (overdue) document.set("overdue", true);
        }
        if (const auto* reported = std::get_if<core::Reported>(&entry))
            document.set("outcome", Value::object({{"status", reported->succeeded ? "succeeded" : "failed"},
                                                   {"detail", text_or_null(reported->detail)},
                                                   {"at", core::rfc3339(reported->at)}}));
    }
}

// Adds who has to look at an approval of one's own request afterwards, and who did.
void review_of(Value& document, const core::Case& c, const core::Ruling& ruling,
               const core::Directory& directory, core::Instant now) {
    if (!ruling.review) return;
    auto missing = Value::array();
    for (const core::Reviewers& one : core::reviewers(c, ruling, directory))
        missing.push(Value::object({{"group", one.group.text()}, {"could_review", texts(one.people)}}));
    auto given = Value::array();
    for (const core::ReviewMark& mark : ruling.review->given)
        given.push(Value::object({{"person", mark.person.text()},
                                  {"via", core::name_of(mark.via)},
                                  {"at", core::rfc3339(mark.at)},
                                  {"reason", text_or_null(mark.reason)},
                                  {"groups", texts(mark.groups)}}));
    const bool overdue = ruling.review->due <= now;
    document.set("review", Value::object({{"state", !ruling.review->open() ? "done"
                                                    : overdue              ? "overdue"
                                                                           : "open"},
                                          {"due_at", core::rfc3339(ruling.review->due)},
                                          {"missing", std::move(missing)},
                                          {"given", std::move(given)}}));
}

// Adds which request took the place of which, with lower numbers, and which session approved what.
void other_requests(Value& document, const core::Case& c, const core::Directory& directory) {
    auto who = [&](const core::AccountId& account) { return directory.person_of(account).text(); };
    const auto* opened = c.entries.empty() ? nullptr : std::get_if<core::Opened>(&c.entries.front());
    if (opened && opened->narrowed_from)
        document.set("narrowed_from", Value::object({{"id", opened->narrowed_from->request.text()},
                                                     {"number", opened->narrowed_from->number},
                                                     {"by", who(opened->narrowed_from->by)},
                                                     {"what", opened->narrowed_from->what}}));
    if (opened && opened->session) document.set("approved_by_session", opened->session->text());
    for (const auto& entry : c.entries) {
        const auto* cancelled = std::get_if<core::Cancelled>(&entry);
        if (cancelled && cancelled->superseded_by)
            document.set("superseded_by", cancelled->superseded_by->text());
        if (!cancelled || !cancelled->narrowed) continue;
        document.set("narrowed_to", Value::object({{"id", cancelled->narrowed->into.text()},
                                                   {"digest", cancelled->narrowed->digest},
                                                   {"by", who(cancelled->by)},
                                                   {"what", cancelled->narrowed->what}}));
    }
    if (const auto session = core::session_of(c.request, c.applied)) {
        const auto minutes = std::chrono::duration_cast<std::chrono::minutes>(session->lasts).count();
        document.set("session", Value::object({{"minutes", std::int64_t{minutes}},
                                               {"uses", session->uses},
                                               {"used", core::uses_of(c)}}));
    }
}

}  // namespace

Value request_document(const core::Case& c, const core::Ruling& ruling, const core::Directory& directory,
                       core::Instant now) {
    auto document = Value::object();
    what_was_asked(document, c.request);
    document.set("version", std::int64_t{c.version()});
    document.set("state", core::name_of(ruling.state));

    const auto* opened = c.entries.empty() ? nullptr : std::get_if<core::Opened>(&c.entries.front());
    const auto* people = opened ? &opened->behind : nullptr;
    for (const core::Entry& entry : c.entries)
        if (const auto* again = std::get_if<core::Rejudged>(&entry)) people = &again->behind;
    const auto& requester = c.request->requester;
    bool workload = requester.kind == core::Requester::Kind::workload;
    auto who = Value::object({{"kind", workload ? "workload" : "person"},
                              {"name", requester.name},
                              {"people", people ? texts(*people) : Value::array()}});
    if (requester.claims) who.set("claims", *requester.claims);
    document.set("requester", std::move(who));
    document.set("unlinked", opened ? texts(opened->unlinked) : Value::array());
    document.set("held", ruling.held ? Value::object({{"person", ruling.held->person.text()},
                                                      {"reason", text_or_null(ruling.held->reason)},
                                                      {"at", core::rfc3339(ruling.held->at)}})
                                     : Value());
    auto rules = Value::array();
    for (const auto& rule : c.applied->rules) rules.push(rule);
    auto policy =
        Value::object({{"rules", std::move(rules)}, {"digest", text_or_null(c.applied->policy_digest)}});
    if (c.applied->risk) {
        auto parts = Value::array();
        for (const core::RiskPart& part : c.applied->risk_parts)
            parts.push(Value::object({{"what", part.what}, {"points", part.points}}));
        policy.set("risk", Value::object({{"points", *c.applied->risk}, {"parts", std::move(parts)}}));
    }
    if (c.applied->shadow) policy.set("shadow", shadow_of(*c.applied->shadow));
    history_of(policy, c.applied);
    document.set("policy", std::move(policy));
    document.set("missing", missing_of(c, ruling, directory));
    document.set("votes", votes_of(c, ruling));
    who_may_stop_it(document, c, ruling);
    terms_of(document, core::card_terms(c, ruling, directory, core::Surface::api));
    document.set("decided_at", time_or_null(ruling.decided_at));
    document.set("reason", text_or_null(ruling.reason));
    what_became_of_it(document, c, ruling, now);
    review_of(document, c, ruling, directory, now);
    other_requests(document, c, directory);
    return document;
}

}  // namespace countersign::wire
