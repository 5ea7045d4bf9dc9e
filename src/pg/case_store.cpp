#include "pg/case_store.hpp"

#include <algorithm>
#include <functional>
#include <utility>

#include "pg/job.hpp"
#include "pg/listing.hpp"
#include "pg/rows.hpp"

namespace countersign::pg {
namespace {

constexpr Query id_of_number{"SELECT request_id FROM request_number WHERE number = $1"};
constexpr Query due_requests{
    "SELECT request_id FROM request_state WHERE due_at <= $1 AND NOT quarantined ORDER BY due_at LIMIT $2"};
constexpr Query pending_requests{
    "SELECT s.request_id, s.number, r.expires_at FROM request_state s JOIN request r ON r.id = s.request_id "
    "WHERE s.state = 'pending' AND NOT s.quarantined ORDER BY r.expires_at, s.number LIMIT $1"};
constexpr Query versions_of{
    "SELECT s.request_id, s.version FROM (SELECT unnest($1::uuid[]) AS id LIMIT $2) w JOIN "
    "request_state s ON s.request_id = w.id"};

// What comes after the newest $3 of an action and resource is not looked at.
Query last_approved_where(const std::string& resource) {
    return composed(R"(
SELECT c.id
  FROM (SELECT id, number, words IS NOT NULL AS told FROM request
         WHERE action = $1 AND number < $2 AND resource )" +
                    resource + R"(
         ORDER BY number DESC LIMIT $3) c
  JOIN request_state s ON s.request_id = c.id
 WHERE c.told AND NOT s.quarantined
   AND s.state IN ('approved', 'claimed', 'succeeded', 'failed', 'lapsed')
 ORDER BY c.number DESC LIMIT 1)");
}
const Query approved_of_resource = last_approved_where("= $4");
const Query approved_of_none = last_approved_where("IS NULL");

}  // namespace

PgCaseStore::PgCaseStore(Pool& pool, Sealing& sealing, const rt::Clock& clock, rt::Entropy& entropy,
                         std::size_t append_batches)
    : pool_(pool),
      sealing_(sealing),
      clock_(clock),
      entropy_(entropy),
      writer_(memory_, sealing, clock),
      gatherer_(pool,
                {.together = [this](Session& session, WaitingList& all) { writer_.together(session, all); },
                 .alone = [this](Session& session, WaitingList& all) { writer_.alone(session, all); }},
                append_batches) {}

Later<app::Appended> PgCaseStore::append(app::Append append, Deadline deadline) {
    auto start = [this, &append, deadline](rt::Awaited<app::Appended>& awaited) {
        wire::Salt salt{};
        if (append.opens) entropy_.fill(salt);
        gatherer_.add(std::make_unique<WaitingAppend>(std::move(append), salt, deadline, rt::chance(entropy_),
                                                      awaited));
    };
    co_return co_await rt::await_answer<app::Appended>(pool_.home().executor(), start);
}

Later<app::OpenedCase> PgCaseStore::open(app::NewCase fresh, Deadline deadline) {
    auto start = [this, &fresh, deadline](rt::Awaited<app::OpenedCase>& awaited) {
        wire::Salt salt{};
        entropy_.fill(salt);
        gatherer_.add(std::make_unique<WaitingOpening>(std::move(fresh), salt, deadline, rt::chance(entropy_),
                                                       awaited));
    };
    co_return co_await rt::await_answer<app::OpenedCase>(pool_.home().executor(), start);
}

Later<core::Case> PgCaseStore::read(core::RequestId request, Deadline deadline) {
    return run_job<core::Case>(pool_, rt::Lane::interactive, clock_, deadline,
                               [this, request](Session& session) { return writer_.read(session, request); });
}

Later<core::Case> PgCaseStore::read_number(std::int64_t number, Deadline deadline) {
    return run_job<core::Case>(
        pool_, rt::Lane::interactive, clock_, deadline,
        [this, number](Session& session) -> Result<core::Case> {
            auto rows = again_if_lost(session, id_of_number, Arguments::of(number));
            if (!rows) return pass(rows);
            auto id = rows->empty() ? std::nullopt : id_from<core::RequestId>(view((*rows)[0][0]));
            if (!id) return fail(Trouble::not_found, "there is no such request");
            auto c = writer_.read(session, *id);
            // The sealed request says what its number is; this table has no seal.
            if (c && c->request->number != number)
                return fail(Trouble::corrupt, "this number leads to a request of another number");
            return c;
        });
}

