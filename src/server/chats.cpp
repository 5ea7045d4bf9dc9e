#include "server/chats.hpp"

#include <utility>

#include "countersign/base/check.hpp"
#include "countersign/base/crypto.hpp"
#include "countersign/base/jose.hpp"
#include "countersign/base/text.hpp"
#include "countersign/rt/deadline.hpp"
#include "countersign/rt/tasks.hpp"
#include "countersign/server/slack_names.hpp"

namespace countersign::server {
namespace {

slack::SlackSettings slack_settings(const config::Settings& settings) {
    return slack::SlackSettings{
        .app_token = settings.slack.app_token,
        .bot_token = settings.slack.bot_token,
        .api_url = settings.slack.api_url,
        .connections = settings.slack.connections,
        .pace = settings.slack.strict_pace ? slack::SlackSettings::Pace::strict
                                           : slack::SlackSettings::Pace::automatic,
        .channel = settings.slack.channel,
        .link_hosts = settings.link_hosts,
        .manager_field = settings.slack.manager_field,
    };
}

teams::TeamsSettings teams_settings(const config::Settings& settings, Secret page_key) {
    return teams::TeamsSettings{
        .app_id = settings.teams.app_id,
        .app_password = settings.teams.app_password,
        .managed_identity_url = settings.teams.managed_identity_url,
        .managed_identity_header = settings.teams.managed_identity_header,
        .tenant = settings.teams.tenant,
        .openid_metadata_url = settings.teams.openid_metadata_url,
        .login_url = settings.teams.login_url,
        .service_url_allow = settings.teams.service_url_allow,
        .channel = settings.teams.channel,
        .streaming = settings.teams.streaming,
        .targeted_messages = settings.teams.targeted_messages,
        .link_hosts = settings.link_hosts,
        .page_key = std::move(page_key),
    };
}

// The first certificate of a PEM file (RFC 7468 §5), as DER.
std::optional<std::string> certificate_in(std::string_view pem) {
    constexpr std::string_view begin = "-----BEGIN CERTIFICATE-----";
    auto from = pem.find(begin);
    auto to = pem.find("-----END CERTIFICATE-----");
    if (from == pem.npos || to == pem.npos || to < from) return std::nullopt;
    std::string encoded;
    for (char c : pem.substr(from + begin.size(), to - from - begin.size()))
        if (c != '\n' && c != '\r' && c != ' ') encoded += c;
    return unbase64(encoded);
}

// Adds the bot's certificate and its key, where there are some.
Result<teams::TeamsSettings> with_certificate(teams::TeamsSettings made, const config::Settings& settings) {
    const auto& its = settings.teams;
    if (its.certificate.empty()) return made;
    auto der = certificate_in(its.certificate);
    if (!der) return fail(Trouble::invalid_input, "teams.certificate: no certificate in PEM form");
    auto key = RsaSigningKey::from_pem(its.certificate_key.reveal());
    if (!key) return fail(Trouble::invalid_input, "teams.certificate_key: " + key.error().detail);
    made.certificate_digest = base64url(as_text(sha256(*der)));
    made.certificate_key = std::make_shared<const RsaSigningKey>(std::move(*key));
    return made;
}

}  // namespace

Later<std::vector<slack::FoundInSlack>> find_in_slack(const config::Settings& settings, slack::Sought sought,
                                                      const Ground& ground, Deadline deadline) {
    const app::Runtime runtime{
        .clock = ground.clock,
        .timers = ground.timers,
        .entropy = ground.entropy,
        .process = core::ProcessId::mint(ground.clock.now(), rt::chance(ground.entropy)),
        .limits = {}};
    co_return co_await slack::find_in_slack(slack_settings(settings), std::move(sought), runtime,
                                            {ground.network, ground.executor}, deadline);
}

Result<Done> check_chats(const config::Settings& settings) {
    if (settings.teams.app_id.empty()) return Done{};
    auto read = with_certificate(teams_settings(settings, Secret{}), settings);
    if (!read) return pass(read);
    auto problem = teams::problem_of(*read);
    if (problem) return fail(Trouble::invalid_input, std::move(*problem));
    return Done{};
}

std::vector<core::Surface> chats_of(const config::Settings& settings) {
    std::vector<core::Surface> all;
    if (!settings.slack.app_token.empty()) all.push_back(core::Surface::slack);
    if (!settings.teams.app_id.empty()) all.push_back(core::Surface::teams);
    return all;
}

Later<app::Checks> examine_chats(const config::Settings& settings, const core::Policy& policy,
                                 const app::Runtime& runtime, const Ground& ground, Deadline deadline) {
    rt::TaskGroup tasks{ground.executor, 2, rt::report_bug};
    std::optional<Result<app::Checks>> slack;
    std::optional<Result<app::Checks>> teams;
    if (!settings.slack.app_token.empty()) {
        auto work = slack::examine(slack_settings(settings),
                                   app::names_in(policy, core::Surface::slack, settings.slack.channel),
                                   runtime, ground.network, ground.executor, deadline);
        tasks.start("slack", rt::keep(std::move(work), slack));
    }
    if (!settings.teams.app_id.empty()) {
        auto its = with_certificate(teams_settings(settings, Secret{}), settings);
        if (!its) co_return pass(its);
        auto work = teams::examine(std::move(*its),
                                   app::names_in(policy, core::Surface::teams, settings.teams.channel),
                                   settings.public_url, runtime, {ground.network, ground.executor}, deadline);
        tasks.start("teams", rt::keep(std::move(work), teams));
    }
    // Calls that are under way at the deadline fail by it; the rest is for what follows from that.
    constexpr core::Duration grace = std::chrono::milliseconds{500};
    co_await tasks.end(ground.timers, deadline.at + grace);
    app::Checks all;
    for (auto* part : {&slack, &teams})
        if (*part && **part) all.insert(all.end(), (**part)->begin(), (**part)->end());
    co_return all;
}

MadeChats make_chats(const config::Settings& settings, const Secret& server_key, const app::Runtime& runtime,
                     app::Conversation::Parts parts, app::ReferenceStore& references, const Ground& ground) {
    MadeChats made;
    if (!settings.slack.app_token.empty())
        made.chats.push_back(
            slack::make_slack(slack_settings(settings), runtime, parts, ground.network, ground.executor));
    if (!settings.teams.app_id.empty()) {
        constexpr std::size_t key_bytes = 32;
        Secret page_key{hkdf_sha256(server_key.reveal(), {}, "countersign pages of full views", key_bytes)};
        auto its = with_certificate(teams_settings(settings, std::move(page_key)), settings);
        COUNTERSIGN_CHECK(its.has_value());  // these settings were checked
        auto teams =
            teams::make_teams(std::move(*its), runtime, parts, references, ground.network, ground.executor);
        for (auto& route : teams->routes()) made.routes.push_back(std::move(route));
        made.chats.push_back(std::move(teams));
    }
    return made;
}

}  // namespace countersign::server
