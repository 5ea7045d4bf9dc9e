#include "pg/session.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <chrono>
#include <utility>

#include "countersign/base/log.hpp"
#include "countersign/base/text.hpp"
#include "pg/uri.hpp"

namespace countersign::pg {
namespace {

constexpr auto idle_in_transaction_max = std::chrono::seconds{10};

// Between statements a server says nothing but that it hangs up, or that some setting changed.
bool silent(int socket) {
    pollfd one{socket, POLLIN, 0};
    return poll(&one, 1, 0) == 0;
}

SqlTrouble cannot_reach() {
    return {SqlTrouble::Kind::unreachable, "the database cannot be reached", {}};
}

}  // namespace

Sql<Done> Session::connect() {
    // A transaction that lost its connection is over: nothing of it goes on over another one.
    if (in_transaction_ && !work_) return std::unexpected(cannot_reach());
    // What was never sent to a server that has hung up did not happen, and that is known only beforehand.
    if (work_ && !in_transaction_ && !silent(connection_->sock())) forget();
    if (work_) return Done{};
    if (role_ == Role::worker && !health_.up()) return std::unexpected(cannot_reach());
    const PgSettings& settings = health_.settings();
    try {
        auto connection = std::make_unique<pqxx::connection>(health_.uri());
        overseen_.disconnected();
        overseen_.connected(connection->sock());
        auto quiet = std::make_unique<pqxx::quiet_errorhandler>(*connection);
        auto work = std::make_unique<pqxx::nontransaction>(*connection);
        Overseen::Exchange exchange{overseen_};
        work->exec(
            fmt::format("SET client_min_messages = error; SET TimeZone = 'UTC'; SET statement_timeout = {}; "
                        "SET lock_timeout = {}; SET idle_in_transaction_session_timeout = {}; SET jit = off",
                        settings.statement_timeout.count(), settings.lock_timeout.count(),
                        std::chrono::milliseconds(idle_in_transaction_max).count()));
        connection_ = std::move(connection);
        quiet_ = std::move(quiet);
        work_ = std::move(work);
        names_.clear();
        return Done{};
    } catch (const std::exception& e) {
        SqlTrouble trouble = translate(e);
        trouble.kind = SqlTrouble::Kind::unreachable;
        health_.went_down(trouble.detail);
        return std::unexpected(std::move(trouble));
    }
}

template <class T>
Sql<T> Session::run_with(auto&& body) {
    auto connected = connect();
    if (!connected) return std::unexpected(connected.error());
    Overseen::Exchange exchange{overseen_};
    try {
        return body();
    } catch (const std::exception& e) {
        SqlTrouble trouble = translate(e);
        if (exchange.cut()) {
            trouble = {SqlTrouble::Kind::lost, "it does not answer", {}};
            health_.went_down(trouble.detail);
        }
        if (role_ == Role::worker) health_.note(trouble);
        const bool useless = ends_connection(trouble);
        if (trouble.kind == SqlTrouble::Kind::lost && in_transaction_ && !committing_)
            trouble.kind = SqlTrouble::Kind::unreachable;
        if (useless) forget();
        return std::unexpected(std::move(trouble));
    }
}

// The name under which this connection knows the query. pqxx prepares it when it is first executed.
std::string Session::prepared(const Query& query) {
    auto [place, fresh] = names_.try_emplace(query.text);
    if (fresh) {
        place->second = "q" + std::to_string(names_.size());
        connection_->prepare(place->second, query.text);
    }
    return place->second;
}

Sql<pqxx::result> Session::run(const Query& query, const Arguments& arguments) {
    return run_with<pqxx::result>([&] {
        const std::string name = prepared(query);
        return work_->exec_prepared(name, pqxx::prepare::make_dynamic_params(arguments.pointers()));
    });
}

Sql<pqxx::result> Session::run(const Query& query, const Parameters& parameters) {
    return run_with<pqxx::result>([&] {
        const std::string name = prepared(query);
        return work_->exec_prepared(name, pqxx::prepare::make_dynamic_params(parameters));
    });
}

Sql<Done> Session::begin() {
    in_transaction_ = false;
    auto begun = run_with<pqxx::result>([&] { return work_->exec("BEGIN"); });
    if (!begun) return std::unexpected(begun.error());
    in_transaction_ = true;
    return Done{};
}

Sql<Done> Session::commit() {
    committing_ = true;
    auto done = run_with<pqxx::result>([&] { return work_->exec("COMMIT"); });
    committing_ = false;
    in_transaction_ = false;
    if (!done) return std::unexpected(done.error());
    return Done{};
}

void Session::roll_back() {
    if (work_ && in_transaction_)
        static_cast<void>(run_with<pqxx::result>([&] { return work_->exec("ROLLBACK"); }));
    in_transaction_ = false;
}

void Session::forget() {
    work_.reset();
    quiet_.reset();
    connection_.reset();
    overseen_.disconnected();
}

Sql<Done> Session::inspect(const std::function<void(pqxx::transaction_base&)>& body) {
    return run_with<Done>([&] {
        body(*work_);
        return Done{};
    });
}

}  // namespace countersign::pg
