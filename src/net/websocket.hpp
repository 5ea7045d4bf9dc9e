#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "countersign/net/byte_stream.hpp"
#include "countersign/net/frame_tap.hpp"
#include "countersign/net/websocket.hpp"
#include "net/buffered_reader.hpp"

namespace countersign::net {

// A connection whose handshake is done. `reader` may hold the first frames already.
struct UpgradedConnection {
    StreamPtr stream{nullptr, nullptr};
    std::unique_ptr<BufferedReader> reader;
};
std::unique_ptr<WebSocket> make_websocket(UpgradedConnection connection, bool is_client,
                                          const rt::Clock& clock, rt::Timers& timers, WebSocketLimits limits,
                                          FrameTap* tap);

// What the server answers to `Sec-WebSocket-Key`.
std::string websocket_accept(std::string_view key);

}  // namespace countersign::net
