#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "countersign/net/byte_stream.hpp"
#include "countersign/net/frame_tap.hpp"
#include "countersign/net/websocket.hpp"

namespace countersign::net {

// Answers the handshake `request` and takes the connection over. `first_bytes` came behind the request
// already. `date` goes into the answer's field of that name.
Later<std::unique_ptr<WebSocket>> accept_websocket(StreamPtr stream, std::string first_bytes,
                                                   const HttpRequest& request, std::string_view date,
                                                   const rt::Clock& clock, rt::Timers& timers,
                                                   WebSocketLimits limits, FrameTap* tap, Deadline deadline);

}  // namespace countersign::net
