#include "countersign/core/session.hpp"

#include <algorithm>
#include <string_view>
#include <variant>

#include "core/exclusions.hpp"
#include "core/fields.hpp"
#include "countersign/core/glob.hpp"
#include "countersign/core/hidden.hpp"

namespace countersign::core {
namespace {

constexpr std::string_view session_prefix = "parameters.";

// The member of `parameters` that says for how many minutes.
std::string_view minutes_name(const SessionTerms& terms) {
    std::string_view field = terms.from;
    if (field.starts_with(session_prefix)) field.remove_prefix(session_prefix.size());
    return field;
}

bool fits_pattern(const Value& pattern, const Value& value) {
    if (const std::string* text = pattern.string())
        return value.string() != nullptr && glob_matches(*text, *value.string());
    if (const Value::Array* items = pattern.items())
        return value.items() != nullptr &&
               std::ranges::equal(*items, *value.items(),
                                  [](const Value& a, const Value& b) { return fits_pattern(a, b); });
    if (const Value::Object* members = pattern.members())
        return value.members() != nullptr &&
               std::ranges::equal(*members, *value.members(), [](const auto& a, const auto& b) {
                   return a.first == b.first && fits_pattern(a.second, b.second);
               });
    return pattern == value;
}

// What has to fit: everything but how long the session lasts.
Value::Object without(const std::optional<Value>& parameters, std::string_view name) {
    Value::Object rest;
    if (parameters && parameters->members()) rest = *parameters->members();
    rest.erase(name);
    return rest;
}

bool same_caller(const Request& a, const Request& b) {
    return a.requester.kind == b.requester.kind && a.requester.name == b.requester.name &&
           a.requester.account == b.requester.account && a.requester.humans == b.requester.humans &&
           a.requester.run == b.requester.run && a.on_behalf_of == b.on_behalf_of;
}

// Says whether an approval under the session's rules would be one under the others as well: the same people,
// as surely themselves and not behind it, saying and typing as much, and used no sooner.
bool asks_the_same(const Applied& asked, const Applied& granted) {
    return asked.alternatives == granted.alternatives && asked.exclude == granted.exclude &&
           asked.step_up == granted.step_up && asked.reason_required == granted.reason_required &&
           asked.resource_typed == granted.resource_typed &&
           asked.unlinked_allowed == granted.unlinked_allowed &&
           asked.self_approval == granted.self_approval && asked.claim_after == granted.claim_after &&
           asked.claim_closed == granted.claim_closed;
}

// Whose approvals do not count for what is wanted did not count for the session either.
bool excludes_the_same(const Request& shown, const Request& wanted, const Applied& applied) {
    if (applied.exclude.empty()) return true;
    const auto then = excluded_accounts(applied.exclude, shown);
    const auto now = excluded_accounts(applied.exclude, wanted);
    return !then.problem && !now.problem && then.accounts == now.accounts;
}

}  // namespace

std::optional<Session> session_of(const Request& request, const Applied& applied) {
    if (applied.kind != Applied::Kind::require || !applied.session || !request.parameters)
        return std::nullopt;
    const Value& minutes = (*request.parameters)[minutes_name(*applied.session)];
    const auto wanted = minutes.integer();
    if (!wanted || *wanted <= 0) return std::nullopt;
    // Compared in minutes first, because the product of a hostile number could overflow.
    const auto most = std::chrono::duration_cast<std::chrono::minutes>(applied.session->max).count();
    const Duration lasts = *wanted >= most ? applied.session->max : Duration{std::chrono::minutes{*wanted}};
    return Session{lasts, applied.session->uses};
}

std::uint32_t uses_of(const Case& session) {
    return static_cast<std::uint32_t>(std::ranges::count_if(
        session.entries, [](const Entry& entry) { return std::holds_alternative<Used>(entry); }));
}

bool covers(const Case& session, const Request& wanted, const Applied& asked) {
    const Request& shown = session.request;
    const Applied& granted = session.applied;
    if (!session_of(shown, granted) || session_of(wanted, asked)) return false;
    if (!hidden_in(shown).empty() || !hidden_in(wanted).empty()) return false;
    if (!same_caller(shown, wanted)) return false;
    if (asked.kind != Applied::Kind::require || !asked.session ||
        asked.session->from != granted.session->from || !asks_the_same(asked, granted) ||
        !excludes_the_same(shown, wanted, granted))
        return false;
    if (shown.action != wanted.action || shown.environment != wanted.environment) return false;
    if (shown.resource.has_value() != wanted.resource.has_value()) return false;
    if (shown.resource && !glob_matches(*shown.resource, *wanted.resource)) return false;
    const auto name = minutes_name(*granted.session);
    return fits_pattern(Value{without(shown.parameters, name)}, Value{without(wanted.parameters, {})});
}

}  // namespace countersign::core
