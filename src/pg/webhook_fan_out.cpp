#include <algorithm>
#include <mutex>
#include <string>
#include <utility>

#include "countersign/base/log.hpp"
#include "pg/rows.hpp"
#include "pg/webhook_rows.hpp"
#include "pg/webhook_store.hpp"

// How events become deliveries.
namespace countersign::pg {
namespace {

constexpr std::size_t made_at_once_max =
    2'048;  // deliveries in one transaction, unless one event brings more
constexpr std::size_t events_at_once_max = 256;
constexpr std::int64_t passed_over_max = 1'000;  // events with nobody to tell, until the head is moved

// A row: nobody has subscribed since the list of subscriptions had that revision, no request has a callback,
// and not so many events are to be passed over yet.
constexpr Query nobody_to_tell_query{
    "SELECT FROM webhook_head h, log_head l WHERE h.revision = $1 AND l.size - h.next < $2 "
    "AND NOT EXISTS (SELECT FROM subscription WHERE callback_of IS NOT NULL AND ended_at IS NULL)"};
constexpr Query webhook_head_locked{
    "SELECT next, revision, (SELECT size FROM log_head), "
    "EXISTS (SELECT FROM subscription WHERE callback_of IS NOT NULL AND ended_at IS NULL) "
    "FROM webhook_head FOR UPDATE SKIP LOCKED"};
// Events from $1 on with the words that filters look at, where $3 says so, the request's callback, and what
// is said of an event that is about no request.
const Query events_from = composed(
    std::string("SELECT e.id, e.type, e.at, e.request_id, e.version, e.index, a.words, r.action, r.words, ") +
    subscription_columns +
    " FROM event e LEFT JOIN act a ON a.id = e.act_id AND e.state IS NULL "
    "LEFT JOIN subscription s ON s.id = e.request_id AND s.ended_at IS NULL "
    "LEFT JOIN request r ON r.id = e.request_id AND $3 "
    "WHERE e.index >= $1 ORDER BY e.index LIMIT $2");
constexpr Query insert_deliveries{
    "INSERT INTO delivery (subscription_id, lane, event_id, index, type, at, request_id, version, begun_at, "
    "due_at, holder) SELECT x.*, $9::timestamptz, $10::timestamptz, $11::uuid FROM unnest($1::uuid[], "
    "$2::uuid[], $3::uuid[], $4::bigint[], $5::text[], $6::timestamptz[], $7::uuid[], $8::integer[]) x"};
constexpr Query move_webhook_head{"UPDATE webhook_head SET next = $1"};

}  // namespace

// These are the rows of one transaction.
struct PgWebhookStore::Round {
    std::vector<app::DeliveryJob> jobs;
    Column subscriptions{Oid::uuid}, lanes{Oid::uuid}, events{Oid::uuid}, indexes{Oid::int8},
        types{Oid::text}, times{Oid::timestamptz}, requests{Oid::uuid}, versions{Oid::int4};

