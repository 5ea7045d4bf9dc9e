#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "countersign/app/sign_in.hpp"
#include "countersign/net/html_response.hpp"

namespace countersign::web {

// A browser is on its way to the OpenID provider.
struct Journey {
    std::string link;  // the signed link that it came from
    std::string state;
    std::string nonce;
    std::string verifier;
    core::Instant begun;
};

// Somebody signed in, for one link.
struct Session {
    std::string link_id;
    core::SignIn sign_in;
    core::Instant until;
};

// What a browser carries for us between two calls, signed: nothing of it is kept here.
class Sessions {
  public:
    static constexpr core::Duration journey_max = std::chrono::minutes{10};

    Sessions(const app::Runtime& runtime, Secret key, const std::string& public_url);

    void begin(net::HttpResponse& response, const Journey& journey) const;
    // nullopt: the browser carries none, or it took too long.
    std::optional<Journey> journey(const net::Fields& fields) const;
    void end_journey(net::HttpResponse& response) const { journey_.end(response); }

    void open(net::HttpResponse& response, const Session& session) const;
    std::optional<Session> session(const net::Fields& fields) const;
    void close(net::HttpResponse& response) const { session_.end(response); }

    // What a form carries, so that it is known to be the one that this session was shown for this request.
    std::string form_token(const Session& session, std::string_view request, std::string_view digest) const;

  private:
    const app::Runtime& runtime_;
    Secret key_;
    net::Cookie journey_;
    net::Cookie session_;
};

}  // namespace countersign::web
