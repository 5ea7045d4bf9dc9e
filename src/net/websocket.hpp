#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "countersign/net/byte_stream.hpp"
#include "countersign/net/http.hpp"
#include "countersign/net/websocket.hpp"

namespace countersign::net {

// Holds what an HTTP exchange leaves to the WebSocket that it becomes.
struct UpgradedConnection {
    StreamPtr stream;
    std::string first_bytes;  // came right behind the request
    const HttpRequest& request;
    std::string_view date;  // goes into the answer's field of that name
};

// Answers the request's handshake and takes the connection over.
Later<std::unique_ptr<WebSocket>> accept_websocket(UpgradedConnection connection, const rt::Clock& clock,
                                                   rt::Timers& timers, WebSocketLimits limits,
                                                   Deadline deadline);

}  // namespace countersign::net
