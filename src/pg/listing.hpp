#pragma once
#include <optional>
#include <vector>

#include "countersign/app/ports.hpp"
#include "countersign/app/seals.hpp"
#include "pg/session.hpp"

namespace countersign::pg {

struct Listed {
    std::vector<core::RequestId> requests;    // newest first, at most as many as asked for
    std::optional<std::int64_t> next_before;  // none: there is nothing more
};
// What a filter finds. Starts from the condition that is likely to leave least, goes along its index, and
// looks at no more than list_scan_max requests: then the page ends early, and says where to go on.
Result<Listed> list_requests(Session& session, const app::ListFilter& filter, const app::Seals& seals);

}  // namespace countersign::pg
