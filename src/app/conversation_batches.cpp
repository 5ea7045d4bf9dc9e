#include "app/conversation_batches.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "app/conversation_shown.hpp"
#include "app/conversation_words.hpp"
#include "countersign/app/conversation.hpp"
#include "countersign/base/log.hpp"
#include "countersign/base/text.hpp"

// Approving several requests that are alike at once: each is shown, and each is a vote by itself.
namespace countersign::app {

using core::Verdict;
using rt::asio::awaitable;

namespace {

constexpr core::Duration list_note_within{std::chrono::seconds{5}};

}  // namespace

std::string number_text(const CaseNow& now) {
    return fmt::format("#{}", now.c.request->number);
}

// The card, once it was put before them; else why they cannot approve it with others, as a sentence. Neither:
// it is decided, or they have approved it.
struct Conversation::Together {
    std::optional<core::CardView> card = {};
    std::string why_not = {};
};
// What became of one of them.
struct Conversation::OneVote {
    std::string called;        // "#12"
    std::string problem = {};  // empty: it is recorded
    bool late = false;
};

awaitable<Conversation::Together> Conversation::put_before(Act act, core::RequestId request) {
    auto found = co_await read(act, request);
    if (!found) co_return Together{{}, unread_sentence(found.error())};
    const CaseNow& now = *found->now;
    if (!core::open(now.ruling.state) || view_of(now, act.account).voted == Verdict::approve)
        co_return Together{};
    const auto called = number_text(now);
    auto directory = parts_.roster.snapshot();
    core::Cast cast{.account = act.account,
                    .verdict = Verdict::approve,
                    .reason = {},
                    .via = manner_.chat,
                    .shown_digest = {}};
    const auto tried =
        core::advance(now.c, cast, *directory, runtime_.now(), parts_.roster.age_max()).refusal;
    if (tried && tried->why != core::Why::directory_stale)
        co_return Together{{}, fmt::format("{}: {}", called, tried->sentence)};
    auto card = card_of(now);
    if (!manner_.shows_everything(card))
        co_return Together{
            {}, fmt::format("{} asks for more than its card has room for: approve it from its row.", called)};
    Shown shown{.request = request,
                .account = directory->full(act.account),
                .what = Shown::What::essence,
                .chat = manner_.chat,
                .digest = card.digest,
                .version = card.version,
                .at = runtime_.now()};
    auto kept = co_await parts_.shown.put(std::move(shown), Deadline{act.answer_by});
    if (!kept) co_return Together{{}, fmt::format("{} could not be shown: try again.", called)};
    co_return Together{std::move(card)};
}

awaitable<Reply> Conversation::ask_to_approve_together(Act act, core::BatchId batch) {
    if (parts_.batches == nullptr) co_return told("This list of requests is not known here.");
    auto known = co_await parts_.batches->batched(batch, Deadline{act.answer_by});
    if (!known) co_return told(not_found_sentence(known.error()));
    ApproveTogether question{.batch = batch, .cards = {}, .left_out = {}};
    std::size_t further = 0;
    for (const core::RequestId& request : known->requests) {
        if (question.cards.size() == approve_together_max) {
            ++further;
            continue;
        }
        auto one = co_await put_before(act, request);
        if (one.card)
            question.cards.push_back(std::move(*one.card));
        else if (!one.why_not.empty())
            question.left_out.push_back(std::move(one.why_not));
    }
    if (further > 0)
        question.left_out.push_back(
            fmt::format("{} further ones are not shown here: press the button again for them.", further));
    std::ranges::sort(question.cards, {}, &core::CardView::number);
    if (!question.cards.empty()) co_return Reply{std::move(question)};
    Lines lines{.text = std::move(question.left_out), .title = "Nothing to approve"};
    if (lines.text.empty()) lines.text.emplace_back("Every one of these is decided, or approved by you.");
    co_return Reply{std::move(lines)};
}

awaitable<void> Conversation::saw_list(core::RequestId request, MessageRef message) {
    if (parts_.batches == nullptr) co_return;
    auto noted = co_await parts_.batches->batch_clicked(request, manner_.chat, std::move(message),
                                                        runtime_.within(list_note_within));
    if (!noted) log::warn("app", "could not take note of a list's copy: {}", noted.error().detail);
}

awaitable<Conversation::OneVote> Conversation::approve_one(Act act, AskedAbout asked) {
    auto found = co_await read(act, asked.request);
    if (!found) co_return OneVote{asked.request.text(), unread_sentence(found.error())};
    const CaseNow& now = *found->now;
    OneVote vote_of_it{number_text(now), {}};
    const bool voted = view_of(now, act.account).voted == Verdict::approve;
    if (core::open(now.ruling.state) && !voted) {
        auto shown = co_await parts_.shown.find(asked.request, parts_.roster.snapshot()->full(act.account),
                                                Shown::What::essence, manner_.chat, Deadline{act.answer_by});
        const auto& digest = now.c.request->digest;
        const bool as_shown = shown && shown->digest == digest && asked.digest == digest &&
                              shown->version == asked.version && asked.version == now.c.version();
        if (!as_shown) {
            vote_of_it.problem =
                "NOT approved: something has happened to it since it was shown to you. Look at it again.";
            co_return vote_of_it;
        }
    }
    act.shown_digest = std::move(asked.digest);
    auto outcome = co_await vote(act, asked.request, Verdict::approve, {});
    vote_of_it.late = outcome.late;
    const bool recorded = outcome.answer && !outcome.answer->refusal;
    if (!recorded) vote_of_it.problem = vote_sentence(Verdict::approve, outcome.answer, false);
    co_return vote_of_it;
}

awaitable<Reply> Conversation::approve_together(Act act, std::vector<AskedAbout> asked) {
    std::vector<std::string> recorded;
    std::vector<std::string> problems;
    bool late = false;
    std::size_t untried = 0;
    for (AskedAbout& one : asked) {
        // Nobody waits for the rest any more; what was voted on so far is told.
        if (late) {
            ++untried;
            continue;
        }
        auto voted = co_await approve_one(act, std::move(one));
        late = late || voted.late || runtime_.now() > act.answer_by;
        if (voted.problem.empty())
            recorded.push_back(std::move(voted.called));
        else
            problems.push_back(fmt::format("{}: {}", voted.called, voted.problem));
    }
    if (untried > 0)
        problems.push_back(
            fmt::format("{} were NOT tried, because it took too long. Press the button again.", untried));
    Lines lines{.text = {}};
    if (!recorded.empty()) {
        lines.title = "Recorded";
        lines.text.push_back(recorded.size() == 1
                                 ? fmt::format("Your approval of {} is recorded.", recorded.front())
                                 : fmt::format("Your approvals of {} requests are recorded: {}.",
                                               recorded.size(), join(recorded, ", ")));
    }
    std::ranges::move(problems, std::back_inserter(lines.text));
    co_return Reply{.what = std::move(lines), .late = late};
}

}  // namespace countersign::app
