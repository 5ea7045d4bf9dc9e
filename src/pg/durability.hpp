#pragma once
#include <optional>
#include <pqxx/row>
#include <string>
#include <string_view>

namespace countersign::pg {

// The settings that say what the database promises of a commit, as a session sees them.
struct Durability {
    std::string synchronous_commit;         // "on"
    std::string synchronous_standby_names;  // "ANY 1 (a, b)"; empty: no standby is waited for
    bool fsync = true;
    bool full_page_writes = true;
    bool several_hosts = false;  // the connection string names several: there are standbys
};

// What a SELECT takes to read them, and its row, in which they begin at this column.
inline constexpr std::string_view durability_columns =
    "current_setting('synchronous_commit'), current_setting('synchronous_standby_names'), "
    "current_setting('fsync'), current_setting('full_page_writes')";
Durability durability_from(const pqxx::row& row, int first, bool several_hosts);

// Something that was acknowledged may be missing one day.
struct DurabilityGap {
    std::string_view after;  // what has to happen: "a failover"
    std::string because;     // "no standby is waited for, synchronous_standby_names is empty"
    std::string_view fix;
    bool by_crash = false;  // no standby is needed for it: the database alone breaks its promise
    friend bool operator==(const DurabilityGap&, const DurabilityGap&) = default;
};
// The worst of them; nullopt: as far as these settings tell, there is none.
std::optional<DurabilityGap> durability_gap(const Durability& its);
// One sentence of it, for the log and /readyz; empty: there is none.
std::string durability_warning(const Durability& its);

}  // namespace countersign::pg
