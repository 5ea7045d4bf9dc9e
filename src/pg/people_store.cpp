#include "pg/people_store.hpp"

#include <algorithm>
#include <charconv>

#include "pg/event_log.hpp"
#include "pg/rows.hpp"
#include "pg/sql.hpp"

namespace countersign::pg {
namespace {

using app::LinkOffer;
using app::StoredPersonId;

std::string in_list(std::initializer_list<const core::AccountId*> accounts) {
    std::string list;
    for (const auto* account : accounts) list += (list.empty() ? "" : ", ") + literal(account->text());
    return list;
}

std::int64_t number(const pqxx::field& field) {
    std::int64_t value = 0;
    auto text = view(field);
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}
bool truth(const pqxx::field& field) {
    return view(field) == "t";
}

Result<app::MemberAccount> account_from(const pqxx::row& row) {
    auto person = id_from<StoredPersonId>(view(row[1]));
    auto way = app::parse_link_way(view(row[2]));
    auto linked = instant_from(row[3]);
    if (!person || !way || !linked) return fail(Trouble::corrupt, "an account's row is not readable");
    return app::MemberAccount{.account = core::AccountId{std::string(view(row[0]))},
                              .person = *person,
                              .way = *way,
                              .linked_at = *linked,
                              .unlinked_at = instant_from(row[4])};
}

// The stored persons of the two accounts, with the people's lock held.
Sql<pqxx::result> persons_of(Session& session, const core::AccountId& one, const core::AccountId& other) {
    auto locked = session.run("SELECT version FROM people_head FOR UPDATE");
    if (!locked) return locked;
    return session.run(
        "SELECT reference, person_id FROM account WHERE unlinked_at IS NULL AND reference IN (" +
        in_list({&one, &other}) + ")");
}

std::string insert_account(const core::AccountId& account, const StoredPersonId& person,
                           const app::LinkAct& act) {
    return "INSERT INTO account (reference, person_id, way, linked_at) VALUES (" + literal(account.text()) +
           ", " + literal(person) + ", " + literal(name_of(act.way)) + ", " + literal(act.event.at) + "); ";
}

constexpr std::string_view changed_sql = "UPDATE people_head SET version = version + 1; ";

Outcome<app::Linked> link_now(Session& session, const app::LinkAct& act) {
    auto rows = persons_of(session, act.one, act.other);
    if (!rows) return std::unexpected(rows.error());
    std::optional<StoredPersonId> one;
    std::optional<StoredPersonId> other;
    for (const auto& row : *rows) {
        auto person = id_from<StoredPersonId>(view(row[1]));
        (view(row[0]) == act.one.text() ? one : other) = person;
    }
    if (one && other && *one == *other) return Result<app::Linked>{app::Linked{*one, false}};
    if (one && other && !act.merge)
        return Result<app::Linked>{
            fail(Trouble::conflict,
                 "both accounts belong to persons with other accounts already: merge them "
                 "if they are one",
                 "two_persons")};
    std::string sql;
    StoredPersonId person = one ? *one : other ? *other : act.fresh;
    if (one && other) {
        person = std::min(*one, *other);  // ids are ordered by creation: the older one stays
        const StoredPersonId gone = std::max(*one, *other);
        sql += "UPDATE account SET person_id = " + literal(person) + " WHERE person_id = " + literal(gone) +
               "; UPDATE person SET merged_into = " + literal(person) + " WHERE id = " + literal(gone) + "; ";
    }
    if (!one && !other)
        sql += "INSERT INTO person (id, created_at) VALUES (" + literal(person) + ", " +
               literal(act.event.at) + "); ";
    if (!one) sql += insert_account(act.one, person, act);
    if (!other) sql += insert_account(act.other, person, act);
    sql += changed_sql;
    sql += record_sql(told_of(act.event, person, {act.one, act.other}));
    auto written = session.run(sql);
    if (!written) return std::unexpected(written.error());
    return Result<app::Linked>{app::Linked{person, true}};
}

constexpr std::string_view offer_columns =
    "SELECT id, asker, giver, asker_agreed, giver_agreed, outcome, encode(hash, 'hex'), tries FROM "
    "link_code ";

Result<LinkOffer> offer_from(const pqxx::row& row) {
    auto id = id_from<app::LinkOfferId>(view(row[0]));
    if (!id) return fail(Trouble::corrupt, "a link code's row is not readable");
    LinkOffer offer{.id = *id,
                    .asker = core::AccountId{std::string(view(row[1]))},
                    .giver = core::AccountId{std::string(view(row[2]))},
                    .state = LinkOffer::State::waiting,
                    .asker_agreed = truth(row[3]),
                    .giver_agreed = truth(row[4])};
    if (view(row[5]) == "linked") offer.state = LinkOffer::State::linked;
    if (view(row[5]) == "declined") offer.state = LinkOffer::State::declined;
    return offer;
}

// One wrong code more of this account, within link_code_life of the first.
std::string wrong_code_sql(const core::AccountId& account, core::Instant now) {
    const std::string at = literal(now);
    const std::string begun = literal(now - app::link_code_life);
    return "INSERT INTO link_try AS t (account, since, wrong) VALUES (" + literal(account.text()) + ", " +
           at + ", 1) ON CONFLICT (account) DO UPDATE SET wrong = CASE WHEN t.since <= " + begun +
           " THEN 1 ELSE t.wrong + 1 END, since = CASE WHEN t.since <= " + begun + " THEN " + at +
           " ELSE t.since END; ";
}

std::unexpected<Failure> wrong_code() {
    return fail(Trouble::not_found, "this code is wrong, used, or older than 10 minutes", "wrong_code");
}

Outcome<LinkOffer> give_now(Session& session, const app::LinkCodeStore::Given& given) {
    const std::string at = literal(given.now);
    // The row of the giver's tries is locked first: wrong codes of one account are counted one after the
    // other.
    auto tries =
        session.run("INSERT INTO link_try (account, since, wrong) VALUES (" + literal(given.giver.text()) +
                    ", " + at + ", 0) ON CONFLICT (account) DO NOTHING; SELECT wrong, since > " +
                    literal(given.now - app::link_code_life) +
                    " FROM link_try WHERE account = " + literal(given.giver.text()) + " FOR UPDATE");
    if (!tries) return std::unexpected(tries.error());
    if (truth((*tries)[0][1]) && number((*tries)[0][0]) >= app::link_tries_max)
        return Result<LinkOffer>{fail(Trouble::overloaded,
                                      "too many wrong codes: wait ten minutes, then ask for a new one",
                                      "too_many_tries")};
    auto rows = session.run(std::string(offer_columns) + "WHERE outcome IS NULL AND selector = " +
                            literal(given.code.selector) + " AND expires_at > " + at + " FOR UPDATE");
    if (!rows) return std::unexpected(rows.error());
    auto refuse = [&](std::string sql, Result<LinkOffer> answer) -> Outcome<LinkOffer> {
        auto written = session.run(sql);
        if (!written) return std::unexpected(written.error());
        return answer;
    };
    if (rows->empty()) return refuse(wrong_code_sql(given.giver, given.now), wrong_code());
    auto row = (*rows)[0];
    auto offer = offer_from(row);
    if (!offer) return Result<LinkOffer>{pass(offer)};
    const bool right =
        equal_in_constant_time(hex(app::link_code_hash(offer->id, given.code.secret)), view(row[6]));
    const bool used = !row[2].is_null() && offer->giver != given.giver;
    if (!right) {
        const bool worn_out = number(row[7]) + 1 >= app::link_tries_max;
        return refuse("UPDATE link_code SET tries = tries + 1" +
                          std::string(worn_out ? ", outcome = 'worn_out'" : "") +
                          " WHERE id = " + literal(offer->id) + "; " + wrong_code_sql(given.giver, given.now),
                      wrong_code());
    }
    if (used) return refuse(wrong_code_sql(given.giver, given.now), wrong_code());
    if (offer->asker == given.giver)
        return Result<LinkOffer>{fail(Trouble::invalid_input,
                                      "this account asked for the code: give it in your other account",
                                      "own_code")};
    offer->giver = given.giver;
    return refuse("UPDATE link_code SET giver = " + literal(given.giver.text()) +
                      ", expires_at = " + literal(given.now + app::link_code_life) +
                      " WHERE giver IS NULL AND id = " + literal(offer->id),
                  std::move(*offer));
}

Outcome<LinkOffer> answer_now(Session& session, const app::LinkCodeStore::Answer& answer) {
    auto rows =
        session.run(std::string(offer_columns) + "WHERE id = " + literal(answer.offer) +
                    " AND giver IS NOT NULL AND expires_at > " + literal(answer.event.at) + " FOR UPDATE");
    if (!rows) return std::unexpected(rows.error());
    if (rows->empty())
        return Result<LinkOffer>{
            fail(Trouble::not_found, "this offer has run out: ask for a new code with the command `link`")};
    auto offer = offer_from((*rows)[0]);
    if (!offer) return Result<LinkOffer>{pass(offer)};
    const bool asks = answer.account == offer->asker;
    if (!asks && answer.account != offer->giver)
        return Result<LinkOffer>{fail(Trouble::forbidden, "this account has no part in the offer")};
    if (offer->state != LinkOffer::State::waiting) return offer;
    (asks ? offer->asker_agreed : offer->giver_agreed) = answer.agrees;
    if (!answer.agrees) offer->state = LinkOffer::State::declined;
    if (offer->asker_agreed && offer->giver_agreed) {
        auto linked = link_now(session, {.one = offer->asker,
                                         .other = offer->giver,
                                         .way = app::LinkWay::code,
                                         .merge = true,
                                         .fresh = answer.fresh,
                                         .event = answer.event});
        if (!linked) return std::unexpected(linked.error());
        if (!*linked) return Result<LinkOffer>{pass(*linked)};
        offer->state = LinkOffer::State::linked;
    }
    std::string outcome = offer->state == LinkOffer::State::linked     ? "'linked'"
                          : offer->state == LinkOffer::State::declined ? "'declined'"
                                                                       : "NULL";
    auto written = session.run(
        "UPDATE link_code SET asker_agreed = " + std::string(offer->asker_agreed ? "true" : "false") +
        ", giver_agreed = " + (offer->giver_agreed ? "true" : "false") + ", outcome = " + outcome +
        " WHERE id = " + literal(offer->id));
    if (!written) return std::unexpected(written.error());
    return offer;
}

}  // namespace

Later<std::optional<app::PeopleNews>> PgPeopleStore::read(std::optional<std::int64_t> known,
                                                          Deadline deadline) {
    using News = std::optional<app::PeopleNews>;
    return run_job<News>(
        pool_, rt::Lane::background, clock_, deadline, [known](Session& session) -> Result<News> {
            // The version first: what comes in between is read now, and again next time.
            auto version = in_session<pqxx::result>(
                session, {}, [&] { return session.run("SELECT version FROM people_head"); });
            if (!version) return pass(version);
            if (version->empty()) return fail(Trouble::corrupt, "the people's version is missing");
            app::PeopleNews news{.version = number((*version)[0][0]), .accounts = {}, .absences = {}};
            if (known == news.version) return News{};
            auto rows = in_session<pqxx::result>(session, {}, [&] {
                return session.run(
                    "SELECT reference, person_id, way, linked_at, unlinked_at FROM account ORDER BY id DESC "
                    "LIMIT " +
                    std::to_string(app::links_max));
            });
            if (!rows) return pass(rows);
            for (const auto& row : *rows) {
                auto account = account_from(row);
                if (!account) return pass(account);
                news.accounts.push_back(std::move(*account));
            }
            std::ranges::reverse(news.accounts);
            auto away = in_session<pqxx::result>(session, {}, [&] {
                return session.run("SELECT account, until, instead FROM absence ORDER BY account");
            });
            if (!away) return pass(away);
            for (const auto& row : *away) {
                core::Absence absence{core::AccountId{std::string(view(row[0]))}, {}, {}};
                absence.until = instant_from(row[1]).value_or(core::Instant{});
                if (!row[2].is_null()) absence.instead = core::AccountId{std::string(view(row[2]))};
                news.absences.push_back(std::move(absence));
            }
            return News{std::move(news)};
        });
}

Later<app::Linked> PgPeopleStore::link(app::LinkAct act, Deadline deadline) {
    return run_job<app::Linked>(
        pool_, rt::Lane::interactive, clock_, deadline, [act = std::move(act)](Session& session) {
            return in_transaction<app::Linked>(session, [&] { return link_now(session, act); });
        });
}

Later<StoredPersonId> PgPeopleStore::unlink(app::UnlinkAct act, Deadline deadline) {
    return run_job<StoredPersonId>(
        pool_, rt::Lane::interactive, clock_, deadline, [act = std::move(act)](Session& session) {
            return in_transaction<StoredPersonId>(session, [&]() -> Outcome<StoredPersonId> {
                auto rows = persons_of(session, act.account, act.account);
                if (!rows) return std::unexpected(rows.error());
                auto person = rows->empty() ? std::nullopt : id_from<StoredPersonId>(view((*rows)[0][1]));
                if (!person)
                    return Result<StoredPersonId>{
                        fail(Trouble::not_found, "this account is linked to nobody")};
                auto written = session.run(
                    "UPDATE account SET unlinked_at = greatest(linked_at, " + literal(act.event.at) +
                    ") WHERE unlinked_at IS NULL AND reference = " + literal(act.account.text()) + "; " +
                    std::string(changed_sql) + record_sql(told_of(act.event, *person, {act.account})));
                if (!written) return std::unexpected(written.error());
                return Result<StoredPersonId>{*person};
            });
        });
}

Later<Done> PgPeopleStore::set_absence(core::Absence absence, core::Instant now, Deadline deadline) {
    return run_job<Done>(
        pool_, rt::Lane::interactive, clock_, deadline,
        [absence = std::move(absence), now](Session& session) {
            return in_transaction<Done>(session, [&]() -> Outcome<Done> {
                const std::string who = literal(absence.account.text());
                std::string sql =
                    "DELETE FROM absence WHERE account = " + who + " OR until <= " + literal(now) + "; ";
                if (absence.until > now)
                    sql += "INSERT INTO absence (account, until, instead) VALUES (" + who + ", " +
                           literal(absence.until) + ", " +
                           (absence.instead ? literal(absence.instead->text()) : std::string("NULL")) + "); ";
                auto written = session.run(sql + std::string(changed_sql));
                if (!written) return std::unexpected(written.error());
                return Result<Done>{Done{}};
            });
        });
}

// ---- codes

Later<Done> PgPeopleStore::ask(Asked asked, Deadline deadline) {
    return run_job<Done>(
        pool_, rt::Lane::interactive, clock_, deadline, [asked = std::move(asked)](Session& session) {
            return in_transaction<Done>(session, [&]() -> Outcome<Done> {
                auto written = session.run(
                    "UPDATE link_code SET outcome = 'expired' WHERE outcome IS NULL AND expires_at <= " +
                    literal(asked.now) +
                    "; UPDATE link_code SET outcome = 'replaced' WHERE outcome IS NULL AND giver IS NULL "
                    "AND asker = " +
                    literal(asked.asker.text()) + " AND id <> " + literal(asked.id) +
                    "; INSERT INTO link_code (id, selector, hash, asker, expires_at) VALUES (" +
                    literal(asked.id) + ", " + literal(asked.selector) + ", decode('" + hex(asked.hash) +
                    "', 'hex'), " + literal(asked.asker.text()) + ", " +
                    literal(asked.now + app::link_code_life) +
                    ") ON CONFLICT DO NOTHING; SELECT count(*) FROM link_code WHERE id = " +
                    literal(asked.id));
                if (!written) return std::unexpected(written.error());
                if (number((*written)[0][0]) == 0)
                    return Result<Done>{fail(Trouble::conflict, "this selector is taken", "selector_taken")};
                return Result<Done>{Done{}};
            });
        });
}

Later<LinkOffer> PgPeopleStore::give(Given given, Deadline deadline) {
    return run_job<LinkOffer>(
        pool_, rt::Lane::interactive, clock_, deadline, [given = std::move(given)](Session& session) {
            return in_transaction<LinkOffer>(session, [&] { return give_now(session, given); });
        });
}

Later<LinkOffer> PgPeopleStore::answer(Answer answer, Deadline deadline) {
    return run_job<LinkOffer>(
        pool_, rt::Lane::interactive, clock_, deadline, [answer = std::move(answer)](Session& session) {
            return in_transaction<LinkOffer>(session, [&] { return answer_now(session, answer); });
        });
}

}  // namespace countersign::pg
