#pragma once
#include <memory>
#include <string>

#include "countersign/net/stream.hpp"
#include "sandbox/frame_tap.hpp"

namespace countersign::sandbox {

// Lets a tap look at (or drop) the whole frames that a WebSocket's connection brings, `first_bytes` before
// all others.
net::StreamPtr tapped(net::StreamPtr connection, std::string first_bytes, std::shared_ptr<FrameTap> tap);

}  // namespace countersign::sandbox
