#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <pqxx/pqxx>
#include <string>
#include <string_view>

#include "countersign/adapters/pg.hpp"
#include "countersign/base/text.hpp"
#include "pg/durability.hpp"
#include "pg/schema.hpp"
#include "pg/trouble.hpp"
#include "pg/uri.hpp"

namespace countersign::pg {
namespace {

using app::Check;

constexpr std::chrono::seconds look_timeout{2};
constexpr int oldest_version = 150'000;
constexpr double clocks_differ_s_max = 2;

// One row with all that is asked; the time comes first, so that it is as old as the question at most.
const std::string facts =
    "SELECT extract(epoch FROM clock_timestamp()), current_setting('server_version_num')::int, "
    "pg_is_in_recovery() OR current_setting('transaction_read_only')::bool, "
    "current_setting('max_connections')::int, current_setting('superuser_reserved_connections')::int, "
    "(SELECT rolsuper FROM pg_roles WHERE rolname = current_user), current_user, " +
    std::string{durability_columns};
constexpr int first_of_durability = 7;

double seconds_of(core::Instant at) {
    return std::chrono::duration<double>(at.time_since_epoch()).count();
}

Check writable(const pqxx::row& row) {
    if (!row[2].as<bool>()) return {"database.writable", Check::State::ok, "it takes writes", {}};
    return {"database.writable", Check::State::failed, "this is a read-only server or a standby",
            "name the primary, or all hosts: postgresql://a,b/db?target_session_attrs=read-write"};
}

Check durable(const Durability& its) {
    if (auto gap = durability_gap(its))
        return {
            "database.durable", gap->by_crash ? Check::State::failed : Check::State::warning,
            fmt::format("{}: votes that were acknowledged may be missing after {}", gap->because, gap->after),
            std::string{gap->fix}};
    auto standbys = !its.several_hosts ? "one host is named, so no standby is asked for"
                                       : "it waits for " + its.synchronous_standby_names;
    return {"database.durable",
            Check::State::ok,
            fmt::format("synchronous_commit is {}; {}", its.synchronous_commit, standbys),
            {}};
}

Check version(const pqxx::row& row) {
    int number = row[1].as<int>();
    bool fine = number >= oldest_version;
    return {"database.version", fine ? Check::State::ok : Check::State::failed,
            fmt::format("PostgreSQL {}.{}", number / 10'000, number % 10'000),
            fine ? "" : "PostgreSQL 15 or newer is needed"};
}

Check connections(const pqxx::row& row, std::size_t pool) {
    constexpr std::size_t beside = 2;  // presence and the listener
    auto room = static_cast<std::size_t>(std::max(0, row[3].as<int>() - row[4].as<int>()));
    bool fine = room >= pool + beside;
    return {"database.connections", fine ? Check::State::ok : Check::State::failed,
            fmt::format("{} are allowed, each replica takes {}", room, pool + beside),
            fine ? "" : "raise max_connections, or lower database_pool"};
}

Check rights(const pqxx::row& row) {
    auto role = row[6].as<std::string>();
    if (!row[5].as<bool>()) return {"database.role", Check::State::ok, role + " is no superuser", {}};
    return {"database.role", Check::State::warning,
            role + " is a superuser, whom no trigger and no grant holds back",
            "give the server a role of its own, and keep the owner's in database_owner"};
}

Check clocks(double theirs, double before, double after) {
    double apart = theirs < before ? before - theirs : theirs > after ? theirs - after : 0;
    bool fine = apart <= clocks_differ_s_max;
    return {"clock", fine ? Check::State::ok : Check::State::warning,
            fine ? "as the database's" : fmt::format("{:.0f} s from the database's", apart),
            fine ? "" : "keep both by NTP: requests expire by this machine's clock"};
}

Check schema(pqxx::transaction_base& work) {
    auto report = schema_report(work);
    bool fine = report.state == SchemaState::current;
    return {"database.schema", fine ? Check::State::ok : Check::State::failed,
            fine ? "current" : report.detail, fine ? "" : "run `countersign migrate`"};
}

}  // namespace

app::Checks examine(const Secret& uri, std::size_t pool, const rt::Clock& clock) {
    app::Checks checks;
    try {
        pqxx::connection link{complete_uri(uri, look_timeout, "countersign doctor")};
        pqxx::quiet_errorhandler quiet{link};
        pqxx::nontransaction work{link};
        work.exec("SET statement_timeout = '2s'");
        checks.push_back({"database.reachable", Check::State::ok, "connected", {}});
        double before = seconds_of(clock.now());
        auto rows = work.exec(facts);
        double after = seconds_of(clock.now());
        const auto row = rows.at(0);
        const auto promised = durability_from(row, first_of_durability, several_hosts(uri.reveal()));
        for (auto&& check : {version(row), writable(row), schema(work), durable(promised),
                             connections(row, pool), rights(row), clocks(row[0].as<double>(), before, after)})
            checks.push_back(check);
    } catch (const std::exception& e) {
        checks.push_back({checks.empty() ? "database.reachable" : "database.answers", Check::State::failed,
                          one_line(e.what()),
                          "start it, or correct `database`; psql with the same URI says the same"});
    }
    return checks;
}

}  // namespace countersign::pg
