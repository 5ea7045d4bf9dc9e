#include <algorithm>
#include <utility>

#include "app/globs.hpp"
#include "countersign/app/caller.hpp"

namespace countersign::app {
namespace {

core::TokenId id_from(std::string_view caller_key) {
    auto hash = sha256(caller_key);
    core::TokenId::Bytes bytes{};
    std::copy_n(hash.begin(), bytes.size(), bytes.begin());
    return core::TokenId{bytes};
}

Token stand_in(core::TokenId id, std::string name) {
    return {.id = id,
            .name = std::move(name),
            .scopes = {Scope::request},
            .owner = {},
            .allow_actions = {},
            .allow_environments = {},
            .created_at = {},
            .expires_at = {},
            .revoked_at = {},
            .hint = {}};
}

}  // namespace

core::AccountId Caller::account() const {
    if (stands_for) return stands_for->account;
    if (workload) return workload->account;
    return core::AccountId{"token:" + token.id.text()};
}

std::string Caller::key() const {
    if (stands_for) return core::caller_key(*stands_for);
    core::Requester as{.name = {}, .account = account(), .humans = {}};
    if (token.owner) {
        as.kind = core::Requester::Kind::person;
        as.humans.push_back(*token.owner);
    }
    if (workload) as.run = workload->run;
    return core::caller_key(as);
}

Caller caller_of(Workload workload) {
    core::Requester as{.name = {}, .account = workload.account, .humans = {}};
    as.run = workload.run;
    auto token = stand_in(id_from(core::caller_key(as)), workload.name);
    return {.token = std::move(token), .workload = std::move(workload)};
}

Caller caller_of(core::RequestId request) {
    return {.token = stand_in(id_from(request.text()), "access token"), .only = request};
}

void adopt(Caller& caller, const core::Request& request) {
    if (caller.only != request.id) return;
    caller.stands_for = request.requester;
    caller.token.id = id_from(core::caller_key(request.requester));
    caller.token.name = request.requester.name;
}

bool own(const Caller& caller, const core::Request& request) {
    if (caller.only) return *caller.only == request.id;
    bool same_token = !caller.workload && caller.account() == request.requester.account;
    return same_token || caller.key() == core::caller_key(request.requester);
}

bool covers(const Token& token, std::string_view action, const std::optional<std::string>& environment) {
    if (!within_globs(token.allow_actions, action)) return false;
    if (token.allow_environments.empty()) return true;
    return environment && within_globs(token.allow_environments, *environment);
}

bool bounded(const Token& token) {
    return !token.allow_actions.empty() || !token.allow_environments.empty();
}

Result<Done> within_bounds(const Token& token, const core::Request& request) {
    if (covers(token, request)) return Done{};
    bool action = within_globs(token.allow_actions, request.action);
    return fail(Trouble::forbidden,
                action ? "this token is bound to other environments than this request's: use one whose "
                         "--allow-environment covers it"
                       : "this token is bound to other actions than \"" + request.action +
                             "\": use one whose --allow-action covers it",
                "outside_bounds");
}

Result<Done> within_bounds(const Token& token, std::string_view action,
                           const std::optional<std::string>& environment) {
    if (!within_globs(token.allow_actions, action))
        return fail(Trouble::forbidden,
                    "this token is not for the action \"" + std::string(action) +
                        "\": create one with --allow-action that covers it",
                    "outside_bounds", "/action");
    bool bound = !token.allow_environments.empty();
    if (bound && (!environment || !within_globs(token.allow_environments, *environment)))
        return fail(Trouble::forbidden,
                    environment ? "this token is not for this environment: create one with "
                                  "--allow-environment that covers it"
                                : "this token is bound to environments: the request must name one",
                    "outside_bounds", "/environment");
    return Done{};
}

}  // namespace countersign::app
