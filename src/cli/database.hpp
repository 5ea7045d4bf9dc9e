#pragma once
#include <memory>
#include <optional>
#include <string>

#include "cli/loop.hpp"
#include "countersign/adapters/config.hpp"
#include "countersign/adapters/pg.hpp"
#include "countersign/core/policy.hpp"
#include "countersign/server/keys.hpp"

// What the verbs that administer work on: the database itself, without a server in between.
namespace countersign::cli {

inline constexpr core::Duration database_patience = std::chrono::seconds{10};

// The configured one, else the one that `dev` runs in its folder.
Result<Secret> database_uri(const std::string& config_file, bool as_owner);

struct OpenDatabase {
    config::Settings settings;
    std::optional<server::Keys> keys;  // there, once it is open
    std::unique_ptr<Loop> loop;
    std::unique_ptr<pg::Database> database;
    ~OpenDatabase() {
        if (database) database->stop();
    }
    OpenDatabase() = default;
    OpenDatabase(OpenDatabase&&) noexcept = default;
    OpenDatabase& operator=(OpenDatabase&&) noexcept = default;
};
// unavailable: it cannot be reached, or its schema is not this version's.
Result<OpenDatabase> open_database(const std::string& config_file, bool as_owner = false);

// The policy in `path`, else the configured one, else that of the `dev` whose database this is; an empty one
// where there is none. policy_invalid: it has errors.
Result<std::shared_ptr<const core::Policy>> policy_of_server(const std::string& config_file,
                                                             std::string path);
// The person or the account that an administrator names, as the policy would read it.
Result<core::AccountId> person_named(const std::string& text, const core::Policy& policy);

}  // namespace countersign::cli
