#include "teams/token_check.hpp"

#include <algorithm>
#include <utility>

#include "countersign/base/text.hpp"

namespace countersign::teams {
namespace {

constexpr std::string_view channel = "msteams";

tokens::KeySource source_of(const TeamsSettings& settings) {
    return {.issuer = cloud_of(settings).issuer,
            .metadata_url = settings.openid_metadata_url,
            .jwks_uri = {},
            .jwks = {}};
}

std::unexpected<Failure> untrue(std::string detail, std::string code) {
    return fail(Trouble::unauthenticated, std::move(detail), std::move(code));
}

// Service addresses are the same with and without a slash at their end, and in either letter case.
std::string same_form(std::string_view service_url) {
    if (service_url.ends_with('/')) service_url.remove_suffix(1);
    return lower_ascii(service_url);
}

}  // namespace

TokenCheck::TokenCheck(const TeamsSettings& settings, net::HttpClient& client, const rt::Clock& clock,
                       rt::Timers& timers, const rt::asio::any_io_executor& executor)
    : settings_(settings), clock_(clock), tokens_({source_of(settings)}, client, clock, timers, executor) {}

Later<TokenCheck::Believed> TokenCheck::check(std::string_view header, Deadline deadline) {
    auto space = header.find(' ');
    const bool bearer = space != header.npos && lower_ascii(header.substr(0, space)) == "bearer" &&
                        header.find(' ', space + 1) == header.npos;
    if (!bearer) co_return untrue("there is no bearer token", "no_token");
    auto verified = co_await tokens_.verify(header.substr(space + 1), deadline);
    if (!verified) co_return pass(verified);
    if (verified->jws.algorithm != JoseAlgorithm::rs256)
        co_return untrue("the token is signed otherwise than the Bot Framework does", "jws_algorithm");
    const core::Value& claims = verified->jws.claims;
    if (!tokens::is_for(claims["aud"], settings_.app_id))
        co_return untrue("the token is for another app", "oidc_audience");
    auto timely =
        tokens::in_its_time(claims, clock_.now(), {.leeway = clocks_differ_max, .lifetime_max = {}});
    if (!timely) co_return pass(timely);
    auto service = claims["serviceurl"].text();
    if (service.empty()) co_return untrue("the token names no service address", "no_service_url");
    co_return Believed{std::string(service), verified->key->endorsements};
}

Result<Done> TokenCheck::speaks_for(const Believed& believed, const wire::TeamsActivity& activity) const {
    if (activity.service_url.empty() || same_form(believed.service_url) != same_form(activity.service_url))
        return untrue("the activity names another service address than its token", "service_url");
    if (!may_serve(activity.service_url, settings_.service_url_allow))
        return untrue("the service address is none of teams.service_url_allow", "service_url");
    const bool endorsed = std::ranges::find(believed.endorsements, channel) != believed.endorsements.end();
    if (activity.channel_id != channel || !endorsed)
        return untrue("the key is not endorsed for the channel of the activity", "endorsement");
    if (activity.recipient != "28:" + settings_.app_id)
        return untrue("the activity is for another bot", "recipient");
    return Done{};
}

}  // namespace countersign::teams
