#include <algorithm>
#include <utility>

#include "fakes/outbox.hpp"

namespace countersign::fakes {

std::optional<app::MessageRef> Outbox::message_of(const app::CardState& card) const {
    if (card.message || !card.batch) return card.message;
    return batches_.at(*card.batch).state.message;
}

std::size_t Outbox::batches_behind() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(batches_, [](const auto& one) { return one.second.due.has_value(); }));
}

void Outbox::rise(OneBatch& batch) {
    ++batch.state.revision;
    batch.closed = false;
    if (!batch.due) batch.due = clock_.now();
}

Later<app::Joined> Outbox::join(core::CardId card, std::string alike, Deadline) {
    if (auto failed = trouble("join")) co_return std::unexpected(*failed);
    auto found = cards_.find(card);
    if (found == cards_.end() || found->second.state.message || found->second.state.closed)
        co_return app::Joined{};
    Card& mine = found->second;
    alike_[card] = alike;
    if (mine.state.batch) co_return app::Joined{app::Joined::How::batch, mine.state.batch};
    auto near = [&](core::Instant at) {
        return std::max(at, mine.state.created_at) - std::min(at, mine.state.created_at) <=
               core::alike_within;
    };
    std::size_t others = 0;
    std::size_t posted = 0;
    bool awaited = false;
    for (const auto& [id, other] : cards_) {
        const app::CardState& its = other.state;
        if (id == card || !alike_.contains(id) || alike_.at(id) != alike || its.target != mine.state.target ||
            !near(its.created_at))
            continue;
        ++others;
        if (its.batch) continue;
        if (its.message) ++posted;
        awaited = awaited || (!its.message && !its.closed && !problems_.contains(id));
    }
    if (others + 1 < core::alike_from) co_return app::Joined{};
    OneBatch* open = nullptr;
    bool any = false;
    for (auto& [id, batch] : batches_) {
        if (batch.alike != alike || batch.state.target != mine.state.target || !near(batch.newest_at))
            continue;
        any = true;
        if (!batch.closed && batch.state.cards.size() < core::batch_rows_max) open = &batch;
    }
    if (open == nullptr && posted + 1 < core::alike_from && !any)
        co_return app::Joined{awaited ? app::Joined::How::later : app::Joined::How::alone};
    if (open == nullptr) {
        auto id = core::BatchId::mint(clock_.now(), rt::chance(entropy_));
        OneBatch fresh{.state = {.id = id, .target = mine.state.target, .created_at = clock_.now()},
                       .alike = alike,
                       .newest_at = mine.state.created_at};
        open = &batches_.emplace(id, std::move(fresh)).first->second;
    }
    open->state.cards.emplace_back(card, mine.request);
    std::ranges::sort(open->state.cards);
    open->newest_at = std::max(open->newest_at, mine.state.created_at);
    rise(*open);
    mine.state.batch = open->state.id;
    co_return app::Joined{app::Joined::How::batch, open->state.id};
}

Later<Done> Outbox::batch_changed(core::CardId card, Deadline) {
    if (auto failed = trouble("batch_changed")) co_return std::unexpected(*failed);
    if (auto found = cards_.find(card); found != cards_.end() && found->second.state.batch)
        rise(batches_.at(*found->second.state.batch));
    co_return Done{};
}

Later<std::vector<app::Batch>> Outbox::batches_due(app::Lease lease, core::Instant now, std::size_t at_most,
                                                   Deadline) {
    if (auto failed = trouble("batches_due")) co_return std::unexpected(*failed);
    std::vector<app::Batch> due;
    for (auto& [id, batch] : batches_) {
        if (!batch.due || *batch.due > now || due.size() >= at_most) continue;
        batch.state.unsure = batch.state.unsure || batch.holder.has_value();
        batch.holder = lease.holder;
        batch.due = lease.until;
        due.push_back(batch.state);
    }
    co_return due;
}

Later<Done> Outbox::batch_shown(app::ShownBatch shown, app::Lease lease, Deadline) {
    if (auto failed = trouble("batch_shown")) co_return std::unexpected(*failed);
    auto found = batches_.find(shown.id);
    if (found == batches_.end()) co_return Done{};
    OneBatch& batch = found->second;
    if (batch.holder != lease.holder) {
        if (!shown.message) co_return Done{};
        if (!batch.state.message) batch.state.message = shown.message;
        batch.state.unsure = true;
        batch.closed = false;
        if (!batch.holder) batch.due = clock_.now();
        co_return Done{};
    }
    batch.holder.reset();
    batch.state.message = shown.message;
    batch.state.unsure = shown.unsure;
    batch.state.attempts = shown.revision ? 0 : batch.state.attempts + 1;
    batch.shown = std::max(batch.shown, shown.revision.value_or(0));
    batch.closed = shown.closed && shown.revision.value_or(batch.state.revision) >= batch.state.revision;
    if (batch.closed)
        batch.due.reset();
    else if (shown.again_at)
        batch.due = shown.again_at;
    else if (shown.revision.value_or(0) < batch.state.revision)
        batch.due = clock_.now();
    else
        batch.due.reset();
    co_return Done{};
}

Later<app::KnownBatch> Outbox::batched(core::BatchId batch, Deadline) {
    if (auto failed = trouble("batched")) co_return std::unexpected(*failed);
    auto found = batches_.find(batch);
    if (found == batches_.end())
        co_return fail(Trouble::not_found, "This list of requests is not known here.");
    app::KnownBatch known{.message = found->second.state.message, .closed = found->second.closed};
    for (const auto& [card, request] : found->second.state.cards) known.requests.push_back(request);
    co_return known;
}

Later<Done> Outbox::batch_clicked(core::RequestId request, core::Surface surface, app::MessageRef message,
                                  Deadline) {
    if (auto failed = trouble("batch_clicked")) co_return std::unexpected(*failed);
    for (const auto& [id, card] : cards_) {
        if (card.request != request || !card.state.batch || card.state.target.surface != surface) continue;
        OneBatch& batch = batches_.at(*card.state.batch);
        const auto& known = batch.state.message;
        if (batch.holder || known == message || (known && known->channel != message.channel)) continue;
        batch.state.unsure = true;
        rise(batch);
    }
    co_return Done{};
}

Later<Done> Outbox::hand_batches_back(app::Lease lease, Deadline) {
    if (auto failed = trouble("hand_batches_back")) co_return std::unexpected(*failed);
    for (auto& [id, batch] : batches_) {
        if (batch.holder != lease.holder) continue;
        batch.holder.reset();
        batch.due = clock_.now();
    }
    co_return Done{};
}

}  // namespace countersign::fakes
