#pragma once
#include "countersign/net/connector.hpp"
#include "countersign/rt/clock.hpp"

namespace countersign::webhooks {

// Connects only where webhooks may go: looks the name up once, checks every address that came back, and
// connects to one of those, so that a second look-up cannot say otherwise. A refused address refuses the
// name. Connections that are kept were checked when they were made.
class GuardedDialer final : public net::Dialer {
  public:
    GuardedDialer(net::Connector& network, const rt::Clock& clock, bool in_house)
        : network_(network), clock_(clock), in_house_(in_house) {}
    // Fails with forbidden (address_refused), else as net::Dialer does.
    Later<net::StreamPtr> dial(const net::Url& url, Deadline deadline) override;

  private:
    net::Connector& network_;
    const rt::Clock& clock_;
    bool in_house_;
};

}  // namespace countersign::webhooks
