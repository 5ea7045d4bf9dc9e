#pragma once
#include "countersign/adapters/http.hpp"
#include "countersign/app/webhooks.hpp"
#include "http/router.hpp"

namespace countersign::http {

// The calls about subscriptions.
class SubscriptionCalls {
  public:
    SubscriptionCalls(const HttpSettings& settings, app::Webhooks& webhooks)
        : settings_(settings), webhooks_(webhooks) {}

    std::vector<Route> routes();

  private:
    Later<net::HttpResponse> create(Call& call);
    Later<net::HttpResponse> list(Call& call);
    Later<net::HttpResponse> show(Call& call);
    Later<net::HttpResponse> remove(Call& call);
    Later<net::HttpResponse> deliveries(Call& call);
    Later<net::HttpResponse> delivery(Call& call);
    Later<net::HttpResponse> redeliver(Call& call);
    Later<net::HttpResponse> test(Call& call);
    Later<net::HttpResponse> rotate(Call& call);

    const HttpSettings& settings_;
    app::Webhooks& webhooks_;
};

}  // namespace countersign::http
