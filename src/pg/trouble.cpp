#include "pg/trouble.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <pqxx/except>
#include <utility>

#include "countersign/base/text.hpp"

namespace countersign::pg {
namespace {

using enum SqlTrouble::Kind;

struct Meaning {
    std::string_view begins;  // of an SQLSTATE
    SqlTrouble::Kind kind;
};
// The first one that fits counts: what has a meaning of its own comes before its class.
constexpr std::array<Meaning, 36> meanings{{
    {"08", lost},          // connection exception
    {"0A", outdated},      // "cached plan must not change result type", after a migration
    {"25006", read_only},  // read_only_sql_transaction
    {"25P03", lost},       // idle_in_transaction_session_timeout
    {"25P04", lost},       // transaction_timeout
    {"23", broken},        // integrity constraint violation
    {"26", outdated},      // a prepared statement is gone: a pooler gave us another session
    {"28", forbidden},     // invalid authorization
    {"3D", unmigrated},    // invalid_catalog_name
    {"3F", unmigrated},    // invalid_schema_name
    {"40003", lost},       // statement_completion_unknown
    {"40", again},         // transaction rollback: serialization, deadlock
    {"42501", forbidden},  // insufficient_privilege
    {"42601", other},      // syntax_error
    {"42P05", outdated},   // duplicate_prepared_statement: a pooler, again
    {"42P01", unmigrated}, {"42703", unmigrated}, {"42704", unmigrated},
    {"42804", unmigrated}, {"42883", unmigrated}, {"42P10", unmigrated},
    {"53100", no_space},   {"53", exhausted},  // insufficient resources
    {"55P03", busy},                           // lock_not_available
    {"57014", busy},                           // query_canceled: a statement's timeout
    {"57P", lost},                             // the server stops, crashed, or is not ready yet
    {"58", unwritable},                        // system error: io_error and files that are not there
    {"72", again},                             // snapshot too old
    {"F0", unwritable},                        // the server's configuration file
    {"P0001", broken},                         // a trigger of ours
    {"XX", damaged},                           // internal_error, data_corrupted, index_corrupted
    {"44", broken},                            // with check option
    {"27", broken},                            // triggered data change
    {"25", other},         {"54", other},         {"22", other},
}};

// The name in «violates … constraint "name"», for logs.
std::string constraint_of(std::string_view message) {
    std::size_t at = message.find("constraint \"");
    if (at == std::string_view::npos) return {};
    message.remove_prefix(at + 12);
    return std::string(message.substr(0, message.find('"')));
}

// Some of pqxx' exceptions say by their type alone what the server said.
std::string sqlstate_of(const std::exception& e) {
    if (dynamic_cast<const pqxx::insufficient_privilege*>(&e)) return "42501";
    if (dynamic_cast<const pqxx::too_many_connections*>(&e)) return "53300";
    if (dynamic_cast<const pqxx::statement_completion_unknown*>(&e)) return "40003";
    if (dynamic_cast<const pqxx::deadlock_detected*>(&e)) return "40P01";
    if (dynamic_cast<const pqxx::transaction_rollback*>(&e)) return "40000";
    if (dynamic_cast<const pqxx::broken_connection*>(&e)) return "08000";
    if (dynamic_cast<const pqxx::in_doubt_error*>(&e)) return "08000";
    if (const auto* sql = dynamic_cast<const pqxx::sql_error*>(&e)) return sql->sqlstate();
    return {};
}

}  // namespace

std::string one_line(std::string_view text) {
    text = trim(text);
    return visible(clip_utf8(text.substr(0, text.find('\n')), 300));
}

SqlTrouble::Kind kind_of(std::string_view sqlstate) {
    auto found = std::ranges::find_if(
        meanings, [&](const Meaning& meaning) { return sqlstate.starts_with(meaning.begins); });
    return found == meanings.end() ? other : found->kind;
}

SqlTrouble translate(const std::exception& e) {
    std::string sqlstate = sqlstate_of(e);
    return {kind_of(sqlstate), one_line(e.what()), constraint_of(e.what()), sqlstate};
}

bool worth_another_try(const SqlTrouble& trouble) {
    return trouble.kind == unreachable || trouble.kind == lost || trouble.kind == again ||
           trouble.kind == outdated;
}

// Another one of several hosts may take writes by now; and what a connection has prepared goes with it.
bool ends_connection(const SqlTrouble& trouble) {
    return trouble.kind == lost || trouble.kind == read_only || trouble.kind == outdated ||
           trouble.sqlstate == "25P02";
}

std::string_view why_nothing_is_written(SqlTrouble::Kind kind) {
    switch (kind) {
        case read_only:
            return "the database is read-only: a standby that was not promoted, or "
                   "default_transaction_read_only";
        case no_space:
            return "no space is left on the database's disk";
        case unwritable:
            return "the database cannot write its files";
        default:
            return {};
    }
}

bool is_for_the_log(SqlTrouble::Kind kind) {
    return kind == exhausted || kind == forbidden || kind == damaged || kind == other;
}

Failure as_failure(const SqlTrouble& trouble) {
    auto told = [](Trouble what, std::string detail, std::string failure_code = {}) {
        return Failure{what, std::move(detail), std::move(failure_code), {}};
    };
    switch (trouble.kind) {
        case unreachable:
        case lost:
            return told(Trouble::unavailable, "the database cannot be reached; try again");
        case read_only:
        case no_space:
        case unwritable:
            return told(Trouble::unavailable,
                        fmt::format("nothing was recorded: {}", why_nothing_is_written(trouble.kind)));
        case exhausted:
            return told(Trouble::overloaded, "the database is short of resources; try again");
        case busy:
        case again:
        case outdated:
            return told(Trouble::overloaded, "busy, try again");
        case unmigrated:
            return told(Trouble::unavailable,
                        "the database lacks tables this program needs: run `countersign migrate`",
                        "unmigrated");
        case forbidden:
            return told(Trouble::unavailable,
                        "the database does not let this program do that: see the server's log");
        case broken:
            return told(Trouble::corrupt,
                        "the database refused a record that breaks a rule: " + trouble.detail);
        case damaged:
            return told(Trouble::unavailable, "the database reports damage: see the server's log");
        case other:
            break;
    }
    return told(Trouble::unavailable, "the database refused: " + trouble.detail);
}

}  // namespace countersign::pg
