#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "countersign/rt/later.hpp"

namespace countersign::net {

class ByteStream;  // net/byte_stream.hpp; only code that speaks bytes includes it
using StreamPtr = std::unique_ptr<ByteStream, void (*)(ByteStream*)>;

// An absolute http, https, ws or wss URL, split. `target` is path and query, byte-exact, at least "/".
struct Url {
    std::string scheme;
    std::string host;  // no brackets around IPv6
    std::uint16_t port = 0;
    std::string target;
    bool tls() const { return scheme == "https" || scheme == "wss"; }
    std::string authority() const;  // host, and port unless it is the scheme's own
    std::string origin() const;     // scheme://authority
};
// invalid_input: not absolute, another scheme, user info, a fragment, over 8 KiB, control characters.
Result<Url> parse_url(std::string_view text);

// The door to the network. Tests give the program another one.
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
    virtual Later<StreamPtr> accept() = 0;  // cancelled: the listener was closed
    virtual std::uint16_t port() const = 0;
    virtual void close() = 0;
    // Reads certificate and key again, for the connections from now on. invalid_input: they cannot be used,
    // and it goes on with those it has. A listener without TLS has nothing to read.
    virtual Result<Done> reread_tls() { return Done{}; }
};

}  // namespace countersign::net
