#include <fmt/core.h>

#include <chrono>
#include <fstream>
#include <utility>

#include "countersign/adapters/audit.hpp"
#include "countersign/base/text.hpp"
#include "evidence/each_case.hpp"

namespace countersign::evidence {
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
                                     {"product", Value::object({{"name", "Countersign"},
                                                                {"vendor_name", "Countersign"},
                                                                {"version", COUNTERSIGN_VERSION}})}})},
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

}  // namespace

Later<TablesWritten> export_ocsf(app::AuditStore& store, ExportFilter filter, std::string folder,
                                 const rt::Clock& clock, AuditProgress progress) {
    auto made = make_empty_folder(folder);
    if (!made) co_return pass(made);
    std::ofstream file(folder + "/events.ocsf.jsonl", std::ios::binary);
    TablesWritten written;
    auto add = [&](const core::Case& c) {
        ++written.requests;
        for (std::size_t i = 0; i < c.entries.size(); ++i) {
            auto after = core::decide(c.request, c.applied, std::span{c.entries}.first(i + 1)).state;
            file << core::canonical(ocsf_event(c, i, after)) << '\n';
            if (std::holds_alternative<core::Voted>(c.entries[i])) ++written.votes;
        }
    };
    auto seen = co_await each_case(store, filter, clock, std::move(progress), add);
    if (!seen) co_return pass(seen);
    written.findings = std::move(*seen);
    file.close();
    if (!file) co_return fail(Trouble::unavailable, fmt::format("{} cannot be written", visible(folder)));
    co_return written;
}

}  // namespace countersign::evidence
