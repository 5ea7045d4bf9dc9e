#pragma once
#include <cstddef>

#include "countersign/app/ports.hpp"

namespace countersign::app {

inline constexpr std::size_t due_chunk_max = 100;  // cases that are read at once

// Says whether a pending request stands behind another one, which expires then, in the order of lists.
bool comes_after(const PendingRequest& one, core::Instant expires_at, std::int64_t number);

}  // namespace countersign::app
