#include "countersign/app/batches.hpp"

#include <algorithm>
#include <deque>
#include <utility>

#include "app/backoff.hpp"
#include "app/card_steps.hpp"
#include "countersign/app/leased_work.hpp"
#include "countersign/base/log.hpp"
#include "countersign/base/text.hpp"
#include "countersign/core/card.hpp"

namespace countersign::app {

namespace asio = rt::asio;

namespace {

constexpr core::Duration batch_store_patience{std::chrono::seconds{5}};
constexpr std::size_t batches_at_once_max = 32;
// What has an unknown outcome has had its effect after so long, or will have none.
constexpr core::Duration batch_effect_max{std::chrono::seconds{15}};
constexpr core::Duration batch_refused_pause{std::chrono::seconds{60}};

LeasedWorkLimits batch_limits(const Limits& limits) {
    return {.name = "batches",
            .under_way_max = batches_at_once_max,
            .settle_rows = batches_at_once_max,
            .settle_delay = std::chrono::milliseconds{20},
            .settle_pause = std::chrono::seconds{1},
            .poll = limits.poll,
            .finish_within = limits.lease};
}

}  // namespace

struct Batches::Impl final : LeasedWork {
    Impl(const Runtime& with, asio::any_io_executor executor, Parts lent)
        : runtime(with),
          parts(lent),
          loop(*this, batch_limits(with.limits), std::move(executor), with.clock, with.timers) {}

    asio::awaitable<bool> claim() override;
    std::optional<asio::awaitable<void>> next() override;
    std::size_t unsettled() const override { return done.size() + writing; }
    Later<Done> settle() override;
    Later<Done> hand_back(Deadline deadline) override {
        return parts.batches.hand_batches_back(runtime.lease(), deadline);
    }

    asio::awaitable<void> work(Batch batch);
    asio::awaitable<ShownBatch> bring_in_line(Batch batch);
    asio::awaitable<ShownBatch> show(Batch batch, Chat& chat, const core::BatchView& view,
                                     std::vector<CasePtr> cases);
    core::BatchView view_of(const Batch& batch, const std::vector<CasePtr>& cases);
    asio::awaitable<ShownBatch> retire(ShownBatch shown, Chat& chat, core::BatchView view,
                                       std::vector<MessageRef> copies);
    asio::awaitable<void> note_problem(const Batch& batch, const std::vector<CasePtr>& cases,
                                       std::string problem);
    ShownBatch failed(const Batch& batch, const Failure& failure) const;
    ShownBatch again(const Batch& batch, core::Instant at) const {
        return {.id = batch.id, .message = batch.message, .unsure = batch.unsure, .again_at = at};
    }
    core::Instant pause(const Batch& batch) const {
        return backoff(runtime.now(), batch.attempts, rt::fraction(runtime.entropy));
    }
    Deadline store_deadline() const { return runtime.within(batch_store_patience); }
    Deadline chat_deadline() const { return runtime.within(runtime.limits.chat_deadline); }

