#include <utility>

#include "countersign/app/voting_tokens.hpp"
#include "slack/interactions.hpp"

// `/approvals confirm`: the owner of a token says whether it may vote for them.
namespace countersign::slack {

using rt::asio::awaitable;

namespace {

std::string why_not(const Failure& failure) {
    bool answer = failure.trouble == Trouble::not_found || failure.trouble == Trouble::conflict;
    if (answer) return "Nothing was changed: " + failure.detail + ".";
    return "Nothing was changed: the approval service is in trouble right now. Try again.";
}

}  // namespace

awaitable<void> Interactions::command_confirm(Reply& reply, const wire::SlackCommand& command,
                                              std::string text) {
    auto token = core::TokenId::parse(text);
    if (!token)
        co_return co_await answer(
            reply, command.actor,
            wire::slack_private("Say which token: /approvals confirm tok_…, as whoever made it was told."));
    co_await acknowledge(reply);
    Deadline deadline{runtime_.now() + runtime_.limits.chat_deadline};
    auto lines = co_await parts_.voting_tokens.question(*token, account(command.actor), deadline);
    auto body = lines ? wire::slack_private_token(*lines, token->text())
                      : wire::slack_private(why_not(lines.error()));
    co_await tell(command.actor, std::move(body));
}

awaitable<void> Interactions::click_confirm(Reply& reply, wire::SlackClick click) {
    co_await acknowledge(reply);
    auto token = core::TokenId::parse(click.value);
    if (!ours(click.actor) || !token) co_return;
    const bool agrees = click.action == wire::slack_token_agree;
    Deadline deadline{runtime_.now() + runtime_.limits.chat_deadline};
    auto done = co_await parts_.voting_tokens.answer(*token, account(click.actor), agrees, deadline);
    std::string sentence = agrees ? "Confirmed: this token votes in your name from now on."
                                  : "The token is revoked: it votes for nobody.";
    auto body = wire::slack_private(done ? sentence : why_not(done.error()));
    body.replaces = true;  // the question is answered
    co_await tell(std::move(click.actor), std::move(body));
}

}  // namespace countersign::slack
