#include "pg/case_store.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "countersign/base/log.hpp"
#include "pg/facts.hpp"
#include "pg/job.hpp"
#include "pg/sql.hpp"
#include "pg/webhook_store.hpp"

namespace countersign::pg {
namespace {

constexpr auto idempotency_kept = std::chrono::hours{24};
constexpr int attempts_max = 3;

std::string nullable(const std::optional<core::Instant>& at) {
    return at ? literal(*at) : "NULL";
}

}  // namespace

// A case on its way in, with everything made that chance and time have a part in.
struct PgCaseStore::Opening {
    app::NewCase fresh;
    wire::Salt salt;
    core::Ruling ruling;
    std::string sql;
    std::vector<app::CardJob> cards;
};

PgCaseStore::PgCaseStore(Pool& pool, const rt::Clock& clock, rt::Entropy& entropy, std::size_t append_batches)
    : pool_(pool),
      clock_(clock),
      entropy_(entropy),
      appender_(pool, memory_, clock, entropy, append_batches) {}

Later<app::Appended> PgCaseStore::append(app::Append append, Deadline deadline) {
    return appender_.append(std::move(append), deadline);
}

namespace {

void add_idempotency(std::string& sql, const std::optional<app::Idempotency>& key, core::Instant at) {
    if (key) {
        sql += literal(key->token) + "," + literal(key->key) + ",'" + hex(key->fingerprint) + "',";
    } else {
        sql += "NULL,NULL,NULL,";
    }
    sql += literal(at - idempotency_kept) + ",";
}

// The rare request with a callback: two statements in a transaction. A repeat stores neither.
std::string with_callback(const std::string& opening, const app::Subscription& callback) {
    return "BEGIN; " + opening + "; " + subscription_sql(callback) +
           " WHERE EXISTS (SELECT FROM request WHERE id = " + literal(callback.id) + "); COMMIT; " +
           "SELECT number FROM request WHERE id = " + literal(callback.id);
}

// The EXECUTE of a new case: one statement, one transaction.
std::string opening_sql(const app::NewCase& fresh, const core::Ruling& ruling, const wire::Salt& salt,
                        const std::vector<app::CardJob>& cards, Minter& minter) {
    const core::Request& request = fresh.request;
    const core::Entry entry{fresh.opened};
    const core::Case c{request, fresh.applied, {entry}};
    std::string body = wire::stored_entry(entry, &salt);
    std::string sql = "EXECUTE open_case(";
    add_idempotency(sql, fresh.idempotency, fresh.opened.at);
    sql += literal(request.id) + ",'" + std::string(name_of(ruling.state)) + "'," + literal(request.action) +
           ",";
    sql += literal(request.created_at) + "," + literal(request.expires_at) + ",";
    sql += nullable(core::due_at(c, ruling)) + "," + std::to_string(quorum_min(fresh.applied)) + ",'";
    sql += persons(core::barred(fresh.applied, fresh.opened.behind), salt) + "'," + literal(request.digest) +
           ",";
    sql += literal(wire::stored_request(request, &salt)) + "," +
           literal(wire::stored_applied(fresh.applied)) + ",'";
    sql += hex(salt) + "'," + literal(request.requester.name) + "," +
           literal(core::caller_key(request.requester)) + ",";
    sql += literal(wire::stored_request(request, nullptr)) + "," + literal(fresh.opened.at) + "," +
           literal(body) + ",";
    sql += literal(wire::stored_entry(entry, nullptr)) + ",";
    Array ids, types, bodies, card_ids, surfaces, channels;
    for (std::string_view type : event_types(entry, core::State::pending, ruling.state)) {
        wire::Leaf leaf{.type = type,
                        .id = minter.next_event(fresh.opened.at, 1),
                        .at = fresh.opened.at,
                        .request = request.id,
                        .version = 1,
                        .state = ruling.state,
                        .digest = request.digest,
                        .policy = fresh.applied.policy_digest,
                        .entry_body = body,
                        .person = {},
                        .why = {}};
        ids.plain(leaf.id);
        types.plain(type);
        bodies.text(wire::leaf_body(leaf));
    }
    for (const auto& card : cards) {
        card_ids.plain(card.id);
        surfaces.plain(name_of(card.target.surface));
        channels.text(card.target.channel);
    }
    append_arrays(sql, ids, types, bodies, card_ids, surfaces, channels);
    sql += "," + literal(fresh.lease.holder) + "," + literal(fresh.lease.until) + ")";
    return fresh.callback ? with_callback(sql, *fresh.callback) : sql;
}

}  // namespace

Later<app::OpenedCase> PgCaseStore::open(app::NewCase fresh, Deadline deadline) {
    Opening opening{.fresh = std::move(fresh), .salt = {}, .ruling = {}, .sql = {}, .cards = {}};
    entropy_.fill(opening.salt);
    Minter minter(opening.fresh.opened.at, rt::chance(entropy_));
    for (const auto& target : opening.fresh.cards) {
        opening.cards.push_back({.id = minter.next<core::CardId>(),
                                 .request = opening.fresh.request.id,
                                 .target = target,
                                 .posted = {},
                                 .post_may_have_happened = false,
                                 .rendered_version = 0,
                                 .attempts = 0,
                                 .created_at = opening.fresh.opened.at});
    }
    Pool::Job<app::OpenedCase> job = [this, opening = std::move(opening), minter,
                                      deadline](Session& session) mutable -> Result<app::OpenedCase> {
        const core::Entry first{opening.fresh.opened};
        opening.ruling = core::decide(opening.fresh.request, opening.fresh.applied, std::span(&first, 1));
        opening.sql = opening_sql(opening.fresh, opening.ruling, opening.salt, opening.cards, minter);
        return open_now(session, opening, deadline);
    };
    co_return co_await pool_.run<app::OpenedCase>(rt::Lane::interactive, std::move(job));
}

Result<app::OpenedCase> PgCaseStore::open_now(Session& session, Opening& opening, Deadline deadline) {
    if (clock_.now() >= deadline.at) return fail(Trouble::overloaded, "busy, try again");
    bool unknown = false;
    for (int attempt = 1;; ++attempt) {
        auto prepared = session.prepare({Statement::open_case, Statement::read_cases});
        Sql<pqxx::result> rows = std::unexpected(SqlTrouble{});
        if (prepared)
            rows = session.run(opening.sql);
        else
            rows = std::unexpected(prepared.error());
        if (!rows && opening.fresh.callback) session.roll_back();
        if (rows && rows->empty()) {
            auto had = repeat_of(session, opening);
            if (had || had.error().code != "moved") return had;
            if (attempt >= attempts_max) return fail(Trouble::overloaded, "busy, try again");
            continue;
        }
        if (rows) {
            app::NewCase& fresh = opening.fresh;
            fresh.request.number = (*rows)[0][0].as<std::int64_t>();
            core::Case c{
                std::move(fresh.request), std::move(fresh.applied), {core::Entry{std::move(fresh.opened)}}};
            memory_.put(
                Known{.c = c,
                      .origins = {std::string{}},
                      .state = opening.ruling.state,
                      .salt = opening.salt,
                      .weight_bytes = case_weight(opening.sql.size() / 2)});  // it holds two forms of each
            return app::OpenedCase{std::move(c), std::move(opening.cards), false};
        }
        using enum SqlTrouble::Kind;
        const SqlTrouble& trouble = rows.error();
        if (prepared && trouble.kind == lost) unknown = true;
        // It was there already: our own, committed before the connection broke.
        if (unknown && trouble.kind == broken) {
            auto c =
                read_now(session, "EXECUTE read_cases('{" + hex_of(opening.fresh.request.id) + "}','{0}')");
            if (!c) return pass(c);
            return app::OpenedCase{std::move(*c), std::move(opening.cards), false};
        }
        bool worth_trying = trouble.kind == lost || trouble.kind == again;
        if (worth_trying && attempt < attempts_max && clock_.now() < deadline.at) continue;
        if (unknown) {
            return fail(Trouble::timed_out,
                        "the database went away before it said whether this was recorded");
        }
        return std::unexpected(as_failure(trouble));
    }
}

// The key was used before: for the same thing (then that is the answer) or for another.
Result<app::OpenedCase> PgCaseStore::repeat_of(Session& session, const Opening& opening) {
    const auto& key = opening.fresh.idempotency;
    if (!key) return fail(Trouble::corrupt, "a new request was not stored");
    auto rows = session.run("SELECT request_id, encode(fingerprint, 'hex') FROM idempotency WHERE token = " +
                            literal(key->token) + " AND key = " + literal(key->key));
    if (!rows) return std::unexpected(as_failure(rows.error()));
    if (rows->empty()) return fail(Trouble::unavailable, "read again", "moved");
    auto id = id_from<core::RequestId>(view((*rows)[0][0]));
    if (!id) return fail(Trouble::corrupt, "an idempotency row is not readable");
    if (view((*rows)[0][1]) != hex(key->fingerprint)) {
        return fail(Trouble::conflict, "this Idempotency-Key was used for another request",
                    "idempotency_mismatch");
    }
    auto c = read_now(session, "EXECUTE read_cases('{" + hex_of(*id) + "}','{0}')");
    if (!c) return pass(c);
    // Our own first attempt, whose answer was lost.
    bool ours = *id == opening.fresh.request.id;
    return app::OpenedCase{std::move(*c), ours ? opening.cards : std::vector<app::CardJob>{}, !ours};
}

Result<core::Case> PgCaseStore::read_now(Session& session, const std::string& execute) {
    auto rows = in_session<pqxx::result>(session, {Statement::read_cases, Statement::read_number},
                                         [&] { return session.run(execute); });
    if (!rows) return pass(rows);
    if (rows->empty()) return fail(Trouble::not_found, "there is no such request");
    std::optional<Known> known;
    auto taken = take_in(known, (*rows)[0]);
    if (!taken) return pass(taken);
    return std::move(known->c);
}

Later<core::Case> PgCaseStore::read(core::RequestId request, Deadline deadline) {
    return run_job<core::Case>(
        pool_, rt::Lane::interactive, clock_, deadline, [this, request](Session& session) {
            return read_now(session, "EXECUTE read_cases('{" + hex_of(request) + "}','{0}')");
        });
}

Later<core::Case> PgCaseStore::read_number(std::int64_t number, Deadline deadline) {
    return run_job<core::Case>(
        pool_, rt::Lane::interactive, clock_, deadline, [this, number](Session& session) {
            return read_now(session, "EXECUTE read_number(" + std::to_string(number) + ")");
        });
}

namespace {

// Newest first; one more than asked for, to know whether there are more.
std::string listing_sql(const app::ListFilter& filter) {
    std::string sql = "SELECT r.id FROM request r";
    bool texts = filter.requester || filter.asked_by;
    if (texts) sql += " JOIN request_text t ON t.request_id = r.id";
    sql += " WHERE true";
    if (!filter.states.empty()) {
        Array states;
        for (core::State state : filter.states) states.plain(name_of(state));
        sql += " AND r.state = ANY(" + std::string(states.finished()) + ")";
    }
    if (filter.action) sql += " AND r.action = " + literal(*filter.action);
    if (filter.requester) sql += " AND t.requester = " + literal(*filter.requester);
    if (filter.asked_by) sql += " AND t.asked_by = " + literal(*filter.asked_by);
    if (filter.since) sql += " AND r.created_at >= " + literal(*filter.since);
    if (filter.before_number) sql += " AND r.number < " + std::to_string(*filter.before_number);
    return sql + " ORDER BY r.number DESC LIMIT " +
           std::to_string(std::clamp<std::size_t>(filter.limit, 1, 200) + 1);
}

}  // namespace

Later<app::ListPage> PgCaseStore::list(app::ListFilter filter, Deadline deadline) {
    return run_job<app::ListPage>(
        pool_, rt::Lane::interactive, clock_, deadline,
        [filter = std::move(filter)](Session& session) -> Result<app::ListPage> {
            auto rows = in_session<pqxx::result>(session, {Statement::read_cases},
                                                 [&] { return session.run(listing_sql(filter)); });
            if (!rows) return pass(rows);
            app::ListPage page;
            bool more = rows->size() > std::clamp<std::size_t>(filter.limit, 1, 200);
            Array ids;
            Array known;
            for (const auto& row : *rows) {
                if (more && row.rownumber() + 1 == rows->size()) break;
                ids.plain(view(row[0]));
                known.plain(0);
            }
            if (ids.empty()) return page;
            std::string sql = "EXECUTE read_cases(";
            append_arrays(sql, ids, known);
            auto cases = session.run(sql + ")");
            if (!cases) return std::unexpected(as_failure(cases.error()));
            for (const auto& row : *cases) {
                std::optional<Known> one;
                auto taken = take_in(one, row);
                if (taken)
                    page.cases.push_back(std::move(one->c));
                else
                    log::error("pg", "a listed request is not readable: {}", taken.error().detail);
            }
            std::ranges::sort(page.cases, std::greater{},
                              [](const core::Case& c) { return c.request.number; });
            if (more && !page.cases.empty()) page.next_before = page.cases.back().request.number;
            return page;
        });
}

Later<std::vector<core::RequestId>> PgCaseStore::due(core::Instant now, std::size_t at_most,
                                                     Deadline deadline) {
    using Ids = std::vector<core::RequestId>;
    return run_job<Ids>(
        pool_, rt::Lane::background, clock_, deadline, [now, at_most](Session& session) -> Result<Ids> {
            auto rows = in_session<pqxx::result>(session, {}, [&] {
                return session.run("SELECT id FROM request WHERE due_at <= " + literal(now) +
                                   " AND NOT quarantined ORDER BY due_at LIMIT " + std::to_string(at_most));
            });
            if (!rows) return pass(rows);
            Ids ids;
            for (const auto& row : *rows) {
                auto id = id_from<core::RequestId>(view(row[0]));
                if (id) ids.push_back(*id);
            }
            return ids;
        });
}

Later<std::vector<std::pair<core::RequestId, std::int32_t>>> PgCaseStore::versions(
    std::vector<core::RequestId> requests, Deadline deadline) {
    using Versions = std::vector<std::pair<core::RequestId, std::int32_t>>;
    return run_job<Versions>(pool_, rt::Lane::background, clock_, deadline,
                             [requests = std::move(requests)](Session& session) -> Result<Versions> {
                                 Versions versions;
                                 Array ids;
                                 for (const auto& request : requests) ids.plain(request);
                                 auto rows = in_session<pqxx::result>(session, {}, [&] {
                                     return session.run("SELECT id, version FROM request WHERE id = ANY(" +
                                                        std::string(ids.finished()) + "::uuid[])");
                                 });
                                 if (!rows) return pass(rows);
                                 for (const auto& row : *rows) {
                                     auto id = id_from<core::RequestId>(view(row[0]));
                                     if (id) versions.emplace_back(*id, row[1].as<std::int32_t>());
                                 }
                                 return versions;
                             });
}

}  // namespace countersign::pg
