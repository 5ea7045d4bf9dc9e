#include "pg/durability.hpp"

#include <fmt/format.h>

#include "pg/rows.hpp"

namespace countersign::pg {

Durability durability_from(const pqxx::row& row, int first, bool several_hosts) {
    return {.synchronous_commit = std::string{view(row[first])},
            .synchronous_standby_names = std::string{view(row[first + 1])},
            .fsync = view(row[first + 2]) == "on",
            .full_page_writes = view(row[first + 3]) == "on",
            .several_hosts = several_hosts};
}

std::optional<DurabilityGap> durability_gap(const Durability& its) {
    constexpr std::string_view machine = "a crash of the database's machine";
    constexpr std::string_view failover = "a failover";
    if (!its.fsync) return DurabilityGap{machine, "fsync is off", "ALTER SYSTEM SET fsync = on", true};
    if (!its.full_page_writes)
        return DurabilityGap{machine, "full_page_writes is off", "ALTER SYSTEM SET full_page_writes = on",
                             true};
    if (its.synchronous_commit == "off")
        return DurabilityGap{"a crash of the database", "synchronous_commit is off",
                             "ALTER SYSTEM SET synchronous_commit = on", true};
    if (!its.several_hosts) return std::nullopt;
    if (its.synchronous_standby_names.empty())
        return DurabilityGap{
            failover, "no standby is waited for, synchronous_standby_names is empty",
            "ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (…)', with one standby more "
            "than is waited for"};
    if (its.synchronous_commit == "local")
        return DurabilityGap{failover, "no standby is waited for, synchronous_commit is local",
                             "ALTER SYSTEM SET synchronous_commit = on"};
    return std::nullopt;
}

std::string durability_warning(const Durability& its) {
    auto gap = durability_gap(its);
    if (!gap) return {};
    return fmt::format(
        "votes and decisions that were acknowledged may be missing after {}: {}; see docs/databases.md",
        gap->after, gap->because);
}

}  // namespace countersign::pg
