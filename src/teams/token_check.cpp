#include "teams/token_check.hpp"

#include <algorithm>
#include <utility>

#include "countersign/base/text.hpp"
#include "teams/sockets.hpp"

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

bool endorses(const TokenCheck::Believed& believed, std::string_view its_channel) {
    return std::ranges::find(believed.endorsements, its_channel) != believed.endorsements.end();
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
    // A time so far off that it cannot be told is as good as never.
    constexpr std::int64_t seconds_max = 253'402'300'799;  // the end of the year 9999
    const auto ends = std::chrono::seconds{std::min(claims["exp"].whole(), seconds_max)};
    co_return Believed{std::string(claims["serviceurl"].text()), verified->key->endorsements,
                       core::Instant{ends} + clocks_differ_max};
}

Result<Done> TokenCheck::speaks_for(const Believed& believed, const wire::TeamsActivity& activity) const {
    if (believed.service_url.empty()) return untrue("the token names no service address", "no_service_url");
    if (activity.service_url.empty() || same_form(believed.service_url) != same_form(activity.service_url))
        return untrue("the activity names another service address than its token", "service_url");
    if (!may_serve(activity.service_url, settings_.service_url_allow))
        return untrue("the service address is none of teams.service_url_allow", "service_url");
    return is_for_us(believed, activity);
}

Result<Done> TokenCheck::is_for_us(const Believed& believed, const wire::TeamsActivity& activity) const {
    if (activity.channel_id != channel || !endorses(believed, channel))
        return untrue("the key is not endorsed for the channel of the activity", "endorsement");
    if (activity.recipient != "28:" + settings_.app_id)
        return untrue("the activity is for another bot", "recipient");
    return Done{};
}

Result<Done> TokenCheck::may_open(const Believed& believed, std::string_view channel_id) const {
    if (channel_id.empty()) return untrue("the handshake names no channel", "no_channel");
    if (!endorses(believed, channel_id))
        return untrue("the key is not endorsed for the channel of the handshake", "endorsement");
    return Done{};
}

Result<Done> TokenCheck::speaks_on_socket(const Believed& believed,
                                          const wire::TeamsActivity& activity) const {
    if (!Sockets::is_socket(activity.service_url)) return speaks_for(believed, activity);
    const bool names_another = Sockets::is_socket(believed.service_url) &&
                               same_form(believed.service_url) != same_form(activity.service_url);
    if (names_another)
        return untrue("the activity names another service address than its token", "service_url");
    return is_for_us(believed, activity);
}

std::string_view authorization_of(const net::Fields& fields) {
    return fields.count("authorization") == 1 ? *fields.find("authorization") : std::string_view{};
}

}  // namespace countersign::teams
