#pragma once
#include <utility>

#include "countersign/rt/blocking_pool.hpp"
#include "countersign/rt/clock.hpp"
#include "pg/session.hpp"

namespace countersign::pg {

using Pool = rt::BlockingPool<Session>;

// Runs statements that may be sent again whatever became of them the first time: reads, and writes that come
// to the same when done twice. A connection that turns out to be broken is replaced once.
template <class T, class Body>
Result<T> in_session(Body body) {
    constexpr int attempts_max = 2;
    for (int attempt = 1;; ++attempt) {
        Sql<T> done = body();
        if (done) return std::move(*done);
        if (!worth_another_try(done.error()) || attempt == attempts_max)
            return std::unexpected(as_failure(done.error()));
    }
}

// Runs one query of that kind.
inline Result<pqxx::result> again_if_lost(Session& session, const Query& query,
                                          const Arguments& arguments = {}) {
    return in_session<pqxx::result>([&] { return session.run(query, arguments); });
}

// What a transaction comes to: an answer of the domain, or trouble with the database.
template <class T>
using Outcome = Sql<Result<T>>;

// BEGIN … COMMIT around `body`, which does everything in between; what it refuses is kept all the same (a
// wrong code counts), what the database refuses is not. All of it may be sent again.
template <class T, class Body>
Result<T> in_transaction(Session& session, Body body) {
    auto done = in_session<Result<T>>([&]() -> Outcome<T> {
        auto begun = session.begin();
        if (!begun) return std::unexpected(begun.error());
        Outcome<T> outcome = body();
        if (!outcome) {
            session.roll_back();
            return outcome;
        }
        auto kept = session.commit();
        if (!kept) return std::unexpected(kept.error());
        return outcome;
    });
    if (!done) return pass(done);
    return std::move(*done);
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
