#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <pqxx/pqxx>
#include <sstream>
#include <string>
#include <vector>

#include "countersign/adapters/pg.hpp"
#include "countersign/base/log.hpp"
#include "countersign/base/text.hpp"
#include "pg/migrations.hpp"
#include "pg/schema.hpp"
#include "pg/uri.hpp"

namespace countersign::pg {
namespace {

// "coun", "mig": one runner at a time per database.
constexpr const char* runner_lock = "SELECT pg_advisory_lock(1668248942, 6776167)";
constexpr const char* make_table =
    "CREATE TABLE IF NOT EXISTS schema_migration (name text PRIMARY KEY, checksum text NOT NULL, "
    "applied_at timestamptz NOT NULL DEFAULT now())";

Result<std::vector<Migration>> from_folder(const std::string& folder) {
    std::vector<Migration> found;
    std::error_code ec;
    for (const auto& file : std::filesystem::directory_iterator(folder, ec)) {
        if (file.path().extension() != ".sql") continue;
        std::ifstream in(file.path(), std::ios::binary);
        std::ostringstream text;
        text << in.rdbuf();
        if (!in) return fail(Trouble::invalid_input, "cannot read " + file.path().string());
        found.push_back({file.path().stem().string(), text.str()});
    }
    if (ec) return fail(Trouble::invalid_input, "cannot read the folder " + folder + ": " + ec.message());
    std::ranges::sort(found, {}, &Migration::name);
    return found;
}

Result<std::vector<Migration>> wanted_migrations(const std::string& folder) {
    if (folder.empty()) return built_in_migrations();
    return from_folder(folder);
}

struct Recorded {
    std::string name;
    std::string checksum;
    std::string at;
};

std::vector<Recorded> recorded(pqxx::transaction_base& work) {
    auto table = work.exec("SELECT FROM pg_class WHERE oid = to_regclass('schema_migration')");
    if (table.empty()) return {};
    std::vector<Recorded> all;
    auto rows = work.exec(
        "SELECT name, checksum, to_char(applied_at AT TIME ZONE 'UTC', "
        "'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') FROM schema_migration ORDER BY name");
    for (const auto& row : rows) all.push_back({row[0].c_str(), row[1].c_str(), row[2].c_str()});
    return all;
}

// The first migration of the tables that there were before any release.
constexpr std::string_view before_any_release = "0001_requests";

struct Plan {
    std::vector<MigrationStatus> status;
    SchemaReport report;
};

Plan compare(const std::vector<Migration>& wanted, const std::vector<Recorded>& done) {
    Plan plan{.status = {}, .report = {SchemaState::current, ""}};
    std::map<std::string, const Recorded*> by_name;
    for (const Recorded& one : done) by_name[one.name] = &one;
    bool known_here =
        std::ranges::any_of(wanted, [](const auto& one) { return one.name == before_any_release; });
    if (!known_here && by_name.contains(std::string(before_any_release))) {
        plan.report = {
            SchemaState::edited,
            "this database was made before the first release, with tables that are no more: drop it, create "
            "it anew and run `countersign migrate` (for `countersign dev`, delete its data folder)"};
        return plan;
    }
    std::string last_wanted = wanted.empty() ? "" : wanted.back().name;
    for (const Migration& one : wanted) {
        auto found = by_name.find(one.name);
        if (found == by_name.end()) {
            plan.status.push_back({one.name, false, ""});
            if (plan.report.state != SchemaState::current) continue;
            bool later_ones_exist = !done.empty() && done.back().name > one.name;
            if (later_ones_exist && done.back().name <= last_wanted) {
                plan.report = {SchemaState::edited,
                               "migration " + one.name +
                                   " was never applied, but later ones were; "
                                   "this program and the database have different histories"};
            } else {
                plan.report = {SchemaState::behind,
                               "migration " + one.name + " is not applied yet: run `countersign migrate`"};
            }
            continue;
        }
        plan.status.push_back({one.name, true, found->second->at});
        bool first_edited = plan.report.state != SchemaState::edited;
        if (first_edited && found->second->checksum != sha256_hex(one.sql)) {
            plan.report = {SchemaState::edited, "migration " + one.name +
                                                    " was edited after it was applied; restore the file "
                                                    "it was applied from"};
        }
        by_name.erase(found);
    }
    for (const auto& [name, row] : by_name) {
        if (plan.report.state == SchemaState::edited) break;
        if (name > last_wanted) {
            plan.report = {SchemaState::ahead,
                           "the database has migration " + visible(name) +
                               ", which this program does not know; run a newer countersign"};
        } else {
            plan.report = {SchemaState::edited,
                           "migration " + visible(name) + " was applied but is missing here"};
        }
    }
    return plan;
}

Failure trouble(const std::exception& e) {
    if (dynamic_cast<const pqxx::broken_connection*>(&e)) {
        return Failure{Trouble::unavailable, "cannot reach the database: " + visible(trim(e.what())), {}, {}};
    }
    return Failure{Trouble::conflict, "the database refused: " + visible(trim(e.what())), {}, {}};
}

Result<Done> apply(pqxx::connection& link, const Migration& one) {
    try {
        pqxx::work work{link};
        work.exec(one.sql);
        work.exec("INSERT INTO schema_migration (name, checksum) VALUES (" + work.quote(one.name) + ", " +
                  work.quote(sha256_hex(one.sql)) + ")");
        work.commit();
        log::info("migrate", "applied {}", one.name);
        return Done{};
    } catch (const std::exception& e) {
        Failure failure = trouble(e);
        failure.detail = "migration " + one.name + ": " + failure.detail;
        return std::unexpected(std::move(failure));
    }
}

}  // namespace

SchemaReport schema_report(pqxx::transaction_base& work) {
    return compare(built_in_migrations(), recorded(work)).report;
}

Result<std::vector<MigrationStatus>> migration_status(const Secret& uri, const std::string& folder) {
    auto wanted = wanted_migrations(folder);
    if (!wanted) return pass(wanted);
    try {
        pqxx::connection link{complete_uri(uri, std::chrono::seconds{5}, "countersign migrate")};
        pqxx::nontransaction work{link};
        Plan plan = compare(*wanted, recorded(work));
        if (plan.report.state == SchemaState::edited) return fail(Trouble::conflict, plan.report.detail);
        return plan.status;
    } catch (const std::exception& e) {
        return std::unexpected(trouble(e));
    }
}

Result<std::vector<MigrationStatus>> migrate(const Secret& uri, const std::string& folder) {
    auto wanted = wanted_migrations(folder);
    if (!wanted) return pass(wanted);
    try {
        pqxx::connection link{complete_uri(uri, std::chrono::seconds{5}, "countersign migrate")};
        std::vector<Recorded> done;
        {
            pqxx::nontransaction work{link};
            work.exec("SET client_min_messages = error");
            work.exec(runner_lock);  // held until the connection closes
            work.exec(make_table);
            done = recorded(work);
        }
        Plan plan = compare(*wanted, done);
        if (plan.report.state == SchemaState::edited || plan.report.state == SchemaState::ahead) {
            return fail(Trouble::conflict, plan.report.detail);
        }
        for (std::size_t i = 0; i < wanted->size(); ++i) {
            if (plan.status[i].applied) continue;
            auto applied = apply(link, (*wanted)[i]);
            if (!applied) return pass(applied);
        }
        pqxx::nontransaction work{link};
        return compare(*wanted, recorded(work)).status;
    } catch (const std::exception& e) {
        return std::unexpected(trouble(e));
    }
}

}  // namespace countersign::pg
