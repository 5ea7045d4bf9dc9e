#pragma once
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "countersign/adapters/http.hpp"
#include "http/announced.hpp"
#include "http/grant.hpp"
#include "http/input.hpp"
#include "http/reading.hpp"
#include "http/router.hpp"

namespace countersign::http {

// The calls about requests.
class RequestCalls {
  public:
    RequestCalls(const HttpSettings& settings, const app::Runtime& runtime, Parts parts, SigningKeys keys);
    std::vector<Route> routes();
    // The request that the call's path names, where its caller may read it.
    Later<app::CasePtr> readable(Call& call);

  private:
    Later<net::HttpResponse> create(Call& call);
    Later<net::HttpResponse> show(Call& call);
    Later<net::HttpResponse> list(Call& call);
    Later<net::HttpResponse> vote(Call& call);
    Later<net::HttpResponse> cancel(Call& call);
    Later<net::HttpResponse> claim(Call& call);
    Later<net::HttpResponse> outcome(Call& call);

    Later<core::Value> body_of(const net::HttpRequest& request);

    struct Rendered {
        app::CasePtr now;
        std::shared_ptr<const core::Directory> directory;
        std::shared_ptr<const std::string> body;
    };
    static constexpr std::size_t rendered_max = 32;

    core::Value document_of(const app::CaseNow& now, const core::Directory& directory) const;
    std::string body_of(const app::CasePtr& now);
    std::string body_with(const app::CaseNow& now, const std::vector<app::CardProblem>& problems);
    net::HttpResponse answer(unsigned status, const app::CasePtr& now);
    // What only the one who asked is told beside the request.
    struct ForTheAsker {
        std::optional<std::string> callback;
        bool hides = false;     // some values
        bool workload = false;  // its own token is good for a few minutes and for one request
    };
    std::string body_for(const app::CaseNow& now, const ForTheAsker& asker);
    // The request that the path names: by its id, or by its number as "9" or "#9".
    Later<app::CasePtr> find(const Call& call);
    Later<core::RequestId> id_of(const Call& call);
    // A caller's act on a request of its own, before its body is understood.
    struct OwnAct {
        core::RequestId id;
        std::optional<std::string> key;  // its Idempotency-Key
        core::Value body;
    };
    enum class Body : std::uint8_t { required, optional };
    Later<OwnAct> act_on_own(Call& call, Body body);
    Later<Done> must_be_within_bounds(const Call& call, core::RequestId id);
    Later<Done> must_be_own(Call& call, core::RequestId request);
    Later<Done> may_see(const Call& call, app::CasePtr now);
    app::Origin origin(const Call& call, std::string_view act, const std::optional<std::string>& key);
    Later<app::CasePtr> wait_it_out(Call& call, app::CasePtr now, Wait wait,
                                    const std::optional<NoneMatch>& none_match);

    const HttpSettings& settings_;
    const app::Runtime& runtime_;
    Parts parts_;
    OwnersReading owners_reading_{parts_.roster};
    SigningKeys keys_;
    std::string issuer_;
    std::deque<Rendered> rendered_;  // the last bodies, for the many who wait for one request
    std::set<std::pair<core::TokenId, std::string>> running_;  // idempotency keys of requests being opened
};

}  // namespace countersign::http
