#include "pg/session.hpp"

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "countersign/base/log.hpp"
#include "countersign/base/text.hpp"
#include "pg/uri.hpp"

namespace countersign::pg {
namespace {

constexpr auto retry_first = std::chrono::milliseconds{100};
constexpr auto retry_max = std::chrono::milliseconds{2'000};
constexpr auto idle_in_transaction_max = std::chrono::seconds{10};

std::string one_line(std::string_view text) {
    text = trim(text);
    return visible(clip_utf8(text.substr(0, text.find('\n')), 300));
}

SqlTrouble::Kind kind_of(std::string_view sqlstate) {
    using enum SqlTrouble::Kind;
    if (sqlstate == "57014" || sqlstate == "55P03") return busy;
    if (sqlstate == "40001" || sqlstate == "40P01") return again;
    if (sqlstate == "42P01" || sqlstate == "42703" || sqlstate == "42704" || sqlstate == "3F000")
        return unmigrated;
    if (sqlstate.starts_with("23")) return broken;
    // The server is going away or has no room: what was under way has not happened, but the connection goes.
    if (sqlstate.starts_with("57P") || sqlstate.starts_with("08") || sqlstate == "25006") return lost;
    if (sqlstate.starts_with("53")) return busy;
    return other;
}

// The name in «violates … constraint "name"», for logs.
std::string constraint_of(std::string_view message) {
    std::size_t at = message.find("constraint \"");
    if (at == std::string_view::npos) return {};
    message.remove_prefix(at + 12);
    return std::string(message.substr(0, message.find('"')));
}

SqlTrouble translate(const std::exception& e) {
    SqlTrouble trouble{SqlTrouble::Kind::other, one_line(e.what()), constraint_of(e.what())};
    if (dynamic_cast<const pqxx::broken_connection*>(&e) || dynamic_cast<const pqxx::in_doubt_error*>(&e)) {
        trouble.kind = SqlTrouble::Kind::lost;
    } else if (dynamic_cast<const pqxx::transaction_rollback*>(&e)) {
        trouble.kind = SqlTrouble::Kind::again;
    } else if (const auto* sql = dynamic_cast<const pqxx::sql_error*>(&e)) {
        trouble.kind = kind_of(sql->sqlstate());
    }
    return trouble;
}

}  // namespace

Failure as_failure(const SqlTrouble& trouble) {
    using enum SqlTrouble::Kind;
    switch (trouble.kind) {
        case unreachable:
        case lost:
            return {Trouble::unavailable, "the database cannot be reached; try again", {}, {}};
        case busy:
            return {Trouble::overloaded, "busy, try again", {}, {}};
        case again:
            return {Trouble::overloaded, "busy, try again", {}, {}};
        case unmigrated:
            return {Trouble::unavailable,
                    "the database lacks tables this program needs: run `countersign migrate`",
                    "unmigrated",
                    {}};
        case broken:
            return {Trouble::corrupt,
                    "the database refused a record that breaks a rule: " + trouble.detail,
                    {},
                    {}};
        case other:
            break;
    }
    log::error("pg", "{}", trouble.detail);
    return {Trouble::unavailable, "the database refused: " + trouble.detail, {}, {}};
}

Health::Health(PgSettings settings)
    : settings_(std::move(settings)),
      uri_(complete_uri(settings_.uri, settings_.connect_timeout, "countersign")),
      watcher_([this] { watch(); }) {}

Health::~Health() {
    stop();
}

void Health::stop() {
    {
        std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    if (watcher_.joinable()) watcher_.join();
}

void Health::went_down() {
    {
        std::lock_guard lock(mutex_);
        if (!up_.exchange(false)) return;
    }
    log::warn("pg", "the database cannot be reached; trying again");
    changed_.notify_all();
}

void Health::came_up() {
    std::lock_guard lock(mutex_);
    if (!up_.exchange(true)) log::info("pg", "the database is back");
}

void Health::watch() {
    std::unique_lock lock(mutex_);
    auto pause = retry_first;
    while (!stopping_) {
        changed_.wait(lock, [this] { return stopping_ || !up_.load(); });
        if (stopping_) return;
        changed_.wait_for(lock, pause, [this] { return stopping_; });
        if (stopping_) return;
        lock.unlock();
        bool reached = false;
        try {
            pqxx::connection link{uri_};
            reached = link.is_open();
        } catch (const std::exception& e) {
            log::debug("pg", "{}", one_line(e.what()));
        }
        pause = reached ? retry_first : std::min(pause * 2, retry_max);
        if (reached) came_up();
        lock.lock();
    }
}

Sql<Done> Session::connect() {
    if (work_) return Done{};
    if (!health_.up()) {
        return std::unexpected(
            SqlTrouble{SqlTrouble::Kind::unreachable, "the database cannot be reached", {}});
    }
    const PgSettings& settings = health_.settings();
    try {
        auto connection = std::make_unique<pqxx::connection>(health_.uri());
        auto quiet = std::make_unique<pqxx::quiet_errorhandler>(*connection);
        auto work = std::make_unique<pqxx::nontransaction>(*connection);
        work->exec(
            fmt::format("SET client_min_messages = error; SET TimeZone = 'UTC'; SET statement_timeout = {}; "
                        "SET lock_timeout = {}; SET idle_in_transaction_session_timeout = {}; SET jit = off",
                        settings.statement_timeout.count(), settings.lock_timeout.count(),
                        std::chrono::milliseconds(idle_in_transaction_max).count()));
        connection_ = std::move(connection);
        quiet_ = std::move(quiet);
        work_ = std::move(work);
        names_.clear();
        health_.came_up();
        return Done{};
    } catch (const std::exception& e) {
        SqlTrouble trouble = translate(e);
        log::debug("pg", "cannot connect: {}", trouble.detail);
        trouble.kind = SqlTrouble::Kind::unreachable;
        health_.went_down();
        return std::unexpected(std::move(trouble));
    }
}

Sql<pqxx::result> Session::run_with(auto&& body) {
    auto connected = connect();
    if (!connected) return std::unexpected(connected.error());
    try {
        return body();
    } catch (const std::exception& e) {
        SqlTrouble trouble = translate(e);
        if (trouble.kind == SqlTrouble::Kind::lost) {
            if (in_transaction_) trouble.kind = SqlTrouble::Kind::unreachable;
            forget();
        }
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
    return run_with([&] {
        const std::string name = prepared(query);
        return work_->exec_prepared(name, pqxx::prepare::make_dynamic_params(arguments.pointers()));
    });
}

Sql<pqxx::result> Session::run(const Query& query, const Parameters& parameters) {
    return run_with([&] {
        const std::string name = prepared(query);
        return work_->exec_prepared(name, pqxx::prepare::make_dynamic_params(parameters));
    });
}

Sql<Done> Session::begin() {
    in_transaction_ = true;
    auto begun = run_with([&] { return work_->exec("BEGIN"); });
    if (!begun) in_transaction_ = false;
    if (!begun) return std::unexpected(begun.error());
    return Done{};
}

Sql<Done> Session::commit() {
    in_transaction_ = false;
    auto done = run_with([&] { return work_->exec("COMMIT"); });
    if (!done) return std::unexpected(done.error());
    return Done{};
}

void Session::roll_back() {
    in_transaction_ = false;
    if (work_) static_cast<void>(run_with([&] { return work_->exec("ROLLBACK"); }));
}

void Session::forget() {
    in_transaction_ = false;
    work_.reset();
    quiet_.reset();
    connection_.reset();
}

pqxx::transaction_base* Session::direct() {
    auto connected = connect();
    return connected ? work_.get() : nullptr;
}

}  // namespace countersign::pg
