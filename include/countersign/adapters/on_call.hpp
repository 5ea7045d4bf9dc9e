#pragma once
#include <memory>
#include <string>

#include "countersign/app/ports.hpp"
#include "countersign/base/secret.hpp"
#include "countersign/net/http_client.hpp"
#include "countersign/net/url.hpp"
#include "countersign/rt/clock.hpp"

// Who is on call, as PagerDuty says it: GET /oncalls of its REST API, version 2.
namespace countersign::on_call {

struct Service {
    net::Url url;  // "https://api.pagerduty.com/", below which the API is
    Secret token;  // an API key that may read
};

// Groups are named by GroupRecord::OnCall::key, their members by ids of the service.
class Rota : public app::AccountSource {
  public:
    static constexpr core::Duration call_within{std::chrono::seconds{5}};
    // A question that failed is asked again no sooner.
    static constexpr core::Duration pause{std::chrono::seconds{5}};
    static constexpr std::size_t users_max = 500;  // on call at once, for one question
    virtual std::string problem() const = 0;       // why it was not read lately; empty: it was
};

struct Parts {
    const rt::Clock& clock;
    rt::Timers& timers;
    net::HttpClient& client;
    rt::asio::any_io_executor executor;
};
std::unique_ptr<Rota> make_pagerduty(Service service, Parts parts);

}  // namespace countersign::on_call
