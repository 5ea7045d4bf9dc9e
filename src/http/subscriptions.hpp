#pragma once
#include "countersign/app/webhooks.hpp"
#include "http/requests.hpp"

namespace countersign::http {

// The calls about subscriptions. Failures become problem documents further up.
class Subscriptions {
  public:
    Subscriptions(const HttpSettings& settings, app::Webhooks& webhooks)
        : settings_(settings), webhooks_(webhooks) {}

    Later<net::HttpResponse> create(Call& call);
    Later<net::HttpResponse> list(Call& call);
    Later<net::HttpResponse> show(Call& call);
    Later<net::HttpResponse> remove(Call& call);
    Later<net::HttpResponse> deliveries(Call& call);
    Later<net::HttpResponse> delivery(Call& call);
    Later<net::HttpResponse> redeliver(Call& call);
    Later<net::HttpResponse> test(Call& call);
    Later<net::HttpResponse> rotate(Call& call);

  private:
    const HttpSettings& settings_;
    app::Webhooks& webhooks_;
};

}  // namespace countersign::http
