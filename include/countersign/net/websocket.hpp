#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "countersign/net/http.hpp"
#include "countersign/net/stream.hpp"
#include "countersign/rt/clock.hpp"

namespace countersign::net {

struct WebSocketFrame {
    bool text = true;  // false: binary
    std::string payload;
};

// One WebSocket (RFC 6455), Beast's underneath. Writes may be called concurrently; they leave in order. Never
// fragments (auto_fragment is off: Slack does not reassemble continuation frames) and never compresses. Pings
// of the peer are answered by the pending read, and by the watch over `silence_max` while nobody reads.
class WebSocket {
  public:
    virtual ~WebSocket() = default;
    // The next message. unavailable: closed (`close_code` says how) or dead; cancelled: `shut` was called, or
    // the caller was cancelled: nothing is lost, another `read` goes on.
    virtual Later<WebSocketFrame> read() = 0;
    virtual Later<Done> write(std::string text, Deadline deadline) = 0;
    virtual Later<Done> ping(Deadline deadline) = 0;
    // Close handshake, bounded by `deadline`, then TCP is closed in any case.
    virtual Later<Done> close(std::uint16_t code, std::string reason, Deadline deadline) = 0;
    virtual void shut() = 0;                       // closes TCP at once
    virtual std::uint16_t close_code() const = 0;  // 0: no close frame came
    virtual std::string close_reason() const = 0;
    virtual core::Instant last_heard() const = 0;  // the last inbound frame, control frames included
};

struct WebSocketLimits {
    std::size_t message_bytes_max = 4 * 1024 * 1024;
    // No inbound frame for this long: the socket closes itself (`read` fails with unavailable). Pings go out
    // at a third of it. Zero: neither.
    std::chrono::seconds silence_max{30};
};

// Dials and does the handshake. An answer other than 101 is `unavailable` with the status in the detail.
Later<std::unique_ptr<WebSocket>> connect_websocket(Dialer& dialer, const Url& url, const rt::Clock& clock,
                                                    rt::Timers& timers, WebSocketLimits limits,
                                                    Deadline deadline);

}  // namespace countersign::net