    const Runtime& runtime;
    Parts parts;
    std::deque<Batch> waiting;
    std::deque<ShownBatch> done;
    std::size_t writing = 0;
    LeasedWorkLoop loop;
};

asio::awaitable<bool> Batches::Impl::claim() {
    const auto busy = waiting.size() + loop.under_way() + unsettled();
    if (busy >= batches_at_once_max) co_return false;
    const auto asked = batches_at_once_max - busy;
    auto due = co_await parts.batches.batches_due(runtime.lease(), runtime.now(), asked, store_deadline());
    if (!due) co_return false;
    for (Batch& batch : *due) waiting.push_back(std::move(batch));
    if (!due->empty()) loop.begin_more();
    co_return false;  // what changes within a moment is shown together
}

std::optional<asio::awaitable<void>> Batches::Impl::next() {
    if (waiting.empty()) return std::nullopt;
    auto batch = std::move(waiting.front());
    waiting.pop_front();
    return work(std::move(batch));
}

Later<Done> Batches::Impl::settle() {
    while (!done.empty()) {
        auto one = done.front();
        writing = 1;
        auto written = co_await parts.batches.batch_shown(std::move(one), runtime.lease(), store_deadline());
        writing = 0;
        if (!written) co_return pass(written);
        done.pop_front();
    }
    co_return Done{};
}

asio::awaitable<void> Batches::Impl::work(Batch batch) {
    auto shown = co_await bring_in_line(std::move(batch));
    done.push_back(std::move(shown));
    loop.settle_more();
}

ShownBatch Batches::Impl::failed(const Batch& batch, const Failure& failure) const {
    auto told = again(batch, pause(batch));
    const auto answer = answer_of(failure);
    switch (answer.how) {
        case CardAnswer::How::unknown:
            told.unsure = true;
            told.again_at = runtime.now() + batch_effect_max;
            break;
        case CardAnswer::How::overloaded:
            told.again_at = answer.not_before.value_or(*told.again_at);
            break;
        case CardAnswer::How::refused:
            told.again_at = runtime.now() + batch_refused_pause;
            break;
        default:
            break;
    }
    return told;
}

asio::awaitable<ShownBatch> Batches::Impl::bring_in_line(Batch batch) {
    const auto* entry = parts.chats.find(batch.target.surface);
    // Another process may serve that chat.
    if (entry == nullptr) co_return again(batch, runtime.now() + batch_refused_pause);
    std::vector<core::RequestId> requests;
    for (const auto& [card, request] : batch.cards) requests.push_back(request);
    auto read = co_await parts.cases.read_all(std::move(requests), store_deadline());
    if (!read) co_return again(batch, pause(batch));
    std::vector<CasePtr> cases;
    for (core::Case& one : *read) cases.push_back(with_ruling(std::move(one)));
    std::ranges::sort(cases, {}, [](const CasePtr& now) { return now->c.request->number; });
    if (cases.empty()) co_return ShownBatch{.id = batch.id, .revision = batch.revision, .closed = true};
    auto& chat = entry->chat;
    std::vector<MessageRef> copies;
    if (batch.unsure) {
        auto found =
            co_await chat.find_batch(batch.id, batch.target.channel, batch.created_at, chat_deadline());
        if (!found) co_return failed(batch, found.error());
        for (MessageRef& one : *found) {
            if (!batch.message) batch.message = one;
            if (batch.message != one) copies.push_back(std::move(one));
        }
    }
    auto view = view_of(batch, cases);
    auto shown = co_await show(std::move(batch), chat, view, std::move(cases));
    co_return co_await retire(std::move(shown), chat, std::move(view), std::move(copies));
}

core::BatchView Batches::Impl::view_of(const Batch& batch, const std::vector<CasePtr>& cases) {
    auto directory = parts.roster.snapshot();
    std::vector<core::CardView> cards;
    for (const CasePtr& now : cases)
        cards.push_back(core::card(now->c, now->ruling, *directory, batch.target.surface));
    return core::batch_view(batch.id, cards);
}

// Two lists of the same requests are one too many. What a chat does not let us change is left.
asio::awaitable<ShownBatch> Batches::Impl::retire(ShownBatch shown, Chat& chat, core::BatchView view,
                                                  std::vector<MessageRef> copies) {
    for (const MessageRef& copy : copies) {
        auto retired = co_await chat.retire_batch(copy, view, chat_deadline());
        if (retired) continue;
        const auto how = answer_of(retired.error()).how;
        if (how == CardAnswer::How::gone || how == CardAnswer::How::refused) continue;
        shown.unsure = true;
        shown.closed = false;
        shown.again_at = std::max(shown.again_at.value_or(core::Instant{}), runtime.now() + batch_effect_max);
    }
    co_return shown;
}

asio::awaitable<ShownBatch> Batches::Impl::show(Batch batch, Chat& chat, const core::BatchView& view,
                                                std::vector<CasePtr> cases) {
    const bool all_final =
        std::ranges::all_of(cases, [](const CasePtr& now) { return core::ended(now->ruling); });
    ShownBatch shown{.id = batch.id, .revision = batch.revision, .closed = all_final};
    if (!batch.message) {
        // Nobody has to be told of what ended before it could be shown.
        if (view.open() == 0) {
            shown.closed = true;
            co_return shown;
        }
        auto posted = co_await chat.post_batch(view, batch.target.channel, chat_deadline());
        const bool refused = !posted && (answer_of(posted.error()).how == CardAnswer::How::refused ||
                                         answer_of(posted.error()).how == CardAnswer::How::gone);
        if (refused)
            log::warn("outbox", "a card of {} alike requests cannot be shown in {}: {}", cases.size(),
                      visible(batch.target.channel), posted.error().detail);
        if (refused || (posted && batch.attempts > 0))
            co_await note_problem(batch, cases, posted ? std::string{} : posted.error().detail);
        if (refused) co_return again(batch, runtime.now() + batch_refused_pause);
        if (!posted) co_return failed(batch, posted.error());
        shown.message = std::move(*posted);
        co_return shown;
    }
    auto edited = co_await chat.refresh_batch(*batch.message, view, chat_deadline());
    shown.message = batch.message;
    if (edited) co_return shown;
    if (answer_of(edited.error()).how != CardAnswer::How::gone) co_return failed(batch, edited.error());
    // Whoever removed the message did not decide anything: there is a new one while something is open.
    shown.message.reset();
    shown.revision.reset();
    shown.closed = view.open() == 0;
    if (!shown.closed) shown.again_at = runtime.now();
    co_return shown;
}

// Notes with the card of every request of the batch that nobody sees it, so that whoever waits for one of
// them is told.
asio::awaitable<void> Batches::Impl::note_problem(const Batch& batch, const std::vector<CasePtr>& cases,
                                                  std::string problem) {
    for (const auto& [card, request] : batch.cards) {
        const auto its =
            std::ranges::find(cases, request, [](const CasePtr& now) { return now->c.request->id; });
        if (its == cases.end() || !core::open((*its)->ruling.state)) continue;
        auto noted = co_await parts.outbox.note_problem(card, {.problem = problem}, store_deadline());
        if (!noted) log::warn("outbox", "the trouble of a card is not noted: {}", noted.error().detail);
    }
}

Batches::Batches(const Runtime& runtime, rt::asio::any_io_executor executor, Parts parts)
    : impl_(std::make_unique<Impl>(runtime, std::move(executor), parts)) {}

Batches::~Batches() = default;

rt::asio::awaitable<void> Batches::run() {
    return impl_->loop.run();
}

Later<Done> Batches::drain(Deadline deadline) {
    return impl_->loop.drain(deadline);
}

}  // namespace countersign::app
