#pragma once
#include <string>

namespace countersign::pg {

// The settings that say what the database promises of a commit, as a session sees them.
struct Durability {
    std::string synchronous_commit;         // "on"
    std::string synchronous_standby_names;  // "ANY 1 (a, b)"; empty: no standby is waited for
    bool fsync = true;
    bool several_hosts = false;  // the connection string names several: there are standbys
};

// Says what may be missing although it was acknowledged, when, and which setting changes that; empty: as far
// as these settings tell, nothing.
std::string durability_warning(const Durability& its);

}  // namespace countersign::pg
