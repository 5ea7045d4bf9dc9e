#pragma once
#include <string>
#include <vector>

namespace countersign::pg {

struct Migration {
    std::string name;  // "0001_requests"
    std::string sql;
};
// Those of migrations/ at build time, in order.
const std::vector<Migration>& built_in_migrations();

}  // namespace countersign::pg
