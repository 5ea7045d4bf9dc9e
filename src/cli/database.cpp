#include "cli/database.hpp"

#include <utility>

#include "cli/home.hpp"
#include "countersign/adapters/config.hpp"
#include "countersign/adapters/policy.hpp"
#include "countersign/base/text.hpp"
#include "countersign/core/account_text.hpp"
#include "countersign/server/keys.hpp"

namespace countersign::cli {
namespace {

constexpr std::size_t uri_bytes_max = 4096;
constexpr std::size_t path_bytes_max = 4096;

}  // namespace

Result<Secret> database_uri(const std::string& config_file, bool as_owner) {
    auto settings = config::load(config_file, config::process_environment());
    if (!settings) return pass(settings);
    if (as_owner && !settings->database_owner.empty()) return settings->database_owner;
    if (!settings->database.empty()) return settings->database;
    auto left = config::read_file(home_folder() + "/database", uri_bytes_max);
    if (left) return Secret{std::string{trim(*left)}};
    return std::unexpected(config::missing("database", "or start `countersign dev`, which has its own"));
}

Result<OpenDatabase> open_database(const std::string& config_file, bool as_owner) {
    auto uri = database_uri(config_file, as_owner);
    if (!uri) return pass(uri);
    auto configured = config::load(config_file, config::process_environment());
    if (!configured) return pass(configured);
    OpenDatabase opened;
    opened.loop = std::make_unique<Loop>();
    // What is written here is sealed with the key of the server that reads it.
    auto keys = server::load_keys(*configured, home_folder());
    if (!keys) return pass(keys);
    pg::PgSettings settings;
    settings.uri = std::move(*uri);
    settings.server_keys = keys->retired_servers;
    settings.server_keys.insert(settings.server_keys.begin(), keys->server);
    settings.pool = 2;
    settings.background = 1;
    opened.database = pg::open_database(std::move(settings), opened.loop->executor(), opened.loop->clock(),
                                        opened.loop->entropy());
    opened.settings = std::move(*configured);
    opened.keys = std::move(*keys);
    auto schema = opened.loop->finish(opened.database->schema(opened.loop->within(database_patience)));
    if (!schema) return pass(schema);
    if (schema->state != pg::SchemaState::current) return fail(Trouble::unavailable, schema->detail);
    return opened;
}

Result<std::shared_ptr<const core::Policy>> policy_of_server(const std::string& config_file,
                                                             std::string path) {
    if (path.empty()) {
        auto settings = config::load(config_file, config::process_environment());
        if (!settings) return pass(settings);
        path = settings->policy;
        auto left = config::read_file(home_folder() + "/" + std::string{dev_policy_note}, path_bytes_max);
        if (path.empty() && settings->database.empty() && left) path = std::string{trim(*left)};
    }
    if (path.empty()) return std::make_shared<const core::Policy>();
    std::vector<PolicyFinding> findings;
    return load_policy(path, findings, system_zones(), PolicyLint::skip);
}

Result<core::AccountId> person_named(const std::string& text, const core::Policy& policy) {
    auto person = core::read_person(text, policy);
    if (!person && policy.people.empty())
        person.error().detail += "; no policy with people is known here: give it with --policy";
    return person;
}

}  // namespace countersign::cli
