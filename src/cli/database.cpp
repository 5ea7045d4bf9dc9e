#include "cli/database.hpp"

#include <utility>

#include "cli/home.hpp"
#include "countersign/adapters/config.hpp"
#include "countersign/base/text.hpp"
#include "countersign/server/keys.hpp"

namespace countersign::cli {
namespace {

constexpr std::size_t uri_bytes_max = 4096;

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

}  // namespace countersign::cli
