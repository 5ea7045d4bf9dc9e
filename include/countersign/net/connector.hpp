#pragma once
#include <boost/asio/ip/address.hpp>
#include <string>
#include <vector>

#include "countersign/net/stream.hpp"

namespace countersign::net {

using Address = boost::asio::ip::address;

// Dials in two steps, for callers that must check the addresses in between.
class Connector {
  public:
    virtual ~Connector() = default;
    // Returns every address that the name has now; never empty. A literal address as `host` resolves to
    // itself.
    virtual Later<std::vector<Address>> resolve(const std::string& host, Deadline deadline) = 0;
    // Connects to this very address, whatever the name resolves to by now; TLS still verifies the certificate
    // for `url.host`. The port is the URL's.
    virtual Later<StreamPtr> connect(const Url& url, const Address& address, Deadline deadline) = 0;
};

}  // namespace countersign::net
