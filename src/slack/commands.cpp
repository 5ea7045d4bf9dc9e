#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "countersign/base/text.hpp"
#include "slack/interactions.hpp"

// The slash command: `/approvals` and its words.
namespace countersign::slack {

using core::Verdict;
using rt::asio::awaitable;

namespace {

constexpr std::size_t listed_max = 20;
constexpr std::size_t searched_max = 200;

std::string_view next_word(std::string_view& text) {
    text = trim(text);
    auto end = std::min(text.find_first_of(" \t\n"), text.size());
    auto word = text.substr(0, end);
    text = trim(text.substr(end));
    return word;
}

bool whole_number(std::string_view text) {
    auto digit = [](char c) { return c >= '0' && c <= '9'; };
    return !text.empty() && text.size() <= 15 && std::ranges::all_of(text, digit);
}

std::int64_t parse_number(std::string_view digits) {
    std::int64_t n = 0;
    for (char c : digits) n = n * 10 + (c - '0');
    return n;
}

// "2 of security, 1 of dba"; alternatives joined by "or".
std::string still_needed(const core::Ruling& ruling) {
    std::string words;
    for (const core::Slots& slots : ruling.missing) {
        std::string one;
        for (const core::CountOf& slot : slots.groups)
            one += fmt::format("{}{} of {}", one.empty() ? "" : ", ", slot.count, slot.of.text());
        words += (words.empty() ? "" : ", or ") + one;
    }
    return words;
}

wire::SlackListItem item_of(const app::CaseNow& now) {
    const auto& request = now.c.request;
    wire::SlackListItem item{
        .id = request->id, .number = request->number, .line = request->action, .detail = {}};
    if (request->environment) item.line += " in " + *request->environment;
    if (request->resource) item.line += " on " + *request->resource;
    item.detail = fmt::format("{}, asked by {}", core::name_of(now.ruling.state), request->requester.name);
    if (!core::open(now.ruling.state)) return item;
    auto expires = core::rfc3339(request->expires_at);
    item.detail += fmt::format(", expires {} {} UTC", expires.substr(0, 10), expires.substr(11, 5));
    if (auto needed = still_needed(now.ruling); !needed.empty()) item.detail += ", still needed: " + needed;
    return item;
}

wire::SlackPrivate list_body(std::string_view heading, std::string_view none,
                             const std::vector<app::CasePtr>& cases) {
    if (cases.empty()) return wire::slack_private(none);
    std::vector<wire::SlackListItem> items;
    for (const auto& now : cases) {
        if (items.size() == listed_max) break;
        items.push_back(item_of(*now));
    }
    auto words = cases.size() > listed_max ? fmt::format("{} (the first {})", heading, listed_max)
                                           : std::string(heading);
    return wire::slack_private_list(words, items);
}

app::Origin origin_of(const wire::SlackActor& actor) {
    return folded_origin(fmt::format("slack:command:{}:{}", actor.user, actor.trigger_id));
}

std::string_view done_word(Verdict verdict) {
    switch (verdict) {
        case Verdict::approve:
            return "approval of";
        case Verdict::deny:
            return "denial of";
        case Verdict::hold:
            return "hold on";
        case Verdict::release:
            return "release of";
        case Verdict::withdraw:
            return "withdrawal from";
    }
    return "vote on";
}

}  // namespace

CommandWords read_command(std::string_view text) {
    CommandWords words;
    words.verb = lower_ascii(next_word(text));
    if (words.verb.empty()) words.verb = "list";
    auto number = next_word(text);
    if (number.starts_with('#')) number.remove_prefix(1);
    words.number = number;
    words.rest = trim(text);
    return words;
}

std::string_view command_help() {
    return "/approvals: what waits for you\n"
           "/approvals all: every pending request\n"
           "/approvals mine: requests you are behind\n"
           "/approvals show N\n"
           "/approvals approve N [reason]\n"
           "/approvals deny N reason\n"
           "/approvals hold N reason\n"
           "/approvals release N\n"
           "/approvals withdraw N: takes your vote back\n"
           "/approvals cancel N: for people behind the request\n"
           "/approvals link: a code that links another account of yours\n"
           "/approvals link CODE: the code of your other account\n"
           "/approvals confirm tok_…: whether a token may vote for you\n"
           "/approvals away until 2026-12-03 [@person]: cards ask others meanwhile; away off: back again\n"
           "/approvals help";
}

std::string recorded_sentence(Verdict verdict, const app::CaseNow& now) {
    auto sentence = fmt::format("Your {} #{} is recorded.", done_word(verdict), now.c.request->number);
    if (now.ruling.state != core::State::pending)
        return sentence + fmt::format(" The request is {}.", core::name_of(now.ruling.state));
    if (verdict == Verdict::deny) {
        for (const core::Objection& one : core::objections(now.c))
            sentence += fmt::format(" It is denied once {} of {} deny it ({} so far).", one.count,
                                    one.group.text(), one.given);
    }
    if (now.ruling.held) sentence += " The request is on hold: nothing is decided until it is released.";
    if (auto needed = still_needed(now.ruling); !needed.empty()) sentence += " Still needed: " + needed + ".";
    return sentence;
}

std::string not_recorded_sentence(const Failure& failure) {
    switch (failure.trouble) {
        case Trouble::not_found:
            return "This request is not known here. Nothing was recorded.";
        case Trouble::timed_out:
        case Trouble::cancelled:
            return "It is not known yet whether your vote was recorded. The card tells the truth; if it does "
                   "not "
                   "show your vote in a minute, vote again.";
        case Trouble::corrupt:
            return "Your vote was NOT recorded: the stored request is damaged and set aside. Tell your "
                   "administrator.";
        default:
            return "Your vote was NOT recorded: the approval service is in trouble right now. Try again.";
    }
}

awaitable<void> Interactions::handle_command(Reply reply, wire::SlackCommand command) {
    if (!ours(command.actor)) {
        co_await answer(reply, command.actor,
                        wire::slack_private("This workspace is not the one connected here."));
        co_return;
    }
    auto words = read_command(command.text);
    if (words.verb == "link") co_return co_await command_link(reply, command, words.number + words.rest);
    if (words.verb == "confirm") co_return co_await command_confirm(reply, command, words.number);
    if (words.verb == "away") {
        auto said = co_await answer_away(command.actor, words.number + " " + words.rest, reply.received);
        co_return co_await answer(reply, command.actor, std::move(said));
    }
    if (words.verb == "list" || words.verb == "all" || words.verb == "mine") {
        auto body = co_await answer_list(command.actor, words.verb, reply.received);
        co_return co_await answer(reply, command.actor, std::move(body));
    }
    auto verdict = core::parse_verdict(words.verb);
    if (!verdict && words.verb != "show" && words.verb != "cancel")
        co_return co_await answer(reply, command.actor,
                                  wire::slack_private_lines(split(command_help(), '\n')));
    if (words.number.empty()) {
        auto sentence = fmt::format("Say which request: /approvals {} 1042", words.verb);
        co_return co_await answer(reply, command.actor, wire::slack_private(sentence));
    }
    if (verdict) {
        co_return co_await command_vote(reply, command, *verdict, std::move(words.number),
                                        std::move(words.rest));
    }
    wire::SlackPrivate said;
    if (words.verb == "show")
        said = co_await answer_show(std::move(words.number), reply.received);
    else
        said =
            co_await answer_cancel(command, std::move(words.number), std::move(words.rest), reply.received);
    co_await answer(reply, command.actor, std::move(said));
}

Later<app::CasePtr> Interactions::find(std::string number, Deadline deadline) {
    if (auto id = core::RequestId::parse(number)) co_return co_await parts_.requests.read(*id, deadline);
    if (!whole_number(number))
        co_return fail(Trouble::invalid_input,
                       fmt::format("\"{}\" is no request's number.", visible(number)));
    auto found = co_await parts_.requests.read_number(parse_number(number), deadline);
    if (!found && found.error().trouble == Trouble::not_found)
        found.error().detail = fmt::format("There is no request #{}.", number);
    co_return found;
}

namespace {

std::string not_found_sentence(const Failure& failure) {
    if (failure.trouble == Trouble::not_found || failure.trouble == Trouble::invalid_input)
        return failure.detail;
    return "The approval service is in trouble right now. Try again.";
}

}  // namespace

awaitable<wire::SlackPrivate> Interactions::answer_list(wire::SlackActor actor, std::string word,
                                                        core::Instant received) {
    Deadline deadline{received + acknowledge_within};
    auto who = account(actor);
    if (word == "list") {
        auto waiting = co_await parts_.requests.waiting_for(who, listed_max + 1, deadline);
        if (!waiting) co_return wire::slack_private(not_found_sentence(waiting.error()));
        co_return list_body("Waiting for you", "Nothing waits for you.", *waiting);
    }
    app::ListFilter filter;
    filter.limit = word == "all" ? listed_max + 1 : searched_max;
    if (word == "all") filter.states = {core::State::pending};
    auto page = co_await parts_.requests.list(std::move(filter), deadline);
    if (!page) co_return wire::slack_private(not_found_sentence(page.error()));
    if (word == "all") co_return list_body("Pending requests", "No request is pending.", page->cases);
    auto directory = parts_.roster.snapshot();
    std::erase_if(page->cases,
                  [&](const app::CasePtr& now) { return !core::standing(now->c, *directory, who).behind; });
    co_return list_body("Requests you are behind", "You are behind none of the latest requests.",
                        page->cases);
}

awaitable<wire::SlackPrivate> Interactions::answer_show(std::string number, core::Instant received) {
    auto now = co_await find(std::move(number), Deadline{received + acknowledge_within});
    if (!now) co_return wire::slack_private(not_found_sentence(now.error()));
    co_return wire::slack_private_card(view_of(**now), style());
}

awaitable<void> Interactions::command_vote(Reply& reply, const wire::SlackCommand& command, Verdict verdict,
                                           std::string number, std::string reason) {
    auto now = co_await find(std::move(number), Deadline{reply.received + acknowledge_within});
    if (!now)
        co_return co_await answer(reply, command.actor, wire::slack_private(not_found_sentence(now.error())));
    auto id = (*now)->c.request->id;
    bool pending = core::open((*now)->ruling.state);
    if (verdict == Verdict::approve && pending && !wire::slack_card_is_whole(view_of(**now), style())) {
        auto sentence =
            fmt::format("What #{} asks for does not fit a message. Open the full view and approve there.",
                        (*now)->c.request->number);
        co_return co_await answer(reply, command.actor, wire::slack_private_full_view(sentence, id));
    }
    Ballot ballot{
        .request = id, .verdict = verdict, .reason = std::move(reason), .origin = origin_of(command.actor)};
    auto outcome = co_await vote(command.actor, std::move(ballot), reply.received);
    const auto& voted = outcome.answer;
    std::string sentence = !voted           ? not_recorded_sentence(voted.error())
                           : voted->refusal ? voted->refusal->sentence
                                            : recorded_sentence(verdict, *voted->now);
    if (outcome.late)
        co_await tell(command.actor, wire::slack_private("It took long, but: " + sentence));
    else
        co_await answer(reply, command.actor, wire::slack_private(sentence));
}

awaitable<wire::SlackPrivate> Interactions::answer_cancel(const wire::SlackCommand& command,
                                                          std::string number, std::string reason,
                                                          core::Instant received) {
    Deadline deadline{received + acknowledge_within};
    auto now = co_await find(std::move(number), deadline);
    if (!now) co_return wire::slack_private(not_found_sentence(now.error()));
    core::Cancel cancel{.by = account(command.actor), .also = {}, .reason = std::move(reason)};
    auto id = (*now)->c.request->id;
    auto cancelled =
        co_await parts_.requests.cancel(id, std::move(cancel), origin_of(command.actor), deadline);
    if (!cancelled) co_return wire::slack_private("The request was NOT cancelled. Try again.");
    if (cancelled->refusal) co_return wire::slack_private(cancelled->refusal->sentence);
    co_return wire::slack_private(
        fmt::format("Request #{} is cancelled.", cancelled->now->c.request->number));
}

}  // namespace countersign::slack
