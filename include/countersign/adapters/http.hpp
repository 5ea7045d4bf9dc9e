#pragma once
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "countersign/app/service.hpp"
#include "countersign/base/crypto.hpp"
#include "countersign/net/http.hpp"

namespace countersign::http {

struct HttpSettings {
    std::string public_url;               // issuer of grants and base of absolute links; empty: relative
    std::size_t requests_per_minute = 0;  // per token; 0: any
    Secret access_key;  // what access tokens are made with, the same on every replica; empty: there are none
    // What is kept of the newest events for those who stream them; who falls behind it is cut off.
    std::size_t tail_events_max = 4'096;
    std::size_t tail_bytes_max = 8 * 1'048'576;
};

// What /readyz asks. Empty detail: fine.
struct Readiness {
    std::function<std::string()> problem;  // "" or why not, one per dependency
    std::string name;                      // "database", "slack", "schema"
};

// The callback API. `handler` is given to net::serve_http.
class Api {
  public:
    virtual ~Api() = default;
    virtual net::HttpHandler handler() = 0;
    // Hands events on to the streams; until cancelled.
    virtual rt::asio::awaitable<void> follow() = 0;
    // Counters for /metrics, called from app::World::count.
    virtual void count(std::string_view what, std::string_view label) = 0;
    // Writes down when tokens were last used; until cancelled.
    virtual rt::asio::awaitable<void> note_uses() = 0;
};
// Every call that is answered: its method and its path, {"GET", "/v1/requests/{id}"}.
std::vector<std::pair<std::string_view, std::string_view>> calls();

// `webhooks` null: nobody can subscribe.
std::unique_ptr<Api> make_api(HttpSettings settings, app::World& world, app::TokenStore& tokens,
                              const SigningKey& signing_key, std::vector<Readiness> readiness,
                              app::Webhooks* webhooks = nullptr, app::WorkloadIdentity* workloads = nullptr);

}  // namespace countersign::http
