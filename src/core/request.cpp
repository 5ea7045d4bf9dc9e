#include "countersign/core/request.hpp"

#include <algorithm>

#include "core/lists.hpp"
#include "countersign/base/crypto.hpp"
#include "countersign/core/people.hpp"

namespace countersign::core {

namespace {

bool lower_case_name(std::string_view text, std::size_t chars_max, std::string_view between) {
    auto alphanumeric = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
    return !text.empty() && text.size() <= chars_max && alphanumeric(text.front()) &&
           std::ranges::all_of(
               text, [&](char c) { return alphanumeric(c) || between.find(c) != std::string_view::npos; });
}

}  // namespace

bool valid_action(std::string_view action) {
    return lower_case_name(action, action_chars_max, "._:-");
}

bool valid_environment(std::string_view environment) {
    return lower_case_name(environment, environment_chars_max, "._:/-");
}

std::string digest_input(const Request& request) {
    Value::Object digested;
    digested.set("action", request.action);
    if (request.resource) digested.set("resource", *request.resource);
    if (request.environment) digested.set("environment", *request.environment);
    if (request.parameters) digested.set("parameters", *request.parameters);
    return canonical(Value{std::move(digested)});
}

std::string digest_of(const Request& request) {
    return "sha256:" + sha256_hex(digest_input(request));
}

std::string caller_key(const Requester& requester) {
    const bool owned = requester.kind == Requester::Kind::person && !requester.humans.empty();
    if (owned) return "owner:" + requester.humans.front().text();
    if (requester.run.empty()) return requester.account.text();
    // The length before it keeps one run and subject apart from any other pair of them.
    return "run " + std::to_string(requester.run.size()) + ":" + requester.run + " of " +
           requester.account.text();
}

std::vector<AccountId> proven_humans(const Request& request) {
    std::vector<AccountId> humans;
    if (request.requester.kind == Requester::Kind::person) {
        // A token or a CI run stands for its owner, who is listed; any other account is the person's own.
        auto kind = parts(request.requester.account).kind;
        if (kind != "token" && kind != "oidc") humans.push_back(request.requester.account);
    }
    for (const AccountId& human : request.requester.humans) add_once(humans, human);
    return humans;
}

std::vector<AccountId> humans_behind(const Request& request) {
    auto humans = proven_humans(request);
    for (const AccountId& human : request.on_behalf_of) add_once(humans, human);
    return humans;
}

}  // namespace countersign::core
