#include "countersign/app/outbox.hpp"

#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <deque>
#include <optional>
#include <unordered_map>
#include <utility>

#include "app/backoff.hpp"
#include "app/threads.hpp"
#include "countersign/base/log.hpp"
#include "countersign/rt/signal.hpp"
#include "countersign/rt/tasks.hpp"

namespace countersign::app {

namespace asio = rt::asio;

namespace {

constexpr core::Duration group_stop_patience{std::chrono::seconds{5}};
constexpr core::Duration store_patience{std::chrono::seconds{5}};
constexpr core::Duration settle_delay{std::chrono::milliseconds{20}};
constexpr core::Duration settle_pause{std::chrono::seconds{1}};
constexpr core::Duration refused_pause{std::chrono::seconds{60}};  // until somebody mends something
constexpr core::Duration idle_pause{std::chrono::hours{1}};
constexpr std::size_t settle_rows = 64;            // written at once when so many are done
constexpr std::size_t unsettled_rows_max = 4'096;  // more than that while the store is down is forgotten

// What became of one attempt to show a card.
struct Shown {
    std::optional<MessageRef> posted = {};         // where it is now; nullopt: nowhere
    std::optional<OutboxStore::Retry> again = {};  // not shown
    bool give_up = false;                          // nothing more can be done for it
};

std::size_t rows(const OutboxStore::Batch& batch) {
    return batch.cards.size() + batch.cards_again.size() + batch.errands.size() + batch.errands_again.size();
}

}  // namespace

// The cards this process holds leases of, and what is under way for them. The rows in the store are the
// truth: whatever is forgotten here comes back when its lease has run out.
struct Outbox::Impl {
    struct Card {
        CardJob job;
        core::Instant leased_until;
        CasePtr newest;             // null: to be read
        std::int32_t rendered = 0;  // what the message shows, as far as is known
        bool running = false;
        bool queued = false;
        std::size_t unsettled = 0;
        bool busy() const { return running || queued; }
    };
    // What exists while `run` runs.
    struct Running {
        explicit Running(const asio::any_io_executor& executor, std::size_t at_most)
            : tasks(executor, at_most, rt::report_bug),
              poll_now(executor),
              settle_now(executor),
              idle(executor) {}
        rt::TaskGroup tasks;
        rt::Signal poll_now;
        rt::Signal settle_now;
        rt::Signal idle;
    };

    Impl(const Runtime& with, Parts lent) : runtime(with), parts(lent) {}

    void absorb(CardJob job, const CasePtr& now, bool handed_over);
    void absorb(Errand errand, const CasePtr& now);
    void start_ready();
    void queue_thread(core::RequestId request);
    asio::awaitable<void> carry(core::CardId id);
    asio::awaitable<bool> carry_once(Card& card);
    asio::awaitable<Shown> show(CardJob job, CasePtr now);
    Later<MessageRef> post(Chat& chat, CardJob job, core::CardView view);
    Shown after_trouble(const CardJob& job, const CasePtr& now, const Failure& failure);
    asio::awaitable<void> tell(core::RequestId request);
    asio::awaitable<void> poll();
    asio::awaitable<std::size_t> claim();
    asio::awaitable<void> settle();
    asio::awaitable<void> settle_once();
    OutboxStore::Batch next_batch();
    void done(Card& card, std::int32_t version, bool closed);
    void again(Card& card, OutboxStore::Retry retry);
    void settled(const OutboxStore::Batch& batch, std::vector<CardJob> behind);
    void keep(OutboxStore::Batch batch);
    void card_ended(core::CardId id);
    void thread_ended(core::RequestId request);
    void row_added();
    bool card_busy(core::RequestId request) const { return busy_of.contains(request); }
    void busy(core::RequestId request) { ++busy_of[request]; }
    void not_busy(core::RequestId request);
    bool under_way() const { return cards_running + threads_running > 0 || settling; }
    Deadline chat_deadline() const { return runtime.within(runtime.limits.chat_deadline); }
    Deadline store_deadline() const { return runtime.within(store_patience); }
    Lease lease() const { return runtime.lease(); }

