#include "countersign/wire/stored.hpp"

#include <charconv>
#include <optional>
#include <utility>
#include <vector>

#include "countersign/base/crypto.hpp"
#include "countersign/base/overload.hpp"
#include "countersign/base/text.hpp"
#include "countersign/core/value.hpp"
#include "countersign/wire/json.hpp"

namespace countersign::wire {

using core::Value;

namespace {

constexpr std::size_t stored_bytes_max = 4 * 1024 * 1024;
constexpr std::size_t stored_nesting_max = core::nesting_max + 8;
// Not strict: a double of 1e20 is written as an integer that strict readers refuse.
constexpr JsonRules stored_rules{
    .bytes_max = stored_bytes_max, .nesting_max = stored_nesting_max, .strict = false};

// Writes canonical JSON straight away: members are put in RFC 8785 order by hand, which for the names used
// here is plain byte order. An entry is written twice for every vote, so no Value is built.
class Writer {
  public:
    explicit Writer(const Salt* seal) : seal_(seal) { out_.reserve(512); }
    std::string take() { return std::move(out_); }

    Writer& begin() { return raw('{'); }
    Writer& end() { return close('}'); }
    Writer& begin_list() { return raw('['); }
    Writer& end_list() { return close(']'); }
    Writer& key(std::string_view name) {
        comma();
        out_ += '"';
        out_ += name;
        out_ += "\":";
        fresh_ = true;
        return *this;
    }
    Writer& text(std::string_view value) {
        comma();
        core::quote_to(out_, value);
        return *this;
    }
    // A text of a person.
    Writer& own(std::string_view value) {
        if (!seal_) return text(value);
        comma();
        out_ += '"';
        out_ += sealed(*seal_, value);
        out_ += '"';
        return *this;
    }
    Writer& whole(std::int64_t value) {
        comma();
        char digits[24];
        auto done = std::to_chars(digits, digits + sizeof digits, value);
        out_.append(digits, done.ptr);
        return *this;
    }
    Writer& truth(bool value) {
        comma();
        out_ += value ? "true" : "false";
        return *this;
    }
    Writer& value(const Value& value) {
        comma();
        core::canonical_to(out_, value);
        return *this;
    }
    Writer& at(core::Instant value) { return whole(value.time_since_epoch().count()); }
    const Salt* seal() const { return seal_; }

  private:
    Writer& raw(char c) {
        comma();
        out_ += c;
        fresh_ = true;
        return *this;
    }
    Writer& close(char c) {
        out_ += c;
        fresh_ = false;
        return *this;
    }
    void comma() {
        if (!fresh_) out_ += ',';
        fresh_ = false;
    }