Result<app::ListPage> PgCaseStore::list_now(Session& session, const app::ListFilter& filter) {
    auto seals = sealing_.of(session);
    if (!seals) return std::unexpected(as_failure(seals.error()));
    auto found = list_requests(session, filter, **seals);
    if (!found) return pass(found);
    app::ListPage page{.cases = {}, .next_before = found->next_before};
    auto cases = writer_.read_all(session, found->requests);
    if (!cases) return pass(cases);
    page.cases = std::move(*cases);
    std::ranges::sort(page.cases, std::greater{}, [](const core::Case& c) { return c.request->number; });
    return page;
}

Later<app::ListPage> PgCaseStore::list(app::ListFilter filter, Deadline deadline) {
    return run_job<app::ListPage>(
        pool_, rt::Lane::interactive, clock_, deadline,
        [this, filter = std::move(filter)](Session& session) { return list_now(session, filter); });
}

Later<std::vector<app::PendingRequest>> PgCaseStore::pending(Deadline deadline) {
    using All = std::vector<app::PendingRequest>;
    return run_job<All>(pool_, rt::Lane::interactive, clock_, deadline, [](Session& session) -> Result<All> {
        auto rows = again_if_lost(session, pending_requests, Arguments::of(app::pending_listed_max));
        if (!rows) return pass(rows);
        All all;
        all.reserve(rows->size());
        for (const auto& row : *rows) {
            auto id = id_from<core::RequestId>(view(row[0]));
            auto number = whole_from(row[1]);
            auto expires = instant_from(row[2]);
            if (!id || !number || !expires) return fail(Trouble::corrupt, "a request's row is not readable");
            all.push_back({*id, *number, *expires});
        }
        return all;
    });
}

Later<std::vector<core::Case>> PgCaseStore::read_all(std::vector<core::RequestId> requests,
                                                     Deadline deadline) {
    return run_job<std::vector<core::Case>>(pool_, rt::Lane::interactive, clock_, deadline,
                                            [this, requests = std::move(requests)](Session& session) {
                                                return writer_.read_all(session, requests);
                                            });
}

Result<core::Case> PgCaseStore::last_approved_now(Session& session, const app::Alike& alike) {
    auto seals = sealing_.of(session);
    if (!seals) return std::unexpected(as_failure(seals.error()));
    auto rows = alike.resource
                    ? again_if_lost(session, approved_of_resource,
                                    Arguments::of(alike.action, alike.before_number, app::alike_scan_max,
                                                  resource_name(**seals, *alike.resource)))
                    : again_if_lost(session, approved_of_none,
                                    Arguments::of(alike.action, alike.before_number, app::alike_scan_max));
    if (!rows) return pass(rows);
    auto id = rows->empty() ? std::nullopt : id_from<core::RequestId>(view((*rows)[0][0]));
    if (!id) return fail(Trouble::not_found, "no such request was approved");
    return writer_.read(session, *id);
}

Later<core::Case> PgCaseStore::last_approved(app::Alike alike, Deadline deadline) {
    return run_job<core::Case>(
        pool_, rt::Lane::background, clock_, deadline,
        [this, alike = std::move(alike)](Session& session) { return last_approved_now(session, alike); });
}

Later<std::vector<core::RequestId>> PgCaseStore::due(core::Instant now, std::size_t at_most,
                                                     Deadline deadline) {
    using Ids = std::vector<core::RequestId>;
    return run_job<Ids>(pool_, rt::Lane::background, clock_, deadline,
                        [now, at_most](Session& session) -> Result<Ids> {
                            auto rows = again_if_lost(session, due_requests, Arguments::of(now, at_most));
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
                                 auto rows = again_if_lost(session, versions_of,
                                                           Arguments::of(requests, requests.size()));
                                 if (!rows) return pass(rows);
                                 Versions versions;
                                 for (const auto& row : *rows) {
                                     auto id = id_from<core::RequestId>(view(row[0]));
                                     if (id) versions.emplace_back(*id, row[1].as<std::int32_t>());
                                 }
                                 return versions;
                             });
}

}  // namespace countersign::pg
