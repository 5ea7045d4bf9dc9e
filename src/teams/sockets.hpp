#pragma once
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "countersign/streaming/peer.hpp"
#include "countersign/wire/teams_activity.hpp"

namespace countersign::teams {

// The sockets that channels hold open to the bot, by the service address that each speaks for: what is sent
// to such an address leaves through its socket, as no other way leads there.
class Sockets {
  public:
    static constexpr std::size_t sockets_max = 32;
    using PeerPtr = std::shared_ptr<streaming::Peer>;

    // Says whether an address is that of a socket ("urn:…"), whether or not it is open.
    static bool is_socket(std::string_view service_url) { return service_url.starts_with("urn:"); }

    // Returns false where there are as many as may be.
    bool add(PeerPtr peer);
    void remove(const PeerPtr& peer);
    // The peer speaks for this address from now on. `proven`: its token says so, which outweighs that an
    // activity says it. Returns false where the address is another live socket's, or the peer has another.
    bool bind(const PeerPtr& peer, std::string_view service_url, bool proven);
    // Sends a request to whoever speaks for the address. Fails as Peer::ask, and with unavailable where no
    // socket is open.
    Later<streaming::Response> ask(std::string service_url, streaming::Request request, Deadline deadline);
    std::size_t size() const { return open_.size(); }
    rt::asio::awaitable<void> close_all(Deadline deadline);

  private:
    struct Open {
        std::string service_url;  // empty: not known yet
        bool proven = false;
    };
    std::map<PeerPtr, Open> open_;
};

}  // namespace countersign::teams
