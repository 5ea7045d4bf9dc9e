#include "countersign/app/vote_questions.hpp"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "countersign/app/chats.hpp"

namespace countersign::app {
namespace {

std::string_view next_word_of(std::string_view& text) {
    const auto end = std::min(text.find(' '), text.size());
    auto word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return word;
}

}  // namespace

std::string VoteQuestion::text() const {
    return fmt::format("{} {} {} {}", core::name_of(verdict), request.text(), digest, reason);
}

std::optional<VoteQuestion> read_vote_question(std::string_view text) {
    auto verdict = core::parse_verdict(next_word_of(text));
    const auto id = next_word_of(text);
    auto request = core::RequestId::parse(id);
    std::string digest{next_word_of(text)};
    if (!verdict || *verdict == core::Verdict::approve || !request || request->text() != id || digest.empty())
        return std::nullopt;
    return VoteQuestion{*verdict, *request, std::move(digest), std::string(text)};
}

Later<VoteQuestions::Outcome> VoteQuestions::ask(Wanted wanted, Deadline deadline) {
    auto known = co_await parts_.people.ensure(deadline);
    if (!known) co_return pass(known);
    auto directory = parts_.roster.snapshot();
    const auto person = directory->person_of(wanted.owner);
    auto accounts = directory->accounts_of(person);
    auto own = directory->full(wanted.owner);
    if (std::ranges::find(accounts, own) == accounts.end()) accounts.insert(accounts.begin(), std::move(own));
    std::optional<Result<Outcome>> said;  // by the first chat that did not ask
    for (const auto& account : accounts) {
        for (const auto& chat : parts_.chats) {
            if (chat.asker == nullptr || core::name_of(chat.surface) != core::parts(account).kind) continue;
            VoteAsked asked{.request = wanted.request,
                            .account = directory->full(account),
                            .verdict = wanted.verdict,
                            .reason = wanted.reason,
                            .asked_by = wanted.asked_by};
            auto refused = co_await chat.asker->ask_vote(std::move(asked), deadline);
            if (refused && !*refused) co_return Outcome{Asked{chat.surface, person}};
            if (said) continue;
            if (refused)
                said.emplace(Outcome{std::move(**refused)});
            else
                said.emplace(std::unexpected(std::move(refused).error()));
        }
    }
    if (said) co_return std::move(*said);
    co_return fail(
        Trouble::conflict,
        "the owner of this token has no account in a chat that is connected here, so nobody can be "
        "asked to confirm",
        "no_chat");
}

}  // namespace countersign::app
