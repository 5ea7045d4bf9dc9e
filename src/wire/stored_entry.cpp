#include "countersign/wire/stored_entry.hpp"

#include <optional>
#include <utility>
#include <vector>

#include "countersign/base/crypto.hpp"
#include "countersign/base/overload.hpp"
#include "wire/stored_text.hpp"

namespace countersign::wire {
namespace {

void write(StoredWriter& w, const core::Standing& s) {
    w.begin().key("account").own(s.account.text()).key("as_of").at(s.as_of).key("behind").truth(s.behind);
    w.key("class").text(name_of(s.klass));
    if (s.excluded) w.key("excluded").truth(true);
    if (!s.filled_last.empty()) {
        w.key("filled_last").begin_list();
        for (const auto& group : s.filled_last) w.text(group.text());
        w.end_list();
    }
    w.key("groups").begin_list();
    for (const auto& group : s.groups) w.text(group.text());
    w.end_list().key("person").own(s.person.text());
    if (s.self_approval) w.key("self_approval").truth(true);
    if (!s.stands_in.empty()) {
        w.key("stands_in").begin_list();
        for (const auto& one : s.stands_in) {
            w.begin().key("account").own(one.account.text()).key("as_of").at(one.as_of);
            w.key("groups").begin_list();
            for (const auto& group : one.groups) w.text(group.text());
            w.end_list().key("person").own(one.person.text()).end();
        }
        w.end_list();
    }
    w.key("unlinked");
    write_owns(w, s.unlinked);
    w.end();
}

void write(StoredWriter& w, std::string_view name, const std::vector<core::Standing>& standings) {
    w.key(name).begin_list();
    for (const auto& one : standings) write(w, one);
    w.end_list();
}

void write_members(StoredWriter& w, const core::Opened& e, const OpeningFacts* facts = nullptr) {
    w.key("at").at(e.at).key("behind").begin_list();
    for (const auto& person : e.behind) w.own(person.text());
    w.end_list().key("behind_accounts");
    write_owns(w, e.behind_accounts);
    if (e.dead_end) w.key("dead_end").own(*e.dead_end);
    w.key("kind").text("opened");
    if (e.narrowed_from) {
        w.key("narrowed_from").begin().key("by").own(e.narrowed_from->by.text());
        w.key("number").whole(e.narrowed_from->number).key("request").text(e.narrowed_from->request.text());
        w.key("what").own(e.narrowed_from->what).end();
    }
    if (facts) {
        w.key("request").begin().key("number").whole(facts->number);
        w.key("record_sha256").text(sha256_hex(facts->request));
        w.key("rules_sha256").text(sha256_hex(facts->rules)).end();
    }
    if (e.session) w.key("session").text(e.session->text());
    w.key("unlinked");
    write_owns(w, e.unlinked);
}
void write_sign_in(StoredWriter& w, const core::SignIn& s) {
    w.key("sign_in").begin().key("account").own(s.account.text()).key("acr").own(s.acr);
    w.key("amr").begin_list();
    for (const std::string& method : s.amr) w.own(method);
    w.end_list().key("at").at(s.at).end();
}

void write_members(StoredWriter& w, const core::Voted& e) {
    if (e.after_card) w.key("after_card").whole(e.after_card->count());
    w.key("at").at(e.at);
    if (e.dead_end) w.key("dead_end").own(*e.dead_end);
    w.key("kind").text("voted").key("reason").own(e.reason);
    write(w, "recheck", e.recheck);
    if (e.resource_typed) w.key("resource_typed").truth(true);
    if (e.sign_in) write_sign_in(w, *e.sign_in);
    w.key("verdict").text(name_of(e.verdict)).key("via").text(name_of(e.via)).key("voter");
    write(w, e.voter);
}
void write_members(StoredWriter& w, const core::Held& e) {
    w.key("at").at(e.at).key("kind").text("held").key("reason").own(e.reason);
    w.key("via").text(name_of(e.via)).key("voter");
    write(w, e.voter);
}
void write_members(StoredWriter& w, const core::Released& e) {
    if (e.as_releaser) w.key("as_releaser").truth(true);
    w.key("at").at(e.at).key("kind").text("released").key("reason").own(e.reason);
    write(w, "recheck", e.recheck);
    w.key("via").text(name_of(e.via)).key("voter");
    write(w, e.voter);
}
void write_members(StoredWriter& w, const core::Rejudged& e) {
    w.key("at").at(e.at).key("behind").begin_list();
    for (const auto& person : e.behind) w.own(person.text());
    w.end_list().key("behind_accounts");
    write_owns(w, e.behind_accounts);
    if (e.dead_end) w.key("dead_end").own(*e.dead_end);
    w.key("kind").text("rejudged");
    write(w, "recheck", e.recheck);
}
void write_members(StoredWriter& w, const core::Reminded& e) {
    w.key("at").at(e.at).key("kind").text("reminded");
}
void write_members(StoredWriter& w, const core::Escalated& e) {
    w.key("at").at(e.at).key("kind").text("escalated");
}
void write_members(StoredWriter& w, const core::Lapsed& e) {
    w.key("at").at(e.at).key("kind").text("lapsed");
}
void write_members(StoredWriter& w, const core::Cancelled& e) {
    if (e.approver) {
        w.key("approver");
        write(w, *e.approver);
    }
    w.key("at").at(e.at).key("by").own(e.by.text()).key("kind").text("cancelled");
    if (e.narrowed) {
        w.key("narrowed").begin().key("digest").text(e.narrowed->digest);
        w.key("into").text(e.narrowed->into.text()).key("what").own(e.narrowed->what).end();
    }
    w.key("reason").own(e.reason);
    if (e.superseded_by) w.key("superseded_by").text(e.superseded_by->text());
    if (e.approver) w.key("via").text(name_of(e.via));
}
void write_members(StoredWriter& w, const core::Claimed& e) {
    w.key("at").at(e.at).key("by").own(e.by.text()).key("key").text(e.key).key("kind").text("claimed");
}
void write_members(StoredWriter& w, const core::Reported& e) {
    w.key("at").at(e.at).key("by").own(e.by.text()).key("detail").own(e.detail);
    w.key("kind").text("reported").key("succeeded").truth(e.succeeded);
}

void write_members(StoredWriter& w, const core::Used& e) {
    w.key("at").at(e.at).key("digest").text(e.digest).key("kind").text("used");
    w.key("request").text(e.request.text());
}

void write_members(StoredWriter& w, const core::Reviewed& e) {
    w.key("at").at(e.at).key("kind").text("reviewed").key("reason").own(e.reason);
    w.key("via").text(name_of(e.via)).key("voter");
    write(w, e.voter);
}
void write_members(StoredWriter& w, const core::ReviewOverdue& e) {
    w.key("at").at(e.at).key("kind").text("review_overdue");
}

std::optional<core::AccountClass> parse_class(std::string_view text) {
    using enum core::AccountClass;
    for (auto klass : {member, guest, bot, deleted, foreign, unknown}) {
        if (name_of(klass) == text) return klass;
    }
    return std::nullopt;
}

core::Standing read_standing(StoredReader& outer, const Value& value) {
    StoredReader r(value);
    core::Standing s{.account = core::AccountId{r.text("account")},
                     .person = core::PersonId{r.text("person")},
                     .klass = r.known(parse_class(r.text("class"))),
                     .groups = r.ids<core::GroupId>("groups"),
                     .behind = r.truth("behind"),
                     .unlinked = r.ids<core::AccountId>("unlinked"),
                     .as_of = r.at("as_of"),
                     .self_approval = r.truth_if_there("self_approval"),
                     .excluded = r.truth_if_there("excluded"),
                     .stands_in = {},
                     .filled_last = {}};
    if (!r.member("filled_last").is_null()) s.filled_last = r.ids<core::GroupId>("filled_last");
    if (!r.member("stands_in").is_null())
        for (const Value& item : r.list("stands_in")) {
            StoredReader one(item);
            s.stands_in.push_back({core::AccountId{one.text("account")}, core::PersonId{one.text("person")},
                                   one.ids<core::GroupId>("groups"), one.at("as_of")});
            r.must(one.ok());
        }
    outer.must(r.ok());
    return s;
}

std::vector<core::Standing> read_standings(StoredReader& r, std::string_view name) {
    std::vector<core::Standing> all;
    for (const Value& item : r.list(name)) all.push_back(read_standing(r, item));
    return all;
}

std::optional<core::SignIn> read_sign_in(StoredReader& r) {
    if (r.member("sign_in").is_null()) return std::nullopt;
    StoredReader s(r.member("sign_in"));
    core::SignIn read{.account = core::AccountId{s.text("account")},
                      .acr = s.text("acr"),
                      .amr = s.texts("amr"),
                      .at = s.at("at")};
    r.must(s.ok());
    return read;
}

core::RequestId read_request_id(StoredReader& r, const std::string& name) {
    auto id = core::RequestId::parse(r.text(name));
    r.must(id.has_value());
    return id.value_or(core::RequestId{core::RequestId::Bytes{}});
}

std::optional<core::RequestId> request_id_if_there(StoredReader& r, const std::string& name) {
    if (r.member(name).is_null()) return std::nullopt;
    return read_request_id(r, name);
}

std::optional<core::Opened::NarrowedFrom> read_narrowed_from(StoredReader& outer) {
    if (outer.member("narrowed_from").is_null()) return std::nullopt;
    StoredReader r(outer.member("narrowed_from"));
    core::Opened::NarrowedFrom from{.request = read_request_id(r, "request"),
                                    .number = r.whole("number"),
                                    .by = core::AccountId{r.text("by")},
                                    .what = r.text("what")};
    outer.must(r.ok());
    return from;
}

core::Cancelled read_cancelled(StoredReader& r) {
    core::Cancelled e{.at = r.at("at"), .by = core::AccountId{r.text("by")}, .reason = r.text("reason")};
    if (!r.member("approver").is_null()) {
        e.approver = read_standing(r, r.member("approver"));
        e.via = r.known(core::parse_surface(r.text("via")));
    }
    if (!r.member("narrowed").is_null()) {
        StoredReader narrowed(r.member("narrowed"));
        e.narrowed = core::Cancelled::Narrowed{read_request_id(narrowed, "into"), narrowed.text("digest"),
                                               narrowed.text("what")};
        r.must(narrowed.ok());
    }
    e.superseded_by = request_id_if_there(r, "superseded_by");
    return e;
}

std::optional<core::Entry> read_kind(StoredReader& r, const std::string& kind) {
    if (kind == "opened") {
        return core::Opened{.at = r.at("at"),
                            .behind = r.ids<core::PersonId>("behind"),
                            .unlinked = r.ids<core::AccountId>("unlinked"),
                            .dead_end = r.maybe_text("dead_end"),
                            .behind_accounts = r.ids<core::AccountId>("behind_accounts"),
                            .narrowed_from = read_narrowed_from(r),
                            .session = request_id_if_there(r, "session")};
    }
    if (kind == "voted") {
        return core::Voted{.at = r.at("at"),
                           .voter = read_standing(r, r.member("voter")),
                           .verdict = r.known(core::parse_verdict(r.text("verdict"))),
                           .reason = r.text("reason"),
                           .via = r.known(core::parse_surface(r.text("via"))),
                           .recheck = read_standings(r, "recheck"),
                           .dead_end = r.maybe_text("dead_end"),
                           .resource_typed = r.truth_if_there("resource_typed"),
                           .after_card = r.maybe_span("after_card"),
                           .sign_in = read_sign_in(r)};
    }
    if (kind == "held") {
        return core::Held{.at = r.at("at"),
                          .voter = read_standing(r, r.member("voter")),
                          .reason = r.text("reason"),
                          .via = r.known(core::parse_surface(r.text("via")))};
    }
    if (kind == "released") {
        return core::Released{.at = r.at("at"),
                              .voter = read_standing(r, r.member("voter")),
                              .reason = r.text("reason"),
                              .via = r.known(core::parse_surface(r.text("via"))),
                              .recheck = read_standings(r, "recheck"),
                              .as_releaser = r.truth_if_there("as_releaser")};
    }
    if (kind == "rejudged") {
        return core::Rejudged{.at = r.at("at"),
                              .behind = r.ids<core::PersonId>("behind"),
                              .behind_accounts = r.ids<core::AccountId>("behind_accounts"),
                              .recheck = read_standings(r, "recheck"),
                              .dead_end = r.maybe_text("dead_end")};
    }
    if (kind == "reminded") return core::Reminded{.at = r.at("at")};
    if (kind == "escalated") return core::Escalated{.at = r.at("at")};
    if (kind == "lapsed") return core::Lapsed{.at = r.at("at")};
    if (kind == "cancelled") return read_cancelled(r);
    if (kind == "used")
        return core::Used{
            .at = r.at("at"), .request = read_request_id(r, "request"), .digest = r.text("digest")};
    if (kind == "reviewed") {
        return core::Reviewed{.at = r.at("at"),
                              .voter = read_standing(r, r.member("voter")),
                              .reason = r.text("reason"),
                              .via = r.known(core::parse_surface(r.text("via")))};
    }
    if (kind == "review_overdue") return core::ReviewOverdue{.at = r.at("at")};
    if (kind == "claimed") {
        return core::Claimed{.at = r.at("at"), .by = core::AccountId{r.text("by")}, .key = r.text("key")};
    }
    if (kind == "reported") {
        return core::Reported{.at = r.at("at"),
                              .by = core::AccountId{r.text("by")},
                              .succeeded = r.truth("succeeded"),
                              .detail = r.text("detail")};
    }
    return std::nullopt;
}

}  // namespace

std::string stored_entry(const core::Entry& entry, const Salt* seal) {
    StoredWriter w(seal);
    w.begin();
    std::visit([&](const auto& e) { write_members(w, e); }, entry);
    w.end();
    return w.take();
}

std::string stored_opening(const core::Opened& opened, const OpeningFacts& facts, const Salt& seal) {
    StoredWriter w(&seal);
    w.begin();
    write_members(w, opened, &facts);
    w.end();
    return w.take();
}

bool opens(std::string_view stored_opening, const OpeningFacts& facts) {
    auto value = parse_stored(stored_opening);
    if (!value) return false;
    const Value& said = (*value)["request"];
    return said["number"].integer() == facts.number &&
           said["record_sha256"].text() == sha256_hex(facts.request) &&
           said["rules_sha256"].text() == sha256_hex(facts.rules);
}

Result<core::Entry> read_stored_entry(std::string_view text) {
    auto value = parse_stored(text);
    if (!value) return pass(value);
    StoredReader r(*value);
    std::optional<core::Entry> entry = read_kind(r, r.text("kind"));
    if (!entry || !r.ok()) return not_ours("entry");
    return std::move(*entry);
}

}  // namespace countersign::wire
