#include "countersign/wire/stored.hpp"

#include <optional>
#include <utility>
#include <vector>

#include "wire/stored_text.hpp"

namespace countersign::wire {
namespace {

// A value full of a person's words: sealed, it is one hash.
void write_words(StoredWriter& w, std::string_view name, const Value& value) {
    w.key(name);
    if (w.seal())
        w.begin().key("erased").own(core::canonical(value)).end();
    else
        w.value(value);
}

void write_requester(StoredWriter& w, const core::Requester& r) {
    w.begin().key("account").own(r.account.text());
    if (r.claims) write_words(w, "claims", *r.claims);
    w.key("humans");
    write_owns(w, r.humans);
    w.key("kind").text(r.kind == core::Requester::Kind::person ? "person" : "workload");
    w.key("name").own(r.name);
    if (!r.run.empty()) w.key("run").own(r.run);
    w.end();
}

core::Requester read_requester(StoredReader& outer, const Value& value) {
    StoredReader r(value);
    std::string kind = r.text("kind");
    r.must(kind == "person" || kind == "workload");
    core::Requester requester{
        .kind = kind == "person" ? core::Requester::Kind::person : core::Requester::Kind::workload,
        .name = r.text("name"),
        .account = core::AccountId{r.text("account")},
        .humans = r.ids<core::AccountId>("humans"),
        .run = r.maybe_text("run").value_or("")};
    if (const Value& claims = r.member("claims"); !claims.is_null()) requester.claims = claims;
    outer.must(r.ok());
    return requester;
}

void write(StoredWriter& w, const std::vector<core::CountOf>& counts) {
    w.begin_list();
    for (const auto& one : counts) {
        w.begin();
        if (!one.after.empty()) {
            w.key("after").begin_list();
            for (const auto& group : one.after) w.text(group.text());
            w.end_list();
        }
        w.key("count").whole(one.count);
        if (one.not_last != 0) w.key("not_last").whole(one.not_last);
        w.key("of").text(one.of.text()).end();
    }
    w.end_list();
}

void write(StoredWriter& w, std::string_view name, const std::vector<std::string>& texts) {
    w.key(name).begin_list();
    for (const auto& text : texts) w.text(text);
    w.end_list();
}

template <class Id>
void write_texts(StoredWriter& w, std::string_view name, const std::vector<Id>& ids) {
    w.key(name).begin_list();
    for (const auto& id : ids) w.text(id.text());
    w.end_list();
}

void write(StoredWriter& w, std::string_view name, const core::ChannelsByChat& channels) {
    w.key(name).begin();
    for (const auto& [chat, its] : channels) write(w, core::name_of(chat), its);
    w.end();
}

std::vector<core::CountOf> read_counts(StoredReader& outer, const Value& list) {
    std::vector<core::CountOf> counts;
    outer.must(list.items() != nullptr);
    for (std::size_t i = 0; list.items() && i < list.items()->size(); ++i) {
        StoredReader r(list[i]);
        std::int64_t count = r.whole("count");
        outer.must(count > 0 && count <= UINT32_MAX);
        counts.push_back({static_cast<std::uint32_t>(count), core::GroupId{r.text("of")}, {}});
        if (!r.member("after").is_null()) counts.back().after = r.ids<core::GroupId>("after");
        if (!r.member("not_last").is_null()) {
            const std::int64_t not_last = r.whole("not_last");
            r.must(not_last > 0 && not_last <= std::int64_t{core::not_last_max});
            counts.back().not_last = static_cast<std::uint32_t>(not_last);
        }
        outer.must(r.ok());
    }
    return counts;
}

core::ChannelsByChat read_channels(StoredReader& outer, const Value& stored) {
    core::ChannelsByChat channels;
    const Value::Object* by_chat = stored.members();
    outer.must(by_chat != nullptr);
    if (!by_chat) return channels;
    StoredReader r(stored);
    for (const auto& [name, its] : *by_chat)
        channels.emplace(outer.known(core::parse_surface(name)), r.texts(name));
    outer.must(r.ok());
    return channels;
}

void write_shadow(StoredWriter& w, const core::Shadow& shadow) {
    w.key("shadow").begin().key("alternatives").begin_list();
    for (const auto& slots : shadow.alternatives) write(w, slots.groups);
    w.end_list().key("refusal").text(shadow.refusal).key("refuses").truth(shadow.refuses);
    write(w, "rules", shadow.rules);
    w.end();
}

}  // namespace

std::string stored_request(const core::Request& request, const Salt* seal) {
    StoredWriter w(seal);
    w.begin().key("action").text(request.action).key("created_at").at(request.created_at);
    w.key("digest").text(request.digest);
    if (request.environment) w.key("environment").text(*request.environment);
    w.key("expires_at").at(request.expires_at).key("intent").own(request.intent);
    w.key("labels").begin_list();
    for (const auto& [name, value] : request.labels) w.begin_list().text(name).own(value).end_list();
    w.end_list().key("links").begin_list();
    for (const auto& link : request.links) w.begin_list().own(link.title).own(link.url).end_list();
    w.end_list().key("on_behalf_of");
    write_owns(w, request.on_behalf_of);
    if (request.parameters) write_words(w, "parameters", *request.parameters);
    w.key("requester");
    write_requester(w, request.requester);
    if (request.resource) w.key("resource").own(*request.resource);
    w.end();
    return w.take();
}

namespace {

void write_step_up(StoredWriter& w, const std::vector<core::StepUp>& asked) {
    w.key("step_up").begin_list();
    for (const core::StepUp& one : asked) {
        w.begin();
        write(w, "acr", one.acr);
        write(w, "amr", one.amr);
        w.end();
    }
    w.end_list();
}

void write_readers(StoredWriter& w, const std::vector<std::vector<core::GroupId>>& visible_to) {
    if (visible_to.empty()) return;
    w.key("visible_to").begin_list();
    for (const auto& groups : visible_to) {
        w.begin_list();
        for (const core::GroupId& group : groups) w.text(group.text());
        w.end_list();
    }
    w.end_list();
}

}  // namespace

namespace {

void write_session(StoredWriter& w, const core::SessionTerms& session) {
    w.key("session").begin().key("from").text(session.from).key("max").whole(session.max.count());
    w.key("uses").whole(session.uses).end();
}

void write_self_approval(StoredWriter& w, const core::SelfApproval& own) {
    w.key("self_approval").begin();
    write_texts(w, "allow", own.allow);
    if (!own.groups.empty()) write_texts(w, "groups", own.groups);
    w.key("reason_required").truth(own.reason_required);
    if (const auto& review = own.review) {
        w.key("review").begin();
        write_texts(w, "by", review->by);
        write(w, "rules", review->rules);
        w.key("within").whole(review->within.count()).end();
    }
    w.end();
}

void write_budgets(StoredWriter& w, const std::vector<core::Budget>& budgets) {
    if (budgets.empty()) return;
    w.key("budgets").begin_list();
    for (const core::Budget& one : budgets) {
        w.begin();
        write(w, "by", one.by);
        w.key("count").whole(one.count).key("max").whole(one.max).key("per").whole(one.per.count());
        w.key("rule").text(one.rule).key("sum").text(one.sum).end();
    }
    w.end_list();
}

void write_turns(StoredWriter& w, const std::vector<core::Turns>& turns) {
    if (turns.empty()) return;
    w.key("turns").begin_list();
    for (const core::Turns& one : turns) {
        w.begin();
        write(w, "by", one.by);
        w.key("supersede").truth(one.supersede).end();
    }
    w.end_list();
}

void write_closed(StoredWriter& w, const std::vector<core::Span>& closed) {
    w.key("claim_closed").begin_list();
    for (const core::Span& one : closed)
        w.begin_list()
            .whole(one.from.time_since_epoch().count())
            .whole(one.to.time_since_epoch().count())
            .end_list();
    w.end_list();
}

void write_widening(StoredWriter& w, const core::Widening& widening) {
    w.key("widening").begin().key("after").whole(widening.after.count());
    write_texts(w, "approvers", widening.approvers);
    w.end();
}

}  // namespace

// What is as it is without a word of any rule is left out; so is it in what was stored before there were such
// words. Keys in byte order.
std::string stored_applied(const core::Applied& a) {
    StoredWriter w(nullptr);
    w.begin().key("alternatives").begin_list();
    for (const auto& slots : a.alternatives) write(w, slots.groups);
    w.end_list();
    write_budgets(w, a.budgets);
    if (a.claim_after.count() != 0) w.key("claim_after").whole(a.claim_after.count());
    if (!a.claim_closed.empty()) write_closed(w, a.claim_closed);
    if (a.delegate) w.key("delegate").truth(true);
    if (a.deny != core::Denial{}) {
        w.key("deny").begin().key("any").truth(a.deny.any).key("counts");
        write(w, a.deny.counts);
        w.end();
    }
    if (a.escalate) {
        w.key("escalate").begin().key("after").whole(a.escalate->after.count());
        write(w, "to", a.escalate->to);
        w.end();
    }
    if (!a.exclude.empty()) {
        w.key("exclude").begin_list();
        for (const core::Exclusion& one : a.exclude) w.begin_list().text(one.kind).text(one.field).end_list();
        w.end_list();
    }
    w.key("expires").whole(a.expires.count()).key("grant").whole(a.grant.count());
    if (!a.hide.empty()) write(w, "hide", a.hide);
    w.key("kind").text(core::name_of(a.kind));
    if (!a.lower.empty()) write(w, "lower", a.lower);
    write(w, "notify", a.notify);
    if (!a.over_budget.empty()) write(w, "over_budget", a.over_budget);
    w.key("policy_digest").text(a.policy_digest);
    if (a.reason_required) w.key("reason_required").truth(true);
    w.key("refusal").text(a.refusal);
    if (!a.release.empty()) write_texts(w, "release", a.release);
    if (!a.remind.empty()) {
        w.key("remind").begin_list();
        for (core::Duration after : a.remind) w.whole(after.count());
        w.end_list();
    }
    if (a.resource_typed) w.key("resource_typed").truth(true);
    if (a.risk) w.key("risk").whole(*a.risk);
    if (!a.risk_parts.empty()) {
        w.key("risk_parts").begin_list();
        for (const core::RiskPart& part : a.risk_parts)
            w.begin().key("points").whole(part.points).key("what").text(part.what).end();
        w.end_list();
    }
    write(w, "rules", a.rules);
    if (a.self_approval) write_self_approval(w, *a.self_approval);
    if (a.session) write_session(w, *a.session);
    if (a.shadow) write_shadow(w, *a.shadow);
    if (!a.step_up.empty()) write_step_up(w, a.step_up);
    write_turns(w, a.turns);
    if (a.unlinked_allowed) w.key("unlinked_allowed").truth(true);
    write_readers(w, a.visible_to);
    if (a.widening) write_widening(w, *a.widening);
    w.end();
    return w.take();
}

Result<core::Request> read_stored_request(std::string_view text, core::RequestId id, std::int64_t number) {
    auto value = parse_stored(text);
    if (!value) return pass(value);
    StoredReader r(*value);
    core::Request request{.id = id,
                          .number = number,
                          .action = r.text("action"),
                          .resource = r.maybe_text("resource"),
                          .environment = r.maybe_text("environment"),
                          .intent = r.text("intent"),
                          .parameters = {},
                          .labels = {},
                          .on_behalf_of = r.ids<core::AccountId>("on_behalf_of"),
                          .links = {},
                          .requester = read_requester(r, r.member("requester")),
                          .digest = r.text("digest"),
                          .created_at = r.at("created_at"),
                          .expires_at = r.at("expires_at")};
    if (const Value& parameters = r.member("parameters"); !parameters.is_null())
        request.parameters = parameters;
    for (const Value& item : r.list("labels")) {
        r.must(item[0].string() && item[1].string());
        request.labels.emplace_back(item[0].text(), item[1].text());
    }
    for (const Value& item : r.list("links")) {
        r.must(item[0].string() && item[1].string());
        request.links.push_back({std::string(item[0].text()), std::string(item[1].text())});
    }
    if (!r.ok()) return not_ours("request");
    return request;
}

namespace {

// When an approval may be claimed, and whose count.
void read_step_up(StoredReader& r, std::vector<core::StepUp>& asked) {
    for (const Value& one : r.list("step_up")) {
        StoredReader item(one);
        asked.push_back({item.texts("acr"), item.texts("amr")});
        r.must(item.ok());
    }
}

// What other requests have a part in.
void read_history_terms(StoredReader& r, core::Applied& a) {
    auto there = [&](std::string_view name) { return !r.member(name).is_null(); };
    if (there("budgets")) {
        for (const Value& one : r.list("budgets")) {
            StoredReader item(one);
            const std::int64_t count = item.whole("count");
            item.must(count >= 0 && count <= UINT32_MAX);
            a.budgets.push_back({item.text("rule"), static_cast<std::uint32_t>(count), item.text("sum"),
                                 item.whole("max"), core::Duration{item.whole("per")}, item.texts("by")});
            r.must(item.ok());
        }
    }
    if (there("over_budget")) a.over_budget = r.texts("over_budget");
    if (there("turns")) {
        for (const Value& one : r.list("turns")) {
            StoredReader item(one);
            a.turns.push_back({item.texts("by"), item.truth("supersede")});
            r.must(item.ok());
        }
    }
}

void read_terms(StoredReader& r, core::Applied& a) {
    auto there = [&](std::string_view name) { return !r.member(name).is_null(); };
    if (there("claim_after")) a.claim_after = core::Duration{r.whole("claim_after")};
    if (there("claim_closed")) {
        for (const Value& one : r.list("claim_closed")) {
            const auto from = one[0].integer();
            const auto to = one[1].integer();
            r.must(from && to && *from < *to);
            if (from && to)
                a.claim_closed.push_back(
                    {core::Instant{core::Duration{*from}}, core::Instant{core::Duration{*to}}});
        }
    }
    if (there("exclude")) {
        for (const Value& one : r.list("exclude")) {
            r.must(one[0].string() && one[1].string());
            a.exclude.push_back({std::string(one[0].text()), std::string(one[1].text())});
        }
    }
    if (there("lower")) a.lower = r.texts("lower");
    if (there("session")) {
        StoredReader session(r.member("session"));
        const std::int64_t uses = session.whole("uses");
        session.must(uses > 0 && uses <= UINT32_MAX);
        a.session = core::SessionTerms{session.text("from"), core::Duration{session.whole("max")},
                                       static_cast<std::uint32_t>(uses)};
        r.must(session.ok());
    }
    if (there("widening")) {
        StoredReader widening(r.member("widening"));
        a.widening =
            core::Widening{core::Duration{widening.whole("after")}, widening.ids<core::GroupId>("approvers")};
        r.must(widening.ok());
    }
    if (there("visible_to")) {
        for (const Value& one : r.list("visible_to")) {
            r.must(one.items() != nullptr && !one.items()->empty());
            std::vector<core::GroupId> groups;
            for (std::size_t i = 0; one.items() && i < one.items()->size(); ++i) {
                r.must(one[i].string());
                groups.emplace_back(std::string(one[i].text()));
            }
            a.visible_to.push_back(std::move(groups));
        }
    }
    a.delegate = r.truth_if_there("delegate");
    a.reason_required = r.truth_if_there("reason_required");
    a.resource_typed = r.truth_if_there("resource_typed");
    if (there("step_up")) read_step_up(r, a.step_up);
}

// Whatever `stored_applied` leaves out where no rule says it.
void read_extras(StoredReader& r, core::Applied& a) {
    auto there = [&](std::string_view name) { return !r.member(name).is_null(); };
    if (there("deny")) {
        StoredReader deny(r.member("deny"));
        a.deny = {deny.truth("any"), read_counts(deny, deny.member("counts"))};
        r.must(deny.ok());
    }
    if (there("escalate")) {
        StoredReader escalate(r.member("escalate"));
        a.escalate = core::Escalation{core::Duration{escalate.whole("after")},
                                      read_channels(escalate, escalate.member("to"))};
        r.must(escalate.ok());
    }
    if (there("hide")) a.hide = r.texts("hide");
    if (there("release")) a.release = r.ids<core::GroupId>("release");
    if (there("remind")) {
        for (const Value& after : r.list("remind")) {
            r.must(after.integer().has_value());
            a.remind.emplace_back(after.whole());
        }
    }
    if (there("risk")) {
        std::int64_t points = r.whole("risk");
        r.must(points >= 0 && points <= UINT32_MAX);
        a.risk = static_cast<std::uint32_t>(points);
    }
    if (there("risk_parts")) {
        for (const Value& part : r.list("risk_parts")) {
            StoredReader one(part);
            const std::int64_t points = one.whole("points");
            r.must(points >= 0 && points <= UINT32_MAX);
            a.risk_parts.push_back({one.text("what"), static_cast<std::uint32_t>(points)});
            r.must(one.ok());
        }
    }
    if (there("self_approval")) {
        StoredReader self(r.member("self_approval"));
        a.self_approval =
            core::SelfApproval{self.ids<core::PersonId>("allow"), self.truth("reason_required"), {}};
        if (!self.member("groups").is_null()) a.self_approval->groups = self.ids<core::GroupId>("groups");
        if (!self.member("review").is_null()) {
            StoredReader review(self.member("review"));
            a.self_approval->review =
                core::ReviewTerms{review.ids<core::GroupId>("by"), core::Duration{review.whole("within")},
                                  review.texts("rules")};
            self.must(review.ok() && !a.self_approval->review->by.empty());
        }
        r.must(self.ok());
    }
    if (there("shadow")) {
        StoredReader shadow(r.member("shadow"));
        a.shadow = core::Shadow{shadow.texts("rules"), shadow.truth("refuses"), shadow.text("refusal"), {}};
        for (const Value& item : shadow.list("alternatives"))
            a.shadow->alternatives.push_back({read_counts(shadow, item)});
        r.must(shadow.ok());
    }
    read_terms(r, a);
    read_history_terms(r, a);
    a.unlinked_allowed = r.truth_if_there("unlinked_allowed");
}

}  // namespace

Result<core::Applied> read_stored_applied(std::string_view text) {
    auto value = parse_stored(text);
    if (!value) return pass(value);
    StoredReader r(*value);
    core::Applied a;
    std::string kind = r.text("kind");
    std::optional<core::Applied::Kind> known;
    for (auto one : {core::Applied::Kind::refuse, core::Applied::Kind::require, core::Applied::Kind::allow}) {
        if (core::name_of(one) == kind) known = one;
    }
    a.kind = r.known(known);
    for (const Value& item : r.list("alternatives")) a.alternatives.push_back({read_counts(r, item)});
    a.expires = core::Duration{r.whole("expires")};
    a.grant = core::Duration{r.whole("grant")};
    a.notify = read_channels(r, r.member("notify"));
    a.policy_digest = r.text("policy_digest");
    a.refusal = r.text("refusal");
    a.rules = r.texts("rules");
    read_extras(r, a);
    if (!r.ok()) return not_ours("set of rules");
    return a;
}

}  // namespace countersign::wire