    const Salt* seal_;
    std::string out_;
    bool fresh_ = true;
};

void write_owns(Writer& w, const std::vector<core::AccountId>& accounts) {
    w.begin_list();
    for (const auto& account : accounts) w.own(account.text());
    w.end_list();
}

void write(Writer& w, const core::Standing& s) {
    w.begin().key("account").own(s.account.text()).key("as_of").at(s.as_of).key("behind").truth(s.behind);
    w.key("class").text(name_of(s.klass));
    if (s.excluded) w.key("excluded").truth(true);
    w.key("groups").begin_list();
    for (const auto& group : s.groups) w.text(group.text());
    w.end_list().key("person").own(s.person.text());
    if (s.self_approval) w.key("self_approval").truth(true);
    w.key("unlinked");
    write_owns(w, s.unlinked);
    w.end();
}

void write(Writer& w, std::string_view name, const std::vector<core::Standing>& standings) {
    w.key(name).begin_list();
    for (const auto& one : standings) write(w, one);
    w.end_list();
}

void write_members(Writer& w, const core::Opened& e, const OpeningFacts* facts = nullptr) {
    w.key("at").at(e.at).key("behind").begin_list();
    for (const auto& person : e.behind) w.own(person.text());
    w.end_list().key("behind_accounts");
    write_owns(w, e.behind_accounts);
    if (e.dead_end) w.key("dead_end").own(*e.dead_end);
    w.key("kind").text("opened");
    if (facts) {
        w.key("request").begin().key("number").whole(facts->number);
        w.key("record_sha256").text(sha256_hex(facts->request));
        w.key("rules_sha256").text(sha256_hex(facts->rules)).end();
    }
    w.key("unlinked");
    write_owns(w, e.unlinked);
}
void write_members(Writer& w, const core::Voted& e) {
    w.key("at").at(e.at);
    if (e.dead_end) w.key("dead_end").own(*e.dead_end);
    w.key("kind").text("voted").key("reason").own(e.reason);
    write(w, "recheck", e.recheck);
    w.key("verdict").text(name_of(e.verdict)).key("via").text(name_of(e.via)).key("voter");
    write(w, e.voter);
}
void write_members(Writer& w, const core::Held& e) {
    w.key("at").at(e.at).key("kind").text("held").key("reason").own(e.reason);
    w.key("via").text(name_of(e.via)).key("voter");
    write(w, e.voter);
}
void write_members(Writer& w, const core::Released& e) {
    if (e.as_releaser) w.key("as_releaser").truth(true);
    w.key("at").at(e.at).key("kind").text("released").key("reason").own(e.reason);
    write(w, "recheck", e.recheck);
    w.key("via").text(name_of(e.via)).key("voter");
    write(w, e.voter);
}
void write_members(Writer& w, const core::Rejudged& e) {
    w.key("at").at(e.at).key("behind").begin_list();
    for (const auto& person : e.behind) w.own(person.text());
    w.end_list().key("behind_accounts");
    write_owns(w, e.behind_accounts);
    if (e.dead_end) w.key("dead_end").own(*e.dead_end);
    w.key("kind").text("rejudged");
    write(w, "recheck", e.recheck);
}
void write_members(Writer& w, const core::Reminded& e) {
    w.key("at").at(e.at).key("kind").text("reminded");
}
void write_members(Writer& w, const core::Escalated& e) {
    w.key("at").at(e.at).key("kind").text("escalated");
}
void write_members(Writer& w, const core::Lapsed& e) {
    w.key("at").at(e.at).key("kind").text("lapsed");
}
void write_members(Writer& w, const core::Cancelled& e) {
    w.key("at").at(e.at).key("by").own(e.by.text()).key("kind").text("cancelled").key("reason").own(e.reason);
}
void write_members(Writer& w, const core::Claimed& e) {
    w.key("at").at(e.at).key("by").own(e.by.text()).key("key").text(e.key).key("kind").text("claimed");
}
void write_members(Writer& w, const core::Reported& e) {
    w.key("at").at(e.at).key("by").own(e.by.text()).key("detail").own(e.detail);
    w.key("kind").text("reported").key("succeeded").truth(e.succeeded);
}

// ---- reading. A stored text was written by us; anything else is corrupt.

class StoredReader {
  public:
    explicit StoredReader(const Value& value) : value_(value) {}
    bool ok() const { return ok_; }
    void must(bool condition) { ok_ = ok_ && condition; }

    const Value& member(std::string_view name) { return value_[name]; }
    std::string text(std::string_view name) {
        const std::string* found = value_[name].string();
        must(found != nullptr);
        return found ? *found : std::string{};
    }
    std::optional<std::string> maybe_text(std::string_view name) {
        if (value_[name].is_null()) return std::nullopt;
        return text(name);
    }
    std::int64_t whole(std::string_view name) {
        auto found = value_[name].integer();
        must(found.has_value());
        return found.value_or(0);
    }
    // Of what is written only where it is so.
    bool truth_if_there(std::string_view name) { return !value_[name].is_null() && truth(name); }
    bool truth(std::string_view name) {
        const bool* found = value_[name].boolean();
        must(found != nullptr);
        return found && *found;
    }
    core::Instant at(std::string_view name) { return core::Instant{core::Duration{whole(name)}}; }
    const Value::Array& list(std::string_view name) {
        static const Value::Array none;
        const Value::Array* found = value_[name].items();
        must(found != nullptr);
        return found ? *found : none;
    }
    template <class Id>
    std::vector<Id> ids(std::string_view name) {
        std::vector<Id> all;
        for (const Value& item : list(name)) {
            must(item.string() != nullptr);
            all.emplace_back(std::string(item.text()));
        }
        return all;
    }
    std::vector<std::string> texts(std::string_view name) {
        std::vector<std::string> all;
        for (const Value& item : list(name)) {
            must(item.string() != nullptr);
            all.emplace_back(item.text());
        }
        return all;
    }
    template <class T>
    T known(std::optional<T> parsed) {
        must(parsed.has_value());
        return parsed.value_or(T{});
    }

