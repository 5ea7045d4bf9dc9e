#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include "countersign/adapters/web.hpp"

namespace countersign::web {

// Terminals whose people sign in on another device (RFC 8628). What comes of it is a token of theirs that
// asks and reads for half a day, and never votes.
class Terminals {
  public:
    static constexpr core::Duration token_life = std::chrono::hours{12};
    // So many sign-ins may be begun in a minute by all callers together: each costs the provider something.
    static constexpr std::size_t begun_per_minute_max = 60;

    Terminals(const app::Runtime& runtime, Secret key, Parts parts);
    std::vector<net::Route> routes();

  private:
    rt::asio::awaitable<net::HttpResponse> begin(net::HttpExchange& exchange);
    rt::asio::awaitable<net::HttpResponse> ask(net::HttpExchange& exchange);
    rt::asio::awaitable<net::HttpResponse> end(net::HttpExchange& exchange);
    Later<net::HttpResponse> give_token(core::SignIn sign_in, Deadline deadline);
    Later<Done> take_back(std::string text, Deadline deadline);
    net::HttpResponse told(const Failure& failure) const;

    const app::Runtime& runtime_;
    Secret key_;
    Parts parts_;
    core::Instant minute_{};
    std::size_t begun_ = 0;  // since then
};

}  // namespace countersign::web
