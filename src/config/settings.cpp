#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <set>

#include "config/document.hpp"
#include "config/evidence_settings.hpp"
#include "config/issuer_settings.hpp"
#include "countersign/adapters/config.hpp"
#include "countersign/base/text.hpp"

extern char** environ;

namespace countersign::config {
namespace {

constexpr std::string_view prefix = "COUNTERSIGN_";
constexpr std::size_t secret_bytes_max = 64 * 1024;
// These variables are read by other parts of the program.
constexpr std::array<std::string_view, 4> other_variables{"COUNTERSIGN_URL", "COUNTERSIGN_TOKEN",
                                                          "COUNTERSIGN_HOME", "COUNTERSIGN_CONFIG"};

// Relative paths of an item start from `folder`, where "" is the working directory.
using Setter = std::function<Result<Done>(Settings&, const Item&, const std::string& folder)>;

struct Key {
    std::string name;
    Setter set;
    enum class Shape : std::uint8_t { value, secret, list } shape = Shape::value;
};

Setter text(std::string Settings::* member) {
    return [member](Settings& settings, const Item& item, const std::string&) -> Result<Done> {
        settings.*member = item.text;
        return Done{};
    };
}
Setter path(std::string Settings::* member) {
    return [member](Settings& settings, const Item& item, const std::string& folder) -> Result<Done> {
        if (item.text.empty()) return wrong(item, "must be a path");
        settings.*member = item.text.front() == '/' || folder.empty() ? item.text : folder + "/" + item.text;
        return Done{};
    };
}
// A key whose value is the path of a key, or of a folder of them. Whoever gives the key itself is told so,
// without it.
Setter key_file(std::string Settings::* member, std::string_view what = "file") {
    return [member, what](Settings& settings, const Item& item, const std::string& folder) -> Result<Done> {
        bool whole_key = unbase64(trim(item.text)).value_or("").size() == 32 ||
                         item.text.find("-----BEGIN") != std::string::npos;
        if (whole_key)
            return wrong(
                item,
                fmt::format(
                    "must be the path of a {}, and what stands there is a key or a certificate itself: put "
                    "it into a file of its own (`countersign keys create` makes the server's own keys)",
                    what));
        return path(member)(settings, item, folder);
    };
}
Setter secret(Secret Settings::* member) {
    return [member](Settings& settings, const Item& item, const std::string&) -> Result<Done> {
        settings.*member = Secret{item.text};
        return Done{};
    };
}
Setter slack_secret(Secret Settings::Slack::* member) {
    return [member](Settings& settings, const Item& item, const std::string&) -> Result<Done> {
        settings.slack.*member = Secret{item.text};
        return Done{};
    };
}
Setter slack_text(std::string Settings::Slack::* member) {
    return [member](Settings& settings, const Item& item, const std::string&) -> Result<Done> {
        settings.slack.*member = item.text;
        return Done{};
    };
}
// The value of these keys is the path of a file whose content counts.
template <class Content>
Setter teams_file(Content Settings::Teams::* member) {
    return [member](Settings& settings, const Item& item, const std::string& folder) -> Result<Done> {
        if (item.text.empty()) return wrong(item, "must be a path");
        const bool whole = item.text.front() == '/' || folder.empty();
        auto content = read_file(whole ? item.text : folder + "/" + item.text, secret_bytes_max);
        if (!content) return wrong(item, fmt::format("cannot be read: {}", content.error().detail));
        settings.teams.*member = Content{std::move(*content)};
        return Done{};
    };
}
Setter teams_text(std::string Settings::Teams::* member) {
    return [member](Settings& settings, const Item& item, const std::string&) -> Result<Done> {
        settings.teams.*member = item.text;
        return Done{};
    };
}
// Ids of Entra are the same in either letter case; one of them is compared everywhere.
Setter teams_guid(std::string Settings::Teams::* member) {
    return [member](Settings& settings, const Item& item, const std::string&) -> Result<Done> {
        constexpr std::size_t guid_chars = 36;
        auto id = lower_ascii(item.text);
        const bool guid = id.size() == guid_chars && std::ranges::count(id, '-') == 4 &&
                          id.find_first_not_of("0123456789abcdef-") == std::string::npos;
        if (!guid && !id.empty())
            return wrong(item, "must be an id such as 5d0c4b1e-9f3a-4c55-8a1d-2c7b1f0e9a33");
        settings.teams.*member = std::move(id);
        return Done{};
    };
}
Setter teams_secret(Secret Settings::Teams::* member) {
    return [member](Settings& settings, const Item& item, const std::string&) -> Result<Done> {
        settings.teams.*member = Secret{item.text};
        return Done{};
    };
}
Result<Done> set_service_urls(Settings& settings, const Item& item, const std::string&) {
    settings.teams.service_url_allow = item.items;
    return Done{};
}

Setter login_text(std::string Settings::Login::* member) {
    return [member](Settings& settings, const Item& item, const std::string&) -> Result<Done> {
        settings.login.*member = item.text;
        return Done{};
    };
}
Result<Done> set_login_secret(Settings& settings, const Item& item, const std::string&) {
    settings.login.client_secret = Secret{item.text};
    return Done{};
}

Result<std::size_t> whole(const Item& item, std::size_t least, std::size_t most) {
    std::size_t number = 0;
    const char* end = item.text.data() + item.text.size();
    auto [stopped, error] = std::from_chars(item.text.data(), end, number);
    if (error != std::errc{} || stopped != end || item.text.empty() || number < least || number > most) {
        return wrong(item, fmt::format("must be a whole number from {} to {}", least, most));
    }
    return number;
}
Setter whole_number(std::function<std::size_t&(Settings&)> member, std::size_t least, std::size_t most) {
    return [=](Settings& settings, const Item& item, const std::string&) -> Result<Done> {
        auto number = whole(item, least, most);
        if (!number) return pass(number);
        member(settings) = *number;
        return Done{};
    };
}

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
Setter yes_or_no(std::function<bool&(Settings&)> member) {
    return [=](Settings& settings, const Item& item, const std::string&) -> Result<Done> {
        if (item.text != "true" && item.text != "false") return wrong(item, "must be true or false");
        member(settings) = item.text == "true";
        return Done{};
    };
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
Result<Done> set_link_hosts(Settings& settings, const Item& item, const std::string&) {
    settings.link_hosts = item.items;
    return Done{};
}

// A list of maps arrives as their members, so the list itself arrives only where it holds none.
Result<Done> set_no_issuers(Settings&, const Item& item, const std::string&) {
    if (item.items.empty()) return Done{};
    return wrong(item, "must be a list of maps with issuer and audience");
}

std::vector<Key> make_schema() {
    auto pool = [](Settings& s) -> std::size_t& { return s.database_pool; };
    auto connections = [](Settings& s) -> std::size_t& { return s.slack.connections; };
    auto per_minute = [](Settings& s) -> std::size_t& { return s.requests_per_minute; };
    auto pending = [](Settings& s) -> std::size_t& { return s.pending_per_requester; };
    std::vector<Key> keys{
        {"listen", text(&Settings::listen)},
        {"public_url", text(&Settings::public_url)},
        {"tls.certificate", key_file(&Settings::tls_certificate)},
        {"tls.key", key_file(&Settings::tls_key)},
        {"database", secret(&Settings::database), Key::Shape::secret},
        {"database_pool", whole_number(pool, 2, 200)},
        {"database_owner", secret(&Settings::database_owner), Key::Shape::secret},
        {"policy", path(&Settings::policy)},
        {"watchdog", set_watchdog},
        {"slack.app_token", slack_secret(&Settings::Slack::app_token), Key::Shape::secret},
        {"slack.bot_token", slack_secret(&Settings::Slack::bot_token), Key::Shape::secret},
        {"slack.api_url", slack_text(&Settings::Slack::api_url)},
        {"slack.connections", whole_number(connections, 1, 10)},
        {"slack.pace", set_pace},
        {"slack.channel", slack_text(&Settings::Slack::channel)},
        {"slack.manager_field", slack_text(&Settings::Slack::manager_field)},
        {"teams.app_id", teams_guid(&Settings::Teams::app_id)},
        {"teams.app_password", teams_secret(&Settings::Teams::app_password), Key::Shape::secret},
        {"teams.certificate", teams_file(&Settings::Teams::certificate)},
        {"teams.certificate_key", teams_file(&Settings::Teams::certificate_key)},
        {"teams.managed_identity_url", teams_text(&Settings::Teams::managed_identity_url)},
        {"teams.managed_identity_header", teams_secret(&Settings::Teams::managed_identity_header),
         Key::Shape::secret},
        {"teams.tenant", teams_guid(&Settings::Teams::tenant)},
        {"teams.openid_metadata_url", teams_text(&Settings::Teams::openid_metadata_url)},
        {"teams.login_url", teams_text(&Settings::Teams::login_url)},
        {"teams.service_url_allow", set_service_urls, Key::Shape::list},
        {"teams.channel", teams_text(&Settings::Teams::channel)},
        {"identity.max_age", set_age},
        {"identity.trust_email_domains", set_trusted_domains, Key::Shape::list},
        {"identity.login.issuer", login_text(&Settings::Login::issuer)},
        {"identity.login.client_id", login_text(&Settings::Login::client_id)},
        {"identity.login.client_secret", set_login_secret, Key::Shape::secret},
        {"identity.login.audience", login_text(&Settings::Login::audience)},
        {std::string(issuers_key), set_no_issuers, Key::Shape::list},
        {"teams.targeted_messages",
         yes_or_no([](Settings& s) -> bool& { return s.teams.targeted_messages; })},
        {"teams.streaming", yes_or_no([](Settings& s) -> bool& { return s.teams.streaming; })},
        {"link_hosts", set_link_hosts, Key::Shape::list},
        {"limits.requests_per_minute", whole_number(per_minute, 0, 1'000'000)},
        {"limits.pending_per_requester", whole_number(pending, 0, 1'000'000)},
        {"cards.collapse", yes_or_no([](Settings& s) -> bool& { return s.collapse_cards; })},
        {"keys", key_file(&Settings::keys, "folder")},
        {"signing_key", key_file(&Settings::signing_key)},
        {"server_key", key_file(&Settings::server_key)},
        {"signing_command", set_signing_command},
        {"signing_command_keys", set_signing_command_keys, Key::Shape::list},
        {"webhooks.allow_private_networks",
         yes_or_no([](Settings& s) -> bool& { return s.webhooks_to_private_networks; })},
        {"log.origin", set_origin},
        {"log.mark", set_mark},
        {"log.public", yes_or_no([](Settings& s) -> bool& { return s.published_log.open; })},
        {"log.signer", yes_or_no([](Settings& s) -> bool& { return s.published_log.signs; })},
        {"stream_out.syslog", set_syslog},
        {"stream_out.file", set_stream_file},
        {"stream_out.format", set_stream_format},
        {"stream_out.message_bytes",
         whole_number([](Settings& s) -> std::size_t& { return s.stream_out.message_bytes; }, 2'048,
                      1'048'576)},
        {"otlp.endpoint", set_otlp_endpoint},
        {"otlp.header", set_otlp_header, Key::Shape::secret},
        {"log.witnesses", set_witnesses, Key::Shape::list},
        {"log.daily_folder", set_daily_folder},
        {"log.daily_channels", set_daily_channels, Key::Shape::list},
        {"log.level", set_level},
        {"log.format", set_format},
    };
    return keys;
}
const std::vector<Key>& schema() {
    static const std::vector<Key> keys = make_schema();
    return keys;
}

bool is_list(std::string_view name) {
    return std::ranges::any_of(
        schema(), [&](const Key& key) { return key.name == name && key.shape == Key::Shape::list; });
}

std::vector<std::string> known_names() {
    std::vector<std::string> names;
    for (const Key& key : schema()) {
        names.push_back(key.name);
        if (key.shape == Key::Shape::secret) names.push_back(key.name + "_file");
    }
    return names;
}

// What belongs to the documented keys and is not built yet: no slip, and not ignored either.
constexpr std::array<std::string_view, 2> later_keys{"on_call", "teams"};

std::unexpected<Failure> unknown_key(const Item& item) {
    for (std::string_view later : later_keys)
        if (item.key == later || item.key.starts_with(std::string{later} + "."))
            return wrong(item, "is not supported by this version yet");
    std::string hint;
    if (auto near = nearest(item.key, known_names())) hint = fmt::format("; did you mean '{}'?", *near);
    return fail(Trouble::invalid_input,
                fmt::format("{}: unknown key '{}'{}", item.location, visible(item.key), hint));
}

Result<Done> apply(Settings& settings, Item item, const std::string& folder, std::set<std::string>& given) {
    if (of_an_issuer(item.key)) return apply_issuer(settings, item, folder);
    std::string name = item.key;
    const auto& keys = schema();
    auto by_name = [&](std::string_view wanted) {
        return std::find_if(keys.begin(), keys.end(), [&](const Key& key) { return key.name == wanted; });
    };
    auto key = by_name(name);
    if (key == keys.end() && name.ends_with("_file")) {
        name.resize(name.size() - 5);
        key = by_name(name);
        if (key == keys.end() || key->shape != Key::Shape::secret) return unknown_key(item);
        std::string file =
            item.text.starts_with('/') || folder.empty() ? item.text : folder + "/" + item.text;
        auto content = read_file(file, secret_bytes_max);
        if (!content) return wrong(item, fmt::format("cannot be read: {}", content.error().detail));
        item.text = std::string{trim(*content)};
        settings.secret_files.push_back(std::move(file));
    }
    if (key == keys.end()) {
        auto inside = [&](const Key& each) { return each.name.starts_with(name + "."); };
        if (item.null && std::any_of(keys.begin(), keys.end(), inside))
            return Done{};  // `slack:` with nothing below it
        return unknown_key(item);
    }
    if (!given.insert(name).second) {
        return wrong(item, fmt::format("and {}_file are both given; keep one", name));
    }
    if (item.null) return Done{};
    if (item.list != (key->shape == Key::Shape::list))
        return wrong(item, item.list ? "must be one value" : "must be a list");
    return key->set(settings, item, folder);
}

// Kubernetes adds COUNTERSIGN_SERVICE_HOST, COUNTERSIGN_PORT_8480_TCP and the like for a Service of this
// name.
bool of_kubernetes(std::string_view rest) {
    return rest.starts_with("SERVICE_") || rest == "PORT" || rest.starts_with("PORT_");
}

Result<Done> apply_environment(Settings& settings, const Environment& environment) {
    std::map<std::string, std::string> names;  // the key of each variable without its prefix
    std::vector<std::string> candidates;
    for (const std::string& name : known_names()) {
        std::string rest = variable_of(name).substr(prefix.size());
        names.emplace(rest, name);
        candidates.push_back(std::move(rest));
    }
    std::set<std::string> given;
    for (const auto& [variable, value] : environment) {
        if (!variable.starts_with(prefix)) continue;
        if (std::find(other_variables.begin(), other_variables.end(), variable) != other_variables.end())
            continue;
        std::string rest = variable.substr(prefix.size());
        auto known = names.find(rest);
        if (known == names.end()) {
            auto near = of_kubernetes(rest) ? std::nullopt : nearest(rest, candidates);
            // Only what looks like a misspelt variable of ours is an error; others belong to somebody else.
            if (!near) continue;
            return fail(Trouble::invalid_input, fmt::format("{}: unknown variable; did you mean {}{}?",
                                                            visible(variable), prefix, *near));
        }
        if (known->second == issuers_key) {
            auto read = issuers_from_variable(settings, variable, value);
            if (!read) return read;
            continue;
        }
        Item item{.key = known->second, .location = variable, .text = value, .items = {}};
        if (is_list(item.key)) {
            item.list = true;
            for (const std::string& each : split(value, ',')) {
                if (!trim(each).empty()) item.items.emplace_back(trim(each));
            }
        }
        auto applied = apply(settings, std::move(item), "", given);
        if (!applied) return applied;
    }
    return Done{};
}

// Half a registration would be no Teams at all, in silence.
Result<Done> complete(const Settings::Teams& teams) {
    const bool certified = !teams.certificate.empty() || !teams.certificate_key.empty();
    const bool managed = !teams.managed_identity_url.empty();
    const bool some = !teams.app_password.empty() || certified || managed || !teams.tenant.empty() ||
                      !teams.openid_metadata_url.empty() || !teams.login_url.empty() ||
                      !teams.service_url_allow.empty() || !teams.channel.empty();
    if (teams.app_id.empty() && some)
        return std::unexpected(missing("teams.app_id", "the other keys of teams need it"));
    if (teams.app_id.empty()) return Done{};
    if (certified && (teams.certificate.empty() || teams.certificate_key.empty()))
        return std::unexpected(
            missing(teams.certificate.empty() ? "teams.certificate" : "teams.certificate_key",
                    "a certificate and its key come together"));
    if (certified && !teams.app_password.empty())
        return fail(Trouble::invalid_input,
                    "teams.app_password and teams.certificate are both given; keep one");
    if (managed && (certified || !teams.app_password.empty()))
        return fail(
            Trouble::invalid_input,
            "teams.managed_identity_url needs neither teams.app_password nor teams.certificate; keep one");
    if (!managed && !teams.managed_identity_header.empty())
        return std::unexpected(
            missing("teams.managed_identity_url", "teams.managed_identity_header is sent there"));
    if (!managed && !certified && teams.app_password.empty())
        return std::unexpected(
            missing("teams.app_password",
                    "it is a client secret of the bot's registration; or give teams.certificate, or "
                    "teams.managed_identity_url"));
    return Done{};
}

}  // namespace

std::string variable_of(std::string_view key) {
    std::string name{prefix};
    for (char c : key) {
        bool lower = c >= 'a' && c <= 'z';
        name += c == '.' ? '_' : lower ? static_cast<char>(c - 'a' + 'A') : c;
    }
    return name;
}

Failure missing(std::string_view key, std::string_view what) {
    return Failure{Trouble::invalid_input,
                   fmt::format("{} is not set: add it to the configuration file or set {}; {}", key,
                               variable_of(key), what),
                   "", ""};
}

Environment process_environment() {
    Environment found;
    for (char** each = environ; each != nullptr && *each != nullptr; ++each) {
        std::string_view line{*each};
        std::size_t equals = line.find('=');
        if (!line.starts_with(prefix) || equals == std::string_view::npos) continue;
        found.emplace(line.substr(0, equals), line.substr(equals + 1));
    }
    return found;
}

Result<Settings> load(const std::string& file, const Environment& environment) {
    Settings settings;
    if (!file.empty()) {
        auto content = read_file(file, file_bytes_max);
        if (!content) return pass(content);
        auto items = read_document(file, *content);
        if (!items) return pass(items);
        std::size_t slash = file.rfind('/');
        std::string folder = slash == std::string::npos ? "" : slash == 0 ? "/" : file.substr(0, slash);
        std::set<std::string> given;
        for (Item& item : *items) {
            auto applied = apply(settings, std::move(item), folder, given);
            if (!applied) return pass(applied);
        }
    }
    auto applied = apply_environment(settings, environment);
    if (!applied) return pass(applied);
    if (settings.tls_certificate.empty() != settings.tls_key.empty()) {
        return std::unexpected(missing(settings.tls_key.empty() ? "tls.key" : "tls.certificate",
                                       "a certificate and its key come together"));
    }
    for (const auto& issuer : settings.issuers) {
        if (!issuer.issuer.empty()) continue;
        return fail(
            Trouble::invalid_input,
            fmt::format("{}: an issuer needs `issuer`, as its tokens have it in `iss`", issuer.location));
    }
    auto teams = complete(settings.teams);
    if (!teams) return pass(teams);
    if (!settings.slack.api_url.ends_with('/')) settings.slack.api_url += '/';
    return settings;
}

}  // namespace countersign::config
