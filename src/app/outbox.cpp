#include "countersign/app/outbox.hpp"

#include <algorithm>
#include <deque>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "app/card_calls.hpp"
#include "app/card_machine.hpp"
#include "countersign/base/log.hpp"

namespace countersign::app {

namespace asio = rt::asio;

namespace {

using Act = CardStep::Act;

constexpr core::Duration store_patience{std::chrono::seconds{5}};
constexpr std::size_t settle_rows = 64;
constexpr std::size_t rows_max = 16'384;  // held here; more wait in the store until their lease has run out
constexpr std::size_t certain_max = 20'000;  // requests whose cards are remembered between their changes

LeasedWorkLimits limits_of(const Limits& limits) {
    return {.name = "outbox",
            .under_way_max = limits.cards_in_flight_max,
            .settle_rows = settle_rows,
            .settle_delay = std::chrono::milliseconds{20},
            .settle_pause = std::chrono::seconds{1},
            .poll = limits.poll,
            .finish_within = limits.lease};
}

}  // namespace

struct Outbox::Impl final : LeasedWork {
    struct Certain {
        std::int32_t version;
        std::vector<CardState> cards;
    };

    Impl(const Runtime& with, asio::any_io_executor executor, Parts lent)
        : runtime(with),
          parts(lent),
          calls(with, lent),
          loop(*this, limits_of(with.limits), std::move(executor), with.clock, with.timers) {}

    asio::awaitable<bool> claim() override;
    std::optional<asio::awaitable<void>> next() override;
    std::size_t unsettled() const override { return to_settle.size() + writing; }
    Later<Done> settle() override;
    void abandon() override;
    Later<Done> hand_back(Deadline deadline) override { return parts.outbox.hand_back(lease(), deadline); }

    void commit(CasePtr now, std::optional<std::vector<CardState>> cards);
    CardMachine* row(core::RequestId request);
    void look_after(core::RequestId request);
    asio::awaitable<void> carry(core::RequestId request, CardStep step);
    asio::awaitable<void> read(core::RequestId request);
    void settled(const SettledRow& row, const SettleAnswer& answer, core::Instant until);
    void remember(core::RequestId request, Certain known);
    Deadline store_deadline() const { return runtime.within(store_patience); }
    Lease lease() const { return runtime.lease(); }

