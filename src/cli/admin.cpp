#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "cli/console.hpp"
#include "cli/database.hpp"
#include "cli/outcome.hpp"
#include "cli/policy_matrix.hpp"
#include "cli/policy_online.hpp"
#include "cli/verbs.hpp"
#include "countersign/adapters/config.hpp"
#include "countersign/adapters/policy.hpp"
#include "countersign/adapters/policy_tests.hpp"
#include "countersign/base/text.hpp"
#include "countersign/wire/token.hpp"

namespace countersign::cli {
namespace {

Result<app::Token> token_of(const TokenOptions& options, Loop& loop) {
    app::Token token{.id = core::TokenId::mint(loop.now(), rt::chance(loop.entropy())),
                     .name = options.name,
                     .scopes = {},
                     .owner = std::nullopt,
                     .allow_actions = options.allow_actions,
                     .allow_environments = options.allow_environments,
                     .created_at = loop.now(),
                     .expires_at = std::nullopt,
                     .revoked_at = std::nullopt,
                     .hint = {}};
    for (const std::string& each : options.scopes) {
        for (const std::string& word : split(each, ',')) {
            auto scope = app::parse_scope(trim(word));
            if (!scope) {
                return fail(
                    Trouble::invalid_input,
                    fmt::format("--scope {}: must be one or more of request, read, vote, subscribe, admin",
                                visible(word)));
            }
            token.scopes.push_back(*scope);
        }
    }
    if (!options.owner.empty()) {
        // Read as a request's `on_behalf_of` is: whoever is meant can then approve nothing it asks for.
        auto policy = policy_of_server(options.config_file, options.policy);
        if (!policy) return pass(policy);
        auto owner = person_named(options.owner, **policy);
        if (!owner) {
            owner.error().detail = "--owner: " + owner.error().detail;
            return pass(owner);
        }
        token.owner = std::move(*owner);
    }
    bool votes = token.has(app::Scope::vote);
    if (votes && token.scopes.size() > 1) {
        return fail(Trouble::invalid_input, "a token with the scope vote has no other scope");
    }
    if (votes && !token.owner)
        return fail(Trouble::invalid_input, "a token with the scope vote needs --owner");
    if (!options.expires_in.empty()) {
        auto seconds = parse_duration_s(options.expires_in);
        if (!seconds) return fail(Trouble::invalid_input, "--expires-in must be a duration such as 90d");
        token.expires_at = token.created_at + std::chrono::seconds{*seconds};
    }
    return token;
}

std::string scopes_text(const app::Token& token) {
    std::vector<std::string> words;
    for (app::Scope scope : token.scopes) words.emplace_back(app::name_of(scope));
    return join(words, ",");
}

core::Value token_value(const app::Token& token) {
    auto time = [](const std::optional<core::Instant>& at) {
        return at ? core::Value{core::rfc3339(*at)} : core::Value{};
    };
    core::Value scopes = core::Value::array();
    for (app::Scope scope : token.scopes) scopes.push(app::name_of(scope));
    auto confirmed = token.confirmed.transform([](const app::Token::Confirmation& how) {
        return core::Value::object({{"by", how.by.text()}, {"at", core::rfc3339(how.at)}});
    });
    return core::Value::object({{"id", token.id.text()},
                                {"name", token.name},
                                {"scopes", std::move(scopes)},
                                {"owner", token.owner ? core::Value{token.owner->text()} : core::Value{}},
                                {"hint", token.hint},
                                {"created_at", core::rfc3339(token.created_at)},
                                {"expires_at", time(token.expires_at)},
                                {"last_used_at", time(token.last_used_at)},
                                {"confirmed", confirmed ? std::move(*confirmed) : core::Value{}},
                                {"revoked_at", time(token.revoked_at)}});
}

// What was just recorded gets its place in the log at once, and servers hear of it. Else they see to it
// themselves, within a second.
void place_events(OpenDatabase& open) {
    Loop& loop = *open.loop;
    auto self = core::ProcessId::mint(loop.now(), rt::chance(loop.entropy()));
    loop.finish(open.database->events().sequence(self, loop.within(database_patience)));
}

// Nobody has read the new token, and it cannot be shown again.
int take_back(OpenDatabase& open, const app::Token& token) {
    Loop& loop = *open.loop;
    auto event =
        app::token_event(app::AdminAct::token_revoked, token, "administrator", loop.now(), loop.entropy());
    auto revoked = loop.finish(open.database->tokens().revoke(token.id, loop.now(), std::move(event),
                                                              loop.within(database_patience)));
    complain(fmt::format("the token could not be written to standard output; {}",
                         revoked ? "it is revoked, create another one"
                                 : "revoke it: countersign token revoke " + token.id.text()));
    place_events(open);
    return exit_failed;
}

core::Value migration_value(const pg::MigrationStatus& migration) {
    core::Value at;
    if (!migration.applied_at.empty()) at = migration.applied_at;
    return core::Value::object(
        {{"name", migration.name}, {"applied", migration.applied}, {"applied_at", at}});
}

}  // namespace

int migrate_verb(const MigrateOptions& options) {
    auto uri = database_uri(options.config_file, true);
    if (!uri) return failed(uri.error());
    auto migrations = options.status ? pg::migration_status(*uri) : pg::migrate(*uri);
    if (!migrations) return failed(migrations.error());
    if (options.json) {
        core::Value list = core::Value::array();
        for (const auto& migration : *migrations) list.push(migration_value(migration));
        print_json(list);
    } else {
        std::vector<std::vector<std::string>> rows{{"MIGRATION", "APPLIED"}};
        for (const auto& migration : *migrations) {
            rows.push_back({migration.name, migration.applied ? migration.applied_at : "pending"});
        }
        print_table(rows);
    }
    bool pending =
        std::any_of(migrations->begin(), migrations->end(), [](const auto& m) { return !m.applied; });
    return pending ? exit_failed : exit_ok;
}

int token_create_verb(const TokenOptions& options) {
    auto opened = open_database(options.config_file);
    if (!opened) return failed(opened.error());
    Loop& loop = *opened->loop;
    auto token = token_of(options, loop);
    if (!token) return failed(token.error());
    Secret text = wire::mint_token(loop.entropy());
    token->hint = std::string{wire::token_hint(text.reveal())};
    auto event =
        app::token_event(app::AdminAct::token_created, *token, "administrator", loop.now(), loop.entropy());
    auto created = loop.finish(opened->database->tokens().create(
        *token, wire::token_hash(text.reveal()), std::move(event), loop.within(database_patience)));
    if (!created) return failed(created.error());
    place_events(*opened);
    if (options.json) {
        core::Value value = token_value(*token);
        value.set("token", text.reveal());
        print_json(value);
    } else {
        print(text.reveal());
        if (printed() && on_terminal(STDOUT_FILENO)) note("Keep it: it is shown this once.");
    }
    if (!printed()) return take_back(*opened, *token);
    if (token->has(app::Scope::vote))
        note(fmt::format("It votes once {} has agreed. In the chat, they type:  /approvals confirm {}",
                         visible(token->owner->text()), token->id.text()));
    return exit_ok;
}

int token_list_verb(const TokenOptions& options) {
    auto opened = open_database(options.config_file);
    if (!opened) return failed(opened.error());
    Loop& loop = *opened->loop;
    auto tokens = loop.finish(opened->database->tokens().list(loop.within(database_patience)));
    if (!tokens) return failed(tokens.error());
    if (options.json) {
        core::Value list = core::Value::array();
        for (const app::Token& token : *tokens) list.push(token_value(token));
        print_json(list);
        return exit_ok;
    }
    std::vector<std::vector<std::string>> rows{
        {"ID", "NAME", "SCOPES", "OWNER", "ENDS WITH", "STATE", "LAST USED"}};
    for (const app::Token& token : *tokens) {
        std::string state = "valid";
        if (token.expires_at) state = "until " + time_text(*token.expires_at);
        if (token.expires_at && *token.expires_at <= loop.now()) state = "expired";
        bool waits = token.has(app::Scope::vote) && !token.confirmed;
        if (waits && state == "valid") state = "unconfirmed";
        if (token.revoked_at) state = "revoked";
        auto used = token.last_used_at ? time_text(*token.last_used_at) : std::string("never");
        rows.push_back({token.id.text(), visible(token.name), scopes_text(token),
                        token.owner ? visible(token.owner->text()) : "-", token.hint, state, used});
    }
    print_table(rows);
    return exit_ok;
}

int token_revoke_verb(const TokenOptions& options) {
    auto id = core::TokenId::parse(options.id);
    if (!id) {
        complain(fmt::format("{}: not a token id; `countersign token list` shows them", visible(options.id)));
        return exit_usage;
    }
    auto opened = open_database(options.config_file);
    if (!opened) return failed(opened.error());
    Loop& loop = *opened->loop;
    auto& tokens = opened->database->tokens();
    auto token = loop.finish(tokens.by_id(*id, loop.within(database_patience)));
    if (!token) return failed(token.error());
    auto event =
        app::token_event(app::AdminAct::token_revoked, *token, "administrator", loop.now(), loop.entropy());
    auto revoked =
        loop.finish(tokens.revoke(*id, loop.now(), std::move(event), loop.within(database_patience)));
    if (!revoked) return failed(revoked.error());
    place_events(*opened);
    note(fmt::format("{} is revoked", options.id));
    return exit_ok;
}

int policy_check_verb(const PolicyCheckOptions& options) {
    bool wrong = false;
    core::Value list = core::Value::array();
    for (const std::string& file : options.files) {
        std::vector<PolicyFinding> findings;
        auto loaded = load_policy(file, findings);
        if (loaded) (void)load_policy_tests(file, **loaded, findings);  // for what is wrong with them
        if (loaded && options.online) {
            auto online = check_online(file, **loaded, options.config_file);
            if (!online) return failed(online.error());
            findings.insert(findings.end(), online->begin(), online->end());
        }
        bool has_error = false;
        bool mended = true;
        for (const auto& finding : findings) {
            bool error = finding.severity == PolicyFinding::Severity::error;
            has_error = has_error || error;
            const bool warning = finding.severity == PolicyFinding::Severity::warning;
            mended = mended && !error && !warning;
            wrong = wrong || error || (options.strict && warning);
            list.push(core::Value::object({{"file", finding.file},
                                           {"line", finding.line},
                                           {"column", finding.column},
                                           {"severity", name_of(finding.severity)},
                                           {"kind", finding.kind},
                                           {"message", finding.message}}));
            if (!options.json) print(finding.text());
        }
        if (loaded && mended && !options.json)
            print(fmt::format("{}: {} rules, {} groups and {} people, nothing to mend", visible(file),
                              (*loaded)->rules.size(), (*loaded)->groups.size(), (*loaded)->people.size()));
        if (loaded && options.matrix && !options.json) print_policy_matrix(file, **loaded);
        if (loaded) continue;
        wrong = true;
        if (!has_error) complain(loaded.error().detail);
    }
    if (options.json) print_json(list);
    return wrong ? exit_failed : exit_ok;
}

}  // namespace countersign::cli
