#pragma once
#include <functional>
#include <string>

#include "countersign/net/connector.hpp"
#include "countersign/rt/clock.hpp"

namespace countersign::net {

// Connects to hosts that strangers may have named: looks the name up once, checks every address that came
// back, and connects to one of those, so that a second look-up cannot say otherwise. A refused address
// refuses the name. Connections that are kept were checked when they were made.
class GuardedDialer final : public Dialer {
  public:
    struct Guard {
        // Says whether this host may be on this machine or in a private network. Link-local and metadata
        // addresses are refused whatever it says.
        std::function<bool(const std::string& host)> in_house;
        std::string how_to_allow;  // for the sentence that refuses such an address; may be empty
    };
    GuardedDialer(Connector& network, const rt::Clock& clock, Guard guard)
        : network_(network), clock_(clock), guard_(std::move(guard)) {}
    // Fails with forbidden (address_refused), else as Dialer does.
    Later<StreamPtr> dial(const Url& url, Deadline deadline) override;

  private:
    Result<Done> check(const std::string& host, const Address& address) const;

    Connector& network_;
    const rt::Clock& clock_;
    Guard guard_;
};

}  // namespace countersign::net
