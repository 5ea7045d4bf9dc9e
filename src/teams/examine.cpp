#include <fmt/format.h>

#include <utility>

#include "countersign/adapters/teams.hpp"
#include "countersign/base/text.hpp"
#include "countersign/net/http_client.hpp"
#include "countersign/net/url.hpp"
#include "teams/app_token.hpp"
#include "teams/clouds.hpp"

namespace countersign::teams {
namespace {

using app::Check;

// Says why an address does not answer with this status.
Later<Done> answers(net::HttpClient& client, std::string method, const std::string& address,
                    unsigned expected, Deadline deadline) {
    auto url = net::parse_url(address);
    if (!url) co_return pass(url);
    net::HttpRequest request;
    request.method = std::move(method);
    request.target = url->target;
    auto response = co_await client.send(*url, std::move(request), deadline);
    if (!response) co_return pass(response);
    if (response->status != expected)
        co_return fail(Trouble::unavailable,
                       fmt::format("it answers {} where {} was meant", response->status, expected));
    co_return Done{};
}

}  // namespace

Later<app::Checks> examine(TeamsSettings given, std::string public_url, const app::Runtime& runtime,
                           net::Dialer& dialer, rt::asio::any_io_executor executor, Deadline deadline) {
    app::Checks checks;
    if (auto problem = problem_of(given)) {
        checks.push_back({"teams.settings", Check::State::failed, *problem, "see docs/teams.md"});
        co_return checks;
    }
    auto settings = completed(std::move(given));
    auto client = net::make_http_client(dialer, runtime.clock, runtime.timers, executor);
    AppToken token{settings, *client, runtime.clock, runtime.timers, runtime.entropy, executor};
    auto got = co_await token.get(deadline);
    checks.push_back({"teams.credentials", got ? Check::State::ok : Check::State::failed,
                      got ? "Entra gives the bot its token" : got.error().detail,
                      got ? "" : "give the client secret or certificate of this app, and its tenant"});
    auto keys = co_await answers(*client, "GET", settings.openid_metadata_url, 200, deadline);
    checks.push_back({"teams.keys", keys ? Check::State::ok : Check::State::failed,
                      keys ? "the keys of Teams' tokens can be read" : keys.error().detail,
                      keys ? "" : "let this machine reach teams.openid_metadata_url over https"});
    auto url = net::parse_url(public_url);
    if (!url || url->scheme != "https") {
        checks.push_back({"teams.endpoint", Check::State::failed, "public_url is no https address",
                          "Teams calls the server there: see docs/teams.md"});
        co_return checks;
    }
    // Without a token the server that we are looking for refuses the call.
    auto there = co_await answers(*client, "POST", url->origin() + "/api/messages", 401, deadline);
    checks.push_back({"teams.endpoint", there ? Check::State::ok : Check::State::warning,
                      there ? "public_url leads to a server that asks Teams for its token"
                            : fmt::format("{}/api/messages: {}", url->origin(), there.error().detail),
                      there ? "" : "start the server, and look whether public_url leads to it from outside"});
    co_return checks;
}

}  // namespace countersign::teams
