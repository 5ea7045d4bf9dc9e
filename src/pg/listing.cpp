#include "pg/listing.hpp"

#include <algorithm>
#include <chrono>
#include <string>

#include "pg/job.hpp"
#include "pg/rows.hpp"

namespace countersign::pg {
namespace {

// Clocks of replicas differ, and numbers are given a moment after ids: the numbers of a stretch of time are
// looked for in a stretch that is longer by this on both sides.
constexpr auto order_slack = std::chrono::hours{1};

// Which requests to look at, newest first, at most $11: those whose numbers requests created from $9 on and
// before $10 can have, along one index. The same parameters serve both queries: what is found, and, where
// that is less than was asked for, how far the look went.
class Listing {
  public:
    explicit Listing(const std::string& candidates)
        : found(composed(bounds + candidates + matching)),
          looked_at(composed(bounds + candidates + counted)) {}
    const Query found;
    const Query looked_at;

  private:
    static constexpr const char* bounds = R"(
WITH b AS MATERIALIZED (
    SELECT coalesce((SELECT number FROM request WHERE id < $12::uuid ORDER BY id DESC LIMIT 1), 0) AS low,
           least($1::bigint, coalesce((SELECT number FROM request WHERE id >= $13::uuid ORDER BY id LIMIT 1),
                                      $1::bigint)) AS high),
p AS MATERIALIZED (
    SELECT $2::text[] AS states, $3::text AS action, $4::text AS environment, $5::uuid AS resource,
           $6::uuid AS requester, $7::uuid AS asked_by, $8::uuid AS voter, $9::timestamptz AS since,
           $10::timestamptz AS until, $14::bigint AS found_max, $15::timestamptz AS review_due_by),
)";
    static constexpr const char* matching = R"(
SELECT c.id, c.number
  FROM c CROSS JOIN LATERAL (
    SELECT FROM request r JOIN request_state s ON s.request_id = r.id
     WHERE r.id = c.id AND ($2::text[] IS NULL OR s.state = ANY($2)) AND ($3::text IS NULL OR r.action = $3)
       AND ($4::text IS NULL OR r.environment = $4) AND ($5::uuid IS NULL OR r.resource = $5)
       AND ($6::uuid IS NULL OR r.requester = $6) AND ($7::uuid IS NULL OR r.asked_by = $7)
       AND ($8::uuid IS NULL OR EXISTS (SELECT FROM entry e WHERE e.request_id = r.id AND e.actor = $8))
       AND ($9::timestamptz IS NULL OR r.created_at >= $9)
       AND ($10::timestamptz IS NULL OR r.created_at < $10)
       AND ($15::timestamptz IS NULL OR s.review_due <= $15) OFFSET 0) m
 ORDER BY c.number DESC LIMIT $14)";
    static constexpr const char* counted = " SELECT count(*), min(number) FROM c";
};

Listing along(const std::string& condition) {
    return Listing{R"(
c AS NOT MATERIALIZED (
    SELECT id, number FROM request
     WHERE number > (SELECT low FROM b) AND number < (SELECT high FROM b))" +
                   condition + " ORDER BY number DESC LIMIT $11)"};
}

const Listing by_nothing = along("");
const Listing by_action = along(" AND action = $3");
const Listing by_environment = along(" AND environment = $4");
const Listing by_resource = along(" AND resource = $5");
const Listing by_requester = along(" AND requester = $6");
const Listing by_caller = along(" AND asked_by = $7");
const Listing by_state{R"(
c AS NOT MATERIALIZED (
    SELECT q.id, q.number FROM b, unnest($2::text[]) AS wanted(state), LATERAL (
        SELECT request_id AS id, number FROM request_state
         WHERE state = wanted.state AND number > b.low AND number < b.high
         ORDER BY number DESC LIMIT $11) q
     ORDER BY q.number DESC LIMIT $11))"};
const Listing by_review{R"(
c AS NOT MATERIALIZED (
    SELECT number, request_id AS id FROM request_state
     WHERE review_due IS NOT NULL AND review_due <= $15
       AND number > (SELECT low FROM b) AND number < (SELECT high FROM b)
     ORDER BY number DESC LIMIT $11))"};
// A person may have voted on a request more than once.
const Listing by_voter{R"(
c AS NOT MATERIALIZED (
    SELECT DISTINCT number, request_id AS id FROM entry
     WHERE actor = $8 AND number > (SELECT low FROM b) AND number < (SELECT high FROM b)
     ORDER BY number DESC, request_id DESC LIMIT $11))"};

const Listing& first_condition(const app::ListFilter& filter) {
    auto few = [](core::State state) { return core::open(state); };
    if (filter.review_due_by) return by_review;
    if (filter.voter) return by_voter;
    if (filter.resource) return by_resource;
    if (!filter.states.empty() && std::ranges::all_of(filter.states, few) && !filter.asked_by)
        return by_state;
    if (filter.asked_by) return by_caller;
    if (filter.requester) return by_requester;
    if (filter.environment) return by_environment;
    if (filter.action) return by_action;
    return filter.states.empty() ? by_nothing : by_state;
}

std::optional<std::vector<std::string>> names_of(const std::vector<core::State>& states) {
    if (states.empty()) return std::nullopt;
    std::vector<std::string> names;
    for (core::State state : states) names.emplace_back(name_of(state));
    return names;
}

// The lowest id that could have been minted then.
core::RequestId first_id(core::Instant at) {
    return core::RequestId::mint(std::max(at, core::Instant{}), {});
}

}  // namespace

Result<Listed> list_requests(Session& session, const app::ListFilter& filter, const app::Seals& seals) {
    const std::size_t limit = std::clamp<std::size_t>(filter.limit, 1, 200);
    const std::int64_t before = filter.before_number.value_or(INT64_MAX);
    core::RequestId::Bytes last{};
    last.fill(std::byte{0xFF});
    auto low =
        filter.since ? first_id(*filter.since - order_slack) : core::RequestId{core::RequestId::Bytes{}};
    auto high = filter.until ? first_id(*filter.until + order_slack) : core::RequestId{last};
    auto name = [&](const auto& value, auto make) {
        using Name = std::optional<app::Pseudonym>;
        return value ? Name(make(seals, *value)) : Name{};
    };
    auto arguments =
        Arguments::of(before, names_of(filter.states), filter.action, filter.environment,
                      name(filter.resource, resource_name), name(filter.requester, requester_name),
                      name(filter.asked_by, caller_name), name(filter.voter, person_name), filter.since,
                      filter.until, app::list_scan_max, low, high, limit + 1, filter.review_due_by);
    const Listing& listing = first_condition(filter);
    auto rows = again_if_lost(session, listing.found, arguments);
    if (!rows) return pass(rows);
    Listed listed;
    std::optional<std::int64_t> oldest;
    for (const auto& row : *rows) {
        auto id = id_from<core::RequestId>(view(row[0]));
        if (!id) return fail(Trouble::corrupt, "a request's row is not readable");
        if (listed.requests.size() == limit) {
            listed.next_before = oldest;
            return listed;
        }
        listed.requests.push_back(*id);
        oldest = whole_from(row[1]);
    }
    auto looked = again_if_lost(session, listing.looked_at, arguments);
    if (!looked) return pass(looked);
    if ((*looked)[0][0].as<std::size_t>() >= app::list_scan_max)
        listed.next_before = whole_from((*looked)[0][1]);
    return listed;
}

}  // namespace countersign::pg
