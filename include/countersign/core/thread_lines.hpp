#pragma once
#include <cstddef>
#include <vector>

#include "countersign/core/card.hpp"

namespace countersign::core {

// Says whether the request was pending until this entry and no longer is.
bool decides(const Case& c, std::size_t index);
// The people who are proven to ask for it, at most asked_max: whoever asks, or for whom a program does. Left
// out is whose act the entry is. Whom the caller merely names is not among them.
std::vector<Who> requesters_to_tell(const Case& c, std::size_t index, const Directory& directory,
                                    Surface surface);

}  // namespace countersign::core
