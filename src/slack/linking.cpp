#include "countersign/app/linking.hpp"

#include <fmt/format.h>

#include <utility>

#include "countersign/base/text.hpp"
#include "slack/interactions.hpp"

// `/approvals link` and `/approvals away`.
namespace countersign::slack {

using rt::asio::awaitable;

namespace {

constexpr core::Duration link_within = std::chrono::seconds{20};

std::string why_not(const Failure& failure) {
    switch (failure.trouble) {
        case Trouble::not_found:
        case Trouble::invalid_input:
        case Trouble::conflict:
        case Trouble::forbidden:
        case Trouble::overloaded:
            return "Not linked: " + failure.detail + ".";
        default:
            return "Nothing was linked: the approval service is in trouble right now. Try again.";
    }
}

std::string day_of(core::Instant at) {
    return core::rfc3339(at).substr(0, 10);
}

// The account of a person named in a command; nullopt: nobody, or several.
std::optional<core::AccountId> named(const core::Directory& directory, const std::string& team,
                                     std::string_view word) {
    if (word.starts_with("<@") && word.ends_with(">")) {
        auto id = word.substr(2, word.size() - 3);
        id = id.substr(0, id.find('|'));
        return id.empty() ? std::nullopt : std::optional{core::chat_account(core::Surface::slack, team, id)};
    }
    if (word.starts_with('@')) word.remove_prefix(1);
    if (core::AccountId name{std::string(word)};
        word.find(':') == word.npos && directory.listed_in_policy(name))
        return name;
    return std::nullopt;
}

}  // namespace

AwayWords read_away(std::string_view text, core::Instant now) {
    auto words = split(trim(text), ' ');
    std::erase(words, std::string{});
    if (words.empty()) return {AwayWords::Kind::status, {}, {}};
    if (words.size() == 1 && (words[0] == "off" || words[0] == "back"))
        return {AwayWords::Kind::back, now, {}};
    if (words[0] == "until") words.erase(words.begin());
    if (words.empty() || words.size() > 2 || words[0].size() != 10) return {};
    auto day = core::parse_rfc3339(words[0] + "T00:00:00Z");
    if (!day || *day <= now || *day > now + away_max) return {};
    return {AwayWords::Kind::until, *day, words.size() == 2 ? words[1] : std::string{}};
}

awaitable<void> Interactions::command_link(Reply& reply, const wire::SlackCommand& command,
                                           std::string code) {
    auto who = account(command.actor);
    Deadline deadline{reply.received + link_within};
    if (code.empty()) {
        auto made = co_await parts_.linking.ask_code(std::move(who), deadline);
        if (!made)
            co_return co_await answer(reply, command.actor, wire::slack_private(why_not(made.error())));
        std::vector<std::string> lines{
            "Your code is " + *made,
            "In your other account, within 10 minutes, type:  /approvals link " + *made,
            "Both accounts are then asked to agree. Give the code to nobody else."};
        co_return co_await answer(reply, command.actor, wire::slack_private_lines(lines));
    }
    // The other side is asked before this one: that may take longer than a command has.
    co_await acknowledge(reply);
    auto offer = co_await parts_.linking.give_code(std::move(who), std::move(code), deadline);
    if (!offer) co_return co_await tell(command.actor, wire::slack_private(why_not(offer.error())));
    auto question = app::link_question(*parts_.roster.snapshot(), *offer);
    co_await tell(command.actor, wire::slack_private_link(question, offer->id.text()));
}

awaitable<void> Interactions::click_link(Reply& reply, wire::SlackClick click) {
    co_await acknowledge(reply);
    auto id = app::LinkOfferId::parse(click.value);
    if (!ours(click.actor) || !id) co_return;
    const bool agrees = click.action == wire::slack_link_agree;
    auto offer = co_await parts_.linking.answer_offer(*id, account(click.actor), agrees,
                                                      Deadline{reply.received + link_within});
    std::string sentence;
    if (!offer)
        sentence = why_not(offer.error());
    else if (offer->state == app::LinkOffer::State::linked)
        sentence = "Linked: both accounts count as one person from now on.";
    else if (offer->state == app::LinkOffer::State::declined)
        sentence = "Declined: nothing was linked.";
    else
        sentence = "Noted. The accounts are linked once the other side agrees too.";
    auto body = wire::slack_private(sentence);
    body.replaces = true;  // the question is answered
    co_await tell(std::move(click.actor), std::move(body));
}

awaitable<wire::SlackPrivate> Interactions::answer_away(wire::SlackActor actor, std::string words,
                                                        core::Instant received) {
    auto who = account(actor);
    auto wanted = read_away(words, runtime_.now());
    auto directory = parts_.roster.snapshot();
    if (wanted.kind == AwayWords::Kind::unclear)
        co_return wire::slack_private(
            "Say until which day, at most a year ahead: /approvals away until 2026-12-03 [@person]. Back "
            "again: "
            "/approvals away off");
    if (wanted.kind == AwayWords::Kind::status) {
        const auto* absence = directory->absence(directory->person_of(who));
        co_return wire::slack_private(
            absence ? fmt::format("You are away until {} (UTC). Back again: /approvals away off",
                                  day_of(absence->until))
                    : std::string{"You are here. /approvals away until 2026-12-03 says that you are not."});
    }
    core::Absence absence{who, wanted.until, std::nullopt};
    if (!wanted.instead.empty()) {
        absence.instead = named(*directory, directory_.home()->team, wanted.instead);
        if (!absence.instead || directory->person_of(*absence.instead) == directory->person_of(who))
            co_return wire::slack_private(
                fmt::format("{} is nobody the policy lists by that name, or is you. Nothing was changed.",
                            wanted.instead));
    }
    auto kept =
        co_await parts_.linking.set_absence(std::move(absence), Deadline{received + acknowledge_within});
    if (!kept) co_return wire::slack_private("The approval service is in trouble right now. Try again.");
    if (wanted.kind == AwayWords::Kind::back) co_return wire::slack_private("Welcome back.");
    co_return wire::slack_private(fmt::format(
        "You are away until {} (UTC). Cards ask others{}; what you vote counts all the same. Back again: "
        "/approvals away off",
        day_of(wanted.until), wanted.instead.empty() ? "" : ", " + wanted.instead + " first"));
}

}  // namespace countersign::slack
