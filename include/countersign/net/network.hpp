#pragma once
#include <chrono>
#include <memory>
#include <string>

#include "countersign/net/connector.hpp"
#include "countersign/net/stream.hpp"
#include "countersign/rt/clock.hpp"

namespace countersign::net {

// A stream may notice this late that its `close_at` has passed.
inline constexpr std::chrono::milliseconds deadline_slack{100};

struct TlsFiles {
    std::string certificate;  // PEM chain
    std::string key;          // PEM
};

// Dials and listens on the real network on one executor, and ends streams whose deadline has passed.
class Network : public Dialer, public Connector {
  public:
    // Fails with conflict where the address is in use (the detail names it and says what to do), and with
    // invalid_input where it is none. With `tls`, every accepted stream has finished its handshake (bounded
    // by 10 s each, at most 256 under way, without holding up other connections).
    virtual Result<std::unique_ptr<Listener>> listen(const std::string& address_and_port,
                                                     const TlsFiles* tls = nullptr) = 0;
    // Trusts further roots (a PEM file), for private CAs and tests; the system's store is always trusted.
    virtual Result<Done> trust(const std::string& pem_file) = 0;
};

// Says whether `listen` would take this for an address.
bool can_listen_on(const std::string& address_and_port);

std::unique_ptr<Network> make_network(rt::asio::any_io_executor executor, const rt::Clock& clock,
                                      rt::Timers& timers);

}  // namespace countersign::net
