#include "pg/token_store.hpp"

#include "pg/event_log.hpp"
#include "pg/rows.hpp"
#include "pg/sql.hpp"

namespace countersign::pg {
namespace {

constexpr const char* columns =
    "SELECT id, name, array_to_string(scopes, E'\\x1f'), owner, array_to_string(allow_actions, E'\\x1f'), "
    "array_to_string(allow_environments, E'\\x1f'), created_at, expires_at, revoked_at, hint, "
    "last_used_at, confirmed_by, confirmed_at FROM token ";

Result<app::Token> token_from(const pqxx::row& row) {
    auto id = id_from<core::TokenId>(view(row[0]));
    auto created = instant_from(row[6]);
    if (!id || !created) return fail(Trouble::corrupt, "a token's row is not readable");
    app::Token token{.id = *id,
                     .name = std::string(view(row[1])),
                     .scopes = {},
                     .owner = {},
                     .allow_actions = texts(row[4]),
                     .allow_environments = texts(row[5]),
                     .created_at = *created,
                     .expires_at = instant_from(row[7]),
                     .revoked_at = instant_from(row[8]),
                     .hint = std::string(view(row[9])),
                     .last_used_at = instant_from(row[10])};
    for (const auto& word : texts(row[2])) {
        auto scope = app::parse_scope(word);
        if (!scope) return fail(Trouble::corrupt, "a token has an unknown scope");
        token.scopes.push_back(*scope);
    }
    if (auto at = instant_from(row[12]))
        token.confirmed = app::Token::Confirmation{core::AccountId{std::string(view(row[11]))}, *at};
    if (!row[3].is_null()) token.owner = core::AccountId{std::string(view(row[3]))};
    return token;
}

std::unexpected<Failure> no_such_token() {
    return fail(Trouble::not_found, "there is no such token");
}

}  // namespace

Later<app::Token> PgTokenStore::by_hash(Sha256 hash, Deadline deadline) {
    return one_where("hash = decode('" + hex(hash) + "', 'hex')", deadline);
}

Later<app::Token> PgTokenStore::by_id(core::TokenId id, Deadline deadline) {
    return one_where("id = " + literal(id), deadline);
}

Later<app::Token> PgTokenStore::one_where(std::string condition, Deadline deadline) {
    return run_job<app::Token>(pool_, rt::Lane::interactive, clock_, deadline,
                               [condition = std::move(condition)](Session& session) -> Result<app::Token> {
                                   auto rows = in_session<pqxx::result>(session, {}, [&] {
                                       return session.run(std::string(columns) + "WHERE " + condition);
                                   });
                                   if (!rows) return pass(rows);
                                   if (rows->empty()) return no_such_token();
                                   return token_from((*rows)[0]);
                               });
}

Later<Done> PgTokenStore::create(app::Token token, Sha256 hash, app::AdminEvent event, Deadline deadline) {
    return run_job<Done>(
        pool_, rt::Lane::interactive, clock_, deadline,
        [token = std::move(token), hash, event = std::move(event)](Session& session) -> Result<Done> {
            for (const auto* globs : {&token.allow_actions, &token.allow_environments}) {
                for (const auto& glob : *globs) {
                    if (glob.empty() || glob.contains(list_separator)) {
                        return fail(Trouble::invalid_input,
                                    "a glob may not be empty or hold control characters");
                    }
                }
            }
            std::vector<std::string> scopes;
            for (app::Scope scope : token.scopes) scopes.emplace_back(name_of(scope));
            auto maybe = [](const std::optional<core::Instant>& at) {
                return at ? literal(*at) : std::string("NULL");
            };
            // Creating the same token again, after an answer that was lost, changes nothing.
            std::string sql = "INSERT INTO token VALUES (" + literal(token.id) + ", decode('" + hex(hash) +
                              "', 'hex'), " + literal(token.name) + ", " + array_of(scopes) + ", " +
                              (token.owner ? literal(token.owner->text()) : "NULL") + ", " +
                              array_of(token.allow_actions) + ", " + array_of(token.allow_environments) +
                              ", " + literal(token.hint) + ", " + literal(token.created_at) + ", " +
                              maybe(token.expires_at) + ", " + maybe(token.revoked_at) +
                              ") ON CONFLICT (id) DO NOTHING; " + record_sql(event);
            auto done = in_session<pqxx::result>(session, {}, [&] { return session.run(sql); });
            if (!done) return pass(done);
            return Done{};
        });
}

Later<std::vector<app::Token>> PgTokenStore::list(Deadline deadline) {
    using Tokens = std::vector<app::Token>;
    return run_job<Tokens>(
        pool_, rt::Lane::interactive, clock_, deadline, [](Session& session) -> Result<Tokens> {
            auto rows = in_session<pqxx::result>(
                session, {}, [&] { return session.run(std::string(columns) + "ORDER BY id"); });
            if (!rows) return pass(rows);
            Tokens tokens;
            for (const auto& row : *rows) {
                auto token = token_from(row);
                if (!token) return pass(token);
                tokens.push_back(std::move(*token));
            }
            return tokens;
        });
}

namespace {

// Changes a token's row as long as `open` holds, and records the event where it did. False: nothing changed.
Sql<bool> change(Session& session, const core::TokenId& id, const std::string& columns_and_values,
                 const std::string& open, const app::AdminEvent& event) {
    auto changed = session.run("UPDATE token SET " + columns_and_values + " WHERE id = " + literal(id) +
                               " AND " + open + " RETURNING id");
    if (!changed) return std::unexpected(changed.error());
    if (changed->empty()) return false;
    auto recorded = session.run(record_sql(event));
    if (!recorded) return std::unexpected(recorded.error());
    return true;
}

}  // namespace

Later<Done> PgTokenStore::revoke(core::TokenId id, core::Instant now, app::AdminEvent event,
                                 Deadline deadline) {
    return run_job<Done>(pool_, rt::Lane::interactive, clock_, deadline,
                         [id, now, event = std::move(event)](Session& session) {
                             return in_transaction<Done>(session, [&]() -> Outcome<Done> {
                                 auto changed = change(session, id, "revoked_at = " + literal(now),
                                                       "revoked_at IS NULL", event);
                                 if (!changed) return std::unexpected(changed.error());
                                 if (*changed) return Result<Done>{Done{}};
                                 auto rows = session.run("SELECT FROM token WHERE id = " + literal(id));
                                 if (!rows) return std::unexpected(rows.error());
                                 return rows->empty() ? Result<Done>{no_such_token()} : Result<Done>{Done{}};
                             });
                         });
}

Later<Done> PgTokenStore::confirm(core::TokenId id, app::Token::Confirmation how, app::AdminEvent event,
                                  Deadline deadline) {
    return run_job<Done>(
        pool_, rt::Lane::interactive, clock_, deadline,
        [id, how = std::move(how), event = std::move(event)](Session& session) {
            return in_transaction<Done>(session, [&]() -> Outcome<Done> {
                auto changed =
                    change(session, id,
                           "confirmed_by = " + literal(how.by.text()) + ", confirmed_at = " + literal(how.at),
                           "revoked_at IS NULL AND confirmed_at IS NULL", event);
                if (!changed) return std::unexpected(changed.error());
                if (*changed) return Result<Done>{Done{}};
                auto rows = session.run("SELECT revoked_at FROM token WHERE id = " + literal(id));
                if (!rows) return std::unexpected(rows.error());
                if (rows->empty()) return Result<Done>{no_such_token()};
                if ((*rows)[0][0].is_null()) return Result<Done>{Done{}};
                return Result<Done>{fail(Trouble::conflict, "this token is revoked", "token_revoked")};
            });
        });
}

Later<Done> PgTokenStore::used(std::vector<std::pair<core::TokenId, core::Instant>> uses, Deadline deadline) {
    return run_job<Done>(
        pool_, rt::Lane::background, clock_, deadline,
        [uses = std::move(uses)](Session& session) -> Result<Done> {
            std::string sql = "UPDATE token t SET last_used_at = u.at FROM (VALUES ";
            for (std::size_t i = 0; i < uses.size(); ++i)
                sql += (i == 0 ? "(" : ", (") + literal(uses[i].first) + "::uuid, " +
                       literal(uses[i].second) + "::timestamptz)";
            sql += ") AS u (id, at) WHERE t.id = u.id AND coalesce(t.last_used_at < u.at, true)";
            if (uses.empty()) return Done{};
            auto done = in_session<pqxx::result>(session, {}, [&] { return session.run(sql); });
            if (!done) return pass(done);
            return Done{};
        });
}

Later<bool> PgTokenStore::first_use(Sha256 token, Sha256 purpose, core::Instant until, core::Instant now,
                                    Deadline deadline) {
    return run_job<bool>(
        pool_, rt::Lane::interactive, clock_, deadline,
        [token, purpose, until, now](Session& session) -> Result<bool> {
            // What ran out is swept along, a bounded piece at a time.
            std::string sql =
                "WITH gone AS (DELETE FROM seen_token WHERE token IN (SELECT token FROM seen_token "
                "WHERE expires_at < " +
                literal(now) + " LIMIT 100 FOR UPDATE SKIP LOCKED)) INSERT INTO seen_token VALUES (decode('" +
                hex(token) + "', 'hex'), decode('" + hex(purpose) + "', 'hex'), " + literal(until) +
                ") ON CONFLICT (token) DO UPDATE SET purpose = seen_token.purpose "
                "RETURNING encode(purpose, 'hex')";
            auto rows = in_session<pqxx::result>(session, {}, [&] { return session.run(sql); });
            if (!rows) return pass(rows);
            if (rows->empty()) return fail(Trouble::corrupt, "a used token was not stored");
            return view((*rows)[0][0]) == hex(purpose);
        });
}

}  // namespace countersign::pg
