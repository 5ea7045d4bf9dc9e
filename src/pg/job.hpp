#pragma once
#include <initializer_list>
#include <utility>

#include "countersign/rt/blocking_pool.hpp"
#include "countersign/rt/clock.hpp"
#include "pg/session.hpp"

namespace countersign::pg {

using Pool = rt::BlockingPool<Session>;

// Runs statements that may be sent again whatever became of them the first time: reads, and writes that come
// to the same when done twice. A connection that turns out to be broken is replaced once.
template <class T, class Body>
Result<T> in_session(Session& session, std::initializer_list<Statement> statements, Body body) {
    constexpr int attempts_max = 2;
    for (int attempt = 1;; ++attempt) {
        Sql<T> done = std::unexpected(SqlTrouble{});
        auto prepared = session.prepare(statements);
        if (prepared)
            done = body();
        else
            done = std::unexpected(prepared.error());
        if (done) return std::move(*done);
        using enum SqlTrouble::Kind;
        bool worth_trying = done.error().kind == lost || done.error().kind == again;
        if (!worth_trying || attempt == attempts_max) return std::unexpected(as_failure(done.error()));
    }
}

// A job that is not begun once its deadline has passed.
template <class T, class Body>
Later<T> run_job(Pool& pool, rt::Lane lane, const rt::Clock& clock, Deadline deadline, Body body) {
    Pool::Job<T> job = [&clock, deadline, body = std::move(body)](Session& session) mutable -> Result<T> {
        if (clock.now() >= deadline.at) return fail(Trouble::overloaded, "busy, try again");
        return body(session);
    };
    return pool.run<T>(lane, std::move(job));
}

}  // namespace countersign::pg
