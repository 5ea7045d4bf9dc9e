#include "countersign/app/voting_tokens.hpp"

#include <utility>

#include "countersign/base/text.hpp"

namespace countersign::app {
namespace {

std::string bounds_of(const Token& token) {
    auto among = [](std::string_view what, const std::vector<std::string>& globs) {
        return globs.empty() ? "any " + std::string(what) : std::string(what) + " " + join(globs, ", ");
    };
    return "For: " + among("action", token.allow_actions) + "; " +
           among("environment", token.allow_environments);
}

}  // namespace

// The token, if it votes and belongs to the person whose account this is.
Later<Token> VotingTokens::find(core::TokenId id, core::AccountId who, Deadline deadline) {
    auto none = [] {
        return fail(Trouble::not_found, "no token of yours with this id votes", "no_such_token");
    };
    auto people = co_await parts_.people.ensure(deadline);
    if (!people) co_return pass(people);
    co_await parts_.roster.ensure(who, std::vector<core::GroupId>{}, deadline);
    auto token = co_await parts_.tokens.by_id(id, deadline);
    if (!token && token.error().trouble == Trouble::not_found) co_return none();
    if (!token) co_return pass(token);
    auto directory = parts_.roster.snapshot();
    bool theirs = token->has(Scope::vote) && token->owner &&
                  directory->person_of(*token->owner) == directory->person_of(who);
    if (!theirs) co_return none();
    bool over = token->revoked_at || (token->expires_at && *token->expires_at <= runtime_.now());
    if (over) co_return fail(Trouble::conflict, "this token has ended", "token_ended");
    co_return token;
}

Later<std::vector<std::string>> VotingTokens::question(core::TokenId id, core::AccountId who,
                                                       Deadline deadline) {
    auto token = co_await find(id, std::move(who), deadline);
    if (!token) co_return pass(token);
    if (token->confirmed)
        co_return fail(Trouble::conflict, "this token is confirmed already", "token_confirmed");
    auto ends =
        token->expires_at ? "it ends " + core::rfc3339(*token->expires_at) : std::string("it never ends");
    co_return std::vector<std::string>{
        "May this token vote in your name?",
        token->name + " (…" + token->hint + ", " + token->id.text() + ")",
        "Made " + core::rfc3339(token->created_at) + "; " + ends, bounds_of(*token),
        "Whoever holds it can approve and deny as you do. Agree only if you hold it, or know who does."};
}

Later<Done> VotingTokens::answer(core::TokenId id, core::AccountId who, bool agrees, Deadline deadline) {
    auto token = co_await find(id, who, deadline);
    if (!token) co_return pass(token);
    auto now = runtime_.now();
    auto act = agrees ? AdminAct::token_confirmed : AdminAct::token_revoked;
    auto event = token_event(act, *token, who.text(), now, runtime_.entropy);
    Result<Done> done = Done{};
    if (agrees)
        done = co_await parts_.tokens.confirm(id, {std::move(who), now}, std::move(event), deadline);
    else
        done = co_await parts_.tokens.revoke(id, now, std::move(event), deadline);
    if (done) parts_.log.committed();
    co_return done;
}

}  // namespace countersign::app
