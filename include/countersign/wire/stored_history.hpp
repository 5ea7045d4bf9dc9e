#pragma once
#include <string>
#include <string_view>

#include "countersign/base/result.hpp"
#include "countersign/core/history.hpp"

// How what is kept of other requests is written down: canonical JSON (RFC 8785), of ids, times and numbers
// alone.
namespace countersign::wire {

std::string stored_history(const core::HistoryRecord& record);
// corrupt: not what the function above wrote.
Result<core::HistoryRecord> read_stored_history(std::string_view text);

}  // namespace countersign::wire