    void add(const app::SubscriptionPtr& to, const core::LaneId& lane, const app::EventRef& event,
             std::string_view facts, const app::Lease& lease, core::Instant now) {
        subscriptions.add(to->id);
        lanes.add(lane);
        events.add(event.id);
        indexes.add(*event.index);
        types.add(event.type);
        times.add(event.at);
        requests.add(event.request);
        versions.add(event.version);
        jobs.push_back({.to = to,
                        .lane = lane,
                        .event = event,
                        .facts = std::string(facts),
                        .attempts = 0,
                        .begun_at = now,
                        .leased_until = lease.until});
    }
    Sql<Done> write(Session& session, const app::Lease& lease, core::Instant now) const {
        if (jobs.empty()) return Done{};
        Column begun{Oid::timestamptz}, until{Oid::timestamptz}, holder{Oid::uuid};
        begun.add(now);
        until.add(lease.until);
        holder.add(lease.holder);
        Parameters all = parameters(subscriptions, lanes, events, indexes, types, times, requests, versions);
        for (const Column* column : {&begun, &until, &holder}) all.push_back(column->only());
        auto done = session.run(insert_deliveries, all);
        if (!done) return std::unexpected(done.error());
        return Done{};
    }
};

Sql<Done> PgWebhookStore::relist(Session& session, std::int64_t revision, const app::Seals& seals) {
    if (listed_.revision == revision) return Done{};
    auto rows = session.run(lasting_subscriptions);
    if (!rows) return std::unexpected(rows.error());
    Listed fresh{.revision = revision, .all = {}};
    for (const auto& row : *rows) {
        auto one = subscription_from(row, seals);
        auto lane = id_from<core::LaneId>(view(row[15]));
        if (!one || !lane) {
            log::error("pg", "a subscription's row is not readable; it is told nothing");
            continue;
        }
        fresh.all.push_back(
            {std::make_shared<const app::Subscription>(std::move(*one)), *lane, row[16].as<std::int64_t>()});
    }
    listed_ = std::move(fresh);
    return Done{};
}

namespace {

// What filters look at, from the words of a request. Not left to PostgreSQL, whose JSON knows no NUL in a
// text.
struct FilteredWords {
    std::string environment;
    std::string requester;
};
FilteredWords words_of(const pqxx::field& document) {
    if (document.is_null()) return {};
    auto request = wire::read_stored_request(view(document), core::RequestId{core::RequestId::Bytes{}}, 0);
    if (!request) return {};
    return {request->environment.value_or(std::string{}), std::move(request->requester.name)};
}

constexpr int facts_column = 6;
constexpr int action_column = 7;
constexpr int callback_column = 9;

}  // namespace

// While nobody listens, what the log gains is passed over now and then; a look is no transaction to commit.
Sql<bool> PgWebhookStore::nobody_to_tell(Session& session) const {
    if (listed_.revision < 0 || !listed_.all.empty()) return false;
    auto row = session.run(nobody_to_tell_query, Arguments::of(listed_.revision, passed_over_max));
    if (!row) return std::unexpected(row.error());
    return !row->empty();
}

Sql<app::DeliveryStore::FannedOut> PgWebhookStore::fan_out_now(Session& session, const app::Lease& lease) {
    auto nobody_at_all = nobody_to_tell(session);
    if (!nobody_at_all) return std::unexpected(nobody_at_all.error());
    if (*nobody_at_all) return FannedOut{};
    auto seals = sealing_.of(session);
    if (!seals) return std::unexpected(seals.error());
    auto begun = session.begin();
    if (!begun) return std::unexpected(begun.error());
    auto head = session.run(webhook_head_locked);
    if (!head) return std::unexpected(head.error());
    if (head->empty()) {  // another replica is at it
        session.roll_back();
        return FannedOut{};
    }
    auto next = (*head)[0][0].as<std::int64_t>();
    auto size = (*head)[0][2].as<std::int64_t>();
    auto listed = relist(session, (*head)[0][1].as<std::int64_t>(), **seals);
    if (!listed) return std::unexpected(listed.error());
    if (next >= size) {
        session.roll_back();
        return FannedOut{};
    }
    bool nobody = listed_.all.empty() && !(*head)[0][3].as<bool>();
    Round round;
    auto now = clock_.now();
    auto last = size - 1;
    if (!nobody) {
        auto at_most =
            std::clamp<std::size_t>(made_at_once_max / (listed_.all.size() + 1), 1, events_at_once_max);
        bool filters = std::ranges::any_of(listed_.all,
                                           [](const Listed::One& one) { return !one.what->filter.empty(); });
        auto rows = session.run(events_from, Arguments::of(next, at_most, filters));
        if (!rows) return std::unexpected(rows.error());
        last = next - 1;
        for (const auto& row : *rows) {
            auto event = event_from(row);
            last = row[5].as<std::int64_t>();
            if (!event) {
                log::error("pg", "the event at {} is not readable; nobody is told of it", last);
                continue;
            }
            const FilteredWords words = words_of(row[action_column + 1]);
            app::EventFacts facts{.type = event->type,
                                  .about_a_request = event->request.has_value(),
                                  .action = view(row[action_column]),
                                  .environment = words.environment,
                                  .requester = words.requester};
            for (const auto& one : listed_.all) {
                if (last >= one.from_index && app::wants(*one.what, facts))
                    round.add(one.what, one.lane, *event, view(row[facts_column]), lease, now);
            }
            if (row[callback_column].is_null() || !app::changes_state(event->type)) continue;
            auto callback = subscription_from(row, **seals, callback_column);
            auto lane = id_from<core::LaneId>(view(row[callback_column + 15]));
            if (callback && callback->callback_of && lane)
                round.add(std::make_shared<const app::Subscription>(std::move(*callback)), *lane, *event, {},
                          lease, now);
        }
    }
    auto made = round.write(session, lease, now);
    if (!made) return std::unexpected(made.error());
    auto moved = session.run(move_webhook_head, Arguments::of(last + 1));
    if (!moved) return std::unexpected(moved.error());
    auto done = session.commit();
    if (!done) return std::unexpected(done.error());
    return FannedOut{.jobs = std::move(round.jobs), .more = last + 1 < size};
}

Later<app::DeliveryStore::FannedOut> PgWebhookStore::fan_out(app::Lease lease, Deadline deadline) {
    return run_job<FannedOut>(pool_, rt::Lane::background, clock_, deadline,
                              [this, lease](Session& session) -> Result<FannedOut> {
                                  std::lock_guard fanning(fanning_);
                                  return in_session<FannedOut>([&] {
                                      auto done = fan_out_now(session, lease);
                                      if (!done) {
                                          session.roll_back();
                                          listed_.revision = -1;
                                      }
                                      return done;
                                  });
                              });
}

}  // namespace countersign::pg
