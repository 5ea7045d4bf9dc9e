#pragma once
#include <boost/asio/ip/address.hpp>
#include <string>
#include <vector>

#include "countersign/net/stream.hpp"

namespace countersign::net {

using Address = boost::asio::ip::address;

// Dialing in its two steps, for whoever must look at the addresses in between.
class Connector {
  public:
    virtual ~Connector() = default;
    // Every address that the name stands for now; never empty. An address as `host` stands for itself.
    virtual Later<std::vector<Address>> resolve(const std::string& host, Deadline deadline) = 0;
    // Connects to this very address, whatever the name stands for by now; TLS still verifies the certificate
    // for `url.host`. The port is the URL's.
    virtual Later<StreamPtr> connect(const Url& url, const Address& address, Deadline deadline) = 0;
};

}  // namespace countersign::net
