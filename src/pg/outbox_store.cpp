#include "pg/outbox_store.hpp"

#include "countersign/base/log.hpp"
#include "pg/facts.hpp"
#include "pg/rows.hpp"
#include "pg/sql.hpp"

namespace countersign::pg {
namespace {

using Cards = std::vector<app::CardJob>;
using Errands = std::vector<app::Errand>;

Result<Cards> cards_from(const pqxx::result& rows) {
    Cards cards;
    for (const auto& row : rows) {
        auto card = card_from(row);
        if (!card) return pass(card);
        cards.push_back(std::move(card->job));
    }
    return cards;
}

std::string claim_sql(const char* statement, const app::Lease& lease, core::Instant now,
                      std::size_t at_most) {
    return std::string("EXECUTE ") + statement + "(" + literal(lease.holder) + "," + literal(lease.until) +
           "," + literal(now) + "," + std::to_string(at_most) + ")";
}

std::string settle_sql(const app::OutboxStore::Batch& batch, const app::Lease& lease) {
    Array done, channels, messages, versions, closed, gone;
    for (const auto& card : batch.cards) {
        done.plain(card.id);
        channels.text(card.posted.channel);
        messages.text(card.posted.message);
        versions.plain(card.version);
        closed.plain(card.closed ? "t" : "f");
    }
    for (const auto& errand : batch.errands) gone.plain(errand);
    std::string sql = "EXECUTE settle(";
    append_arrays(sql, done, channels, messages, versions, closed, gone);
    return sql + "," + literal(lease.holder) + ")";
}

// Empty: nothing is to be tried again.
std::string put_off_sql(const app::OutboxStore::Batch& batch, const app::Lease& lease) {
    if (batch.cards_again.empty() && batch.errands_again.empty()) return {};
    Array again, not_before, unsure, forget, later, later_at;
    for (const auto& card : batch.cards_again) {
        again.plain(card.card);
        not_before.plain(card.not_before);
        unsure.plain(card.post_may_have_happened ? "t" : "f");
        forget.plain(card.forget_message ? "t" : "f");
    }
    for (const auto& errand : batch.errands_again) {
        later.plain(errand.errand);
        later_at.plain(errand.not_before);
    }
    std::string sql = "EXECUTE put_off(";
    append_arrays(sql, again, not_before, unsure, forget, later, later_at);
    return sql + "," + literal(lease.holder) + "); ";
}

// One round trip and one transaction; the ids of the cards that are still behind.
Sql<pqxx::result> settle_together(Session& session, const app::OutboxStore::Batch& batch,
                                  const app::Lease& lease) {
    std::string again = put_off_sql(batch, lease);
    if (!again.empty()) {
        auto prepared = session.prepare({Statement::put_off});
        if (!prepared) return std::unexpected(prepared.error());
    }
    return session.run(again + settle_sql(batch, lease));
}

// The message of a card turned out to be another card's: that one goes on, this one is closed. Its lock is
// had before the look at what is due: a vote that makes it due holds it until the commit.
std::string close_sql(core::CardId card) {
    std::string id = literal(card);
    return "SELECT FROM card WHERE id = " + id +
           " FOR NO KEY UPDATE; WITH done AS (UPDATE card SET closed = true WHERE id = " + id +
           ") DELETE FROM card_due WHERE card_id = " + id;
}

Sql<pqxx::result> settle_apart(Session& session, const app::OutboxStore::Batch& batch,
                               const app::Lease& lease, std::vector<pqxx::result>& parts) {
    app::OutboxStore::Batch rest = batch;
    rest.cards.clear();
    auto last = settle_together(session, rest, lease);
    for (const auto& card : batch.cards) {
        if (!last) return last;
        app::OutboxStore::Batch one;
        one.cards.push_back(card);
        last = settle_together(session, one, lease);
        if (last) {
            parts.push_back(*last);
        } else if (last.error().kind == SqlTrouble::Kind::broken) {
            log::info("pg", "card {} shows a message that is another card's; closed", card.id.text());
            last = session.run(close_sql(card.id));
        }
    }
    return last;
}

// Rows with the ids of cards, of which those that are still ours go on under a new lease.
Sql<pqxx::result> renewed(Session& session, const std::vector<pqxx::result>& behind,
                          const app::Lease& lease) {
    Array ids;
    for (const auto& rows : behind) {
        for (const auto& row : rows) ids.plain(view(row[0]));
    }
    if (ids.empty()) return pqxx::result{};
    auto prepared = session.prepare({Statement::renew_cards});
    if (!prepared) return std::unexpected(prepared.error());
    std::string sql = "EXECUTE renew_cards(";
    append_arrays(sql, ids);
    return session.run(sql + "," + literal(lease.holder) + "," + literal(lease.until) + ")");
}

}  // namespace

Later<Cards> PgOutboxStore::claim_cards(app::Lease lease, core::Instant now, std::size_t at_most,
                                        Deadline deadline) {
    return run_job<Cards>(pool_, rt::Lane::background, clock_, deadline,
                          [=](Session& session) -> Result<Cards> {
                              auto rows = in_session<pqxx::result>(session, {Statement::claim_cards}, [&] {
                                  return session.run(claim_sql("claim_cards", lease, now, at_most));
                              });
                              if (!rows) return pass(rows);
                              return cards_from(*rows);
                          });
}

Later<Errands> PgOutboxStore::claim_errands(app::Lease lease, core::Instant now, std::size_t at_most,
                                            Deadline deadline) {
    return run_job<Errands>(
        pool_, rt::Lane::background, clock_, deadline, [=](Session& session) -> Result<Errands> {
            auto rows = in_session<pqxx::result>(session, {Statement::claim_errands}, [&] {
                return session.run(claim_sql("claim_errands", lease, now, at_most));
            });
            if (!rows) return pass(rows);
            Errands errands;
            for (const auto& row : *rows) {
                auto id = id_from<core::ErrandId>(view(row[0]));
                auto request = id_from<core::RequestId>(view(row[1]));
                if (!id || !request) return fail(Trouble::corrupt, "an errand's row is not readable");
                errands.push_back({.kind = app::Errand::Kind::thread_line,
                                   .id = *id,
                                   .request = *request,
                                   .entry = row[2].as<std::int32_t>(),
                                   .attempts = row[3].as<std::int32_t>()});
            }
            return errands;
        });
}

Later<Cards> PgOutboxStore::settle(Batch batch, app::Lease lease, Deadline deadline) {
    return run_job<Cards>(pool_, rt::Lane::background, clock_, deadline,
                          [batch = std::move(batch), lease](Session& session) -> Result<Cards> {
                              std::vector<pqxx::result> behind;
                              auto settled =
                                  in_session<Done>(session, {Statement::settle}, [&]() -> Sql<Done> {
                                      behind.clear();
                                      auto rows = settle_together(session, batch, lease);
                                      if (rows)
                                          behind.push_back(*rows);
                                      else if (rows.error().constraint == "card_message")
                                          rows = settle_apart(session, batch, lease, behind);
                                      if (!rows) return std::unexpected(rows.error());
                                      return Done{};
                                  });
                              if (!settled) return pass(settled);
                              auto cards = in_session<pqxx::result>(
                                  session, {}, [&] { return renewed(session, behind, lease); });
                              if (!cards) return pass(cards);
                              return cards_from(*cards);
                          });
}

// A card of the request that is being posted there takes the message over; else it is a card of its own.
Later<bool> PgOutboxStore::adopt(core::RequestId request, app::CardTarget target, app::MessageRef message,
                                 Deadline deadline) {
    core::Instant now = clock_.now();
    Minter minter(now, rt::chance(entropy_));
    auto id = minter.next<core::CardId>();
    return run_job<bool>(
        pool_, rt::Lane::interactive, clock_, deadline,
        [request, target = std::move(target), message = std::move(message), id,
         now](Session& session) -> Result<bool> {
            std::string surface = literal(name_of(target.surface));
            std::string channel = literal(message.channel);
            std::string ts = literal(message.message);
            std::string sql =
                "WITH had AS (SELECT FROM card WHERE surface = " + surface +
                " AND message_channel = " + channel + " AND message = " + ts +
                "), taken AS (UPDATE card SET message_channel = " + channel + ", message = " + ts +
                " WHERE NOT EXISTS (SELECT FROM had) AND id = (SELECT id FROM card WHERE request_id = " +
                literal(request) + " AND surface = " + surface + " AND message IS NULL AND channel IN (" +
                literal(target.channel) + "," + channel +
                ") ORDER BY id LIMIT 1) RETURNING id), made AS (INSERT INTO card (id, request_id, surface, "
                "channel, message_channel, message, created_at) SELECT " +
                literal(id) + ", r.id, " + surface + ", " + literal(target.channel) + ", " + channel + ", " +
                ts + ", " + literal(now) + " FROM request r WHERE r.id = " + literal(request) +
                " AND NOT EXISTS (SELECT FROM had) AND NOT EXISTS (SELECT FROM taken) "
                "ON CONFLICT DO NOTHING RETURNING id) INSERT INTO card_due (card_id, wanted_version, due_at) "
                "SELECT made.id, r.version, " +
                literal(now) + " FROM made, request r WHERE r.id = " + literal(request) +
                " RETURNING card_id";
            auto rows = in_session<pqxx::result>(session, {}, [&] { return session.run(sql); });
            if (!rows) return pass(rows);
            return !rows->empty();
        });
}

Later<Done> PgOutboxStore::hand_back(app::Lease lease, Deadline deadline) {
    core::Instant now = clock_.now();
    return run_job<Done>(
        pool_, rt::Lane::interactive, clock_, deadline, [lease, now](Session& session) -> Result<Done> {
            std::string free =
                " SET holder = NULL, due_at = " + literal(now) + " WHERE holder = " + literal(lease.holder);
            auto done = in_session<pqxx::result>(session, {}, [&] {
                return session.run("UPDATE card_due" + free + "; UPDATE errand" + free);
            });
            if (!done) return pass(done);
            return Done{};
        });
}

Later<Cards> PgOutboxStore::cards_of(core::RequestId request, Deadline deadline) {
    return run_job<Cards>(pool_, rt::Lane::background, clock_, deadline,
                          [request](Session& session) -> Result<Cards> {
                              auto rows = in_session<pqxx::result>(session, {Statement::cards_of}, [&] {
                                  return session.run("EXECUTE cards_of('{" + hex_of(request) + "}')");
                              });
                              if (!rows) return pass(rows);
                              return cards_from(*rows);
                          });
}

}  // namespace countersign::pg
