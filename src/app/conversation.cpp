#include "countersign/app/conversation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "app/conversation_lowered.hpp"
#include "app/conversation_shown.hpp"
#include "app/conversation_words.hpp"
#include "countersign/app/patience.hpp"
#include "countersign/base/log.hpp"
#include "countersign/base/text.hpp"

namespace countersign::app {

using core::Verdict;
using rt::asio::awaitable;

namespace {

constexpr core::Duration note_within = std::chrono::seconds{5};

bool unknown_outcome(const Result<Answer>& answer) {
    if (answer) return false;
    auto trouble = answer.error().trouble;
    return trouble == Trouble::timed_out || trouble == Trouble::cancelled;
}

Lines::Wrong lacks(const Result<Answer>& answer) {
    return answer && answer->refusal ? lacking_words(answer->refusal->why) : Lines::Wrong::nothing;
}

bool is_away(const Failure& failure) {
    return failure.trouble == Trouble::unavailable || failure.trouble == Trouble::overloaded;
}

bool not_there(const Result<Answer>& answer) {
    return !answer && answer.error().trouble == Trouble::not_found;
}

}  // namespace

core::CardView Conversation::card_of(const CaseNow& now) const {
    auto directory = parts_.roster.snapshot();
    auto card = core::card(now.c, now.ruling, *directory, manner_.chat);
    if (parts_.receipts != nullptr) card.receipt = parts_.receipts->link(now.c.request->id, now.ruling);
    return card;
}

awaitable<void> Conversation::compare(core::CardView& card, const CaseNow& now, Deadline deadline) {
    if (!core::open(now.ruling.state)) co_return;
    auto before = co_await parts_.requests.approved_before(now.c, deadline);
    if (!before || !*before) co_return;
    card.before = core::card_before((*before)->c, (*before)->ruling, *parts_.roster.snapshot(), manner_.chat);
}

Conversation::PersonalView Conversation::view_of(const CaseNow& now, const core::AccountId& account) const {
    auto directory = parts_.roster.snapshot();
    const auto standing = core::standing(now.c, *directory, account);
    PersonalView view{
        .card = card_of(now), .can_never_approve = standing.behind && !standing.self_approval, .voted = {}};
    for (const auto& vote : now.ruling.votes)
        if (vote.person == standing.person) view.voted = vote.verdict;
    return view;
}

// "/approvals away off", as people type it in this chat.
std::string Conversation::typed(std::string_view words) const {
    return fmt::format("{} {}", core::chat_kind(manner_.chat)->command, words);
}

// ---- votes

awaitable<Conversation::Outcome> Conversation::vote(const Act& act, core::RequestId request, Verdict verdict,
                                                    std::string reason, core::LoweringVote less) {
    core::Cast cast{.account = act.account,
                    .verdict = verdict,
                    .reason = std::move(reason),
                    .via = manner_.chat,
                    .shown_digest = act.shown_digest,
                    .typed_resource = act.typed_resource,
                    .card_since = act.card_since,
                    .numbers = std::move(less.numbers),
                    .saw_all = less.saw_all};
    auto answer = co_await parts_.requests.vote(request, cast, act.origin, Deadline{act.answer_by});
    if (unknown_outcome(answer)) {
        // Whatever became of the first attempt, a second one with the same origin tells, and never counts
        // twice.
        auto later = runtime_.within(read_back_within);
        auto again = co_await parts_.requests.vote(request, std::move(cast), act.origin, later);
        // Where it cannot be told, nobody is told that nothing was recorded.
        if (again || !is_away(again.error())) answer = std::move(again);
    }
    co_return Outcome{std::move(answer), runtime_.now() > act.answer_by};
}

// Asks why somebody denies or holds, or approves what they are behind.
awaitable<Reply> Conversation::ask_reason(Act act, core::RequestId request, Verdict verdict) {
    auto found = co_await read(act, request);
    if (!found) co_return unread(found.error());
    co_return ask_what_lacks(act, *found->now, verdict);
}

Reply Conversation::ask_what_lacks(const Act& act, const CaseNow& now, Verdict verdict) const {
    auto card = card_of(now);
    const bool reviews = verdict == Verdict::review && card.review && card.review->open();
    if (!core::open(card.state) && !reviews)
        return {Lines{.text = {core::notification_text(card)}, .title = std::string(core::state_text(card))}};
    ReasonDialog dialog{.request = card.id,
                        .verdict = verdict,
                        .number = card.number,
                        .about = core::headline_text(card),
                        .resource = {}};
    if (verdict == Verdict::lower) {
        dialog.numbers = card.lowerable;
        dialog.needs_reason = false;
        if (now.c.applied->resource_typed) dialog.resource = now.c.request->resource.value_or("");
    }
    if (verdict == Verdict::approve) {
        const auto standing = core::standing(now.c, *parts_.roster.snapshot(), act.account);
        const auto& self = now.c.applied->self_approval;
        dialog.own = standing.behind;
        dialog.needs_reason =
            now.c.applied->reason_required || (standing.behind && self && self->reason_required);
        if (now.c.applied->resource_typed) dialog.resource = now.c.request->resource.value_or("");
    }
    return {std::move(dialog)};
}

awaitable<Reply> Conversation::press(Act act, core::RequestId request, CardButton button, CardExtent shown) {
    if (button == CardButton::deny) co_return co_await ask_reason(std::move(act), request, Verdict::deny);
    if (button == CardButton::hold) co_return co_await ask_reason(std::move(act), request, Verdict::hold);
    if (button == CardButton::review) co_return co_await ask_reason(std::move(act), request, Verdict::review);
    if (button == CardButton::lower) {
        auto asked = co_await ask_reason(act, request, Verdict::lower);
        if (auto* dialog = std::get_if<ReasonDialog>(&asked.what)) {
            if (dialog->numbers.empty())
                co_return told("The policy lets nobody lower anything in this request.");
            dialog->saw_all = co_await saw_all(request, shown, act.answer_by);
        }
        co_return asked;
    }
    if (button == CardButton::details) co_return co_await full_view(std::move(act), request);
    if (button == CardButton::approve && shown == CardExtent::part)
        co_return co_await approve_in_full(std::move(act), request);
    if (button == CardButton::approve && shown == CardExtent::unknown) {
        auto now = co_await stored(request, Deadline{act.answer_by});
        if (!now) co_return unread(now.error());
        if (!manner_.shows_everything(card_of(**now)))
            co_return co_await approve_in_full(std::move(act), request);
    }
    const auto verdict = core::verdict_of(button).value_or(Verdict::approve);
    auto outcome = co_await vote(act, request, verdict, {});
    if (auto sign_in = outcome.answer ? sign_in_reply(act, *outcome.answer, {}) : std::nullopt)
        co_return std::move(*sign_in);
    const auto& answer = outcome.answer;
    if (lacks(answer) != Lines::Wrong::nothing && !outcome.late)
        co_return co_await ask_reason(std::move(act), request, verdict);
    bool recorded = answer && !answer->refusal;
    if (recorded && !outcome.late) co_return Reply{Silence{answer->now}};
    auto reply = told(vote_sentence(verdict, answer, outcome.late), outcome.late);
    reply.of_no_request = not_there(answer);
    co_return reply;
}

awaitable<Reply> Conversation::submit(Act act, core::RequestId request, Verdict verdict, std::string reason,
                                      CardExtent shown) {
    if (verdict == Verdict::approve && shown != CardExtent::whole)
        co_return co_await approve_in_full(std::move(act), request);
    reason = std::string(trim(reason));
    core::LoweringVote less;
    if (verdict == Verdict::lower) {
        auto now = co_await stored(request, Deadline{act.answer_by});
        if (!now) co_return unread(now.error());
        auto numbers = typed_numbers((*now)->c, act.typed_numbers);
        if (!numbers) co_return Reply{Lines{.text = {numbers.error().detail}, .wrong = Lines::Wrong::number}};
        less.numbers = std::move(*numbers);
        less.saw_all = co_await saw_all(request, shown, act.answer_by);
    }
    auto outcome = co_await vote(act, request, verdict, reason, std::move(less));
    if (auto sign_in = outcome.answer ? sign_in_reply(act, *outcome.answer, reason) : std::nullopt)
        co_return std::move(*sign_in);
    const auto& answer = outcome.answer;
    if (answer && !answer->refusal && !outcome.late) co_return Reply{Silence{answer->now}};
    Lines lines{.text = {vote_sentence(verdict, answer, outcome.late)}, .wrong = lacks(answer)};
    if (verdict != Verdict::approve && !answer) lines.wrong = Lines::Wrong::reason;
    co_return Reply{.what = std::move(lines), .late = outcome.late, .of_no_request = not_there(answer)};
}

awaitable<Reply> Conversation::vote_by_command(Act act, CommandWords words) {
    auto verdict = core::parse_verdict(words.verb).value();
    auto found = co_await find(act, std::move(words.number));
    if (!found) co_return told(not_found_sentence(found.error()));
    const auto& now = *found->now;
    auto id = now.c.request->id;
    if (verdict == Verdict::approve)
        co_return co_await ask_to_approve(std::move(act), found->now, std::move(words.rest), {});
    if (verdict == Verdict::lower)
        co_return co_await lower_by_command(std::move(act), found->now, std::move(words.rest));
    auto outcome = co_await vote(act, id, verdict, std::move(words.rest));
    co_return told(vote_sentence(verdict, outcome.answer, outcome.late), outcome.late);
}

// ---- requests

Later<CasePtr> Conversation::stored(core::RequestId request, Deadline deadline) {
    auto once = [&] { return parts_.requests.read(request, deadline); };
    auto now = co_await patiently<CasePtr>(runtime_, deadline, once);
    if (!now && now.error().trouble == Trouble::not_found)
        now.error().detail = "This request is not known here.";
    co_return now;
}

awaitable<Reply> Conversation::cancel(Act act, CommandWords words) {
    Deadline deadline{act.answer_by};
    auto found = co_await find(act, std::move(words.number));
    if (!found) co_return told(not_found_sentence(found.error()));
    core::Cancel cancel{.by = act.account, .also = {}, .reason = std::move(words.rest)};
    auto id = found->now->c.request->id;
    auto once = [&] { return parts_.requests.cancel(id, cancel, act.origin, deadline); };
    auto cancelled = co_await patiently<Answer>(runtime_, deadline, once);
    if (!cancelled) co_return told("The request was NOT cancelled. Try again.");
    if (cancelled->refusal) co_return told(cancelled->refusal->sentence);
    co_return told(fmt::format("Request #{} is cancelled.", cancelled->now->c.request->number));
}

// ---- commands

struct Conversation::Verb {
    std::string_view word;
    std::string_view arguments;  // as the help shows them
    std::string_view meaning;    // empty: the word says it
    awaitable<Reply> (Conversation::*handler)(Act act, CommandWords words);
    bool of_a_request = false;  // its first argument is a request's number
};

std::span<const Conversation::Verb> Conversation::verbs() {
    using Talk = Conversation;
    static constexpr Verb all_verbs[] = {
        {"list", "", "what waits for you, what expires first at the top", &Talk::list},
        {"all", "", "every pending request", &Talk::list},
        {"mine", "", "requests you are behind", &Talk::mine},
        {"show", "N", "the card of a request, for you alone", &Talk::show, true},
        {"approve", "N [reason]", "your approval, where the rules count it", &Talk::vote_by_command, true},
        {"deny", "N reason", "ends the request, or counts against it", &Talk::vote_by_command, true},
        {"hold", "N reason", "nothing is decided until you release it", &Talk::vote_by_command, true},
        {"release", "N", "ends your hold", &Talk::vote_by_command, true},
        {"lower", "N rows=1000 [reason]", "asks for less instead, where the policy lets you",
         &Talk::vote_by_command, true},
        {"revoke", "N", "ends a session that was approved", &Talk::vote_by_command, true},
        {"withdraw", "N", "takes your vote back", &Talk::vote_by_command, true},
        {"reviews", "", "what was approved by somebody behind it, and nobody reviewed yet", &Talk::reviews},
        {"review", "N what you found", "your review of such an approval", &Talk::vote_by_command, true},
        {"cancel", "N [reason]", "for people behind the request", &Talk::cancel, true},
        {"link", "", "a code that links another account of yours", &Talk::link},
        {"link", "CODE", "the code of your other account", &Talk::link},
        {"confirm", "tok_…", "whether a token may vote for you", &Talk::confirm},
        {"away", "until 2026-12-03 [@person]", "cards ask others meanwhile; away off: back again",
         &Talk::away},
        {"help", "", "", &Talk::help}};
    return all_verbs;
}

std::vector<std::string> command_help(core::Surface chat) {
    const auto command = core::chat_kind(chat)->command;
    std::vector<std::string> lines{"N is the number of a request, as its card and lists say it."};
    for (const auto& verb : Conversation::verbs()) {
        std::string line{command};
        if (verb.word != "list") line.append(" ").append(verb.word);
        if (!verb.arguments.empty()) line.append(" ").append(verb.arguments);
        if (!verb.meaning.empty()) line.append(": ").append(verb.meaning);
        lines.push_back(std::move(line));
    }
    lines.push_back(
        fmt::format("For example: {} deny 1042 wrong table. Only you see the answer; what you vote "
                    "is on the card for everybody. Nobody approves what they asked for themselves.",
                    command));
    return lines;
}

awaitable<Reply> Conversation::help(Act, CommandWords) {
    co_return Reply{Lines{command_help(manner_.chat)}};
}

// Whoever mistypes a word is told the nearest one, with the rest of what they typed.
awaitable<Reply> Conversation::unknown_verb(Act, CommandWords words) {
    std::vector<std::string> names;
    for (const Verb& verb : verbs()) names.emplace_back(verb.word);
    const auto shown = visible(clip_utf8(words.verb, 60));
    auto said = fmt::format("\"{}\" is no command.", shown);
    if (auto near = nearest(words.verb, names)) {
        auto meant = *near + (words.number.empty() ? "" : " " + words.number) +
                     (words.rest.empty() ? "" : " " + words.rest);
        co_return told(fmt::format("{} Did you mean:  {}", said, typed(meant)));
    }
    Lines lines{.text = command_help(manner_.chat)};
    lines.text.insert(lines.text.begin(), said + " There are these:");
    co_return Reply{std::move(lines)};
}

awaitable<Reply> Conversation::command(Act act, CommandWords words) {
    const auto known = verbs();
    const auto verb = std::ranges::find(known, words.verb, &Verb::word);
    if (verb == known.end()) co_return co_await unknown_verb(std::move(act), std::move(words));
    if (verb->of_a_request && words.number.empty())
        co_return told("Say which request: " + typed(words.verb + " 1042"));
    co_return co_await (this->*verb->handler)(std::move(act), std::move(words));
}

// ---- copies of cards

awaitable<void> Conversation::saw_card(core::RequestId request, MessageRef message) {
    if (!known_cards_.add(key_of(message))) co_return;
    CardTarget target{manner_.chat, message.channel};
    auto adopted = co_await parts_.outbox.adopt(request, std::move(target), std::move(message),
                                                runtime_.within(note_within));
    if (!adopted) log::warn("app", "could not take note of a card's copy: {}", adopted.error().detail);
}

awaitable<bool> Conversation::shows_nothing(core::RequestId request, MessageRef message) {
    CardTarget target{manner_.chat, message.channel};
    auto deadline = runtime_.within(note_within);
    // Nothing can become a card of a request that is not there, and that it cannot is found by writing.
    auto adopted = co_await parts_.outbox.adopt(request, std::move(target), message, deadline);
    if (!adopted || *adopted) co_return false;
    auto shown = co_await parts_.outbox.is_card(manner_.chat, std::move(message), deadline);
    if (!shown || *shown) co_return false;  // of another request
    auto read = co_await parts_.requests.read(request, deadline);
    co_return !read && read.error().trouble == Trouble::not_found;
}

}  // namespace countersign::app
