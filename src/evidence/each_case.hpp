#pragma once
#include <functional>
#include <string>
#include <vector>

#include "countersign/adapters/audit.hpp"
#include "countersign/core/entry.hpp"

namespace countersign::evidence {

// Shows every request that is asked for, in the order in which they were filed, a page at a time. `since` and
// `until` are those of when it was filed. Gives back what does not hold together of them; such a request is
// shown all the same, where it can be read.
Later<std::vector<Finding>> each_case(app::AuditStore& store, const ExportFilter& filter,
                                      const rt::Clock& clock, AuditProgress progress,
                                      std::function<void(const core::Case&)> see);

// conflict: there is something in the folder.
Result<Done> make_empty_folder(const std::string& folder);

}  // namespace countersign::evidence
