#pragma once
#include <chrono>
#include <cstddef>
#include <memory>

#include "countersign/net/http.hpp"
#include "countersign/net/stream.hpp"
#include "countersign/rt/clock.hpp"

namespace countersign::net {

struct HttpClientLimits {
    std::size_t header_bytes_max = 64 * 1024;
    std::size_t body_bytes_max = 16 * 1024 * 1024;
    bool cuts_bodies = false;  // a larger body is cut there without an error, and the connection is not kept
    std::size_t connections_max = 32;  // per origin; more calls wait, within their deadline
    std::chrono::seconds idle_max{25};
};

// Speaks HTTP/1.1 over kept-alive connections. It follows no redirects, and knows no cookies and no proxies.
class HttpClient {
  public:
    virtual ~HttpClient() = default;
    // Fails with unavailable where the request was certainly not processed (could not connect, or failed
    // before a byte of it was written; a kept-alive connection found dead that way is retried once on a fresh
    // one), and with timed_out where it may have been (the deadline passed, or the connection broke after the
    // request was written).
    virtual Later<HttpResponse> send(const Url& url, HttpRequest request, Deadline deadline) = 0;
};
std::unique_ptr<HttpClient> make_http_client(Dialer& dialer, const rt::Clock& clock, rt::Timers& timers,
                                             rt::asio::any_io_executor executor,
                                             HttpClientLimits limits = {});

}  // namespace countersign::net
