#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>

namespace countersign::net {

struct FrameHead {
    bool final = true;        // FIN
    std::uint8_t opcode = 0;  // RFC 6455 §5.2; 0: a continuation
    std::uint64_t bytes = 0;  // payload bytes
};

// Lets a server that simulates a faulty peer observe one WebSocket's inbound frames, or ignore them.
struct FrameTap {
    // Gets every inbound frame's head before it is processed.
    std::function<void(const FrameHead&)> on_frame;
    // While set, nothing is answered and nothing is sent, yet TCP stays open (a half-open peer). It applies
    // to messages that begin while it is set.
    bool deaf = false;
};

}  // namespace countersign::net
