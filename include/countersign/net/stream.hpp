#pragma once
#include <cstdint>
#include <memory>

#include "countersign/net/url.hpp"
#include "countersign/rt/later.hpp"

namespace countersign::net {

class ByteStream;  // net/byte_stream.hpp; only code that speaks bytes includes it
using StreamPtr = std::unique_ptr<ByteStream, void (*)(ByteStream*)>;

// Opens connections. Everything that connects does it through a Dialer, so that tests can give it another
// network.
class Dialer {
  public:
    virtual ~Dialer() = default;
    // Resolves, connects, and for TLS (1.2 or newer) verifies chain and host name. A TLS failure says which
    // of the two failed. TCP_NODELAY is on.
    virtual Later<StreamPtr> dial(const Url& url, Deadline deadline) = 0;
};

class Listener {
  public:
    virtual ~Listener() = default;
    virtual Later<StreamPtr> accept() = 0;  // fails with cancelled once the listener is closed
    virtual std::uint16_t port() const = 0;
    virtual void close() = 0;
    // Reads certificate and key again, for new connections. Fails with invalid_input where they cannot be
    // used, and goes on with those it has. A listener without TLS has nothing to read.
    virtual Result<Done> reread_tls() { return Done{}; }
};

}  // namespace countersign::net
