#include "fakes/webhook_store.hpp"

#include <algorithm>
#include <utility>

namespace countersign::fakes {
namespace {

std::unexpected<Failure> missing(std::string_view what) {
    return fail(Trouble::not_found, "there is no such " + std::string(what));
}

}  // namespace

void WebhookStore::log(Logged logged) {
    logged.event.index = static_cast<std::int64_t>(log_.size());
    log_.push_back(std::move(logged));
}

void WebhookStore::add_callback(app::Subscription callback) {
    auto id = callback.id;
    subscriptions_.emplace(id, Kept{std::move(callback), static_cast<std::int64_t>(log_.size())});
}

Later<Done> WebhookStore::subscribe(app::Subscription fresh, Deadline) {
    if (auto failed = trouble("subscribe")) co_return std::unexpected(*failed);
    auto live = std::ranges::count_if(subscriptions_, [](const auto& one) {
        return !one.second.what.callback_of && !one.second.what.ended;
    });
    if (static_cast<std::size_t>(live) >= app::subscriptions_max)
        co_return fail(Trouble::overloaded, "there are too many subscriptions", "too_many_subscriptions");
    auto id = fresh.id;
    subscriptions_.emplace(id, Kept{std::move(fresh), static_cast<std::int64_t>(log_.size())});
    co_return Done{};
}

Later<app::Subscription> WebhookStore::subscription(core::SubscriptionId id, Deadline) {
    if (auto failed = trouble("subscription")) co_return std::unexpected(*failed);
    auto found = subscriptions_.find(id);
    if (found == subscriptions_.end()) co_return missing("subscription");
    co_return found->second.what;
}

Later<std::vector<app::Subscription>> WebhookStore::subscriptions(Deadline) {
    if (auto failed = trouble("subscriptions")) co_return std::unexpected(*failed);
    std::vector<app::Subscription> all;
    for (const auto& [id, kept] : subscriptions_)
        if (!kept.what.callback_of && !kept.what.ended) all.push_back(kept.what);
    co_return all;
}

Later<app::Subscription> WebhookStore::rotate(core::SubscriptionId id, core::Instant old_until, Deadline) {
    if (auto failed = trouble("rotate")) co_return std::unexpected(*failed);
    auto found = subscriptions_.find(id);
    if (found == subscriptions_.end() || found->second.what.ended) co_return missing("subscription");
    ++found->second.what.secret_number;
    found->second.what.old_secret_until = old_until;
    co_return found->second.what;
}

Later<Done> WebhookStore::end(core::SubscriptionId id, app::Subscription::End how, Deadline) {
    if (auto failed = trouble("end")) co_return std::unexpected(*failed);
    auto found = subscriptions_.find(id);
    if (found == subscriptions_.end()) co_return missing("subscription");
    auto& ended = found->second.what.ended;
    if (ended) how.at = ended->at;
    ended = std::move(how);
    co_return Done{};
}

app::DeliveryJob WebhookStore::job(const app::DeliveryId& id, const Row& row, core::Instant until) const {
    auto to = std::make_shared<const app::Subscription>(subscriptions_.at(id.subscription).what);
    return {.to = to,
            .lane = app::lane_of(*to),
            .event = row.delivery.event,
            .facts = row.facts,
            .attempts = row.delivery.attempts,
            .begun_at = row.delivery.begun_at,
            .leased_until = until};
}

Later<app::DeliveryStore::FannedOut> WebhookStore::fan_out(app::Lease lease, Deadline) {
    if (auto failed = trouble("fan_out")) co_return std::unexpected(*failed);
    FannedOut out;
    for (; next_ < log_.size(); ++next_) {
        const Logged& logged = log_[next_];
        app::EventFacts facts{logged.event.type, logged.event.request.has_value(), logged.action,
                              logged.environment, logged.requester};
        for (const auto& [id, kept] : subscriptions_) {
            bool callback = kept.what.callback_of && kept.what.callback_of == logged.event.request &&
                            app::changes_state(logged.event.type);
            bool lasting = !kept.what.callback_of && app::wants(kept.what, facts) &&
                           *logged.event.index >= kept.from_index;
            if (kept.what.ended || (!callback && !lasting)) continue;
            Row row{.delivery = {.state = app::Delivery::State::pending,
                                 .event = logged.event,
                                 .attempts = 0,
                                 .begun_at = clock_.now(),
                                 .due_at = lease.until,
                                 .last = {}},
                    .facts = callback ? std::string{} : logged.facts,
                    .holder = lease.holder};
            app::DeliveryId made{id, logged.event.id};
            out.jobs.push_back(job(made, row, lease.until));
            rows_.emplace(made, std::move(row));
        }
    }
    co_return out;
}

Later<std::vector<app::DeliveryJob>> WebhookStore::claim_deliveries(app::Lease lease, core::Instant now,
                                                                    std::vector<Room> rooms,
                                                                    std::size_t otherwise, Deadline) {
    if (auto failed = trouble("claim_deliveries")) co_return std::unexpected(*failed);
    std::map<core::LaneId, std::size_t> left;
    for (const auto& room : rooms) left[room.lane] = room.jobs;
    std::vector<std::pair<core::Instant, app::DeliveryId>> due;
    for (const auto& [id, row] : rows_)
        if (row.delivery.due_at && *row.delivery.due_at <= now) due.emplace_back(*row.delivery.due_at, id);
    std::ranges::sort(due);
    std::vector<app::DeliveryJob> jobs;
    for (const auto& [at, id] : due) {
        Row& row = rows_.at(id);
        auto lane = app::lane_of(subscriptions_.at(id.subscription).what);
        auto& room = left.try_emplace(lane, otherwise).first->second;
        if (room == 0) continue;
        --room;
        row.holder = lease.holder;
        row.delivery.due_at = lease.until;
        jobs.push_back(job(id, row, lease.until));
    }
    std::ranges::sort(jobs, {}, [](const app::DeliveryJob& one) { return one.event.id; });
    co_return jobs;
}

Later<Done> WebhookStore::settle_deliveries(std::vector<Settled> settled, app::Lease lease, Deadline) {
    if (auto failed = trouble("settle_deliveries")) co_return std::unexpected(*failed);
    for (auto& one : settled) {
        auto found = rows_.find(one.id);
        if (found == rows_.end() || found->second.holder != lease.holder) continue;
        Row& row = found->second;
        row.holder.reset();
        row.delivery.state = one.state;
        row.delivery.due_at = one.due_at;
        if (one.attempt) {
            ++row.delivery.attempts;
            row.delivery.last = std::move(one.attempt);
        }
        auto& ended = subscriptions_.at(one.id.subscription).what.ended;
        if (one.gone && !ended) ended = app::Subscription::End{clock_.now(), "gone"};
    }
    co_return Done{};
}

Later<Done> WebhookStore::hand_back_deliveries(app::Lease lease, Deadline) {
    if (auto failed = trouble("hand_back_deliveries")) co_return std::unexpected(*failed);
    for (auto& [id, row] : rows_) {
        if (row.holder != lease.holder) continue;
        row.holder.reset();
        row.delivery.due_at = clock_.now();
    }
    co_return Done{};
}

Later<app::DeliveryPage> WebhookStore::deliveries(app::DeliveryFilter filter, Deadline) {
    if (auto failed = trouble("deliveries")) co_return std::unexpected(*failed);
    app::DeliveryPage page;
    for (auto it = rows_.rbegin(); it != rows_.rend(); ++it) {
        const auto& [id, row] = *it;
        if (id.subscription != filter.subscription) continue;
        if (filter.state && row.delivery.state != *filter.state) continue;
        if (filter.before && id.event >= *filter.before) continue;
        if (page.deliveries.size() == filter.limit) {
            page.next_before = page.deliveries.back().event.id;
            break;
        }
        page.deliveries.push_back(row.delivery);
    }
    co_return page;
}

Later<app::Delivery> WebhookStore::delivery(app::DeliveryId id, Deadline) {
    if (auto failed = trouble("delivery")) co_return std::unexpected(*failed);
    auto found = rows_.find(id);
    if (found == rows_.end()) co_return missing("delivery");
    co_return found->second.delivery;
}

Later<app::Delivery> WebhookStore::send_test(core::SubscriptionId id, core::EventId event, core::Instant now,
                                             Deadline) {
    if (auto failed = trouble("send_test")) co_return std::unexpected(*failed);
    if (!subscriptions_.contains(id)) co_return missing("delivery");
    Row row{.delivery = {.state = app::Delivery::State::pending,
                         .event = {.id = event,
                                   .type = std::string(app::test_event),
                                   .at = now,
                                   .request = {},
                                   .version = 0,
                                   .index = {}},
                         .attempts = 0,
                         .begun_at = now,
                         .due_at = now,
                         .last = {}},
            .facts = {},
            .holder = {}};
    co_return rows_.emplace(app::DeliveryId{id, event}, std::move(row)).first->second.delivery;
}

Later<app::Delivery> WebhookStore::send_again(app::DeliveryId id, core::Instant now, Deadline) {
    if (auto failed = trouble("send_again")) co_return std::unexpected(*failed);
    auto found = rows_.find(id);
    if (found == rows_.end()) co_return missing("delivery");
    auto& [delivery, facts, holder] = found->second;
    if (!holder) {
        delivery.state = app::Delivery::State::pending;
        delivery.attempts = 0;
        delivery.begun_at = now;
        delivery.due_at = now;
    }
    co_return delivery;
}

Later<bool> WebhookStore::sweep_deliveries(core::Instant park_before, core::Instant forget_before, Deadline) {
    if (auto failed = trouble("sweep_deliveries")) co_return std::unexpected(*failed);
    auto oldest = core::EventId::mint(forget_before, {});
    for (auto& [id, row] : rows_) {
        if (row.holder || !row.delivery.due_at || row.delivery.begun_at >= park_before) continue;
        row.delivery.state = app::Delivery::State::parked;
        row.delivery.due_at.reset();
    }
    auto over = [&](const app::Subscription& one) { return one.ended && one.ended->at < forget_before; };
    std::erase_if(rows_, [&](const auto& item) {
        const auto& [id, row] = item;
        bool old = id.event < oldest || over(subscriptions_.at(id.subscription).what);
        return !row.delivery.due_at && old;
    });
    std::erase_if(subscriptions_, [&](const auto& item) {
        auto used =
            std::ranges::any_of(rows_, [&](const auto& row) { return row.first.subscription == item.first; });
        return !used && over(item.second.what);
    });
    co_return false;
}

}  // namespace countersign::fakes