    const Runtime& runtime;
    Parts parts;
    std::optional<Running> running;
    Threads threads;
    OutboxStore::Batch batch;
    std::unordered_map<core::CardId, Card> cards;
    std::unordered_map<core::RequestId, std::size_t> busy_of;  // cards queued or under way, per request
    std::deque<core::CardId> cards_ready;
    std::deque<core::RequestId> threads_ready;
    std::size_t cards_running = 0;
    std::size_t threads_running = 0;
    bool starting = false;
    bool settler_rests = false;
    bool settling = false;
    bool more_in_store = false;
    bool stopping = false;
};

// ---- taking work in

void Outbox::Impl::absorb(CardJob job, const CasePtr& now, bool handed_over) {
    threads.saw(job);
    auto id = job.id;
    auto [it, fresh] = cards.try_emplace(id, Card{.job = job, .leased_until = {}, .newest = now});
    Card& card = it->second;
    card.leased_until = runtime.clock.now() + runtime.limits.lease;
    if (fresh) {
        card.rendered = job.rendered_version;
        // Whoever held it before us may have died while posting.
        bool brand_new = handed_over && now && now->c.version() == 1;
        bool unknown = !job.posted && !brand_new;
        card.job.post_may_have_happened = job.post_may_have_happened || unknown;
    } else if (handed_over) {
        bool newer = card.newest && now && card.newest->c.version() < now->c.version();
        if (!now || newer) card.newest = now;
    } else if (!card.busy() && card.rendered <= job.rendered_version) {
        card.newest = now;  // somebody else's change: to be read
    } else {
        if (!card.job.posted && job.posted && !card.running) card.job.posted = job.posted;
        return;  // what we are doing, or have done and not yet settled, is newer
    }
    if (card.busy()) return;
    card.queued = true;
    busy(card.job.request);
    cards_ready.push_back(id);
}

void Outbox::Impl::absorb(Errand errand, const CasePtr& now) {
    auto request = errand.request;
    threads.add(std::move(errand), now, runtime.clock.now() + runtime.limits.lease);
    if (!card_busy(request)) queue_thread(request);
}

void Outbox::Impl::queue_thread(core::RequestId request) {
    if (threads.queue(request)) threads_ready.push_back(request);
}

void Outbox::Impl::start_ready() {
    if (starting || stopping || !running) return;
    starting = true;
    auto most = runtime.limits.cards_in_flight_max;
    while (!cards_ready.empty() && cards_running < most) {
        auto id = cards_ready.front();
        cards_ready.pop_front();
        Card& card = cards.at(id);
        card.queued = false;
        card.running = true;
        ++cards_running;
        if (running->tasks.start("card", carry(id))) continue;
        card.running = false;
        card.queued = true;
        --cards_running;
        cards_ready.push_front(id);
        break;
    }
    while (!threads_ready.empty() && threads_running < most) {
        auto request = threads_ready.front();
        threads_ready.pop_front();
        ++threads_running;
        if (running->tasks.start("thread", tell(request))) continue;
        --threads_running;
        threads_ready.push_front(request);
        break;
    }
    starting = false;
}

void Outbox::Impl::not_busy(core::RequestId request) {
    auto it = busy_of.find(request);
    if (it != busy_of.end() && --it->second == 0) busy_of.erase(it);
}

void Outbox::Impl::card_ended(core::CardId id) {
    --cards_running;
    auto it = cards.find(id);
    auto request = it->second.job.request;
    it->second.running = false;
    if (it->second.unsettled == 0) cards.erase(it);
    not_busy(request);
    queue_thread(request);
    bool hungry = more_in_store && cards.size() < runtime.limits.cards_in_flight_max;
    if (running && hungry) running->poll_now.notify_all();
    if (running && !under_way()) running->idle.notify_all();
    start_ready();
}

void Outbox::Impl::thread_ended(core::RequestId request) {
    --threads_running;
    if (threads.told(request) && !card_busy(request)) queue_thread(request);
    if (running && !under_way()) running->idle.notify_all();
    start_ready();
}

// ---- cards

asio::awaitable<void> Outbox::Impl::carry(core::CardId id) {
    struct Guard {
        Impl& impl;
        core::CardId id;
        ~Guard() { impl.card_ended(id); }
    } guard{*this, id};
    Card& card = cards.at(id);
    for (bool more = true; more && !stopping;) {
        // With less time left another process may take it over while we are editing.
        if (card.leased_until < chat_deadline().at) co_return;
        more = co_await carry_once(card);
        if (card.job.posted) queue_thread(card.job.request);
        start_ready();
    }
}

// True: there is more to do for this card at once.
asio::awaitable<bool> Outbox::Impl::carry_once(Card& card) {
    if (!card.newest) {
        auto read = co_await read_case(parts.cases, card.job.request, store_deadline());
        if (!read) {
            log::warn("outbox", "cannot read {}: {}", card.job.request.text(), read.error().detail);
            again(card, {.card = card.job.id,
                         .not_before = backoff(runtime, card.job.attempts),
                         .post_may_have_happened = card.job.post_may_have_happened});
            co_return false;
        }
        if (!card.newest) card.newest = std::move(*read);
    }
    CasePtr now = card.newest;
    auto version = now->c.version();
    bool closed = core::final(now->ruling.state);
    if (card.job.posted && version <= card.rendered) {
        done(card, card.rendered, closed);
        co_return false;
    }
    bool first_time = !card.job.posted;
    auto shown = co_await show(card.job, now);
    if (shown.again) {
        bool gone = shown.again->forget_message;
        if (gone) {  // post it again, right now; the store hears of it if that fails
            card.job.posted.reset();
            card.job.post_may_have_happened = false;
            threads.lost(card.job.request, card.job.id);
            co_return true;
        }
        again(card, std::move(*shown.again));
        co_return false;
    }
    card.job.posted = shown.posted ? shown.posted : MessageRef{};
    card.job.post_may_have_happened = false;
    card.rendered = version;
    threads.saw(card.job);
    bool newer = card.newest->c.version() > version;
    if (!newer || first_time) done(card, version, closed || shown.give_up);
    co_return newer && !shown.give_up;
}

asio::awaitable<Shown> Outbox::Impl::show(CardJob job, CasePtr now) {
    const auto* surface = parts.chats.find(job.target.surface);
    if (surface == nullptr) {
        // Another process may serve that chat.
        co_return Shown{.posted = job.posted,
                        .again = OutboxStore::Retry{.card = job.id,
                                                    .not_before = runtime.clock.now() + refused_pause,
                                                    .post_may_have_happened = job.post_may_have_happened}};
    }
    Chat& chat = surface->chat;
    auto directory = parts.roster.snapshot();
    auto view = core::card(now->c, now->ruling, *directory, job.target.surface);
    if (!job.posted) {
        auto posted = co_await post(chat, job, std::move(view));
        if (!posted) co_return after_trouble(job, now, posted.error());
        co_return Shown{.posted = std::move(*posted)};
    }
    auto refreshed = co_await chat.refresh(*job.posted, view, chat_deadline());
    if (!refreshed) co_return after_trouble(job, now, refreshed.error());
    co_return Shown{.posted = job.posted};
}

Later<MessageRef> Outbox::Impl::post(Chat& chat, CardJob job, core::CardView view) {
    if (job.post_may_have_happened) {
        auto found =
            co_await chat.find_posted(job.request, job.target.channel, job.created_at, chat_deadline());
        if (!found) {
            // Looking changed nothing, but what came before it is still unknown.
            auto failure = std::move(found).error();
            if (failure.trouble == Trouble::not_found) failure.trouble = Trouble::unavailable;
            co_return std::unexpected(std::move(failure));
        }
        if (*found) {
            auto refreshed = co_await chat.refresh(**found, view, chat_deadline());
            if (!refreshed) co_return pass(refreshed);
            co_return std::move(**found);
        }
    }
    co_return co_await chat.post(view, job.target.channel, chat_deadline());
}

Shown Outbox::Impl::after_trouble(const CardJob& job, const CasePtr& now, const Failure& failure) {
    bool over = core::final(now->ruling.state);
    OutboxStore::Retry retry{.card = job.id,
                             .not_before = backoff(runtime, job.attempts),
                             .post_may_have_happened = job.post_may_have_happened};
    Shown shown{.posted = job.posted};
    parts.counters.count("card_failed", name_of(failure.trouble));
    switch (failure.trouble) {
        case Trouble::not_found:
            if (job.posted && over) {
                shown.give_up = true;
                return shown;
            }
            retry.forget_message = job.posted.has_value();
            if (!job.posted) retry.not_before = runtime.clock.now() + refused_pause;
            break;
        case Trouble::timed_out:
            if (!job.posted) retry.post_may_have_happened = true;
            break;
        case Trouble::overloaded:
            retry.not_before = failure.not_before.value_or(retry.not_before);
            break;
        case Trouble::unavailable:
        case Trouble::cancelled:
            break;
        default:  // refused until somebody mends something
            log::warn("outbox", "the card of {} cannot be shown in {}: {}", job.request.text(),
                      job.target.channel, failure.detail);
            shown.give_up = over;
            if (over) return shown;
            retry.not_before = runtime.clock.now() + refused_pause;
    }
    shown.again = std::move(retry);
    return shown;
}

void Outbox::Impl::done(Card& card, std::int32_t version, bool closed) {
    auto posted = card.job.posted.value_or(MessageRef{});
    auto& rows = batch.cards;
    auto same = std::ranges::find(rows, card.job.id, &CardDone::id);
    if (same != rows.end()) {
        *same = {card.job.id, std::move(posted), version, closed};
        return;
    }
    rows.push_back({card.job.id, std::move(posted), version, closed});
    ++card.unsettled;
    row_added();
}

void Outbox::Impl::again(Card& card, OutboxStore::Retry retry) {
    if (!card.job.posted) threads.lost(card.job.request, card.job.id);
    card.job.post_may_have_happened = retry.post_may_have_happened;
    ++card.job.attempts;
    // A message that was found gone and could not be posted again must not be edited next time.
    retry.forget_message = !card.job.posted && card.rendered > 0;
    batch.cards_again.push_back(std::move(retry));
    ++card.unsettled;
    row_added();
}

// ---- thread lines

asio::awaitable<void> Outbox::Impl::tell(core::RequestId request) {
    struct Guard {
        Impl& impl;
        core::RequestId request;
        ~Guard() { impl.thread_ended(request); }
    } guard{*this, request};
    auto work = threads.take(request);
    if (work.errands.empty()) co_return;
    auto give_back = [&](core::Instant not_before) {
        for (const auto& errand : work.errands) batch.errands_again.push_back({errand.id, not_before});
        row_added();
    };
    if (work.leased_until < chat_deadline().at) co_return;
    if (!work.now) {
        auto read = co_await read_case(parts.cases, request, store_deadline());
        if (!read) {
            give_back(backoff(runtime, work.attempts()));
            co_return;
        }
        work.now = std::move(*read);
    }
    if (!threads.knows_places(request) || work.reaches_further()) {
        auto places = co_await parts.outbox.cards_of(request, store_deadline());
        if (!places) {
            give_back(backoff(runtime, work.attempts()));
            co_return;
        }
        threads.set_places(request, *places);
        for (const auto& job : *places)  // what is posted and not yet settled is known here only
            if (auto it = cards.find(job.id); it != cards.end()) threads.saw(it->second.job);
    }
    std::optional<core::Instant> later;
    for (const auto& place : threads.places(request)) {
        const auto* chat = parts.chats.find(place.surface);
        if (chat == nullptr || threads.hopeless(place)) continue;
        if (!place.message) {
            later = std::max(later.value_or(core::Instant{}), backoff(runtime, work.attempts()));
            continue;
        }
        auto line = threads.line_for(work, place, *parts.roster.snapshot(), runtime.clock.now());
        if (!line) continue;
        auto said = co_await chat->chat.say(*place.message, *line, chat_deadline());
        if (said || said.error().trouble == Trouble::not_found ||
            said.error().trouble == Trouble::invalid_input) {
            threads.said(work, place.card);
            continue;
        }
        parts.counters.count("line_failed", name_of(said.error().trouble));
        auto when = said.error().not_before.value_or(backoff(runtime, work.attempts()));
        later = std::max(later.value_or(core::Instant{}), when);
    }
    if (later && !threads.tired(work)) {
        give_back(*later);
        co_return;
    }
    for (const auto& errand : work.errands) batch.errands.push_back(errand.id);
    threads.forget(work);
    row_added();
}

// ---- settling and claiming

void Outbox::Impl::row_added() {
    if (!running) return;
    if (settler_rests || rows(batch) >= settle_rows) running->settle_now.notify_all();
}

asio::awaitable<void> Outbox::Impl::settle() {
    for (;;) {
        settler_rests = true;
        while (batch.empty())
            co_await running->settle_now.wait_until(runtime.timers, runtime.clock.now() + idle_pause);
        settler_rests = false;
        auto at = runtime.clock.now() + settle_delay;
        if (rows(batch) < settle_rows) co_await running->settle_now.wait_until(runtime.timers, at);
        co_await settle_once();
    }
}

// One batch says one thing about a card: a result and a later failure go one after the other.
OutboxStore::Batch Outbox::Impl::next_batch() {
    auto next = std::exchange(batch, {});
    std::erase_if(next.cards_again, [&](const OutboxStore::Retry& retry) {
        bool also_done = std::ranges::find(next.cards, retry.card, &CardDone::id) != next.cards.end();
        if (also_done) batch.cards_again.push_back(retry);
        return also_done;
    });
    return next;
}

asio::awaitable<void> Outbox::Impl::settle_once() {
    if (batch.empty() || settling) co_return;
    settling = true;
    auto now = next_batch();
    auto behind = co_await parts.outbox.settle(now, lease(), store_deadline());
    settling = false;
    if (behind) {
        settled(now, std::move(*behind));
    } else {
        log::warn("outbox", "cannot record what was shown: {}", behind.error().detail);
        keep(std::move(now));
        co_await runtime.timers.sleep_until(runtime.clock.now() + settle_pause);
    }
    if (running && !under_way()) running->idle.notify_all();
    start_ready();
}

void Outbox::Impl::settled(const OutboxStore::Batch& settled_rows, std::vector<CardJob> behind) {
    auto settle_card = [this](core::CardId id) {
        auto it = cards.find(id);
        if (it == cards.end()) return;
        if (it->second.unsettled > 0) --it->second.unsettled;
        if (it->second.unsettled == 0 && !it->second.busy()) cards.erase(it);
    };
    for (auto& job : behind) {
        // What has failed meanwhile rests first.
        bool resting = std::ranges::find(batch.cards_again, job.id, &OutboxStore::Retry::card) !=
                       batch.cards_again.end();
        if (!resting) absorb(std::move(job), nullptr, false);
    }
    for (const auto& row : settled_rows.cards) settle_card(row.id);
    for (const auto& row : settled_rows.cards_again) settle_card(row.card);
}

// Results that could not be written wait for the next try; the newest word on a card wins.
void Outbox::Impl::keep(OutboxStore::Batch older) {
    if (rows(older) + rows(batch) > unsettled_rows_max) {
        settled(older, {});
        return;
    }
    auto append = [](auto& to, auto&& from) { to.insert(to.end(), from.begin(), from.end()); };
    for (auto& row : older.cards)
        if (std::ranges::find(batch.cards, row.id, &CardDone::id) == batch.cards.end())
            batch.cards.push_back(std::move(row));
        else if (auto it = cards.find(row.id); it != cards.end() && it->second.unsettled > 0)
            --it->second.unsettled;
    append(batch.cards_again, older.cards_again);
    append(batch.errands, older.errands);
    append(batch.errands_again, older.errands_again);
}

asio::awaitable<std::size_t> Outbox::Impl::claim() {
    auto room = 2 * runtime.limits.cards_in_flight_max;
    std::size_t claimed = 0;
    if (cards.size() < room) {
        auto asked = room - cards.size();
        auto jobs = co_await parts.outbox.claim_cards(lease(), runtime.clock.now(), asked, store_deadline());
        if (jobs) {
            more_in_store = jobs->size() >= asked;
            claimed += jobs->size();
            for (auto& job : *jobs) absorb(std::move(job), nullptr, false);
        }
    }
    if (threads.size() < room) {
        auto errands = co_await parts.outbox.claim_errands(lease(), runtime.clock.now(),
                                                           room - threads.size(), store_deadline());
        if (errands) {
            claimed += errands->size();
            for (auto& errand : *errands) absorb(std::move(errand), nullptr);
        }
    }
    co_return claimed;
}

asio::awaitable<void> Outbox::Impl::poll() {
    for (;;) {
        if (!stopping) co_await claim();
        start_ready();
        co_await running->poll_now.wait_until(runtime.timers, runtime.clock.now() + runtime.limits.poll);
    }
}

// ---- the outside

Outbox::Outbox(const Runtime& runtime, Parts parts) : impl_(std::make_unique<Impl>(runtime, parts)) {}

Outbox::~Outbox() = default;

void Outbox::take(std::vector<CardJob> cards, std::vector<Errand> errands, CasePtr now) {
    if (impl_->stopping) return;  // handed back at the end of the drain
    if (now && now->c.version() == 1) impl_->threads.opened(now->c.request->id, cards);
    for (auto& job : cards) impl_->absorb(std::move(job), now, true);
    for (auto& errand : errands) impl_->absorb(std::move(errand), now);
    impl_->start_ready();
}

rt::asio::awaitable<void> Outbox::run() {
    auto& impl = *impl_;
    auto executor = co_await asio::this_coro::executor;
    // More places than run at once: a task that has ended frees its own a turn later.
    impl.running.emplace(executor, 8 * impl.runtime.limits.cards_in_flight_max + 64);
    impl.running->tasks.start_loop("outbox settling", impl.settle());
    impl.running->tasks.start_loop("outbox polling", impl.poll());
    impl.start_ready();
    co_await rt::until_asked();
    impl.stopping = true;
    co_await impl.running->tasks.end(impl.runtime.timers, impl.runtime.clock.now() + group_stop_patience);
    impl.running.reset();
}

Later<Done> Outbox::drain(Deadline deadline) {
    auto& impl = *impl_;
    impl.stopping = true;
    while (impl.running && impl.under_way() && impl.runtime.clock.now() < deadline.at)
        co_await impl.running->idle.wait_until(impl.runtime.timers, deadline.at);
    while (!impl.batch.empty() && !impl.settling && impl.runtime.clock.now() < deadline.at)
        co_await impl.settle_once();
    auto lease = impl.lease();
    co_return co_await impl.parts.outbox.hand_back(lease, deadline);
}

}  // namespace countersign::app
