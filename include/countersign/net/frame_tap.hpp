#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>

#include "countersign/net/stream.hpp"

namespace countersign::net {

struct FrameHead {
    bool final = true;         // FIN
    std::uint8_t opcode = 0;   // RFC 6455 §5.2; 0: a continuation
    std::uint64_t bytes = 0;   // of the payload
};

// What a server that plays a faulty or watchful peer does with one WebSocket's bytes.
struct FrameTap {
    std::function<void(const FrameHead&)> on_frame;  // every inbound frame's head, before Beast sees it
    bool deaf = false;  // set: nothing is heard and nothing leaves, yet TCP stays open (a half-open peer)
};

// A stream over `inner` that reports and obeys `tap`, which must outlive it. Frames are looked at from the
// first byte read through it on.
StreamPtr tap_frames(StreamPtr inner, FrameTap& tap);

}  // namespace countersign::net
