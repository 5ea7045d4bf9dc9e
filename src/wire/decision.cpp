#include "countersign/wire/decision.hpp"

#include <algorithm>
#include <set>
#include <span>
#include <utility>

#include "countersign/base/text.hpp"
#include "countersign/wire/request_document.hpp"

namespace countersign::wire {
namespace {

using core::Value;

constexpr std::size_t statement_subjects_max = 100;
constexpr std::string_view sha256_prefix = "sha256:";

template <class Ids>
Value texts_of(const Ids& ids) {
    auto list = Value::array();
    for (const auto& id : ids) list.push(id.text());
    return list;
}
Value text_or_none(const std::string& text) {
    return text.empty() ? Value() : Value(text);
}

const std::vector<core::PersonId>& behind_it(const core::Case& c) {
    static const std::vector<core::PersonId> nobody;
    const auto* behind = &nobody;
    for (const core::Entry& entry : c.entries) {
        if (const auto* opened = std::get_if<core::Opened>(&entry)) behind = &opened->behind;
        if (const auto* again = std::get_if<core::Rejudged>(&entry)) behind = &again->behind;
    }
    return *behind;
}

// 64 lower-case hex digits, with or without "sha256:" in front.
std::optional<std::string> digest_in(std::string_view text) {
    constexpr std::size_t digits = 64;
    if (text.starts_with(sha256_prefix)) text.remove_prefix(sha256_prefix.size());
    bool plain = text.size() == digits && std::ranges::all_of(text, [](char c) {
                     return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
                 });
    return plain ? std::optional(std::string(text)) : std::nullopt;
}

class Subjects {
  public:
    void add(std::string name, std::string_view digest) {
        auto hex = digest_in(digest);
        // A subject's name is unique (in-toto Statement v1).
        if (!hex || list_.items()->size() >= statement_subjects_max || !names_.insert(name).second) return;
        list_.push(Value::object(
            {{"name", std::move(name)}, {"digest", Value::object({{"sha256", std::move(*hex)}})}}));
    }
    Value take() { return std::move(list_); }

