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

}  // namespace

// A case on its way in, with everything made that chance and time have a part in.
struct PgCaseStore::Opening {
    app::NewCase fresh;
    wire::Salt salt;
    Parameters row;  // of open_case
    std::vector<app::CardJob> cards;

    std::size_t bytes() const {
        std::size_t sum = 0;
        for (const auto& parameter : row) sum += parameter.size();
        return sum;
    }
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

template <class T>
void add(Column& column, const std::optional<T>& value) {
    if (value)
        column.add(*value);
    else
        column.null();
}

// What becomes of a new case, in the order in which open_case names it.
Parameters opening_row(const app::NewCase& fresh, const wire::Salt& salt,
                       const std::vector<app::CardJob>& cards, Minter& minter) {
    const core::Request& request = fresh.request;
    const core::Ruling& ruling = fresh.ruling;
    const core::Entry entry{fresh.opened};
    const core::Case c{request, fresh.applied, {entry}};
    const app::Summary summary = app::summary_of(c, ruling);
    const auto& key = fresh.idempotency;
    std::string body = wire::stored_entry(entry, &salt);
    Column ids{Oid::uuid}, times{Oid::timestamptz}, quorum{Oid::int4}, secrets{Oid::bytea}, words{Oid::text},
        docs{Oid::text};
    add(ids, key ? std::optional(key->token) : std::nullopt);
    ids.add(request.id);
    ids.add(fresh.lease.holder);
    for (core::Instant at : {fresh.opened.at - idempotency_kept, request.created_at, request.expires_at})
        times.add(at);
    add(times, summary.due_at);
    times.add(fresh.opened.at);
    times.add(fresh.lease.until);
    quorum.add(static_cast<std::int32_t>(summary.quorum));
    add(secrets, key ? std::optional(std::as_bytes(std::span(key->fingerprint))) : std::nullopt);
    secrets.add(std::as_bytes(std::span(salt)));
    add(words, key ? std::optional<std::string_view>(key->key) : std::nullopt);
    words.add(name_of(ruling.state));
    words.add(request.action);
    words.add(persons(summary.behind, salt));
    words.add(request.digest);
    words.add(request.requester.name);
    words.add(core::caller_key(request.requester));
    docs.add(wire::stored_request(request, &salt));
    docs.add(wire::stored_applied(fresh.applied));
    docs.add(wire::stored_request(request, nullptr));
    docs.add(body);
    docs.add(wire::stored_entry(entry, nullptr));
    Column events{Oid::uuid}, types{Oid::text}, leaves{Oid::bytea};
    for (std::string_view type : app::events_of(entry, core::State::pending, ruling.state)) {
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
        std::string text = wire::leaf_body(leaf);
        events.add(leaf.id);
        types.add(type);
        leaves.add(std::as_bytes(std::span(text)));
    }
    Column card_ids{Oid::uuid}, surfaces{Oid::text}, channels{Oid::text};
    for (const auto& card : cards) {
        card_ids.add(card.id);
        surfaces.add(name_of(card.target.surface));
        channels.add(card.target.channel);
    }
    return parameters(ids, times, quorum, secrets, words, docs, events, types, leaves, card_ids, surfaces,
                      channels);
}

// One statement, one transaction. The rare request with a callback: two in one. A repeat stores neither.
Sql<pqxx::result> store(Session& session, const Parameters& row,
                        const std::optional<app::Subscription>& callback) {
    if (!callback) return session.execute(Statement::open_case, row);
    auto begun = session.run("BEGIN");
    if (!begun) return begun;
    auto opened = session.execute(Statement::open_case, row);
    if (!opened) return opened;
    auto kept = session.run(subscription_sql(*callback) + " WHERE EXISTS (SELECT FROM request WHERE id = " +
                            literal(callback->id) + "); COMMIT");
    return kept ? opened : kept;
}

}  // namespace

Later<app::OpenedCase> PgCaseStore::open(app::NewCase fresh, Deadline deadline) {
    Opening opening{.fresh = std::move(fresh), .salt = {}, .row = {}, .cards = {}};
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
        opening.row = opening_row(opening.fresh, opening.salt, opening.cards, minter);
        return open_now(session, opening, deadline);
    };
    co_return co_await pool_.run<app::OpenedCase>(rt::Lane::interactive, std::move(job));
}

Result<app::OpenedCase> PgCaseStore::open_now(Session& session, Opening& opening, Deadline deadline) {
    if (clock_.now() >= deadline.at) return fail(Trouble::overloaded, "busy, try again");
    bool unknown = false;
    for (int attempt = 1;; ++attempt) {
        auto prepared = session.prepare({Statement::read_cases});
        Sql<pqxx::result> rows = std::unexpected(SqlTrouble{});
        if (prepared)
            rows = store(session, opening.row, opening.fresh.callback);
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
            // The parameters hold two forms of each text.
            memory_.put(std::make_unique<Known>(Known{
                {.c = c, .origins = {std::string{}}, .state = fresh.ruling.state, .words_erased = false},
                opening.salt,
                case_weight(opening.bytes() / 2)}));
            return app::OpenedCase{std::move(c), std::move(fresh.ruling), std::move(opening.cards), false};
        }
        using enum SqlTrouble::Kind;
        const SqlTrouble& trouble = rows.error();
        if (prepared && trouble.kind == lost) unknown = true;
        // It was there already: our own, committed before the connection broke.
        if (unknown && trouble.kind == broken) {
            auto c =
                read_now(session, "EXECUTE read_cases('{" + hex_of(opening.fresh.request.id) + "}','{0}')");
            if (!c) return pass(c);
            auto ruling = core::decide(*c);
            return app::OpenedCase{std::move(*c), std::move(ruling), std::move(opening.cards), false};
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
    auto ruling = core::decide(*c);
    return app::OpenedCase{std::move(*c), std::move(ruling),
                           ours ? opening.cards : std::vector<app::CardJob>{}, !ours};
}

Result<core::Case> PgCaseStore::read_now(Session& session, const std::string& execute) {
    auto rows = in_session<pqxx::result>(session, {Statement::read_cases, Statement::read_number},
                                         [&] { return session.run(execute); });
    if (!rows) return pass(rows);
    if (rows->empty()) return fail(Trouble::not_found, "there is no such request");
    KnownPtr known;
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
                KnownPtr one;
                auto taken = take_in(one, row);
                if (taken)
                    page.cases.push_back(std::move(one->c));
                else
                    log::error("pg", "a listed request is not readable: {}", taken.error().detail);
            }
            std::ranges::sort(page.cases, std::greater{},
                              [](const core::Case& c) { return c.request->number; });
            if (more && !page.cases.empty()) page.next_before = page.cases.back().request->number;
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
