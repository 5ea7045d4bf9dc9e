#include "pg/shown_store.hpp"

#include <algorithm>
#include <utility>

#include "countersign/base/log.hpp"
#include "pg/rows.hpp"

namespace countersign::pg {
namespace {

constexpr Query shown_query{
    "SELECT digest, version, seen, pages, at, encode(seal, 'hex') "
    "FROM shown WHERE request_id = $1 AND person = $2 AND what = $3 AND chat = $4"};
// The very row that is put is never among those that go: one statement changes a row once.
constexpr Query put_shown{
    "WITH gone AS (DELETE FROM shown WHERE ctid = ANY (ARRAY (SELECT ctid FROM shown WHERE at < $11 AND "
    "(request_id, person) <> ($1, $2) ORDER BY at LIMIT $12 FOR UPDATE SKIP LOCKED))) "
    "INSERT INTO shown (request_id, person, what, chat, digest, version, seen, pages, at, seal) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (request_id, person, what, chat) DO UPDATE "
    "SET digest = $5, version = $6, seen = $7, pages = $8, at = $9, seal = $10"};

app::SealInput seal_input(const app::Shown& shown) {
    app::SealInput input("shown");
    input.add(shown.request.text()).add(shown.account.text()).add(app::name_of(shown.what));
    input.add(core::name_of(shown.chat)).add(shown.digest).add(std::int64_t{shown.version});
    return input.add(std::int64_t{shown.seen}).add(std::int64_t{shown.pages}).add(core::rfc3339(shown.at));
}

app::Pseudonym shown_to(const app::Seals& seals, const app::Shown& shown) {
    return seals.pseudonym("shown to", shown.account.text());
}

// `shown` says which one; the rest of it is read. nullopt: there is none.
Result<std::optional<app::Shown>> read_shown(Session& session, app::Shown shown, const app::Seals& seals) {
    auto rows = again_if_lost(session, shown_query,
                              Arguments::of(shown.request, shown_to(seals, shown), app::name_of(shown.what),
                                            core::name_of(shown.chat)));
    if (!rows) return pass(rows);
    if (rows->empty()) return std::optional<app::Shown>{};
    const pqxx::row row = (*rows)[0];
    auto version = whole_from(row[1]);
    auto seen = whole_from(row[2]);
    auto pages = whole_from(row[3]);
    auto at = instant_from(row[4]);
    auto seal = seal_from(view(row[5]));
    if (!version || !seen || !pages || !at || !seal)
        return fail(Trouble::corrupt, "the row of what was shown to somebody is not readable");
    shown.digest = view(row[0]);
    shown.version = static_cast<std::int32_t>(*version);
    shown.seen = static_cast<std::int32_t>(*seen);
    shown.pages = static_cast<std::int32_t>(*pages);
    shown.at = *at;
    auto check = seals.check(seal_input(shown), *seal);
    if (check == app::SealCheck::holds) return std::optional{std::move(shown)};
    Failure failure = unsealed(check, "the row of what was shown to somebody");
    log::error("pg", "{}; it is as if it were not there", failure.detail);
    return std::unexpected(std::move(failure));
}

}  // namespace

Later<app::Shown> PgShownStore::put(app::Shown shown, Deadline deadline) {
    auto job = [this, shown = std::move(shown)](Session& session) mutable -> Result<app::Shown> {
        auto seals = sealing_.of(session);
        if (!seals) return std::unexpected(as_failure(seals.error()));
        // Two pages turned at once by one person may lose one of them, which they then turn again.
        auto before = read_shown(session, shown, **seals);
        if (before && *before && (*before)->digest == shown.digest && (*before)->pages == shown.pages)
            shown.seen = std::max(shown.seen, (*before)->seen);
        if (!before && before.error().trouble != Trouble::corrupt) return pass(before);
        auto put =
            again_if_lost(session, put_shown,
                          Arguments::of(shown.request, shown_to(**seals, shown), app::name_of(shown.what),
                                        core::name_of(shown.chat), shown.digest, shown.version, shown.seen,
                                        shown.pages, shown.at, (*seals)->seal(seal_input(shown)),
                                        shown.at - app::shown_kept, app::shown_gone_at_once));
        if (!put) return pass(put);
        return shown;
    };
    return run_job<app::Shown>(pool_, rt::Lane::interactive, clock_, deadline, std::move(job));
}

Later<app::Shown> PgShownStore::find(core::RequestId request, core::AccountId account, app::Shown::What what,
                                     core::Surface chat, Deadline deadline) {
    app::Shown wanted{
        .request = request, .account = std::move(account), .what = what, .chat = chat, .digest = {}};
    auto job = [this, wanted = std::move(wanted)](Session& session) -> Result<app::Shown> {
        auto seals = sealing_.of(session);
        if (!seals) return std::unexpected(as_failure(seals.error()));
        auto found = read_shown(session, wanted, **seals);
        if (!found) return pass(found);
        if (!*found) return fail(Trouble::not_found, "nothing of this request was put before them");
        return std::move(**found);
    };
    return run_job<app::Shown>(pool_, rt::Lane::interactive, clock_, deadline, std::move(job));
}

}  // namespace countersign::pg