    const Runtime& runtime;
    Parts parts;
    std::unordered_map<core::RequestId, CardMachine> rows;
    std::deque<core::RequestId> ready;              // may have a step to begin
    std::unordered_set<core::RequestId> to_settle;  // have something to be written
    std::size_t writing = 0;
    std::unordered_map<core::RequestId, Certain> certain;
    std::deque<core::RequestId> certain_order;
    CardCalls calls;
    LeasedWorkLoop loop;
};

// ---- taking rows in

CardMachine* Outbox::Impl::row(core::RequestId request) {
    auto found = rows.find(request);
    if (found != rows.end()) return &found->second;
    if (rows.size() >= rows_max) return nullptr;
    CardRules rules{.call_max = runtime.limits.chat_deadline};
    return &rows.emplace(request, CardMachine{request, rules}).first->second;
}

void Outbox::Impl::commit(CasePtr now, std::optional<std::vector<CardState>> cards) {
    if (loop.stopping()) return;  // handed back at the end of the drain
    auto request = now->c.request->id;
    CardMachine* machine = row(request);
    if (machine == nullptr) return;
    certain.erase(request);
    machine->committed(std::move(now), std::move(cards), lease().until);
    look_after(request);
}

asio::awaitable<bool> Outbox::Impl::claim() {
    auto room = 2 * runtime.limits.cards_in_flight_max;
    if (rows.size() >= room) co_return false;
    auto asked = room - rows.size();
    auto until = lease();
    auto claimed = co_await parts.outbox.claim(until, runtime.now(), asked, store_deadline());
    if (!claimed) co_return false;
    for (auto& one : *claimed) {
        auto request = one.request;
        certain.erase(request);
        if (CardMachine* machine = row(request)) machine->claimed(std::move(one), until.until);
        look_after(request);
    }
    co_return claimed->size() >= asked&& rows.size() < room;
}

// ---- working them off

void Outbox::Impl::look_after(core::RequestId request) {
    auto found = rows.find(request);
    if (found == rows.end()) return;
    if (found->second.over()) {
        if (auto cards = found->second.certain())
            remember(request, {found->second.now()->c.version(), std::move(*cards)});
        rows.erase(found);
        to_settle.erase(request);
        loop.claim_more();
        return;
    }
    if (found->second.to_settle(runtime.now()) && to_settle.insert(request).second) loop.settle_more();
    ready.push_back(request);
    loop.begin_more();
}

std::optional<asio::awaitable<void>> Outbox::Impl::next() {
    while (!ready.empty()) {
        auto request = ready.front();
        auto found = rows.find(request);
        if (found == rows.end()) {
            ready.pop_front();
            continue;
        }
        auto step = found->second.next(runtime.now());
        if (found->second.to_settle(runtime.now()) && to_settle.insert(request).second) loop.settle_more();
        if (step) return carry(request, std::move(*step));
        ready.pop_front();
    }
    return std::nullopt;
}

asio::awaitable<void> Outbox::Impl::carry(core::RequestId request, CardStep step) {
    if (step.act == Act::read) {
        co_await read(request);
    } else {
        const CardMachine& machine = rows.at(request);
        auto answer = co_await calls.carry_out(step, request, machine.now(), machine.is_first(step.card));
        // Abandoned rows may be gone.
        if (auto found = rows.find(request); found != rows.end())
            found->second.answered(step, answer, runtime.now(), rt::fraction(runtime.entropy));
    }
    look_after(request);
}

asio::awaitable<void> Outbox::Impl::read(core::RequestId request) {
    bool known = rows.at(request).knows_cards();
    CasePtr now = rows.at(request).now();
    std::optional<Failure> failed;
    std::optional<std::vector<CardState>> cards;
    if (!known) {
        auto read = co_await parts.outbox.cards_of(request, store_deadline());
        if (read)
            cards = std::move(*read);
        else
            failed = read.error();
    }
    // Where a commit leased the row, it has brought the newest case along.
    if (!failed && (known || !now)) {
        auto read = co_await read_case(parts.cases, request, store_deadline());
        if (read)
            now = std::move(*read);
        else
            failed = read.error();
    }
    auto found = rows.find(request);
    if (found == rows.end()) co_return;
    if (!failed) co_return found->second.read(std::move(now), std::move(cards));
    log::warn("outbox", "cannot read {}: {}", request.text(), failed->detail);
    found->second.cannot_read(runtime.now(), rt::fraction(runtime.entropy));
}

// ---- writing down what became of them

Later<Done> Outbox::Impl::settle() {
    std::vector<SettledRow> batch;
    for (auto it = to_settle.begin(); it != to_settle.end() && batch.size() < settle_rows;) {
        auto found = rows.find(*it);
        if (found != rows.end() && found->second.to_settle(runtime.now()))
            batch.push_back(found->second.settling(runtime.now()));
        it = to_settle.erase(it);
    }
    if (batch.empty()) co_return Done{};
    writing = batch.size();
    auto until = lease();
    auto answer = co_await parts.outbox.settle(batch, until, store_deadline());
    writing = 0;
    for (const auto& one : batch) {
        if (answer) {
            settled(one, *answer, until.until);
        } else if (auto found = rows.find(one.request); found != rows.end()) {
            found->second.not_settled();
            to_settle.insert(one.request);
        }
    }
    if (!answer) co_return pass(answer);
    co_return Done{};
}

void Outbox::Impl::settled(const SettledRow& row, const SettleAnswer& answer, core::Instant until) {
    auto found = rows.find(row.request);
    if (found == rows.end()) return;
    for (const auto& card : row.cards) {
        const auto* entry = parts.chats.find(card.state.target.surface);
        if (card.state.message && entry != nullptr) entry->chat.remember(*card.state.message);
    }
    auto behind = std::ranges::find(answer.behind, row.request, &OutboxRow::request);
    if (std::ranges::find(answer.lost, row.request) != answer.lost.end())
        found->second.lost();
    else
        found->second.settled(until, behind == answer.behind.end() ? std::nullopt : std::optional{*behind});
    look_after(row.request);
}

void Outbox::Impl::abandon() {
    for (auto& [request, machine] : rows) {
        machine.abandon();
        if (machine.to_settle(runtime.now())) to_settle.insert(request);
    }
}

void Outbox::Impl::remember(core::RequestId request, Certain known) {
    if (!certain.insert_or_assign(request, std::move(known)).second) return;
    certain_order.push_back(request);
    if (certain_order.size() <= certain_max) return;
    certain.erase(certain_order.front());
    certain_order.pop_front();
}

// ---- the outside

Outbox::Outbox(const Runtime& runtime, rt::asio::any_io_executor executor, Parts parts)
    : impl_(std::make_unique<Impl>(runtime, std::move(executor), parts)) {}

Outbox::~Outbox() = default;

void Outbox::opened(CasePtr now, std::vector<CardState> cards) {
    auto known = cards.empty() ? std::nullopt : std::optional{std::move(cards)};
    impl_->commit(std::move(now), std::move(known));
}

void Outbox::changed(CasePtr now, std::int32_t before) {
    // Whoever else had changed the cards since would have seen an entry that is not known here.
    auto known = impl_->certain.find(now->c.request->id);
    std::optional<std::vector<CardState>> cards;
    if (known != impl_->certain.end() && known->second.version == before)
        cards = std::move(known->second.cards);
    impl_->commit(std::move(now), std::move(cards));
}

void Outbox::leases_freed() {
    impl_->loop.claim_more();
}

rt::asio::awaitable<void> Outbox::run() {
    return impl_->loop.run();
}

Later<Done> Outbox::drain(Deadline deadline) {
    return impl_->loop.drain(deadline);
}

}  // namespace countersign::app
