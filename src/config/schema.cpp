#include "config/schema.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "config/address_settings.hpp"
#include "config/evidence_settings.hpp"
#include "config/issuer_settings.hpp"
#include "config/reach_settings.hpp"
#include "countersign/base/text.hpp"

namespace countersign::config {
namespace {

using Slack = Settings::Slack;
using Teams = Settings::Teams;
using Login = Settings::Login;
using PublishedLog = Settings::PublishedLog;
using StreamOut = Settings::StreamOut;

Result<Done> set_pace(Settings& settings, const Item& item, const std::string&) {
    if (item.text != "auto" && item.text != "strict") return wrong(item, "must be auto or strict");
    settings.slack.strict_pace = item.text == "strict";
    return Done{};
}
Result<Done> set_age(Settings& settings, const Item& item, const std::string&) {
    auto seconds = parse_duration_s(item.text);
    if (!seconds) return wrong(item, "must be a duration such as 5m");
    settings.identity_age_max = std::chrono::seconds{*seconds};
    return Done{};
}
Result<Done> set_watchdog(Settings& settings, const Item& item, const std::string&) {
    auto seconds = item.text == "off" ? std::optional<std::int64_t>{0} : parse_duration_s(item.text);
    if (!seconds || (*seconds == 0 && item.text != "off") || *seconds > 3'600)
        return wrong(item, "must be a duration from 1s to 1h, or off");
    settings.loop_patience = std::chrono::seconds{*seconds};
    return Done{};
}
Result<Done> set_level(Settings& settings, const Item& item, const std::string&) {
    using log::Level;
    constexpr std::array<std::pair<std::string_view, Level>, 6> levels{{{"trace", Level::trace},
                                                                        {"debug", Level::debug},
                                                                        {"info", Level::info},
                                                                        {"warn", Level::warn},
                                                                        {"error", Level::error},
                                                                        {"off", Level::off}}};
    for (const auto& [word, level] : levels) {
        if (item.text != word) continue;
        settings.log_level = level;
        return Done{};
    }
    return wrong(item, "must be one of trace, debug, info, warn, error, off");
}
Result<Done> set_format(Settings& settings, const Item& item, const std::string&) {
    if (item.text != "text" && item.text != "json") return wrong(item, "must be text or json");
    settings.log_format = item.text == "json" ? log::Format::json : log::Format::text;
    return Done{};
}
Result<Done> set_trusted_domains(Settings& settings, const Item& item, const std::string&) {
    for (const std::string& domain : item.items) {
        const bool plain =
            domain.find_first_of("@*/ ") == std::string::npos && domain.find('.') != std::string::npos;
        if (!plain) return wrong(item, "must list domains such as example.com, each in full");
    }
    settings.trust_email_domains = item.items;
    return Done{};
}
// A list of maps arrives as their members, so the list itself arrives only where it holds none.
Result<Done> set_no_issuers(Settings&, const Item& item, const std::string&) {
    if (item.items.empty()) return Done{};
    return wrong(item, "must be a list of maps with issuer and audience");
}

std::vector<Key> server_keys() {
    return {
        {"listen", set_listen},
        {"public_url", set_public_url},
        {"tls.certificate", key_file(&Settings::tls_certificate)},
        {"tls.key", key_file(&Settings::tls_key)},
        {"database", secret(&Settings::database), Key::Shape::secret},
        {"database_pool", whole_number(&Settings::database_pool, 2, 200)},
        {"database_owner", secret(&Settings::database_owner), Key::Shape::secret},
        {"policy", path(&Settings::policy)},
        {"watchdog", set_watchdog},
        {"limits.requests_per_minute", whole_number(&Settings::requests_per_minute, 0, 1'000'000)},
        {"limits.pending_per_requester", whole_number(&Settings::pending_per_requester, 0, 1'000'000)},
        {"keys", key_file(&Settings::keys, "folder")},
        {"signing_key", key_file(&Settings::signing_key)},
        {"server_key", key_file(&Settings::server_key)},
        {"signing_command", set_signing_command},
        {"signing_command_keys", set_signing_command_keys, Key::Shape::list},
        {"webhooks.allow_private_networks", yes_or_no(&Settings::webhooks_to_private_networks)},
    };
}

std::vector<Key> chat_keys() {
    auto slack = [](auto member) { return Member{&Settings::slack, member}; };
    auto teams = [](auto member) { return Member{&Settings::teams, member}; };
    return {
        {"slack.app_token", secret(slack(&Slack::app_token)), Key::Shape::secret},
        {"slack.bot_token", secret(slack(&Slack::bot_token)), Key::Shape::secret},
        {"slack.api_url", set_slack_api_url},
        {"slack.connections", whole_number(slack(&Slack::connections), 1, 10)},
        {"slack.pace", set_pace},
        {"slack.channel", set_slack_channel},
        {"slack.manager_field", text(slack(&Slack::manager_field))},
        {"teams.app_id", guid(teams(&Teams::app_id))},
        {"teams.app_password", secret(teams(&Teams::app_password)), Key::Shape::secret},
        {"teams.certificate", content(teams(&Teams::certificate))},
        {"teams.certificate_key", secret_content(teams(&Teams::certificate_key))},
        {"teams.managed_identity_url", text(teams(&Teams::managed_identity_url))},
        {"teams.managed_identity_header", secret(teams(&Teams::managed_identity_header)), Key::Shape::secret},
        {"teams.tenant", guid(teams(&Teams::tenant))},
        {"teams.openid_metadata_url", text(teams(&Teams::openid_metadata_url))},
        {"teams.login_url", text(teams(&Teams::login_url))},
        {"teams.service_url_allow", list(teams(&Teams::service_url_allow)), Key::Shape::list},
        {"teams.channel", text(teams(&Teams::channel))},
        {"teams.targeted_messages", yes_or_no(teams(&Teams::targeted_messages))},
        {"teams.streaming", yes_or_no(teams(&Teams::streaming))},
        {"link_hosts", set_link_hosts, Key::Shape::list},
        {"cards.collapse", yes_or_no(&Settings::collapse_cards)},
        {"quiet_hours.from", set_quiet_from},
        {"quiet_hours.to", set_quiet_to},
        {"quiet_hours.timezone", set_quiet_zone},
        {"on_call.url", set_on_call_url},
        {"on_call.token", set_on_call_token, Key::Shape::secret},
    };
}

std::vector<Key> identity_keys() {
    auto login = [](auto member) { return Member{&Settings::login, member}; };
    return {
        {"identity.max_age", set_age},
        {"identity.trust_email_domains", set_trusted_domains, Key::Shape::list},
        {"identity.login.issuer", text(login(&Login::issuer))},
        {"identity.login.client_id", text(login(&Login::client_id))},
        {"identity.login.client_secret", secret(login(&Login::client_secret)), Key::Shape::secret},
        {"identity.login.audience", text(login(&Login::audience))},
        {std::string(issuers_key), set_no_issuers, Key::Shape::list},
    };
}

// These keys say where events, traces and what the server says of itself go.
std::vector<Key> log_keys() {
    auto published = [](auto member) { return Member{&Settings::published_log, member}; };
    auto stream_out = [](auto member) { return Member{&Settings::stream_out, member}; };
    return {
        {"log.origin", set_origin},
        {"log.mark", path(published(&PublishedLog::mark))},
        {"log.public", yes_or_no(published(&PublishedLog::open))},
        {"log.signer", yes_or_no(published(&PublishedLog::signs))},
        {"log.witnesses", set_witnesses, Key::Shape::list},
        {"log.daily_folder", path(published(&PublishedLog::daily_folder))},
        {"log.daily_channels", set_daily_channels, Key::Shape::list},
        {"stream_out.syslog", set_syslog},
        {"stream_out.file", path(stream_out(&StreamOut::file))},
        {"stream_out.format", set_stream_format},
        {"stream_out.message_bytes", whole_number(stream_out(&StreamOut::message_bytes), 2'048, 1'048'576)},
        {"otlp.endpoint", set_otlp_endpoint},
        {"otlp.header", set_otlp_header, Key::Shape::secret},
        {"log.level", set_level},
        {"log.format", set_format},
    };
}

}  // namespace

const std::vector<Key>& schema() {
    static const std::vector<Key> all = [] {
        std::vector<Key> keys = server_keys();
        for (auto more : {chat_keys(), identity_keys(), log_keys()})
            std::ranges::move(more, std::back_inserter(keys));
        return keys;
    }();
    return all;
}

const Key* find_key(std::string_view name) {
    auto key = std::ranges::find(schema(), name, &Key::name);
    return key == schema().end() ? nullptr : &*key;
}

}  // namespace countersign::config
