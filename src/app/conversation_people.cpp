#include "app/conversation_people.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "app/conversation_words.hpp"
#include "countersign/app/conversation.hpp"
#include "countersign/base/text.hpp"

// What people say of themselves: which accounts are theirs, which tokens vote for them, when they are away.
namespace countersign::app {

using rt::asio::awaitable;

namespace {

bool is_an_answer(const Failure& failure) {
    switch (failure.trouble) {
        case Trouble::not_found:
        case Trouble::invalid_input:
        case Trouble::conflict:
        case Trouble::forbidden:
        case Trouble::overloaded:
            return true;
        default:
            return false;
    }
}

std::string not_linked_sentence(const Failure& failure) {
    if (is_an_answer(failure)) return "Not linked: " + failure.detail + ".";
    return "Nothing was linked: the approval service is in trouble right now. Try again.";
}

std::string not_confirmed_sentence(const Failure& failure) {
    if (is_an_answer(failure)) return "Nothing was changed: " + failure.detail + ".";
    return "Nothing was changed: the approval service is in trouble right now. Try again.";
}

std::string day_of(core::Instant at) {
    return core::rfc3339(at).substr(0, 10);
}

}  // namespace

std::string_view why_no_voter(const core::Directory& directory,
                              const std::vector<core::AccountId>& accounts) {
    for (const auto& account : accounts) {
        const auto* user = directory.user(account);
        if (user == nullptr) continue;
        switch (user->klass) {
            case core::AccountClass::guest:
                return "guests cannot";
            case core::AccountClass::bot:
                return "bots cannot";
            case core::AccountClass::deleted:
                return "the account is deactivated";
            case core::AccountClass::foreign:
                return "people of other workspaces cannot";
            default:
                break;
        }
    }
    return "no account of theirs is a full member's";
}

bool in_some_group(const core::Directory& directory, const std::vector<core::AccountId>& accounts) {
    return std::ranges::any_of(directory.policy().groups, [&](const core::GroupRecord& group) {
        return std::ranges::any_of(accounts, [&](const core::AccountId& account) {
            return directory.membership(account, group.name) != core::Membership::no;
        });
    });
}

// ---- links

awaitable<Reply> Conversation::link(Act act, CommandWords words) {
    auto deadline = runtime_.within(link_within);
    auto code = words.number + words.rest;
    if (code.empty()) {
        auto made = co_await parts_.linking.ask_code(act.account, deadline);
        if (!made) co_return told(not_linked_sentence(made.error()));
        co_return Reply{Lines{{"Your code is " + *made,
                               "In your other account, within 10 minutes, type:  " + typed("link " + *made),
                               "Both accounts are then asked to agree. Give the code to nobody else."}}};
    }
    auto offer = co_await parts_.linking.give_code(act.account, std::move(code), deadline);
    if (!offer) co_return told(not_linked_sentence(offer.error()));
    co_return Reply{YesNoQuestion{link_question(*parts_.roster.snapshot(), *offer),
                                  {Question::About::link, offer->id.text()}}};
}

awaitable<Reply> Conversation::answer_link(Act act, std::string text, bool agrees) {
    auto id = LinkOfferId::parse(text);
    if (!id) co_return told("This question is not known here.");
    auto offer = co_await parts_.linking.answer_offer(*id, act.account, agrees, runtime_.within(link_within));
    if (!offer) co_return told(not_linked_sentence(offer.error()));
    switch (offer->state) {
        case LinkOffer::State::linked:
            co_return told("Linked: both accounts count as one person from now on.");
        case LinkOffer::State::declined:
            co_return told("Declined: nothing was linked.");
        case LinkOffer::State::waiting:
            break;
    }
    co_return told("Noted. The accounts are linked once the other side agrees too.");
}

// ---- tokens that vote

awaitable<Reply> Conversation::confirm(Act act, CommandWords words) {
    auto token = core::TokenId::parse(words.number);
    if (!token)
        co_return told("Say which token: " + typed("confirm tok_…") + ", as whoever made it was told.");
    auto deadline = runtime_.within(runtime_.limits.chat_deadline);
    auto lines = co_await parts_.voting_tokens.question(*token, act.account, deadline);
    if (!lines) co_return told(not_confirmed_sentence(lines.error()));
    co_return Reply{YesNoQuestion{std::move(*lines), {Question::About::voting_token, token->text()}}};
}

awaitable<Reply> Conversation::answer_token(Act act, std::string text, bool agrees) {
    auto token = core::TokenId::parse(text);
    if (!token) co_return told("This question is not known here.");
    auto deadline = runtime_.within(runtime_.limits.chat_deadline);
    auto done = co_await parts_.voting_tokens.answer(*token, act.account, agrees, deadline);
    if (!done) co_return told(not_confirmed_sentence(done.error()));
    co_return told(agrees ? "Confirmed: this token votes in your name from now on."
                          : "The token is revoked: it votes for nobody.");
}

awaitable<Reply> Conversation::answer(Act act, Question question, bool agrees) {
    if (question.about == Question::About::link)
        co_return co_await answer_link(std::move(act), std::move(question.id), agrees);
    if (question.about == Question::About::vote)
        co_return co_await answer_vote(std::move(act), std::move(question.id), agrees);
    co_return co_await answer_token(std::move(act), std::move(question.id), agrees);
}

// ---- absences

namespace {

bool lets_delegate(const core::Policy& policy) {
    return std::ranges::any_of(policy.rules, [](const core::Rule& rule) { return rule.delegate; });
}

}  // namespace

// The account of a person named in a command; nullopt: nobody.
std::optional<core::AccountId> Conversation::named(std::string_view word) const {
    core::AccountId name{std::string(word.starts_with('@') ? word.substr(1) : word)};
    const bool listed = word.find(':') == word.npos && parts_.roster.snapshot()->listed_in_policy(name);
    return listed ? std::optional{std::move(name)} : manner_.mentioned(word);
}

awaitable<std::string> Conversation::cannot_stand_in(core::AccountId other, std::string word,
                                                     core::AccountId away, Deadline deadline) {
    auto directory = parts_.roster.snapshot();
    const auto person = directory->person_of(other);
    word = visible(clip_utf8(word, 60));
    if (person == directory->person_of(away)) co_return word + " is you.";
    auto accounts = directory->accounts_of(person);
    accounts.push_back(directory->full(other));
    for (auto& account : accounts)
        if (directory->connected(account)) co_await parts_.roster.ensure(account, {}, deadline);
    directory = parts_.roster.snapshot();
    if (directory->presence(other) == core::Directory::Presence::nobody)
        co_return fmt::format("{} can never vote: {}.", word, why_no_voter(*directory, accounts));
    if (in_some_group(*directory, accounts) || lets_delegate(directory->policy())) co_return std::string{};
    co_return fmt::format("{} is in no group of the policy, and so can never vote.", word);
}

awaitable<Reply> Conversation::away(Act act, CommandWords words) {
    auto wanted = read_away(words.number + " " + words.rest, runtime_.now());
    auto directory = parts_.roster.snapshot();
    const auto back = typed("away off");
    if (wanted.kind == AwayWords::Kind::unclear)
        co_return told(wanted.problem + " Say until which day, at most a year ahead: " +
                       typed("away until 2026-12-03 [@person]") + ". Back again: " + back);
    if (wanted.kind == AwayWords::Kind::status) {
        const auto* absence = directory->absence(directory->person_of(act.account));
        co_return told(
            absence ? fmt::format("You are away until {} (UTC). Back again: {}", day_of(absence->until), back)
                    : fmt::format("You are here. {} says that you are not.", typed("away until 2026-12-03")));
    }
    core::Absence absence{act.account, wanted.until, std::nullopt};
    std::string instead;
    if (!wanted.instead.empty()) {
        absence.instead = named(wanted.instead);
        if (!absence.instead)
            co_return told(
                fmt::format("{} is nobody that the policy or this chat knows by that name, or is "
                            "several people. Nothing was changed.",
                            visible(clip_utf8(wanted.instead, 60))));
        auto cannot =
            co_await cannot_stand_in(*absence.instead, wanted.instead, act.account, Deadline{act.answer_by});
        if (!cannot.empty()) co_return told(cannot + " Nothing was changed.");
        directory = parts_.roster.snapshot();
        instead = ", " + account_text(*directory, *absence.instead) + " first";
        if (lets_delegate(directory->policy()))
            instead += ", who fills your place where the policy lets them";
    }
    auto kept = co_await parts_.linking.set_absence(std::move(absence), Deadline{act.answer_by});
    if (!kept) co_return told("The approval service is in trouble right now. Try again.");
    if (wanted.kind == AwayWords::Kind::back) co_return told("Welcome back.");
    co_return told(
        fmt::format("You are away until {} (UTC). Cards ask others{}; what you vote counts all the same. "
                    "Back again: {}",
                    day_of(wanted.until), instead, back));
}

}  // namespace countersign::app
