#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>

namespace countersign::net {

struct FrameHead {
    bool final = true;        // FIN
    std::uint8_t opcode = 0;  // RFC 6455 §5.2; 0: a continuation
    std::uint64_t bytes = 0;  // of the payload
};

// What a server that plays a faulty or watchful peer does with one WebSocket's bytes.
struct FrameTap {
    std::function<void(const FrameHead&)> on_frame;  // every inbound frame's head, before it is obeyed
    // Set: nothing is answered and nothing leaves, yet TCP stays open (a half-open peer). Holds for messages
    // that begin while it is set.
    bool deaf = false;
};

}  // namespace countersign::net
