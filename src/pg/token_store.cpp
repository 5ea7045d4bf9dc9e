#include "pg/token_store.hpp"

#include "countersign/base/log.hpp"
#include "pg/event_log.hpp"
#include "pg/rows.hpp"

namespace countersign::pg {
namespace {

const std::string select_token =
    "SELECT id, name, array_to_string(scopes, E'\\x1f'), owner, array_to_string(allow_actions, E'\\x1f'), "
    "array_to_string(allow_environments, E'\\x1f'), created_at, expires_at, revoked_at, hint, last_used_at, "
    "confirmed_by, confirmed_at, encode(hash, 'hex'), encode(seal, 'hex') FROM token ";
const Query by_hash_query = composed(select_token + "WHERE hash = $1");
const Query by_id_query = composed(select_token + "WHERE id = $1");
const Query locked_query = composed(select_token + "WHERE id = $1 FOR UPDATE");
const Query all_query = composed(select_token + "ORDER BY id");

// Creating the same token again, after an answer that was lost, changes nothing.
constexpr Query insert_token{
    "INSERT INTO token (id, hash, name, scopes, owner, allow_actions, allow_environments, hint, "
    "created_at, expires_at, revoked_at, seal) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, "
    "$12) ON CONFLICT (id) DO NOTHING"};
constexpr Query change_token{
    "UPDATE token SET revoked_at = $2, confirmed_by = $3, confirmed_at = $4, seal = $5 WHERE id = $1"};
constexpr Query tokens_used{
    "UPDATE token t SET last_used_at = u.at FROM unnest($1::uuid[], $2::timestamptz[]) AS u (id, at) "
    "WHERE t.id = u.id AND coalesce(t.last_used_at < u.at, true)"};
// What ran out is swept along, a bounded piece at a time.
constexpr Query use_first{
    "WITH gone AS (DELETE FROM seen_token WHERE token IN (SELECT token FROM seen_token WHERE expires_at "
    "< $4 LIMIT 100 FOR UPDATE SKIP LOCKED)) INSERT INTO seen_token (token, purpose, expires_at) VALUES "
    "($1, $2, $3) ON CONFLICT (token) DO UPDATE SET purpose = seen_token.purpose RETURNING "
    "encode(purpose, 'hex')"};

std::vector<std::string> names_of(const std::vector<app::Scope>& scopes) {
    std::vector<std::string> names;
    for (app::Scope scope : scopes) names.emplace_back(name_of(scope));
    return names;
}

std::optional<std::string> text_of(const std::optional<core::Instant>& at) {
    return at ? std::optional(core::rfc3339(*at)) : std::nullopt;
}

// Everything a token may do, and what it is recognised by.
app::SealInput seal_input(const app::Token& token, std::string_view hash_digits) {
    app::SealInput input("token");
    input.add(as_text(token.id.bytes())).add(hash_digits).add(token.name).add(names_of(token.scopes));
    input.add(token.owner ? std::optional(token.owner->text()) : std::nullopt);
    input.add(token.allow_actions).add(token.allow_environments).add(core::rfc3339(token.created_at));
    input.add(text_of(token.expires_at)).add(text_of(token.revoked_at));
    input.add(token.confirmed ? std::optional(token.confirmed->by.text()) : std::nullopt);
    input.add(token.confirmed ? text_of(token.confirmed->at) : std::nullopt);
    return input;
}

Result<app::Token> token_from(const pqxx::row& row, const app::Seals& seals) {
    auto id = id_from<core::TokenId>(view(row[0]));
    auto created = instant_from(row[6]);
    auto seal = seal_from(view(row[14]));
    if (!id || !created || !seal) return fail(Trouble::corrupt, "a token's row is not readable");
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
    auto check = seals.check(seal_input(token, view(row[13])), *seal);
    if (check == app::SealCheck::holds) return token;
    Failure failure = unsealed(check, "the token " + id->text());
    log::error("pg", "{}; it is good for nothing", failure.detail);
    return std::unexpected(std::move(failure));
}

std::unexpected<Failure> no_such_token() {
    return fail(Trouble::not_found, "there is no such token");
}

}  // namespace

Later<app::Token> PgTokenStore::by_hash(Sha256 hash, Deadline deadline) {
    return one(by_hash_query, Arguments::of(hash), deadline);
}

Later<app::Token> PgTokenStore::by_id(core::TokenId id, Deadline deadline) {
    return one(by_id_query, Arguments::of(id), deadline);
}

Later<app::Token> PgTokenStore::one(const Query& query, Arguments arguments, Deadline deadline) {
    return run_job<app::Token>(
        pool_, rt::Lane::interactive, clock_, deadline,
        [this, query, arguments = std::move(arguments)](Session& session) -> Result<app::Token> {
            auto rows = again_if_lost(session, query, arguments);
            if (!rows) return pass(rows);
            if (rows->empty()) return no_such_token();
            auto seals = sealing_.of(session);
            if (!seals) return std::unexpected(as_failure(seals.error()));
            return token_from((*rows)[0], **seals);
        });
}

Later<Done> PgTokenStore::create(app::Token token, Sha256 hash, app::AdminEvent event, Deadline deadline) {
    return run_job<Done>(
        pool_, rt::Lane::interactive, clock_, deadline,
        [this, token = std::move(token), hash, event = std::move(event)](Session& session) -> Result<Done> {
            for (const auto* globs : {&token.allow_actions, &token.allow_environments}) {
                for (const auto& glob : *globs) {
                    if (glob.empty() || glob.contains(list_separator)) {
                        return fail(Trouble::invalid_input,
                                    "a glob may not be empty or hold control characters");
                    }
                }
            }
            return in_transaction<Done>(session, [&]() -> Outcome<Done> {
                auto seals = sealing_.of(session);
                if (!seals) return std::unexpected(seals.error());
                auto seal = (*seals)->seal(seal_input(token, hex(hash)));
                auto made =
                    session.run(insert_token,
                                Arguments::of(token.id, hash, token.name, names_of(token.scopes), token.owner,
                                              token.allow_actions, token.allow_environments, token.hint,
                                              token.created_at, token.expires_at, token.revoked_at, seal));
                if (!made) return std::unexpected(made.error());
                auto recorded = record_act(session, event, **seals);
                if (!recorded) return std::unexpected(recorded.error());
                return Result<Done>{Done{}};
            });
        });
}

Later<std::vector<app::Token>> PgTokenStore::list(Deadline deadline) {
    using Tokens = std::vector<app::Token>;
    return run_job<Tokens>(pool_, rt::Lane::interactive, clock_, deadline,
                           [this](Session& session) -> Result<Tokens> {
                               auto rows = again_if_lost(session, all_query);
                               if (!rows) return pass(rows);
                               auto seals = sealing_.of(session);
                               if (!seals) return std::unexpected(as_failure(seals.error()));
                               Tokens tokens;
                               for (const auto& row : *rows) {
                                   auto token = token_from(row, **seals);
                                   if (token)
                                       tokens.push_back(std::move(*token));
                                   else if (token.error().trouble != Trouble::corrupt)
                                       return pass(token);
                               }
                               return tokens;
                           });
}

// Locks and reads the token, lets `change` have its way, and writes it with its event. A `change` that
// answers false leaves all as it is.
Outcome<Done> PgTokenStore::change(Session& session, const core::TokenId& id, const app::AdminEvent& event,
                                   const std::function<Result<bool>(app::Token&)>& change) {
    auto seals = sealing_.of(session);
    if (!seals) return std::unexpected(seals.error());
    auto rows = session.run(locked_query, Arguments::of(id));
    if (!rows) return std::unexpected(rows.error());
    if (rows->empty()) return Result<Done>{no_such_token()};
    auto token = token_from((*rows)[0], **seals);
    if (!token) return Result<Done>{pass(token)};
    auto changed = change(*token);
    if (!changed) return Result<Done>{pass(changed)};
    if (!*changed) return Result<Done>{Done{}};
    std::optional<core::AccountId> by;
    std::optional<core::Instant> at;
    if (token->confirmed) {
        by = token->confirmed->by;
        at = token->confirmed->at;
    }
    auto seal = (*seals)->seal(seal_input(*token, view((*rows)[0][13])));
    auto written = session.run(change_token, Arguments::of(id, token->revoked_at, by, at, seal));
    if (!written) return std::unexpected(written.error());
    auto recorded = record_act(session, event, **seals);
    if (!recorded) return std::unexpected(recorded.error());
    return Result<Done>{Done{}};
}

Later<Done> PgTokenStore::revoke(core::TokenId id, core::Instant now, app::AdminEvent event,
                                 Deadline deadline) {
    auto revoked = [now](app::Token& token) -> Result<bool> {
        if (token.revoked_at) return false;
        token.revoked_at = now;
        return true;
    };
    return run_job<Done>(pool_, rt::Lane::interactive, clock_, deadline,
                         [this, id, event = std::move(event), revoked](Session& session) {
                             return in_transaction<Done>(session,
                                                         [&] { return change(session, id, event, revoked); });
                         });
}

Later<Done> PgTokenStore::confirm(core::TokenId id, app::Token::Confirmation how, app::AdminEvent event,
                                  Deadline deadline) {
    auto confirmed = [how = std::move(how)](app::Token& token) -> Result<bool> {
        if (token.revoked_at) return fail(Trouble::conflict, "this token is revoked", "token_revoked");
        if (token.confirmed) return false;
        token.confirmed = how;
        return true;
    };
    return run_job<Done>(
        pool_, rt::Lane::interactive, clock_, deadline,
        [this, id, event = std::move(event), confirmed = std::move(confirmed)](Session& session) {
            return in_transaction<Done>(session, [&] { return change(session, id, event, confirmed); });
        });
}

Later<Done> PgTokenStore::used(std::vector<std::pair<core::TokenId, core::Instant>> uses, Deadline deadline) {
    return run_job<Done>(pool_, rt::Lane::background, clock_, deadline,
                         [uses = std::move(uses)](Session& session) -> Result<Done> {
                             if (uses.empty()) return Done{};
                             Column ids{Oid::uuid}, times{Oid::timestamptz};
                             for (const auto& [id, at] : uses) {
                                 ids.add(id);
                                 times.add(at);
                             }
                             auto done = in_session<pqxx::result>(
                                 [&] { return session.run(tokens_used, parameters(ids, times)); });
                             if (!done) return pass(done);
                             return Done{};
                         });
}

Later<bool> PgTokenStore::first_use(Sha256 token, Sha256 purpose, core::Instant until, core::Instant now,
                                    Deadline deadline) {
    return run_job<bool>(pool_, rt::Lane::interactive, clock_, deadline,
                         [token, purpose, until, now](Session& session) -> Result<bool> {
                             auto rows =
                                 again_if_lost(session, use_first, Arguments::of(token, purpose, until, now));
                             if (!rows) return pass(rows);
                             if (rows->empty()) return fail(Trouble::corrupt, "a used token was not stored");
                             return view((*rows)[0][0]) == hex(purpose);
                         });
}

}  // namespace countersign::pg