  private:
    const Value& value_;
    bool ok_ = true;
};

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
                     .excluded = r.truth_if_there("excluded")};
    outer.must(r.ok());
    return s;
}

std::vector<core::Standing> read_standings(StoredReader& r, std::string_view name) {
    std::vector<core::Standing> all;
    for (const Value& item : r.list(name)) all.push_back(read_standing(r, item));
    return all;
}

std::optional<core::Entry> read_kind(StoredReader& r, const std::string& kind) {
    if (kind == "opened") {
        return core::Opened{.at = r.at("at"),
                            .behind = r.ids<core::PersonId>("behind"),
                            .unlinked = r.ids<core::AccountId>("unlinked"),
                            .dead_end = r.maybe_text("dead_end"),
                            .behind_accounts = r.ids<core::AccountId>("behind_accounts")};
    }
    if (kind == "voted") {
        return core::Voted{.at = r.at("at"),
                           .voter = read_standing(r, r.member("voter")),
                           .verdict = r.known(core::parse_verdict(r.text("verdict"))),
                           .reason = r.text("reason"),
                           .via = r.known(core::parse_surface(r.text("via"))),
                           .recheck = read_standings(r, "recheck"),
                           .dead_end = r.maybe_text("dead_end")};
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
    if (kind == "cancelled") {
        return core::Cancelled{
            .at = r.at("at"), .by = core::AccountId{r.text("by")}, .reason = r.text("reason")};
    }
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

Result<Value> parse_stored(std::string_view text) {
    auto value = parse_json(text, stored_rules);
    if (!value) return fail(Trouble::corrupt, "stored text is not JSON: " + value.error().detail);
    return value;
}

std::unexpected<Failure> not_ours(const char* what) {
    return fail(Trouble::corrupt,
                std::string("a stored ") + what + " does not have the form it was written in");
}

// A value full of a person's words: sealed, it is one hash.
void write_words(Writer& w, std::string_view name, const Value& value) {
    w.key(name);
    if (w.seal())
        w.begin().key("erased").own(core::canonical(value)).end();
    else
        w.value(value);
}

void write_requester(Writer& w, const core::Requester& r) {
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

void write(Writer& w, const std::vector<core::CountOf>& counts) {
    w.begin_list();
    for (const auto& one : counts) {
        w.begin();
        if (!one.after.empty()) {
            w.key("after").begin_list();
            for (const auto& group : one.after) w.text(group.text());
            w.end_list();
        }
        w.key("count").whole(one.count).key("of").text(one.of.text()).end();
    }
    w.end_list();
}

void write(Writer& w, std::string_view name, const std::vector<std::string>& texts) {
    w.key(name).begin_list();
    for (const auto& text : texts) w.text(text);
    w.end_list();
}

template <class Id>
void write_texts(Writer& w, std::string_view name, const std::vector<Id>& ids) {
    w.key(name).begin_list();
    for (const auto& id : ids) w.text(id.text());
    w.end_list();
}

void write(Writer& w, std::string_view name, const core::ChannelsByChat& channels) {
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

}  // namespace

std::string sealed(const Salt& salt, std::string_view text) {
    std::string input;
    input.reserve(salt.size() + text.size());
    input += as_text(salt);
    input += text;
    return sha256_hex(input);
}

std::string sealed_uuid(const Salt& salt, std::string_view text) {
    return sealed(salt, text).substr(0, 32);
}

std::string stored_entry(const core::Entry& entry, const Salt* seal) {
    Writer w(seal);
    w.begin();
    std::visit([&](const auto& e) { write_members(w, e); }, entry);
    w.end();
    return w.take();
}

std::string stored_opening(const core::Opened& opened, const OpeningFacts& facts, const Salt& seal) {
    Writer w(&seal);
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

std::string stored_request(const core::Request& request, const Salt* seal) {
    Writer w(seal);
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

// What is as it is without a word of any rule is left out; so is it in what was stored before there were such
// words. Keys in byte order.
std::string stored_applied(const core::Applied& a) {
    Writer w(nullptr);
    w.begin().key("alternatives").begin_list();
    for (const auto& slots : a.alternatives) write(w, slots.groups);
    w.end_list();
    if (a.claim_after.count() != 0) w.key("claim_after").whole(a.claim_after.count());
    if (!a.claim_closed.empty()) {
        w.key("claim_closed").begin_list();
        for (const core::Span& one : a.claim_closed)
            w.begin_list()
                .whole(one.from.time_since_epoch().count())
                .whole(one.to.time_since_epoch().count())
                .end_list();
        w.end_list();
    }
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
    write(w, "notify", a.notify);
    w.key("policy_digest").text(a.policy_digest);
    if (a.reason_required) w.key("reason_required").truth(true);
    w.key("refusal").text(a.refusal);
    if (!a.release.empty()) write_texts(w, "release", a.release);
    if (!a.remind.empty()) {
        w.key("remind").begin_list();
        for (core::Duration after : a.remind) w.whole(after.count());
        w.end_list();
    }
    if (a.risk) w.key("risk").whole(*a.risk);
    if (!a.risk_parts.empty()) {
        w.key("risk_parts").begin_list();
        for (const core::RiskPart& part : a.risk_parts)
            w.begin().key("points").whole(part.points).key("what").text(part.what).end();
        w.end_list();
    }
    write(w, "rules", a.rules);
    if (a.self_approval) {
        w.key("self_approval").begin();
        write_texts(w, "allow", a.self_approval->allow);
        if (!a.self_approval->groups.empty()) write_texts(w, "groups", a.self_approval->groups);
        w.key("reason_required").truth(a.self_approval->reason_required).end();
    }
    if (a.unlinked_allowed) w.key("unlinked_allowed").truth(true);
    if (a.widening) {
        w.key("widening").begin().key("after").whole(a.widening->after.count());
        write_texts(w, "approvers", a.widening->approvers);
        w.end();
    }
    w.end();
    return w.take();
}

Result<core::Entry> read_stored_entry(std::string_view text) {
    auto value = parse_stored(text);
    if (!value) return pass(value);
    StoredReader r(*value);
    std::optional<core::Entry> entry = read_kind(r, r.text("kind"));
    if (!entry || !r.ok()) return not_ours("entry");
    return std::move(*entry);
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
    if (there("widening")) {
        StoredReader widening(r.member("widening"));
        a.widening =
            core::Widening{core::Duration{widening.whole("after")}, widening.ids<core::GroupId>("approvers")};
        r.must(widening.ok());
    }
    a.reason_required = r.truth_if_there("reason_required");
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
        r.must(self.ok());
    }
    read_terms(r, a);
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

std::string leaf_body(const Leaf& leaf) {
    Writer w(nullptr);
    w.begin().key("digest").text(leaf.digest);
    if (!leaf.entry_body.empty()) w.key("entry_sha256").text(sha256_hex(leaf.entry_body));
    w.key("id").text(leaf.id.text()).key("occurred_at").text(core::rfc3339(leaf.at));
    if (!leaf.person.empty()) w.key("person").text(leaf.person);
    w.key("policy").text(leaf.policy).key("request_id").text(leaf.request.text());
    w.key("state").text(name_of(leaf.state)).key("type").text(leaf.type).key("v").whole(1);
    w.key("version").whole(leaf.version);
    if (!leaf.why.empty()) w.key("why").text(leaf.why);
    w.end();
    return w.take();
}

Result<LeafFacts> read_leaf(std::string_view text) {
    auto value = parse_stored(text);
    if (!value) return pass(value);
    StoredReader r(*value);
    LeafFacts facts;
    facts.act = r.member("state").is_null();
    if (facts.act) {
        facts.subject = r.maybe_text("subject").value_or("");
    } else {
        facts.version = static_cast<std::int32_t>(r.whole("version"));
        facts.state = r.known(core::parse_state(r.text("state")));
    }
    if (!r.ok()) return not_ours("event");
    return facts;
}

std::string leaf_body(const app::AdminEvent& event) {
    Writer w(nullptr);
    w.begin().key("facts_sha256").text(sealed(event.salt, core::canonical(event.facts)));
    w.key("id").text(event.id.text()).key("occurred_at").text(core::rfc3339(event.at));
    if (event.request) w.key("request_id").text(event.request->text());
    if (!event.subject.empty()) w.key("subject").text(event.subject);
    w.key("type").text(name_of(event.act)).key("v").whole(1).end();
    return w.take();
}

}  // namespace countersign::wire
