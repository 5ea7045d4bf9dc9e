#include "pg/webhook_store.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <utility>

#include "countersign/base/log.hpp"
#include "pg/rows.hpp"
#include "pg/sql.hpp"

namespace countersign::pg {
namespace {

constexpr std::size_t made_at_once_max =
    2'048;  // deliveries in one transaction, unless one event brings more
constexpr std::size_t events_at_once_max = 256;
constexpr std::size_t swept_at_once_max = 1'000;
constexpr std::int64_t passed_over_max = 1'000;  // events with nobody to tell, until the head is moved

constexpr const char* subscription_columns =
    "s.id, s.token, s.owner, s.callback_of, s.url, array_to_string(s.events, E'\\x1f'), "
    "array_to_string(s.actions, E'\\x1f'), array_to_string(s.environments, E'\\x1f'), "
    "array_to_string(s.requesters, E'\\x1f'), s.secret_number, s.old_secret_until, s.key_id, s.created_at, "
    "s.ended_at, s.ended_why, s.lane, s.from_index";
constexpr const char* delivery_columns =
    "d.event_id, d.type, d.at, d.request_id, d.version, d.index, d.attempts, d.begun_at, d.state, d.due_at, "
    "d.last_at, d.last_status, d.last_problem, d.last_answer, d.last_us";

std::unexpected<Failure> unreadable(std::string_view what) {
    return fail(Trouble::corrupt, "the row of a " + std::string(what) + " is not readable");
}

// `at`: where the columns of the subscription begin.
Result<app::Subscription> subscription_from(const pqxx::row& row, int at = 0) {
    auto id = id_from<core::SubscriptionId>(view(row[at]));
    auto token = id_from<core::TokenId>(view(row[at + 1]));
    auto created = instant_from(row[at + 12]);
    if (!id || !token || !created) return unreadable("subscription");
    app::Subscription one{.id = *id,
                          .token = *token,
                          .owner = {},
                          .url = std::string(view(row[at + 4])),
                          .events = texts(row[at + 5]),
                          .filter = {texts(row[at + 6]), texts(row[at + 7]), texts(row[at + 8])},
                          .callback_of = {},
                          .secret_number = row[at + 9].as<std::int32_t>(),
                          .old_secret_until = instant_from(row[at + 10]),
                          .key_id = std::string(view(row[at + 11])),
                          .created_at = *created,
                          .ended = {}};
    if (!row[at + 2].is_null()) one.owner = core::AccountId{std::string(view(row[at + 2]))};
    if (!row[at + 3].is_null()) one.callback_of = id_from<core::RequestId>(view(row[at + 3]));
    if (auto ended = instant_from(row[at + 13])) one.ended = {*ended, std::string(view(row[at + 14]))};
    return one;
}

// The first eight of delivery_columns from `at` on.
Result<app::EventRef> event_from(const pqxx::row& row, int at = 0) {
    auto id = id_from<core::EventId>(view(row[at]));
    auto when = instant_from(row[at + 2]);
    if (!id || !when) return unreadable("delivery");
    app::EventRef event{.id = *id,
                        .type = std::string(view(row[at + 1])),
                        .at = *when,
                        .request = {},
                        .version = row[at + 4].as<std::int32_t>(),
                        .index = {}};
    if (!row[at + 3].is_null()) event.request = id_from<core::RequestId>(view(row[at + 3]));
    if (!row[at + 5].is_null()) event.index = row[at + 5].as<std::int64_t>();
    return event;
}

Result<app::Delivery> delivery_from(const pqxx::row& row) {
    auto event = event_from(row);
    if (!event) return pass(event);
    auto begun = instant_from(row[7]);
    auto state = app::parse_delivery_state(view(row[8]));
    if (!begun || !state) return unreadable("delivery");
    app::Delivery delivery{.state = *state,
                           .event = std::move(*event),
                           .attempts = row[6].as<std::int32_t>(),
                           .begun_at = *begun,
                           .due_at = instant_from(row[9]),
                           .last = {}};
    if (auto last = instant_from(row[10]))
        delivery.last = app::Attempt{.at = *last,
                                     .status = row[11].as<unsigned>(),
                                     .problem = std::string(view(row[12])),
                                     .answer = std::string(view(row[13])),
                                     .took = core::Duration{row[14].as<std::int64_t>()}};
    return delivery;
}

std::string where_is(const app::DeliveryId& id) {
    return " subscription_id = " + literal(id.subscription) + " AND event_id = " + literal(id.event);
}

std::unexpected<Failure> no_such(std::string_view what) {
    return fail(Trouble::not_found, "there is no such " + std::string(what));
}

}  // namespace

std::string subscription_sql(const app::Subscription& fresh) {
    auto nullable = [](const auto& id) { return id ? literal(*id) : std::string("NULL"); };
    return "INSERT INTO subscription (id, token, owner, callback_of, url, events, actions, environments, "
           "requesters, lane, from_index, key_id, created_at) SELECT " +
           literal(fresh.id) + "::uuid, " + literal(fresh.token) + "::uuid, " +
           (fresh.owner ? literal(fresh.owner->text()) : "NULL") + ", " + nullable(fresh.callback_of) +
           "::uuid, " + literal(fresh.url) + ", " + array_of(fresh.events) + "::text[], " +
           array_of(fresh.filter.actions) + "::text[], " + array_of(fresh.filter.environments) +
           "::text[], " + array_of(fresh.filter.requesters) + "::text[], " + literal(app::lane_of(fresh)) +
           "::uuid, size, " + literal(fresh.key_id) + ", " + literal(fresh.created_at) +
           "::timestamptz FROM log_head";
}

// ---- subscriptions

Later<Done> PgWebhookStore::subscribe(app::Subscription fresh, Deadline deadline) {
    return run_job<Done>(
        pool_, rt::Lane::interactive, clock_, deadline,
        [fresh = std::move(fresh)](Session& session) -> Result<Done> {
            // The head's lock makes whoever else subscribes wait, so that the count holds, and makes sure
            // that nobody makes deliveries from the list as it was before.
            std::string sql = "BEGIN; UPDATE webhook_head SET revision = revision; " +
                              subscription_sql(fresh) +
                              " WHERE (SELECT count(*) FROM subscription WHERE callback_of IS NULL AND "
                              "ended_at IS NULL) < " +
                              std::to_string(app::subscriptions_max) +
                              " ON CONFLICT (id) DO NOTHING; COMMIT; SELECT FROM subscription WHERE id = " +
                              literal(fresh.id);
            auto rows = in_session<pqxx::result>(session, {}, [&] {
                auto done = session.run(sql);
                if (!done) session.roll_back();
                return done;
            });
            if (!rows) return pass(rows);
            if (rows->empty())
                return fail(Trouble::overloaded,
                            "there are " + std::to_string(app::subscriptions_max) +
                                " subscriptions already: delete one that is of no use any more",
                            "too_many_subscriptions");
            return Done{};
        });
}

Later<app::Subscription> PgWebhookStore::subscription(core::SubscriptionId id, Deadline deadline) {
    return run_job<app::Subscription>(
        pool_, rt::Lane::interactive, clock_, deadline, [id](Session& session) -> Result<app::Subscription> {
            auto rows = in_session<pqxx::result>(session, {}, [&] {
                return session.run(std::string("SELECT ") + subscription_columns +
                                   " FROM subscription s WHERE s.id = " + literal(id));
            });
            if (!rows) return pass(rows);
            if (rows->empty()) return no_such("subscription");
            return subscription_from((*rows)[0]);
        });
}

Later<std::vector<app::Subscription>> PgWebhookStore::subscriptions(Deadline deadline) {
    using All = std::vector<app::Subscription>;
    return run_job<All>(pool_, rt::Lane::interactive, clock_, deadline, [](Session& session) -> Result<All> {
        auto rows = in_session<pqxx::result>(session, {}, [&] {
            return session.run(
                std::string("SELECT ") + subscription_columns +
                " FROM subscription s WHERE callback_of IS NULL AND ended_at IS NULL ORDER BY id");
        });
        if (!rows) return pass(rows);
        All all;
        for (const auto& row : *rows) {
            auto one = subscription_from(row);
            if (!one) return pass(one);
            all.push_back(std::move(*one));
        }
        return all;
    });
}

Later<app::Subscription> PgWebhookStore::rotate(core::SubscriptionId id, core::Instant old_until,
                                                Deadline deadline) {
    return run_job<app::Subscription>(
        pool_, rt::Lane::interactive, clock_, deadline,
        [id, old_until](Session& session) -> Result<app::Subscription> {
            // Not sent again when the answer was lost: that would put the secret just given out aside.
            auto rows = session.run(
                "UPDATE subscription s SET secret_number = secret_number + 1, "
                "old_secret_until = " +
                literal(old_until) + " WHERE ended_at IS NULL AND id = " + literal(id) + " RETURNING " +
                subscription_columns);
            if (!rows && rows.error().kind == SqlTrouble::Kind::lost)
                return fail(Trouble::timed_out, "it is unknown whether the secret was rotated");
            if (!rows) return std::unexpected(as_failure(rows.error()));
            if (rows->empty()) return no_such("subscription");
            return subscription_from((*rows)[0]);
        });
}

Later<Done> PgWebhookStore::end(core::SubscriptionId id, app::Subscription::End how, Deadline deadline) {
    return run_job<Done>(pool_, rt::Lane::interactive, clock_, deadline,
                         [id, how = std::move(how)](Session& session) -> Result<Done> {
                             auto rows = in_session<pqxx::result>(session, {}, [&] {
                                 return session.run("UPDATE subscription SET ended_at = coalesce(ended_at, " +
                                                    literal(how.at) + "), ended_why = " + literal(how.why) +
                                                    " WHERE id = " + literal(id) + " RETURNING id");
                             });
                             if (!rows) return pass(rows);
                             if (rows->empty()) return no_such("subscription");
                             return Done{};
                         });
}

// ---- making deliveries

// The rows of one transaction.
struct PgWebhookStore::Round {
    std::vector<app::DeliveryJob> jobs;
    Array subscriptions, lanes, events, indexes, types, times, requests, versions;