  private:
    Value list_ = Value::array();
    std::set<std::string> names_;
};

// What `countersign run` files about files, and an artifact that a pipeline names.
Value subjects_of(const core::Request& request) {
    Subjects subjects;
    subjects.add("request:" + request.id.text(), request.digest);
    if (!request.parameters) return subjects.take();
    const Value& parameters = *request.parameters;
    const Value& executable = parameters["executable"];
    subjects.add("executable:" + std::string(executable["path"].text()), executable["sha256"].text());
    if (const auto* attached = parameters["attachments"].members())
        for (const auto& [name, digest] : *attached) subjects.add("file:" + name, digest.text());
    subjects.add("artifact", parameters["artifact"].text());
    return subjects.take();
}

Value requester_of(const core::Request& request) {
    const auto& requester = request.requester;
    bool workload = requester.kind == core::Requester::Kind::workload;
    auto who = Value::object({{"kind", workload ? "workload" : "person"},
                              {"name", requester.name},
                              {"account", requester.account.text()},
                              {"humans", texts_of(requester.humans)}});
    if (!requester.run.empty()) who.set("run", requester.run);
    if (requester.claims) who.set("claims", *requester.claims);
    return who;
}

const core::Standing* standing_at(const core::Case& c, std::size_t entry) {
    const core::Standing* standing = nullptr;
    std::visit(
        [&](const auto& e) {
            if constexpr (requires { e.voter; }) standing = &e.voter;
        },
        c.entries[entry]);
    return standing;
}

Value votes_cast(const Decided& decided) {
    auto votes = Value::array();
    for (const auto& mark : decided.ruling.votes) {
        auto vote = Value::object({{"person", mark.person.text()},
                                   {"account", mark.account.text()},
                                   {"verdict", core::name_of(mark.verdict)},
                                   {"via", core::name_of(mark.via)},
                                   {"castAt", core::rfc3339(mark.at)},
                                   {"reason", text_or_none(mark.reason)},
                                   {"slot", mark.counted_for ? Value(mark.counted_for->text()) : Value()}});
        const auto* standing = standing_at(decided.c, mark.entry);
        if (standing) vote.set("groups", texts_of(standing->groups));
        if (mark.self_approval) vote.set("selfApproval", true);
        if (mark.in_place_of) vote.set("inPlaceOf", mark.in_place_of->text());
        if (mark.sign_in) vote.set("signIn", sign_in_value(*mark.sign_in));
        votes.push(std::move(vote));
    }
    return votes;
}

Value policy_of(const core::Applied& applied) {
    auto rules = Value::array();
    for (const auto& rule : applied.rules) rules.push(rule);
    auto alternatives = Value::array();
    for (const auto& slots : applied.alternatives) {
        auto list = Value::array();
        for (const auto& one : slots.groups)
            list.push(Value::object({{"group", one.of.text()}, {"count", one.count}}));
        alternatives.push(std::move(list));
    }
    return Value::object({{"digest", applied.policy_digest},
                          {"rules", std::move(rules)},
                          {"kind", core::name_of(applied.kind)},
                          {"required", std::move(alternatives)}});
}

Value request_part(const core::Request& request) {
    return Value::object({{"id", request.id.text()},
                          {"number", request.number},
                          {"digest", request.digest},
                          {"action", request.action},
                          {"resource", request.resource ? Value(*request.resource) : Value()},
                          {"environment", request.environment ? Value(*request.environment) : Value()},
                          {"intent", text_or_none(request.intent)},
                          {"requestedBy", requester_of(request)},
                          {"onBehalfOf", texts_of(request.on_behalf_of)},
                          {"requestedAt", core::rfc3339(request.created_at)},
                          {"expiresAt", core::rfc3339(request.expires_at)}});
}

}  // namespace

std::optional<Decided> decided_part(const core::Case& c) {
    auto state_of = [&](std::size_t entries) {
        return core::decide(c.request, c.applied, std::span{c.entries}.first(entries)).state;
    };
    if (c.entries.empty() || state_of(c.entries.size()) == core::State::pending) return std::nullopt;
    // What has left `pending` never comes back, so the first such entry is found by halving.
    std::size_t pending = 0;
    std::size_t decided = c.entries.size();
    while (decided - pending > 1) {
        std::size_t middle = pending + (decided - pending) / 2;
        (state_of(middle) == core::State::pending ? pending : decided) = middle;
    }
    auto last = c.entries.begin() + static_cast<std::ptrdiff_t>(decided);
    Decided part{{c.request, c.applied, {c.entries.begin(), last}}, {}};
    part.ruling = core::decide(part.c);
    return part;
}

Value decision_statement(const Decided& decided, const LogPosition& position) {
    const core::Case& c = decided.c;
    const core::Ruling& ruling = decided.ruling;
    const auto& behind = behind_it(c);
    auto predicate =
        Value::object({{"decision", core::name_of(ruling.state)},
                       {"decidedAt", ruling.decided_at ? Value(core::rfc3339(*ruling.decided_at)) : Value()},
                       {"reason", text_or_none(ruling.reason)},
                       {"request", request_part(c.request)},
                       {"version", std::int64_t{c.version()}},
                       {"behind", texts_of(behind)},
                       {"excluded", texts_of(core::barred(c.applied, behind))},
                       {"votes", votes_cast(decided)},
                       {"policy", policy_of(c.applied)},
                       {"log", Value::object({{"origin", position.origin},
                                              {"index", position.index},
                                              {"leaf", base64(position.leaf)}})}});
    if (ruling.grant_ends) predicate.set("grantEndsAt", core::rfc3339(*ruling.grant_ends));
    return Value::object({{"_type", statement_v1},
                          {"subject", subjects_of(c.request)},
                          {"predicateType", decision_predicate},
                          {"predicate", std::move(predicate)}});
}

}  // namespace countersign::wire
