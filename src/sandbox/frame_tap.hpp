#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>

namespace countersign::sandbox {

struct FrameHead {
    bool final = true;        // FIN
    std::uint8_t opcode = 0;  // RFC 6455 §5.2; 0: a continuation
    std::uint64_t bytes = 0;  // payload bytes
};

// Lets the workspace observe the inbound frames of one of its WebSockets, or ignore them.
struct FrameTap {
    // Gets every inbound frame's head before it is processed.
    std::function<void(const FrameHead&)> on_frame;
    // While set, no message that begins is heard, nor answered by a pong or a close frame, yet TCP stays open
    // (a half-open peer).
    bool deaf = false;
};

}  // namespace countersign::sandbox
