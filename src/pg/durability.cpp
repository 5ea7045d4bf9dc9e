#include "pg/durability.hpp"

#include <fmt/format.h>

namespace countersign::pg {
namespace {

std::string may_be_missing(const char* after, const std::string& because) {
    return fmt::format(
        "votes and decisions that were acknowledged may be missing after {}: {}; see "
        "docs/databases.md",
        after, because);
}

}  // namespace

std::string durability_warning(const Durability& its) {
    const bool local = its.synchronous_commit == "local";
    if (!its.fsync) return may_be_missing("a crash of the database's machine", "fsync is off");
    if (its.synchronous_commit == "off")
        return may_be_missing("a crash of the database", "synchronous_commit is off");
    if (!its.several_hosts) return {};
    if (its.synchronous_standby_names.empty())
        return may_be_missing("a failover", "no standby is waited for, synchronous_standby_names is empty");
    if (local) return may_be_missing("a failover", "no standby is waited for, synchronous_commit is local");
    return {};
}

}  // namespace countersign::pg
