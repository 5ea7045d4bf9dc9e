#include "app/conversation_shown.hpp"

#include <fmt/format.h>

#include <utility>

#include "app/conversation_words.hpp"
#include "countersign/app/conversation.hpp"
#include "countersign/base/log.hpp"

// What is put before people, and approvals that rest on it.
namespace countersign::app {

using core::Verdict;
using rt::asio::awaitable;

namespace {

// Stands for what was shown to somebody who was shown nothing: no request has this digest.
constexpr std::string_view nothing_shown = "nothing";
constexpr core::Duration remember_within = std::chrono::seconds{2};

}  // namespace

Lines::Wrong lacking_words(core::Why why) {
    if (why == core::Why::reason_required) return Lines::Wrong::reason;
    if (why == core::Why::not_lowerable) return Lines::Wrong::number;
    return why == core::Why::confirmation_required ? Lines::Wrong::resource : Lines::Wrong::nothing;
}

// By somebody before whom nothing was put: refused for whatever else is wrong, which is on record then, and
// for that in any case.
awaitable<Reply> Conversation::approve_unshown(Act act, core::RequestId request, std::string reason) {
    act.shown_digest = std::string(nothing_shown);
    auto outcome = co_await vote(act, request, Verdict::approve, std::move(reason));
    co_return told(vote_sentence(Verdict::approve, outcome.answer, outcome.late), outcome.late);
}

// What is not known well enough just now is no reason not to ask: the vote itself is judged anew.
std::optional<core::Refusal> Conversation::would_refuse(const core::Cast& cast, const CaseNow& now) const {
    auto refusal =
        core::advance(now.c, cast, *parts_.roster.snapshot(), runtime_.now(), parts_.roster.age_max())
            .refusal;
    const bool unknown =
        refusal && (refusal->why == core::Why::directory_stale || refusal->why == core::Why::reviews_unknown);
    if (unknown) return std::nullopt;
    return refusal;
}

std::optional<Reply> Conversation::sign_in_reply(const Act& act, const Answer& answer,
                                                 std::string reason) const {
    if (!answer.refusal || answer.refusal->why != core::Why::step_up_required) return std::nullopt;
    const bool late = runtime_.now() > act.answer_by;
    if (parts_.sign_in_links == nullptr)
        return told(
            "The policy asks whoever approves this to sign in for it, and this server knows no OpenID "
            "provider: an administrator has to set identity.login.",
            late);
    const core::Request& request = answer.now->c.request;
    auto address = parts_.sign_in_links->make(request.id, parts_.roster.snapshot()->full(act.account),
                                              manner_.chat, std::move(reason));
    auto about = core::headline_text(card_of(*answer.now));
    return Reply{.what = SignInNeeded{request.number, std::move(about), std::move(address)}, .late = late};
}

awaitable<Reply> Conversation::ask_to_approve(Act act, CasePtr now, std::string reason, std::string note) {
    core::Cast cast{.account = act.account,
                    .verdict = Verdict::approve,
                    .reason = reason,
                    .via = manner_.chat,
                    .shown_digest = {}};
    const auto tried = would_refuse(cast, *now);
    if (auto sign_in = sign_in_reply(act, {now, tried}, reason)) co_return std::move(*sign_in);
    if (tried && lacking_words(tried->why) == Lines::Wrong::nothing) {
        const core::Request& request = now->c.request;
        co_return co_await approve_unshown(std::move(act), request.id, std::move(reason));
    }
    co_return co_await show_and_ask(std::move(act), std::move(now), std::move(reason), std::move(note));
}

awaitable<Reply> Conversation::show_and_ask(Act act, CasePtr now, std::string reason, std::string note) {
    const core::Request& request = now->c.request;
    auto directory = parts_.roster.snapshot();
    Shown shown{.request = request.id,
                .account = directory->full(act.account),
                .what = Shown::What::essence,
                .chat = manner_.chat,
                .digest = request.digest,
                .version = now->c.version(),
                .at = runtime_.now()};
    auto kept = co_await parts_.shown.put(std::move(shown), Deadline{act.answer_by});
    if (!kept) co_return told(not_recorded_sentence(kept.error()));
    ApproveQuestion question{card_of(*now), std::move(reason), std::move(note)};
    question.whole = manner_.shows_everything(question.card);
    co_return Reply{std::move(question)};
}

Later<std::variant<Reply, core::Refusal>> Conversation::question_of_vote(VoteAsked asked, Deadline deadline) {
    using Asked = std::variant<Reply, core::Refusal>;
    auto now = co_await seen_by(asked.request, asked.account, {}, deadline);
    if (!now) co_return pass(now);
    const core::Request& request = (*now)->c.request;
    core::Cast cast{.account = asked.account,
                    .verdict = asked.verdict,
                    .reason = asked.reason,
                    .via = manner_.chat,
                    .shown_digest = request.digest};
    auto refusal = would_refuse(cast, **now);
    const bool approves = asked.verdict == Verdict::approve;
    // What an approval still lacks is asked for when it is pressed.
    const bool follows = refusal && (refusal->why == core::Why::step_up_required ||
                                     lacking_words(refusal->why) != Lines::Wrong::nothing);
    if (refusal && !(approves && follows)) co_return Asked{std::move(*refusal)};
    const auto warning = fmt::format(
        "Asked by {}, in your name. Press it only if you said so yourself, a moment ago.", asked.asked_by);
    if (approves) {
        Act act{.account = asked.account, .origin = {}, .answer_by = deadline.at};
        auto reply = co_await show_and_ask(std::move(act), *now, std::move(asked.reason), warning);
        co_return Asked{std::move(reply)};
    }
    const auto card = card_of(**now);
    YesNoQuestion question{{fmt::format("{}: request #{}?", core::words_of(asked.verdict).title, card.number),
                            core::notification_text(card)},
                           {Question::About::vote, {}}};
    if (!asked.reason.empty()) question.lines.push_back("Your reason: " + asked.reason);
    question.lines.push_back(warning);
    question.question.id =
        VoteQuestion{asked.verdict, request.id, request.digest, std::move(asked.reason)}.text();
    co_return Asked{Reply{std::move(question)}};
}

awaitable<Reply> Conversation::answer_vote(Act act, std::string text, bool agrees) {
    auto question = read_vote_question(text);
    if (!question) co_return told("This question is not known here.");
    if (!agrees) co_return told("Nothing was recorded.");
    act.shown_digest = question->digest;
    auto outcome = co_await vote(act, question->request, question->verdict, std::move(question->reason));
    co_return told(vote_sentence(question->verdict, outcome.answer, outcome.late), outcome.late);
}

awaitable<Reply> Conversation::approve_asked(Act act, core::RequestId request, std::int32_t version,
                                             std::string reason) {
    auto found = co_await read(act, request);
    if (!found) co_return unread(found.error());
    const CaseNow& now = *found->now;
    // What is over, or was voted on already, the vote itself tells; the same press once more is one of them.
    const bool settled = !core::open(now.ruling.state) || view_of(now, act.account).voted == Verdict::approve;
    if (!settled) {
        auto shown = co_await parts_.shown.find(request, parts_.roster.snapshot()->full(act.account),
                                                Shown::What::essence, manner_.chat, Deadline{act.answer_by});
        if (!shown && shown.error().trouble != Trouble::not_found &&
            shown.error().trouble != Trouble::corrupt)
            co_return told(not_recorded_sentence(shown.error()));
        const auto& digest = now.c.request->digest;
        const bool as_shown = shown && shown->digest == digest && act.shown_digest == digest &&
                              shown->version == version && version == now.c.version();
        if (!as_shown)
            co_return co_await ask_to_approve(
                std::move(act), found->now, std::move(reason),
                "Something has happened to this request since it was shown to you. Now it stands so:");
    }
    auto outcome = co_await vote(act, request, Verdict::approve, reason);
    if (auto sign_in = outcome.answer ? sign_in_reply(act, *outcome.answer, reason) : std::nullopt)
        co_return std::move(*sign_in);
    const auto& refusal = outcome.answer ? outcome.answer->refusal : std::optional<core::Refusal>{};
    const bool lacks = refusal && lacking_words(refusal->why) != Lines::Wrong::nothing;
    if (lacks && !outcome.late) co_return ask_what_lacks(act, *outcome.answer->now, Verdict::approve);
    co_return told(vote_sentence(Verdict::approve, outcome.answer, outcome.late), outcome.late);
}

awaitable<std::size_t> Conversation::pages_seen(core::CardView card, core::AccountId account,
                                                std::size_t pages) {
    auto shown =
        co_await parts_.shown.find(card.id, parts_.roster.snapshot()->full(account), Shown::What::full_view,
                                   manner_.chat, runtime_.within(remember_within));
    const bool same =
        shown && shown->digest == card.digest && shown->pages == static_cast<std::int64_t>(pages);
    co_return same ? static_cast<std::size_t>(shown->seen) : 0;
}

awaitable<void> Conversation::showed_page(core::CardView card, core::AccountId account, std::size_t page,
                                          std::size_t pages) {
    if (page < 1 || page > pages) co_return;
    Shown shown{.request = card.id,
                .account = parts_.roster.snapshot()->full(account),
                .what = Shown::What::full_view,
                .chat = manner_.chat,
                .digest = card.digest,
                .version = card.version,
                .seen = static_cast<std::int32_t>(page),
                .pages = static_cast<std::int32_t>(pages),
                .at = runtime_.now()};
    auto kept = co_await parts_.shown.put(std::move(shown), runtime_.within(remember_within));
    if (!kept) log::warn("app", "what was put before somebody is not remembered: {}", kept.error().detail);
}

}  // namespace countersign::app
