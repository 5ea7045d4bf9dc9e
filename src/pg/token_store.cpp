#include "pg/token_store.hpp"

#include "pg/rows.hpp"
#include "pg/sql.hpp"

namespace countersign::pg {
namespace {

// Lists of texts travel joined by U+001F, which no scope holds and globs are refused for.
constexpr char separator = '\x1f';
constexpr const char* columns =
    "SELECT id, name, array_to_string(scopes, E'\\x1f'), owner, array_to_string(allow_actions, E'\\x1f'), "
    "array_to_string(allow_environments, E'\\x1f'), created_at, expires_at, revoked_at, hint, "
    "last_used_at FROM token ";

std::vector<std::string> texts(const pqxx::field& field) {
    if (field.size() == 0) return {};
    return split(view(field), separator);
}

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
    if (!row[3].is_null()) token.owner = core::AccountId{std::string(view(row[3]))};
    return token;
}

std::string array_of(const std::vector<std::string>& all) {
    Array array;
    for (const auto& one : all) array.text(one);
    return std::string(array.finished());
}

}  // namespace

Later<app::Token> PgTokenStore::by_hash(Sha256 hash, Deadline deadline) {
    return run_job<app::Token>(
        pool_, rt::Lane::interactive, clock_, deadline, [hash](Session& session) -> Result<app::Token> {
            auto rows = in_session<pqxx::result>(session, {}, [&] {
                return session.run(std::string(columns) + "WHERE hash = decode('" + hex(hash) + "', 'hex')");
            });
            if (!rows) return pass(rows);
            if (rows->empty()) return fail(Trouble::not_found, "there is no such token");
            return token_from((*rows)[0]);
        });
}

Later<Done> PgTokenStore::create(app::Token token, Sha256 hash, Deadline deadline) {
    return run_job<Done>(
        pool_, rt::Lane::interactive, clock_, deadline,
        [token = std::move(token), hash](Session& session) -> Result<Done> {
            for (const auto* globs : {&token.allow_actions, &token.allow_environments}) {
                for (const auto& glob : *globs) {
                    if (glob.empty() || glob.contains(separator)) {
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
                              ") ON CONFLICT (id) DO NOTHING";
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

Later<Done> PgTokenStore::revoke(core::TokenId id, core::Instant now, Deadline deadline) {
    return run_job<Done>(
        pool_, rt::Lane::interactive, clock_, deadline, [id, now](Session& session) -> Result<Done> {
            auto rows = in_session<pqxx::result>(session, {}, [&] {
                return session.run("UPDATE token SET revoked_at = coalesce(revoked_at, " + literal(now) +
                                   ") WHERE id = " + literal(id) + " RETURNING id");
            });
            if (!rows) return pass(rows);
            if (rows->empty()) return fail(Trouble::not_found, "there is no such token");
            return Done{};
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
