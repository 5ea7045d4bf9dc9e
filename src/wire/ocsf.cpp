#include "countersign/wire/ocsf.hpp"

#include <fmt/format.h>

#include <chrono>
#include <string>
#include <utility>
#include <variant>

#include "countersign/base/text.hpp"
#include "countersign/core/decide.hpp"

namespace countersign::wire {
namespace {

using core::Value;

// OCSF 1.8.0 has no class for approvals: Entity Management, whose entity is the request, comes nearest.
constexpr std::string_view ocsf_version = "1.8.0";
constexpr std::int64_t entity_management = 3004;
constexpr std::int64_t category_identity = 3;
constexpr std::int64_t activity_create = 1;
constexpr std::int64_t activity_other = 99;
constexpr std::int64_t severity_informational = 1;
constexpr std::int64_t severity_low = 2;
constexpr std::int64_t status_failure = 2;

std::int64_t milliseconds(core::Instant at) {
    return std::chrono::floor<std::chrono::milliseconds>(at.time_since_epoch()).count();
}

// Who did it and why, as far as the entry says.
struct Did {
    std::string name;
    std::string account;
    std::string comment;
    std::string what;  // the activity, where it is no Create
};
Did did_of(const core::Case& c, const core::Entry& entry) {
    Did did{.name = {}, .account = {}, .comment = {}, .what = std::string(core::kind_of(entry))};
    std::visit(
        [&](const auto& e) {
            if constexpr (requires { e.voter; }) {
                did.name = e.voter.person.text();
                did.account = e.voter.account.text();
            }
            if constexpr (requires { e.by; }) did.account = e.by.text();
            if constexpr (requires { e.reason; }) did.comment = e.reason;
            if constexpr (requires { e.detail; }) did.comment = e.detail;
            if constexpr (requires { e.verdict; }) did.what = core::name_of(e.verdict);
        },
        entry);
    if (std::holds_alternative<core::Opened>(entry)) {
        did.name = c.request->requester.name;
        did.account = c.request->requester.account.text();
        did.comment = c.request->intent;
    }
    return did;
}

Value product() {
    return Value::object(
        {{"name", "Countersign"}, {"vendor_name", "Countersign"}, {"version", COUNTERSIGN_VERSION}});
}

// An administrative act, with what is known of it in `unmapped`.
Value act_event(const app::LoggedEvent& logged) {
    return Value::object({{"class_uid", entity_management},
                          {"category_uid", category_identity},
                          {"activity_id", activity_other},
                          {"type_uid", entity_management * 100 + activity_other},
                          {"severity_id", severity_low},
                          {"status_id", 1},
                          {"time", milliseconds(logged.at)},
                          {"metadata", Value::object({{"version", ocsf_version}, {"product", product()}})},
                          {"entity", Value::object({{"type", "countersign"}, {"uid", logged.subject}})},
                          {"unmapped", logged.facts.value_or(Value::object({{"erased", true}}))}});
}

// Who was refused is not who did what the request's newest entry tells of.
Value without_the_entry(Value event) {
    event.members()->erase("actor");
    event.members()->erase("comment");
    event.set("status_id", status_failure);
    return event;
}

}  // namespace

Value ocsf_event(const core::Case& c, std::size_t place, core::State after) {
    const core::Entry& entry = c.entries[place];
    const core::Request& request = c.request;
    bool opened = place == 0;
    Did did = did_of(c, entry);
    std::int64_t activity = opened ? activity_create : activity_other;
    auto user = Value::object({{"name", did.name.empty() ? did.account : did.name}, {"uid", did.account}});
    auto decision = Value::object({{"decision", core::name_of(after)},
                                   {"policy", Value::object({{"uid", c.applied->policy_digest},
                                                             {"name", join(c.applied->rules, ", ")}})}});
    auto actor = Value::object({{"user", std::move(user)}});
    actor.set("authorizations", Value{Value::Array{std::move(decision)}});
    auto event = Value::object(
        {{"class_uid", entity_management},
         {"category_uid", category_identity},
         {"activity_id", activity},
         {"type_uid", entity_management * 100 + activity},
         {"severity_id", opened ? severity_informational : severity_low},
         {"status_id", 1},
         {"time", milliseconds(core::at_of(entry))},
         {"metadata", Value::object({{"version", ocsf_version},
                                     {"uid", fmt::format("{}/{}", request.id.text(), place + 1)},
                                     {"product", product()}})},
         {"actor", std::move(actor)},
         {"entity",
          Value::object(
              {{"type", "approval_request"}, {"uid", request.id.text()}, {"name", request.action}})},
         {"unmapped",
          Value::object({{"number", request.number},
                         {"digest", request.digest},
                         {"environment", request.environment ? Value(*request.environment) : Value()},
                         {"resource", request.resource ? Value(*request.resource) : Value()},
                         {"requester", request.requester.name},
                         {"version", static_cast<std::int64_t>(place + 1)},
                         {"state", core::name_of(after)}})}});
    if (!opened) event.set("activity_name", did.what);
    if (!did.comment.empty()) event.set("comment", did.comment);
    return event;
}

Value ocsf_event(const app::LoggedEvent& logged) {
    bool of_entry = logged.request && logged.version >= 1 && logged.version <= logged.request->version();
    auto event = of_entry
                     ? ocsf_event(*logged.request, static_cast<std::size_t>(logged.version - 1), logged.state)
                     : act_event(logged);
    // What the event is about is its type's to say: one entry may be a vote and the decision.
    bool created = logged.type == "request.created";
    if (!created) event.set("activity_name", logged.type);
    if (logged.type == "request.vote_refused") event = without_the_entry(std::move(event));
    auto* metadata = event.members()->find("metadata");
    metadata->set("uid", logged.id.text());
    metadata->set("sequence", logged.index);
    return event;
}

}  // namespace countersign::wire
