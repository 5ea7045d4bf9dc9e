#include <fmt/core.h>

#include <algorithm>

#include "countersign/adapters/policy_tests.hpp"
#include "countersign/app/requests.hpp"
#include "countersign/base/text.hpp"
#include "countersign/wire/request.hpp"

namespace countersign {
namespace {

constexpr std::string_view usual_moment_text = "2026-01-05T12:00:00Z";

}  // namespace

core::Instant usual_moment() {
    return *core::parse_rfc3339(usual_moment_text);
}

namespace {

bool is_texts(const core::Value& value) {
    return value.items() &&
           std::ranges::all_of(*value.items(), [](const core::Value& one) { return one.string(); });
}

Result<core::Requester> requester_from(const core::Value& value) {
    core::Requester requester;
    requester.name = "policy test";
    auto wrong = [](std::string pointer, std::string detail) {
        return fail(Trouble::invalid_input, std::move(detail), "invalid_value", "/requester" + pointer);
    };
    if (const std::string* name = value.string()) {
        requester.name = *name;
        return requester;
    }
    const auto* members = value.members();
    if (!members) return wrong("", "`requester` is a name, or { name: ci, kind: workload, humans: [riley] }");
    for (const auto& [key, member] : *members) {
        if (key == "name" && member.string()) {
            requester.name = *member.string();
        } else if (key == "kind" && (member.text() == "person" || member.text() == "workload")) {
            requester.kind =
                member.text() == "person" ? core::Requester::Kind::person : core::Requester::Kind::workload;
        } else if (key == "account" && member.string()) {
            requester.account = core::AccountId{*member.string()};
        } else if (key == "humans" && is_texts(member)) {
            for (const core::Value& human : *member.items())
                requester.humans.emplace_back(std::string{human.text()});
        } else if (key == "claims" && member.members()) {
            requester.claims = member;
        } else {
            return wrong(
                "/" + key,
                fmt::format("`{}` is no member of a requester, or not of this form; it has name, kind "
                            "(person or workload), account, humans (a list) and claims (a map)",
                            visible(key)));
        }
    }
    return requester;
}

// What the API's document of a filed request says beside what was asked.
core::Value asked_part(const core::Value& document) {
    core::Value body = core::Value::object();
    for (const char* name :
         {"action", "resource", "environment", "intent", "parameters", "labels", "on_behalf_of"})
        if (!document[name].is_null()) body.set(name, document[name]);
    if (!document["related"].is_null()) body.set("links", document["related"]);
    body.set("at", document["created_at"]);
    const core::Value& who = document["requester"];
    core::Value requester =
        core::Value::object({{"name", who["name"]}, {"kind", who["kind"]}, {"humans", who["people"]}});
    for (const char* proven : {"account", "claims"})
        if (!who[proven].is_null()) requester.set(proven, who[proven]);
    body.set("requester", std::move(requester));
    return body;
}

bool filed(const core::Value& document) {
    return document["id"].string() && document["state"].string() && document["created_at"].string();
}

}  // namespace

Result<WordedRequest> worded_request(core::Value body, core::Instant at) {
    const bool was_filed = filed(body);
    if (was_filed) body = asked_part(body);
    core::Requester requester;
    requester.name = "policy test";
    if (auto* members = body.members()) {
        if (const core::Value* moment = members->find("at")) {
            auto parsed = core::parse_rfc3339(moment->text());
            if (!parsed)
                return fail(Trouble::invalid_input, "`at` is a moment like 2026-01-05T12:00:00Z",
                            "invalid_value", "/at");
            at = *parsed;
            members->erase("at");
        }
        if (const core::Value* who = members->find("requester")) {
            auto read = requester_from(*who);
            if (!read) return pass(read);
            requester = std::move(*read);
            members->erase("requester");
        }
    }
    auto ask = wire::ask_from(body);
    if (!ask) return pass(ask);
    auto expires_in = ask->expires_in;
    auto sensitive = std::move(ask->sensitive);
    auto request =
        app::request_of(std::move(*ask), std::move(requester), core::RequestId{core::RequestId::Bytes{}}, at);
    return WordedRequest{std::move(request), expires_in, std::move(sensitive), was_filed};
}

}  // namespace countersign
