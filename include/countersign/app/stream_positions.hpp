#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "countersign/core/ids.hpp"
#include "countersign/rt/later.hpp"

namespace countersign::app {

// How far events were handed on to where they are streamed to, and which replica is at it.
class StreamPositions {
  public:
    virtual ~StreamPositions() = default;
    // Makes the stream this process' own until `until`, where it is nobody else's at `now`. Gives the index
    // of the next event to hand on, 0 for a new stream; nullopt: another replica has it.
    virtual Later<std::optional<std::int64_t>> take(std::string stream, core::ProcessId process,
                                                    core::Instant now, core::Instant until,
                                                    Deadline deadline) = 0;
    // Writes down how far it is, and holds on to it. False: it is another replica's by now.
    virtual Later<bool> keep(std::string stream, core::ProcessId process, std::int64_t next,
                             core::Instant until, Deadline deadline) = 0;
};

}  // namespace countersign::app
