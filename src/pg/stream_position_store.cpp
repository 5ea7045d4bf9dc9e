#include "pg/stream_position_store.hpp"

#include <utility>

#include "pg/rows.hpp"

namespace countersign::pg {
namespace {

constexpr Query take_stream{
    "INSERT INTO stream_position AS p (stream, next, holder, held_until) VALUES ($1, 0, $2, $4) "
    "ON CONFLICT (stream) DO UPDATE SET holder = $2, held_until = $4 "
    "WHERE p.held_until < $3 OR p.holder = $2 RETURNING next"};
// A position never goes back: what was handed on was handed on.
constexpr Query keep_stream{
    "UPDATE stream_position SET next = greatest(next, $3), held_until = $4 WHERE stream = $1 AND holder = $2 "
    "RETURNING next"};

}  // namespace

Later<std::optional<std::int64_t>> PgStreamPositions::take(std::string stream, core::ProcessId process,
                                                           core::Instant now, core::Instant until,
                                                           Deadline deadline) {
    using Next = std::optional<std::int64_t>;
    return run_job<Next>(pool_, rt::Lane::background, clock_, deadline,
                         [stream = std::move(stream), process, now, until](Session& session) -> Result<Next> {
                             auto rows = again_if_lost(session, take_stream,
                                                       Arguments::of(stream, process, now, until));
                             if (!rows) return pass(rows);
                             if (rows->empty()) return Next{};
                             return Next{(*rows)[0][0].as<std::int64_t>()};
                         });
}

Later<bool> PgStreamPositions::keep(std::string stream, core::ProcessId process, std::int64_t next,
                                    core::Instant until, Deadline deadline) {
    return run_job<bool>(
        pool_, rt::Lane::background, clock_, deadline,
        [stream = std::move(stream), process, next, until](Session& session) -> Result<bool> {
            auto rows = again_if_lost(session, keep_stream, Arguments::of(stream, process, next, until));
            if (!rows) return pass(rows);
            return !rows->empty();
        });
}

}  // namespace countersign::pg
