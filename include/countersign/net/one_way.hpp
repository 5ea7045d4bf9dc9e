#pragma once
#include <memory>
#include <string>

#include "countersign/net/stream.hpp"
#include "countersign/net/url.hpp"
#include "countersign/rt/clock.hpp"

namespace countersign::net {

// Sends to a peer that never answers, as syslog's do, and notices when it goes away. For the I/O thread.
class OneWay {
  public:
    OneWay() = default;
    ~OneWay() { close(); }
    OneWay(const OneWay&) = delete;
    OneWay& operator=(const OneWay&) = delete;

    // Replaces a connection that was there before.
    Later<Done> connect(Dialer& dialer, Url url, Deadline deadline);
    // Says whether the peer has closed nothing yet, as far as it is known here.
    bool open() const;
    // Hands all of it to the operating system; what the peer made of it is not said. unavailable: the
    // connection broke, and how much arrived is unknown.
    Later<Done> send(std::string bytes, Deadline deadline);
    void close();

  private:
    struct Connection;
    std::shared_ptr<Connection> connection_;
};

}  // namespace countersign::net
