#include "pg/batch_store.hpp"

#include <utility>

#include "pg/rows.hpp"

namespace countersign::pg {
namespace {

// Cards of the same kind are counted one at a time, else each of two would think itself the second.
constexpr Query lock_alike{"SELECT pg_advisory_xact_lock(hashtextextended($1::uuid::text, 1))"};

// What is asked first: the batch it is in already, else how many alike cards came to its channel at about the
// same time, how many of them are posted, and whether one of those that go alone is yet to be; all where
// $2 seconds are "about". A card that was posted in the meantime is no longer asked about.
constexpr Query note_alike{R"(
WITH mine AS (
    UPDATE card SET alike = $2 WHERE id = $1 AND message IS NULL AND NOT closed
    RETURNING id, surface, channel, created_at, batch_id)
SELECT m.batch_id,
       (SELECT count(*) FROM card o
         WHERE o.alike = $2 AND o.id <> m.id AND o.surface = m.surface AND o.channel = m.channel
           AND abs(extract(epoch FROM o.created_at - m.created_at)) <= $3) AS others,
       (SELECT count(*) FROM card o
         WHERE o.alike = $2 AND o.id <> m.id AND o.surface = m.surface AND o.channel = m.channel
           AND o.batch_id IS NULL AND o.message IS NOT NULL
           AND abs(extract(epoch FROM o.created_at - m.created_at)) <= $3) AS posted,
       EXISTS (SELECT FROM card o
                WHERE o.alike = $2 AND o.id <> m.id AND o.surface = m.surface AND o.channel = m.channel
                  AND o.batch_id IS NULL AND o.message IS NULL AND o.problem IS NULL AND NOT o.closed
                  AND abs(extract(epoch FROM o.created_at - m.created_at)) <= $3) AS awaited,
       (SELECT b.id FROM batch b
         WHERE b.alike = $2 AND b.surface = m.surface AND b.channel = m.channel AND NOT b.closed
           AND b.size < $4 AND abs(extract(epoch FROM b.newest_at - m.created_at)) <= $3
         ORDER BY b.created_at DESC LIMIT 1) AS open_batch,
       EXISTS (SELECT FROM batch b
                WHERE b.alike = $2 AND b.surface = m.surface AND b.channel = m.channel
                  AND abs(extract(epoch FROM b.newest_at - m.created_at)) <= $3) AS any_batch
  FROM mine m)"};

// A batch that is at rest is shown at once, one that waits for something when that is over.
constexpr Query join_batch{R"(
WITH joined AS (
    UPDATE card SET batch_id = $2 WHERE id = $1 RETURNING created_at)
UPDATE batch b SET size = size + 1, revision = revision + 1, newest_at = greatest(newest_at, j.created_at),
                   due_at = coalesce(b.due_at, $3)
  FROM joined j WHERE b.id = $2)"};
constexpr Query make_batch{R"(
INSERT INTO batch (id, alike, surface, channel, created_at, newest_at, due_at)
SELECT $2, $3, surface, channel, $4, created_at, $4 FROM card WHERE id = $1)"};

constexpr Query change_batch{
    "UPDATE batch b SET revision = revision + 1, closed = false, due_at = coalesce(b.due_at, $2) "
    "FROM card c WHERE c.id = $1 AND b.id = c.batch_id"};

constexpr Query claim_batches{R"(
WITH due AS MATERIALIZED (
    SELECT id, holder IS NOT NULL AS taken_over FROM batch WHERE due_at <= $3
     ORDER BY due_at LIMIT $4 FOR NO KEY UPDATE SKIP LOCKED),
leased AS (
    UPDATE batch b SET holder = $1, due_at = $2, unsure = b.unsure OR due.taken_over
      FROM due WHERE b.id = due.id
    RETURNING b.id, b.surface, b.channel, b.message_channel, b.message, b.unsure, b.revision, b.attempts,
              b.created_at)
SELECT b.id, b.surface, b.channel, b.message_channel, b.message, b.unsure, b.revision, b.attempts,
       (extract(epoch FROM b.created_at) * 1000000)::bigint, c.id, c.request_id
  FROM leased b LEFT JOIN card c ON c.batch_id = b.id ORDER BY b.id, c.id)"};

// Whoever has lost the lease leaves the message, where none is known, and what it shows in doubt.
constexpr Query settle_batch{R"(
WITH mine AS (
    UPDATE batch b
       SET message_channel = $3, message = $4, unsure = $5, holder = NULL,
           shown_revision = greatest(shown_revision, least(coalesce($6::bigint, 0), revision)),
           closed = $7 AND coalesce($6::bigint, revision) >= revision,
           attempts = CASE WHEN $6::bigint IS NULL THEN least(attempts + 1, 1000) ELSE 0 END,
           due_at = CASE WHEN $7 AND coalesce($6::bigint, revision) >= revision THEN NULL
                         WHEN $8::timestamptz IS NOT NULL THEN $8
                         WHEN coalesce($6::bigint, 0) < revision THEN $9
                    END
     WHERE b.id = $1 AND b.holder = $2
    RETURNING b.id)
UPDATE batch b
   SET message_channel = coalesce(b.message_channel, $3), message = coalesce(b.message, $4), unsure = true,
       closed = false, due_at = CASE WHEN b.holder IS NULL THEN $9 ELSE b.due_at END
 WHERE b.id = $1 AND $4::text IS NOT NULL AND NOT EXISTS (SELECT FROM mine))"};

// Whoever works on a batch may just have posted that message.
constexpr Query doubt_batch{R"(
UPDATE batch b SET unsure = true, revision = revision + 1, closed = false, due_at = coalesce(b.due_at, $5)
  FROM card c
 WHERE c.request_id = $1 AND c.surface = $2 AND b.id = c.batch_id
   AND b.holder IS NULL AND b.message IS DISTINCT FROM $4 AND coalesce(b.message_channel, $3) = $3)"};

constexpr Query requests_of_batch{R"(
SELECT c.request_id, b.message_channel, b.message, b.closed
  FROM batch b JOIN card c ON c.batch_id = b.id WHERE b.id = $1 ORDER BY c.id)"};
constexpr Query free_batches{"UPDATE batch SET holder = NULL, due_at = $2 WHERE holder = $1"};

// The batch that the card is to join, which may have to be made first.
struct Choice {
    app::Joined::How how = app::Joined::How::alone;
    std::optional<core::BatchId> batch = {};
    bool is_in_it = false;
    bool fresh = false;
};
Result<Choice> choose(const pqxx::row& row, core::BatchId fresh) {
    auto in = id_from<core::BatchId>(view(row[0]));
    if (!row[0].is_null() && in) return Choice{app::Joined::How::batch, in, true};
    auto others = whole_from(row[1]);
    auto posted = whole_from(row[2]);
    if (!others || !posted) return fail(Trouble::corrupt, "a count of alike cards is not readable");
    constexpr auto alone_max = static_cast<std::int64_t>(core::alike_from) - 1;
    if (*others < alone_max) return Choice{};
    if (auto open = id_from<core::BatchId>(view(row[4])); !row[4].is_null() && open)
        return Choice{app::Joined::How::batch, open};
    if (*posted >= alone_max || view(row[5]) == "t")
        return Choice{app::Joined::How::batch, fresh, false, true};
    return Choice{view(row[3]) == "t" ? app::Joined::How::later : app::Joined::How::alone};
}

struct Joining {
    core::CardId card;
    app::Pseudonym alike;
    core::BatchId fresh;
    core::Instant now;
};
Outcome<app::Joined> join_in(Session& session, const Joining& what) {
    constexpr auto within = std::chrono::duration_cast<std::chrono::seconds>(core::alike_within).count();
    auto locked = session.run(lock_alike, Arguments::of(what.alike));
    if (!locked) return std::unexpected(locked.error());
    auto rows = session.run(note_alike, Arguments::of(what.card, what.alike, within, core::batch_rows_max));
    if (!rows) return std::unexpected(rows.error());
    if (rows->empty()) return Result<app::Joined>{app::Joined{}};
    auto choice = choose((*rows)[0], what.fresh);
    if (!choice) return Result<app::Joined>{pass(choice)};
    app::Joined joined{choice->how, choice->batch};
    if (choice->how != app::Joined::How::batch || choice->is_in_it) return Result<app::Joined>{joined};
    if (choice->fresh) {
        auto made = session.run(make_batch, Arguments::of(what.card, *choice->batch, what.alike, what.now));
        if (!made) return std::unexpected(made.error());
    }
    auto in = session.run(join_batch, Arguments::of(what.card, *choice->batch, what.now));
    if (!in) return std::unexpected(in.error());
    return Result<app::Joined>{joined};
}

Result<std::vector<app::Batch>> batches_from(const pqxx::result& rows) {
    std::vector<app::Batch> all;
    for (const auto& row : rows) {
        auto id = id_from<core::BatchId>(view(row[0]));
        auto surface = core::parse_surface(view(row[1]));
        auto revision = whole_from(row[6]);
        auto created = whole_from(row[8]);
        if (!id || !surface || !revision || !created)
            return fail(Trouble::corrupt, "a batch's row is not readable");
        if (all.empty() || all.back().id != *id) {
            all.push_back({.id = *id,
                           .target = {*surface, std::string(view(row[2]))},
                           .unsure = view(row[5]) == "t",
                           .revision = *revision,
                           .attempts = row[7].as<std::int32_t>(),
                           .created_at = core::Instant{core::Duration{*created}}});
            if (!row[4].is_null())
                all.back().message = {std::string(view(row[3])), std::string(view(row[4]))};
        }
        if (row[9].is_null()) continue;
        auto card = id_from<core::CardId>(view(row[9]));
        auto request = id_from<core::RequestId>(view(row[10]));
        if (!card || !request) return fail(Trouble::corrupt, "a batch's card is not readable");
        all.back().cards.emplace_back(*card, *request);
    }
    return all;
}

}  // namespace

Later<app::Joined> PgBatchStore::join(core::CardId card, std::string alike, Deadline deadline) {
    const auto now = clock_.now();
    const auto fresh = core::BatchId::mint(now, rt::chance(entropy_));
    auto job = [this, card, alike = std::move(alike), fresh, now](Session& session) -> Result<app::Joined> {
        auto seals = sealing_.of(session);
        if (!seals) return std::unexpected(as_failure(seals.error()));
        const Joining what{card, (*seals)->pseudonym("alike", alike), fresh, now};
        return in_transaction<app::Joined>(session, [&] { return join_in(session, what); });
    };
    return run_job<app::Joined>(pool_, rt::Lane::background, clock_, deadline, std::move(job));
}

Later<Done> PgBatchStore::batch_changed(core::CardId card, Deadline deadline) {
    const auto now = clock_.now();
    return run_job<Done>(pool_, rt::Lane::background, clock_, deadline,
                         [card, now](Session& session) -> Result<Done> {
                             auto changed = again_if_lost(session, change_batch, Arguments::of(card, now));
                             if (!changed) return pass(changed);
                             return Done{};
                         });
}

Later<std::vector<app::Batch>> PgBatchStore::batches_due(app::Lease lease, core::Instant now,
                                                         std::size_t at_most, Deadline deadline) {
    using Batches = std::vector<app::Batch>;
    return run_job<Batches>(
        pool_, rt::Lane::background, clock_, deadline, [=](Session& session) -> Result<Batches> {
            auto rows =
                again_if_lost(session, claim_batches, Arguments::of(lease.holder, lease.until, now, at_most));
            if (!rows) return pass(rows);
            return batches_from(*rows);
        });
}

Later<Done> PgBatchStore::batch_shown(app::ShownBatch shown, app::Lease lease, Deadline deadline) {
    const auto now = clock_.now();
    auto job = [shown = std::move(shown), lease, now](Session& session) -> Result<Done> {
        const auto& message = shown.message;
        auto done = again_if_lost(
            session, settle_batch,
            Arguments::of(shown.id, lease.holder, message ? std::optional{message->channel} : std::nullopt,
                          message ? std::optional{message->message} : std::nullopt, shown.unsure,
                          shown.revision, shown.closed, shown.again_at, now));
        if (!done) return pass(done);
        return Done{};
    };
    return run_job<Done>(pool_, rt::Lane::background, clock_, deadline, std::move(job));
}

Later<app::KnownBatch> PgBatchStore::batched(core::BatchId batch, Deadline deadline) {
    using Known = app::KnownBatch;
    return run_job<Known>(pool_, rt::Lane::interactive, clock_, deadline,
                          [batch](Session& session) -> Result<Known> {
                              auto rows = again_if_lost(session, requests_of_batch, Arguments::of(batch));
                              if (!rows) return pass(rows);
                              Known known;
                              for (const auto& row : *rows) {
                                  if (auto id = id_from<core::RequestId>(view(row[0])))
                                      known.requests.push_back(*id);
                                  if (!row[2].is_null())
                                      known.message = {std::string(view(row[1])), std::string(view(row[2]))};
                                  known.closed = view(row[3]) == "t";
                              }
                              if (known.requests.empty())
                                  return fail(Trouble::not_found, "This list of requests is not known here.");
                              return known;
                          });
}

Later<Done> PgBatchStore::batch_clicked(core::RequestId request, core::Surface surface,
                                        app::MessageRef message, Deadline deadline) {
    const auto now = clock_.now();
    auto job = [=, message = std::move(message)](Session& session) -> Result<Done> {
        auto done = again_if_lost(
            session, doubt_batch,
            Arguments::of(request, core::name_of(surface), message.channel, message.message, now));
        if (!done) return pass(done);
        return Done{};
    };
    return run_job<Done>(pool_, rt::Lane::background, clock_, deadline, std::move(job));
}

Later<Done> PgBatchStore::hand_batches_back(app::Lease lease, Deadline deadline) {
    const auto now = clock_.now();
    return run_job<Done>(
        pool_, rt::Lane::interactive, clock_, deadline, [lease, now](Session& session) -> Result<Done> {
            auto done = again_if_lost(session, free_batches, Arguments::of(lease.holder, now));
            if (!done) return pass(done);
            return Done{};
        });
}

}  // namespace countersign::pg
