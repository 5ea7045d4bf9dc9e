#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "countersign/net/http.hpp"
#include "countersign/net/stream.hpp"
#include "countersign/rt/clock.hpp"

namespace countersign::net {

struct WebSocketFrame {
    bool text = true;  // false for binary
    std::string payload;
};

// Reads and writes one WebSocket (RFC 6455) through Beast. Writes may be called concurrently; they leave in
// order. It never fragments (auto_fragment is off: Slack does not reassemble continuation frames) and never
// compresses. Pings of the peer are answered by the pending read, and by the watch over `silence_max` while
// nobody reads.
class WebSocket {
  public:
    virtual ~WebSocket() = default;
    // Returns the next message. Fails with unavailable where the socket is closed (`close_code` says how) or
    // dead, and with cancelled where `shut` was called or the caller was cancelled: then nothing is lost, and
    // another `read` goes on.
    virtual Later<WebSocketFrame> read() = 0;
    virtual Later<Done> write(std::string text, Deadline deadline) = 0;
    // Writes each as one binary message, in this order and with nothing of others between them.
    virtual Later<Done> write_binary(std::vector<std::string> messages, Deadline deadline) = 0;
    virtual Later<Done> ping(Deadline deadline) = 0;
    // Does the close handshake, bounded by `deadline`, then closes TCP in any case.
    virtual Later<Done> close(std::uint16_t code, std::string reason, Deadline deadline) = 0;
    virtual void shut() = 0;                       // closes TCP at once
    virtual std::uint16_t close_code() const = 0;  // 0 if no close frame came
    virtual std::string close_reason() const = 0;
    virtual core::Instant last_heard()
        const = 0;  // when the last inbound frame came, control frames included
};

struct WebSocketLimits {
    std::size_t message_bytes_max = 4 * 1024 * 1024;
    // Without any inbound frame for this long the socket closes itself (`read` fails with unavailable). Pings
    // go out at a third of it. Zero turns both off.
    std::chrono::seconds silence_max{30};
};

// Where a WebSocket is to be opened.
struct WebSocketTarget {
    const Url& url;
    Fields fields = {};  // of the handshake's request, beside those that RFC 6455 asks for
};
// Dials and does the handshake. An answer other than 101 fails with `unavailable` and the status in the
// detail.
Later<std::unique_ptr<WebSocket>> connect_websocket(Dialer& dialer, WebSocketTarget target,
                                                    const rt::Clock& clock, rt::Timers& timers,
                                                    WebSocketLimits limits, Deadline deadline);

}  // namespace countersign::net