    void add(const app::SubscriptionPtr& to, const core::LaneId& lane, const app::EventRef& event,
             std::string_view facts, const app::Lease& lease, core::Instant now) {
        subscriptions.plain(to->id);
        lanes.plain(lane);
        events.plain(event.id);
        indexes.plain(*event.index);
        types.plain(event.type);
        times.plain(event.at);
        if (event.request)
            requests.plain(*event.request);
        else
            requests.null();
        versions.plain(event.version);
        jobs.push_back({.to = to,
                        .lane = lane,
                        .event = event,
                        .facts = std::string(facts),
                        .attempts = 0,
                        .begun_at = now,
                        .leased_until = lease.until});
    }
    std::string sql(const app::Lease& lease, core::Instant now) {
        if (jobs.empty()) return {};
        std::string text =
            "INSERT INTO delivery (subscription_id, lane, event_id, index, type, at, request_id, version, "
            "begun_at, due_at, holder) SELECT x.*, " +
            literal(now) + "::timestamptz, " + literal(lease.until) + "::timestamptz, " +
            literal(lease.holder) + "::uuid FROM unnest(";
        auto as = [&](Array& array, std::string_view type) {
            text += array.finished();
            text += type;
        };
        as(subscriptions, "::uuid[],");
        as(lanes, "::uuid[],");
        as(events, "::uuid[],");
        as(indexes, "::bigint[],");
        as(types, "::text[],");
        as(times, "::timestamptz[],");
        as(requests, "::uuid[],");
        as(versions, "::integer[]");
        return text + ") x; ";
    }
};

Sql<Done> PgWebhookStore::relist(Session& session, std::int64_t revision) {
    if (listed_.revision == revision) return Done{};
    auto rows = session.run(std::string("SELECT ") + subscription_columns +
                            " FROM subscription s WHERE callback_of IS NULL AND ended_at IS NULL");
    if (!rows) return std::unexpected(rows.error());
    Listed fresh{.revision = revision, .all = {}};
    for (const auto& row : *rows) {
        auto one = subscription_from(row);
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

// Events from `next` on with the facts that filters look at, the request's callback, and what is said of an
// event that is about no request.
std::string events_sql(std::int64_t next, std::size_t at_most, bool filters) {
    std::string sql =
        "SELECT e.id, e.type, e.at, e.request_id, coalesce((convert_from(e.body, "
        "'UTF8')::json ->> 'version')::integer, 0), l.index, x.doc, ";
    sql += filters ? "r.action, t.doc, t.requester, " : "NULL, NULL, NULL, ";
    sql += subscription_columns;
    sql +=
        " FROM leaf l JOIN event e ON e.id = l.event_id LEFT JOIN event_text x ON x.event_id = e.id "
        "LEFT JOIN subscription s ON s.id = e.request_id AND s.ended_at IS NULL ";
    if (filters)
        sql += "LEFT JOIN request r ON r.id = e.request_id LEFT JOIN request_text t ON t.request_id = r.id ";
    return sql + "WHERE l.index >= " + std::to_string(next) + " ORDER BY l.index LIMIT " +
           std::to_string(at_most);
}
// Not left to PostgreSQL, whose JSON knows no NUL in a text.
std::string environment_of(const pqxx::field& document) {
    if (document.is_null()) return {};
    auto request = wire::read_stored_request(view(document), core::RequestId{core::RequestId::Bytes{}}, 0);
    return request && request->environment ? *request->environment : std::string{};
}

constexpr int facts_column = 6;
constexpr int action_column = 7;
constexpr int callback_column = 10;

}  // namespace

// While nobody listens, what the log gains is passed over now and then; a look is no transaction to commit.
Sql<bool> PgWebhookStore::nobody_to_tell(Session& session) const {
    if (listed_.revision < 0 || !listed_.all.empty()) return false;
    auto prepared = session.prepare({Statement::nobody_to_tell});
    if (!prepared) return std::unexpected(prepared.error());
    auto row = session.run("EXECUTE nobody_to_tell(" + std::to_string(listed_.revision) + "," +
                           std::to_string(passed_over_max) + ")");
    if (!row) return std::unexpected(row.error());
    return !row->empty();
}

Sql<app::DeliveryStore::FannedOut> PgWebhookStore::fan_out_now(Session& session, const app::Lease& lease) {
    auto nobody_at_all = nobody_to_tell(session);
    if (!nobody_at_all) return std::unexpected(nobody_at_all.error());
    if (*nobody_at_all) return FannedOut{};
    auto head = session.run(
        "BEGIN; SELECT next, revision, (SELECT size FROM log_head), EXISTS (SELECT FROM subscription WHERE "
        "callback_of IS NOT NULL AND ended_at IS NULL) FROM webhook_head FOR UPDATE SKIP LOCKED");
    if (!head) return std::unexpected(head.error());
    if (head->empty()) {  // another replica is at it
        session.roll_back();
        return FannedOut{};
    }
    auto next = (*head)[0][0].as<std::int64_t>();
    auto size = (*head)[0][2].as<std::int64_t>();
    auto listed = relist(session, (*head)[0][1].as<std::int64_t>());
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
        auto rows = session.run(events_sql(next, at_most, filters));
        if (!rows) return std::unexpected(rows.error());
        last = next - 1;
        for (const auto& row : *rows) {
            auto event = event_from(row);
            last = row[5].as<std::int64_t>();
            if (!event) {
                log::error("pg", "the event at {} is not readable; nobody is told of it", last);
                continue;
            }
            const std::string environment = environment_of(row[action_column + 1]);
            app::EventFacts facts{.type = event->type,
                                  .about_a_request = event->request.has_value(),
                                  .action = view(row[action_column]),
                                  .environment = environment,
                                  .requester = view(row[action_column + 2])};
            for (const auto& one : listed_.all) {
                if (last >= one.from_index && app::wants(*one.what, facts))
                    round.add(one.what, one.lane, *event, view(row[facts_column]), lease, now);
            }
            if (row[callback_column].is_null() || !app::changes_state(event->type)) continue;
            auto callback = subscription_from(row, callback_column);
            auto lane = id_from<core::LaneId>(view(row[callback_column + 15]));
            if (callback && callback->callback_of && lane)
                round.add(std::make_shared<const app::Subscription>(std::move(*callback)), *lane, *event, {},
                          lease, now);
        }
    }
    auto done = session.run(round.sql(lease, now) +
                            "UPDATE webhook_head SET next = " + std::to_string(last + 1) + "; COMMIT");
    if (!done) return std::unexpected(done.error());
    return FannedOut{.jobs = std::move(round.jobs), .more = last + 1 < size};
}

Later<app::DeliveryStore::FannedOut> PgWebhookStore::fan_out(app::Lease lease, Deadline deadline) {
    return run_job<FannedOut>(pool_, rt::Lane::background, clock_, deadline,
                              [this, lease](Session& session) -> Result<FannedOut> {
                                  std::lock_guard fanning(fanning_);
                                  return in_session<FannedOut>(session, {}, [&] {
                                      auto done = fan_out_now(session, lease);
                                      if (!done) {
                                          session.roll_back();
                                          listed_.revision = -1;
                                      }
                                      return done;
                                  });
                              });
}

// ---- carrying them out

namespace {

// Lanes that have something to do are found by skipping from one to the next along the index, so that one
// with a hundred thousand rows costs no more than one with a single row.
std::string claim_sql(const app::Lease& lease, core::Instant now,
                      const std::vector<app::DeliveryStore::Room>& rooms, std::size_t otherwise) {
    Array lanes, jobs;
    for (const auto& room : rooms) {
        lanes.plain(room.lane);
        jobs.plain(room.jobs);
    }
    std::string sql =
        "WITH RECURSIVE l AS ((SELECT lane FROM delivery WHERE due_at IS NOT NULL ORDER BY lane LIMIT 1) "
        "UNION ALL SELECT (SELECT d.lane FROM delivery d WHERE d.due_at IS NOT NULL AND d.lane > l.lane "
        "ORDER BY d.lane LIMIT 1) FROM l WHERE l.lane IS NOT NULL), "
        "w AS MATERIALIZED (SELECT d.* FROM l LEFT JOIN unnest(";
    sql += lanes.finished();
    sql += "::uuid[],";
    sql += jobs.finished();
    sql +=
        "::integer[]) room(lane, jobs) ON room.lane = l.lane, LATERAL (SELECT subscription_id, event_id "
        "FROM delivery WHERE lane = l.lane AND due_at <= " +
        literal(now) + " ORDER BY due_at LIMIT coalesce(room.jobs, " + std::to_string(otherwise) +
        ") FOR UPDATE SKIP LOCKED) d WHERE l.lane IS NOT NULL), "
        "c AS (UPDATE delivery d SET holder = " +
        literal(lease.holder) + ", due_at = " + literal(lease.until) +
        " FROM w WHERE d.subscription_id = w.subscription_id AND d.event_id = w.event_id "
        "RETURNING d.*) SELECT ";
    return sql + delivery_columns + ", d.lane, x.doc, " + subscription_columns +
           " FROM c d JOIN subscription s ON s.id = d.subscription_id LEFT JOIN event_text x ON x.event_id = "
           "d.event_id ORDER BY d.event_id";
}
constexpr int lane_column = 15;
constexpr int destination_column = 17;

}  // namespace

Later<std::vector<app::DeliveryJob>> PgWebhookStore::claim_deliveries(app::Lease lease, core::Instant now,
                                                                      std::vector<Room> rooms,
                                                                      std::size_t otherwise,
                                                                      Deadline deadline) {
    using Jobs = std::vector<app::DeliveryJob>;
    return run_job<Jobs>(pool_, rt::Lane::background, clock_, deadline,
                         [lease, now, rooms = std::move(rooms), otherwise](Session& session) -> Result<Jobs> {
                             auto rows = in_session<pqxx::result>(session, {}, [&] {
                                 return session.run(claim_sql(lease, now, rooms, otherwise));
                             });
                             if (!rows) return pass(rows);
                             Jobs jobs;
                             std::map<std::string, app::SubscriptionPtr, std::less<>> destinations;
                             for (const auto& row : *rows) {
                                 auto event = event_from(row);
                                 auto begun = instant_from(row[7]);
                                 auto lane = id_from<core::LaneId>(view(row[lane_column]));
                                 if (!event || !begun || !lane) return unreadable("delivery");
                                 auto& to = destinations[std::string(view(row[destination_column]))];
                                 if (!to) {
                                     auto read = subscription_from(row, destination_column);
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

std::string settle_sql(const std::vector<app::DeliveryStore::Settled>& settled, const app::Lease& lease,
                       core::Instant now) {
    Array subscriptions, events, states, due, tried, at, statuses, problems, answers, took, gone;
    for (const auto& one : settled) {
        subscriptions.plain(one.id.subscription);
        events.plain(one.id.event);
        states.plain(name_of(one.state));
        if (one.due_at)
            due.plain(*one.due_at);
        else
            due.null();
        tried.plain(one.attempt ? "t" : "f");
        const app::Attempt attempt = one.attempt.value_or(app::Attempt{});
        at.plain(attempt.at);
        statuses.plain(attempt.status);
        problems.text(attempt.problem);
        answers.text(clip_utf8(attempt.answer, app::answer_bytes_max));
        took.plain(attempt.took.count());
        if (one.gone) gone.plain(one.id.subscription);
    }
    std::string sql =
        "UPDATE delivery d SET state = w.state, due_at = w.due_at, holder = NULL, "
        "attempts = d.attempts + w.tried::integer, "
        "last_at = CASE WHEN w.tried THEN w.at ELSE d.last_at END, "
        "last_status = CASE WHEN w.tried THEN w.status ELSE d.last_status END, "
        "last_problem = CASE WHEN w.tried THEN w.problem ELSE d.last_problem END, "
        "last_answer = CASE WHEN w.tried THEN w.answer ELSE d.last_answer END, "
        "last_us = CASE WHEN w.tried THEN w.us ELSE d.last_us END FROM unnest(";
    auto as = [&](Array& array, std::string_view type) {
        sql += array.finished();
        sql += type;
    };
    as(subscriptions, "::uuid[],");
    as(events, "::uuid[],");
    as(states, "::text[],");
    as(due, "::timestamptz[],");
    as(tried, "::boolean[],");
    as(at, "::timestamptz[],");
    as(statuses, "::integer[],");
    as(problems, "::text[],");
    as(answers, "::text[],");
    as(took, "::bigint[]");
    sql +=
        ") w(subscription_id, event_id, state, due_at, tried, at, status, problem, answer, us) WHERE "
        "d.subscription_id = w.subscription_id AND d.event_id = w.event_id AND d.holder = " +
        literal(lease.holder);
    if (gone.empty()) return sql;
    std::string text = "BEGIN; " + sql + "; UPDATE subscription SET ended_at = " + literal(now) +
                       ", ended_why = 'gone' WHERE ended_at IS NULL AND id = ANY(";
    text += gone.finished();
    return text + "::uuid[]); COMMIT";
}

}  // namespace

Later<Done> PgWebhookStore::settle_deliveries(std::vector<Settled> settled, app::Lease lease,
                                              Deadline deadline) {
    core::Instant now = clock_.now();
    return run_job<Done>(pool_, rt::Lane::background, clock_, deadline,
                         [settled = std::move(settled), lease, now](Session& session) -> Result<Done> {
                             auto done = in_session<pqxx::result>(session, {}, [&] {
                                 auto rows = session.run(settle_sql(settled, lease, now));
                                 if (!rows) session.roll_back();
                                 return rows;
                             });
                             if (!done) return pass(done);
                             return Done{};
                         });
}

Later<Done> PgWebhookStore::hand_back_deliveries(app::Lease lease, Deadline deadline) {
    core::Instant now = clock_.now();
    return run_job<Done>(
        pool_, rt::Lane::interactive, clock_, deadline, [lease, now](Session& session) -> Result<Done> {
            auto done = in_session<pqxx::result>(session, {}, [&] {
                return session.run("UPDATE delivery SET holder = NULL, due_at = " + literal(now) +
                                   " WHERE due_at IS NOT NULL AND holder = " + literal(lease.holder));
            });
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
            std::string sql = std::string("SELECT ") + delivery_columns +
                              " FROM delivery d WHERE subscription_id = " + literal(filter.subscription);
            if (filter.state) sql += " AND state = " + literal(name_of(*filter.state));
            if (filter.before) sql += " AND event_id < " + literal(*filter.before);
            sql += " ORDER BY event_id DESC LIMIT " + std::to_string(limit + 1);
            auto rows = in_session<pqxx::result>(session, {}, [&] { return session.run(sql); });
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

// What `sql` answers, which is one row of delivery_columns or none.
Result<app::Delivery> one_delivery(Session& session, const std::string& sql) {
    auto rows = in_session<pqxx::result>(session, {}, [&] { return session.run(sql); });
    if (!rows) return pass(rows);
    if (rows->empty()) return no_such("delivery");
    return delivery_from((*rows)[0]);
}

std::string select_one(const app::DeliveryId& id) {
    return std::string("SELECT ") + delivery_columns + " FROM delivery d WHERE" + where_is(id);
}

}  // namespace

Later<app::Delivery> PgWebhookStore::delivery(app::DeliveryId id, Deadline deadline) {
    return run_job<app::Delivery>(pool_, rt::Lane::interactive, clock_, deadline,
                                  [id](Session& session) { return one_delivery(session, select_one(id)); });
}

Later<app::Delivery> PgWebhookStore::send_test(core::SubscriptionId id, core::EventId event,
                                               core::Instant now, Deadline deadline) {
    return run_job<app::Delivery>(
        pool_, rt::Lane::interactive, clock_, deadline, [id, event, now](Session& session) {
            std::string at = literal(now) + "::timestamptz";
            return one_delivery(
                session,
                "INSERT INTO delivery (subscription_id, event_id, lane, type, at, version, begun_at, due_at) "
                "SELECT s.id, " +
                    literal(event) + "::uuid, s.lane, " + literal(app::test_event) + ", " + at + ", 0, " +
                    at + ", " + at + " FROM subscription s WHERE s.id = " + literal(id) +
                    " ON CONFLICT DO NOTHING; " + select_one({id, event}));
        });
}

Later<app::Delivery> PgWebhookStore::send_again(app::DeliveryId id, core::Instant now, Deadline deadline) {
    return run_job<app::Delivery>(
        pool_, rt::Lane::interactive, clock_, deadline, [id, now](Session& session) {
            std::string at = literal(now);
            return one_delivery(session, "UPDATE delivery SET state = 'pending', attempts = 0, begun_at = " +
                                             at + ", due_at = " + at + " WHERE holder IS NULL AND" +
                                             where_is(id) + "; " + select_one(id));
        });
}

namespace {

// As a UUID, the lowest id minted at that time.
std::string first_id_of(core::Instant at) {
    return literal(core::EventId::mint(at, {}));
}

}  // namespace

Later<bool> PgWebhookStore::sweep_deliveries(core::Instant park_before, core::Instant forget_before,
                                             Deadline deadline) {
    std::string most = std::to_string(swept_at_once_max);
    std::string old = first_id_of(forget_before);
    std::string before = literal(forget_before);
    std::string park =
        "WITH w AS MATERIALIZED (SELECT subscription_id, event_id FROM delivery WHERE due_at IS NOT NULL AND "
        "holder IS NULL AND begun_at < " +
        literal(park_before) + " LIMIT " + most +
        " FOR UPDATE SKIP LOCKED), p AS (UPDATE delivery d SET state = 'parked', due_at = NULL FROM w WHERE "
        "d.subscription_id = w.subscription_id AND d.event_id = w.event_id RETURNING 1) SELECT count(*) FROM "
        "p";
    std::string forget =
        "WITH w AS MATERIALIZED (SELECT d.subscription_id, d.event_id FROM subscription s, LATERAL (SELECT "
        "subscription_id, event_id FROM delivery WHERE subscription_id = s.id AND due_at IS NULL AND "
        "(event_id < " +
        old + " OR s.ended_at < " + before + ") LIMIT " + most + ") d WHERE s.callback_of IS NULL LIMIT " +
        most +
        "), g AS (DELETE FROM delivery d USING w WHERE d.subscription_id = w.subscription_id AND d.event_id "
        "= "
        "w.event_id RETURNING 1) SELECT count(*) FROM g";
    // A callback's id is its request's, and as old.
    std::string forget_callbacks =
        "WITH w AS MATERIALIZED (SELECT s.id FROM subscription s JOIN request r ON r.id = s.callback_of "
        "WHERE "
        "s.id < " +
        old +
        " AND r.state NOT IN ('pending', 'approved') AND NOT EXISTS (SELECT FROM delivery d WHERE "
        "d.subscription_id = s.id AND d.due_at IS NOT NULL) ORDER BY s.id LIMIT " +
        most +
        "), d AS (DELETE FROM delivery d USING w WHERE d.subscription_id = w.id), g AS (DELETE FROM "
        "subscription s USING w WHERE s.id = w.id RETURNING 1) SELECT count(*) FROM g";
    std::string forget_ended =
        "WITH g AS (DELETE FROM subscription s WHERE callback_of IS NULL AND ended_at < " + before +
        " AND NOT EXISTS (SELECT FROM delivery d WHERE d.subscription_id = s.id) RETURNING 1) SELECT "
        "count(*) "
        "FROM g";
    std::vector<std::string> steps{std::move(park), std::move(forget), std::move(forget_callbacks),
                                   std::move(forget_ended)};
    return run_job<bool>(pool_, rt::Lane::background, clock_, deadline,
                         [steps = std::move(steps)](Session& session) -> Result<bool> {
                             bool more = false;
                             for (const auto& step : steps) {
                                 auto rows =
                                     in_session<pqxx::result>(session, {}, [&] { return session.run(step); });
                                 if (!rows) return pass(rows);
                                 auto count = (*rows)[0][0].as<std::size_t>();
                                 more = more || count >= swept_at_once_max;
                             }
                             return more;
                         });
}

}  // namespace countersign::pg
