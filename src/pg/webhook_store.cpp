#include "pg/webhook_store.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <utility>

#include "countersign/base/log.hpp"
#include "countersign/base/text.hpp"
#include "pg/rows.hpp"
#include "pg/webhook_rows.hpp"

namespace countersign::pg {
namespace {

constexpr std::size_t swept_at_once_max = 1'000;

// ---- subscriptions

const Query subscription_by_id =
    composed(std::string("SELECT ") + subscription_columns + " FROM subscription s WHERE s.id = $1");
const Query subscription_locked =
    composed(std::string("SELECT ") + subscription_columns +
             " FROM subscription s WHERE s.id = $1 AND ended_at IS NULL FOR UPDATE");
constexpr Query lock_webhooks{"UPDATE webhook_head SET revision = revision"};
// Begins with the events that the log does not have yet.
constexpr Query insert_subscription{
    "INSERT INTO subscription (id, token, owner, callback_of, url, events, actions, environments, "
    "requesters, lane, from_index, key_id, created_at, seal) SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, "
    "$10, size, $11, $12, $13 FROM log_head WHERE $14::bigint > (SELECT count(*) FROM subscription "
    "WHERE callback_of IS NULL AND ended_at IS NULL) ON CONFLICT (id) DO NOTHING"};
constexpr Query rotate_secret{
    "UPDATE subscription SET secret_number = $2, old_secret_until = $3, seal = $4 WHERE id = $1"};
constexpr Query end_subscription{
    "UPDATE subscription SET ended_at = coalesce(ended_at, $2), ended_why = coalesce(ended_why, $3) "
    "WHERE id = $1 RETURNING id"};

// ---- carrying them out

// Lanes that have something to do are found by skipping from one to the next along the index, so that one
// with a hundred thousand rows costs no more than one with a single row.
const Query claim_query = composed(
    std::string(
        "WITH RECURSIVE lanes AS ((SELECT lane FROM delivery WHERE due_at IS NOT NULL ORDER BY lane LIMIT 1) "
        "UNION ALL SELECT (SELECT d.lane FROM delivery d WHERE d.due_at IS NOT NULL AND d.lane > lanes.lane "
        "ORDER BY d.lane LIMIT 1) FROM lanes WHERE lanes.lane IS NOT NULL), taken AS MATERIALIZED (SELECT "
        "d.* FROM lanes "
        "LEFT JOIN unnest($1::uuid[], $2::integer[]) room(lane, jobs) ON room.lane = lanes.lane, LATERAL "
        "(SELECT subscription_id, event_id FROM delivery WHERE lane = lanes.lane AND due_at <= $3 ORDER BY "
        "due_at LIMIT coalesce(room.jobs, $4) FOR UPDATE SKIP LOCKED) d WHERE lanes.lane IS NOT NULL), "
        "claimed AS "
        "(UPDATE delivery d SET holder = $5, due_at = $6 FROM taken WHERE d.subscription_id = "
        "taken.subscription_id "
        "AND d.event_id = taken.event_id RETURNING d.*) SELECT ") +
    delivery_columns + ", d.lane, a.words, " + subscription_columns +
    " FROM claimed d JOIN subscription s ON s.id = d.subscription_id LEFT JOIN act a ON a.id = d.event_id "
    "AND "
    "d.request_id IS NULL ORDER BY d.event_id");
constexpr Query settle_query{
    "UPDATE delivery d SET state = settled.state, due_at = settled.due_at, holder = NULL, attempts = "
    "d.attempts + "
    "settled.tried::integer, last_at = CASE WHEN settled.tried THEN settled.at ELSE d.last_at END, "
    "last_status = CASE "
    "WHEN settled.tried THEN settled.status ELSE d.last_status END, last_problem = CASE WHEN settled.tried "
    "THEN settled.problem "
    "ELSE d.last_problem END, last_answer = CASE WHEN settled.tried THEN settled.answer ELSE d.last_answer "
    "END, "
    "last_us = CASE WHEN settled.tried THEN settled.us ELSE d.last_us END FROM unnest($1::uuid[], "
    "$2::uuid[], "
    "$3::text[], $4::timestamptz[], $5::boolean[], $6::timestamptz[], $7::integer[], $8::text[], "
    "$9::text[], $10::bigint[]) settled(subscription_id, event_id, state, due_at, tried, at, status, "
    "problem, "
    "answer, us) WHERE d.subscription_id = settled.subscription_id AND d.event_id = settled.event_id AND "
    "d.holder = "
    "$11::uuid"};
constexpr Query end_gone{
    "UPDATE subscription SET ended_at = $2, ended_why = 'gone' WHERE ended_at IS NULL AND id = "
    "ANY($1::uuid[])"};
constexpr Query hand_back_query{
    "UPDATE delivery SET holder = NULL, due_at = $2 WHERE due_at IS NOT NULL AND holder = $1"};

// ---- looking at them, and sending again

const Query deliveries_of =
    composed(std::string("SELECT ") + delivery_columns +
             " FROM delivery d WHERE subscription_id = $1 AND ($2::text IS NULL OR state = $2) "
             "AND ($3::uuid IS NULL OR event_id < $3) ORDER BY event_id DESC LIMIT $4");
const Query delivery_by_id = composed(std::string("SELECT ") + delivery_columns +
                                      " FROM delivery d WHERE subscription_id = $1 AND event_id = $2");
constexpr Query insert_test{
    "INSERT INTO delivery (subscription_id, event_id, lane, type, at, version, begun_at, due_at) SELECT "
    "s.id, $2, s.lane, $3, $4, 0, $4, $4 FROM subscription s WHERE s.id = $1 ON CONFLICT DO NOTHING"};
constexpr Query send_again_query{
    "UPDATE delivery SET state = 'pending', attempts = 0, begun_at = $3, due_at = $3 WHERE holder IS "
    "NULL AND subscription_id = $1 AND event_id = $2"};

// ---- sweeping; each at most $1 rows, and each answers with how many

constexpr Query park_old{
    "WITH old AS MATERIALIZED (SELECT subscription_id, event_id FROM delivery WHERE due_at IS NOT NULL "
    "AND holder IS NULL AND begun_at < $2 LIMIT $1 FOR UPDATE SKIP LOCKED), parked AS (UPDATE delivery d SET "
    "state = 'parked', due_at = NULL FROM old WHERE d.subscription_id = old.subscription_id AND d.event_id "
    "= old.event_id RETURNING 1) SELECT count(*) FROM parked"};
constexpr Query forget_old{
    "WITH old AS MATERIALIZED (SELECT d.subscription_id, d.event_id FROM subscription s, LATERAL (SELECT "
    "subscription_id, event_id FROM delivery WHERE subscription_id = s.id AND due_at IS NULL AND "
    "(event_id < $2 OR s.ended_at < $3) LIMIT $1) d WHERE s.callback_of IS NULL LIMIT $1), forgotten AS "
    "(DELETE "
    "FROM delivery d USING old WHERE d.subscription_id = old.subscription_id AND d.event_id = old.event_id "
    "RETURNING 1) SELECT count(*) FROM forgotten"};
// A callback's id is its request's, and as old.
constexpr Query forget_callbacks{
    "WITH old AS MATERIALIZED (SELECT s.id FROM subscription s JOIN request_state r ON r.request_id = "
    "s.callback_of WHERE s.id < $2 AND r.state NOT IN ('pending', 'approved') AND NOT EXISTS (SELECT "
    "FROM delivery d WHERE d.subscription_id = s.id AND d.due_at IS NOT NULL) ORDER BY s.id LIMIT $1), "
    "deliveries AS (DELETE FROM delivery d USING old WHERE d.subscription_id = old.id), forgotten AS (DELETE "
    "FROM "
    "subscription s USING old WHERE s.id = old.id RETURNING 1) SELECT count(*) FROM forgotten"};
constexpr Query forget_ended{
    "WITH old AS MATERIALIZED (SELECT id FROM subscription s WHERE callback_of IS NULL AND ended_at < $2 "
    "AND NOT EXISTS (SELECT FROM delivery d WHERE d.subscription_id = s.id) LIMIT $1), forgotten AS (DELETE "
    "FROM subscription s USING old WHERE s.id = old.id RETURNING 1) SELECT count(*) FROM forgotten"};

std::unexpected<Failure> no_such(std::string_view what) {
    return fail(Trouble::not_found, "there is no such " + std::string(what));
}

}  // namespace

Sql<Done> add_subscription(Session& session, const app::Subscription& fresh, const app::Seals& seals,
                           std::size_t at_most) {
    auto done = session.run(insert_subscription,
                            Arguments::of(fresh.id, fresh.token, fresh.owner, fresh.callback_of, fresh.url,
                                          fresh.events, fresh.filter.actions, fresh.filter.environments,
                                          fresh.filter.requesters, app::lane_of(fresh), fresh.key_id,
                                          fresh.created_at, seals.seal(seal_input(fresh)), at_most));
    if (!done) return std::unexpected(done.error());
    return Done{};
}

// ---- subscriptions

Later<Done> PgWebhookStore::subscribe(app::Subscription fresh, Deadline deadline) {
    auto subscribed = [this, fresh = std::move(fresh)](Session& session) -> Outcome<Done> {
        auto seals = sealing_.of(session);
        if (!seals) return std::unexpected(seals.error());
        // The head's lock makes whoever else subscribes wait, so that the count holds, and makes sure that
        // nobody makes deliveries from the list as it was before.
        auto locked = session.run(lock_webhooks);
        if (!locked) return std::unexpected(locked.error());
        auto added = add_subscription(session, fresh, **seals, app::subscriptions_max);
        if (!added) return std::unexpected(added.error());
        auto rows = session.run(subscription_by_id, Arguments::of(fresh.id));
        if (!rows) return std::unexpected(rows.error());
        if (rows->empty())
            return Result<Done>{fail(Trouble::overloaded,
                                     "there are " + std::to_string(app::subscriptions_max) +
                                         " subscriptions already: delete one that is of no use any more",
                                     "too_many_subscriptions")};
        return Result<Done>{Done{}};
    };
    return run_job<Done>(pool_, rt::Lane::interactive, clock_, deadline,
                         [subscribed = std::move(subscribed)](Session& session) {
                             return in_transaction<Done>(session, [&] { return subscribed(session); });
                         });
}

Later<app::Subscription> PgWebhookStore::subscription(core::SubscriptionId id, Deadline deadline) {
    return run_job<app::Subscription>(pool_, rt::Lane::interactive, clock_, deadline,
                                      [this, id](Session& session) -> Result<app::Subscription> {
                                          auto rows =
                                              again_if_lost(session, subscription_by_id, Arguments::of(id));
                                          if (!rows) return pass(rows);
                                          if (rows->empty()) return no_such("subscription");
                                          auto seals = sealing_.of(session);
                                          if (!seals) return std::unexpected(as_failure(seals.error()));
                                          return subscription_from((*rows)[0], **seals);
                                      });
}

Later<std::vector<app::Subscription>> PgWebhookStore::subscriptions(Deadline deadline) {
    using All = std::vector<app::Subscription>;
    return run_job<All>(pool_, rt::Lane::interactive, clock_, deadline,
                        [this](Session& session) -> Result<All> {
                            auto rows = again_if_lost(session, lasting_subscriptions);
                            if (!rows) return pass(rows);
                            auto seals = sealing_.of(session);
                            if (!seals) return std::unexpected(as_failure(seals.error()));
                            All all;
                            for (const auto& row : *rows) {
                                auto one = subscription_from(row, **seals);
                                if (one)
                                    all.push_back(std::move(*one));
                                else if (one.error().trouble != Trouble::corrupt)
                                    return pass(one);
                            }
                            return all;
                        });
}

Later<app::Subscription> PgWebhookStore::rotate(core::SubscriptionId id, core::Instant old_until,
                                                Deadline deadline) {
    auto rotated = [this, id, old_until](Session& session) -> Outcome<app::Subscription> {
        auto seals = sealing_.of(session);
        if (!seals) return std::unexpected(seals.error());
        auto rows = session.run(subscription_locked, Arguments::of(id));
        if (!rows) return std::unexpected(rows.error());
        if (rows->empty()) return Result<app::Subscription>{no_such("subscription")};
        auto one = subscription_from((*rows)[0], **seals);
        if (!one) return one;
        ++one->secret_number;
        one->old_secret_until = old_until;
        auto done = session.run(rotate_secret, Arguments::of(id, one->secret_number, old_until,
                                                             (*seals)->seal(seal_input(*one))));
        if (!done) return std::unexpected(done.error());
        return one;
    };
    return run_job<app::Subscription>(
        pool_, rt::Lane::interactive, clock_, deadline,
        [rotated = std::move(rotated)](Session& session) -> Result<app::Subscription> {
            // Not sent again when the answer was lost: that would put the secret just given out aside.
            auto begun = session.begin();
            auto done = begun ? rotated(session) : Outcome<app::Subscription>{std::unexpected(begun.error())};
            auto kept = done ? session.commit() : Sql<Done>{std::unexpected(done.error())};
            if (kept) return std::move(*done);
            session.roll_back();
            if (kept.error().kind == SqlTrouble::Kind::lost)
                return fail(Trouble::timed_out, "it is unknown whether the secret was rotated");
            return std::unexpected(as_failure(kept.error()));
        });
}

Later<Done> PgWebhookStore::end(core::SubscriptionId id, app::Subscription::End how, Deadline deadline) {
    return run_job<Done>(pool_, rt::Lane::interactive, clock_, deadline,
                         [id, how = std::move(how)](Session& session) -> Result<Done> {
                             auto rows =
                                 again_if_lost(session, end_subscription, Arguments::of(id, how.at, how.why));
                             if (!rows) return pass(rows);
                             if (rows->empty()) return no_such("subscription");
                             return Done{};
                         });
}

// ---- carrying them out

namespace {

constexpr int lane_column = 15;
constexpr int destination_column = 17;

}  // namespace

Later<std::vector<app::DeliveryJob>> PgWebhookStore::claim_deliveries(app::Lease lease, core::Instant now,
                                                                      std::vector<Room> rooms,
                                                                      std::size_t otherwise,
                                                                      Deadline deadline) {
    using Jobs = std::vector<app::DeliveryJob>;
    return run_job<Jobs>(
        pool_, rt::Lane::background, clock_, deadline,
        [this, lease, now, rooms = std::move(rooms), otherwise](Session& session) -> Result<Jobs> {
            std::vector<std::string> lanes, numbers;
            for (const auto& room : rooms) {
                lanes.push_back(hex(room.lane.bytes()));
                numbers.push_back(std::to_string(room.jobs));
            }
            auto rows =
                again_if_lost(session, claim_query,
                              Arguments::of(lanes, numbers, now, otherwise, lease.holder, lease.until));
            if (!rows) return pass(rows);
            auto seals = sealing_.of(session);
            if (!seals) return std::unexpected(as_failure(seals.error()));
            Jobs jobs;
            std::map<std::string, app::SubscriptionPtr, std::less<>> destinations;
            for (const auto& row : *rows) {
                auto event = event_from(row);
                auto begun = instant_from(row[7]);
                auto lane = id_from<core::LaneId>(view(row[lane_column]));
                if (!event || !begun || !lane) return unreadable_row("delivery");
                auto& to = destinations[std::string(view(row[destination_column]))];
                if (!to) {
                    auto read = subscription_from(row, **seals, destination_column);
                    // It stays leased to us, and nobody is told.
                    if (!read && read.error().trouble == Trouble::corrupt) continue;
                    if (!read) return pass(read);
                    to = std::make_shared<const app::Subscription>(std::move(*read));
                }
                jobs.push_back({.to = to,
                                .lane = *lane,
                                .event = std::move(*event),
                                .facts = std::string(view(row[lane_column + 1])),
                                .attempts = row[6].as<std::int32_t>(),
                                .begun_at = *begun,
                                .leased_until = lease.until});
            }
            return jobs;
        });
}

namespace {

Sql<Done> settle_now(Session& session, const std::vector<app::DeliveryStore::Settled>& settled,
                     const app::Lease& lease, core::Instant now) {
    Column subscriptions{Oid::uuid}, events{Oid::uuid}, states{Oid::text}, due{Oid::timestamptz},
        tried{Oid::boolean}, at{Oid::timestamptz}, statuses{Oid::int4}, problems{Oid::text},
        answers{Oid::text}, took{Oid::int8}, holder{Oid::uuid};
    std::vector<core::SubscriptionId> gone;
    for (const auto& one : settled) {
        subscriptions.add(one.id.subscription);
        events.add(one.id.event);
        states.add(name_of(one.state));
        due.add(one.due_at);
        tried.add(one.attempt.has_value());
        const app::Attempt attempt = one.attempt.value_or(app::Attempt{});
        at.add(attempt.at);
        statuses.add(static_cast<std::int32_t>(attempt.status));
        problems.add(attempt.problem);
        answers.add(clip_utf8(attempt.answer, app::answer_bytes_max));
        took.add(std::int64_t{attempt.took.count()});
        if (one.gone) gone.push_back(one.id.subscription);
    }
    holder.add(lease.holder);
    Parameters all =
        parameters(subscriptions, events, states, due, tried, at, statuses, problems, answers, took);
    all.push_back(holder.only());
    auto done = session.run(settle_query, all);
    if (done && !gone.empty()) done = session.run(end_gone, Arguments::of(gone, now));
    if (!done) return std::unexpected(done.error());
    return Done{};
}

}  // namespace

Later<Done> PgWebhookStore::settle_deliveries(std::vector<Settled> settled, app::Lease lease,
                                              Deadline deadline) {
    core::Instant now = clock_.now();
    return run_job<Done>(pool_, rt::Lane::background, clock_, deadline,
                         [settled = std::move(settled), lease, now](Session& session) -> Result<Done> {
                             return in_transaction<Done>(session, [&]() -> Outcome<Done> {
                                 auto done = settle_now(session, settled, lease, now);
                                 if (!done) return std::unexpected(done.error());
                                 return Result<Done>{Done{}};
                             });
                         });
}

Later<Done> PgWebhookStore::hand_back_deliveries(app::Lease lease, Deadline deadline) {
    core::Instant now = clock_.now();
    return run_job<Done>(
        pool_, rt::Lane::interactive, clock_, deadline, [lease, now](Session& session) -> Result<Done> {
            auto done = again_if_lost(session, hand_back_query, Arguments::of(lease.holder, now));
            if (!done) return pass(done);
            return Done{};
        });
}

// ---- looking at them, and sending again

Later<app::DeliveryPage> PgWebhookStore::deliveries(app::DeliveryFilter filter, Deadline deadline) {
    return run_job<app::DeliveryPage>(
        pool_, rt::Lane::interactive, clock_, deadline,
        [filter = std::move(filter)](Session& session) -> Result<app::DeliveryPage> {
            std::size_t limit = std::clamp<std::size_t>(filter.limit, 1, 200);
            std::optional<std::string> state;
            if (filter.state) state = name_of(*filter.state);
            auto rows = again_if_lost(session, deliveries_of,
                                      Arguments::of(filter.subscription, state, filter.before, limit + 1));
            if (!rows) return pass(rows);
            app::DeliveryPage page;
            for (const auto& row : *rows) {
                if (page.deliveries.size() == limit) {
                    page.next_before = page.deliveries.back().event.id;
                    break;
                }
                auto one = delivery_from(row);
                if (!one) return pass(one);
                page.deliveries.push_back(std::move(*one));
            }
            return page;
        });
}

namespace {

Result<app::Delivery> one_delivery(Session& session, const app::DeliveryId& id) {
    auto rows = again_if_lost(session, delivery_by_id, Arguments::of(id.subscription, id.event));
    if (!rows) return pass(rows);
    if (rows->empty()) return no_such("delivery");
    return delivery_from((*rows)[0]);
}

// The delivery, once the statement is done.
Result<app::Delivery> after(Session& session, const Query& query, const Arguments& arguments,
                            const app::DeliveryId& id) {
    auto done = again_if_lost(session, query, arguments);
    if (!done) return pass(done);
    return one_delivery(session, id);
}

}  // namespace

Later<app::Delivery> PgWebhookStore::delivery(app::DeliveryId id, Deadline deadline) {
    return run_job<app::Delivery>(pool_, rt::Lane::interactive, clock_, deadline,
                                  [id](Session& session) { return one_delivery(session, id); });
}

Later<app::Delivery> PgWebhookStore::send_test(core::SubscriptionId id, core::EventId event,
                                               core::Instant now, Deadline deadline) {
    return run_job<app::Delivery>(
        pool_, rt::Lane::interactive, clock_, deadline, [id, event, now](Session& session) {
            return after(session, insert_test, Arguments::of(id, event, app::test_event, now), {id, event});
        });
}

Later<app::Delivery> PgWebhookStore::send_again(app::DeliveryId id, core::Instant now, Deadline deadline) {
    return run_job<app::Delivery>(
        pool_, rt::Lane::interactive, clock_, deadline, [id, now](Session& session) {
            return after(session, send_again_query, Arguments::of(id.subscription, id.event, now), id);
        });
}

Later<bool> PgWebhookStore::sweep_deliveries(core::Instant park_before, core::Instant forget_before,
                                             Deadline deadline) {
    return run_job<bool>(pool_, rt::Lane::background, clock_, deadline,
                         [park_before, forget_before](Session& session) -> Result<bool> {
                             // This is the lowest id that can have been minted then.
                             auto old = core::EventId::mint(forget_before, {});
                             const std::pair<Query, Arguments> steps[] = {
                                 {park_old, Arguments::of(swept_at_once_max, park_before)},
                                 {forget_old, Arguments::of(swept_at_once_max, old, forget_before)},
                                 {forget_callbacks, Arguments::of(swept_at_once_max, old)},
                                 {forget_ended, Arguments::of(swept_at_once_max, forget_before)}};
                             bool more = false;
                             for (const auto& [query, arguments] : steps) {
                                 auto rows = again_if_lost(session, query, arguments);
                                 if (!rows) return pass(rows);
                                 more = more || (*rows)[0][0].as<std::size_t>() >= swept_at_once_max;
                             }
                             return more;
                         });
}

}  // namespace countersign::pg
