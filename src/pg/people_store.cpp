#include "pg/people_store.hpp"

#include <algorithm>
#include <charconv>

#include "countersign/base/log.hpp"
#include "pg/event_log.hpp"
#include "pg/rows.hpp"

namespace countersign::pg {
namespace {

using app::LinkOffer;
using app::StoredPersonId;

constexpr Query people_version{"SELECT version FROM people_head"};
constexpr Query lock_people{"SELECT version FROM people_head FOR UPDATE"};
constexpr Query people_changed{"UPDATE people_head SET version = version + 1"};
const std::string select_account =
    "SELECT id, reference, person_id, way, linked_at, unlinked_at, encode(seal, 'hex') FROM account ";
const Query newest_accounts = composed(select_account + "ORDER BY id DESC LIMIT $1");
const Query linked_accounts =
    composed(select_account + "WHERE unlinked_at IS NULL AND reference IN ($1, $2)");
const Query accounts_of_person = composed(select_account + "WHERE person_id = $1 FOR UPDATE");
constexpr Query insert_account_query{
    "INSERT INTO account (reference, person_id, way, linked_at, seal) VALUES ($1, $2, $3, $4, $5)"};
constexpr Query change_account{
    "UPDATE account SET person_id = $2, unlinked_at = $3, seal = $4 WHERE id = $1"};
constexpr Query insert_person{"INSERT INTO person (id, created_at) VALUES ($1, $2)"};
constexpr Query merge_person{"UPDATE person SET merged_into = $2 WHERE id = $1"};
constexpr Query all_absences{
    "SELECT account, until, instead, encode(seal, 'hex') FROM absence ORDER BY account"};
constexpr Query end_absences{"DELETE FROM absence WHERE account = $1 OR until <= $2"};
constexpr Query insert_absence{"INSERT INTO absence (account, until, instead, seal) VALUES ($1, $2, $3, $4)"};

std::int64_t number(const pqxx::field& field) {
    std::int64_t value = 0;
    auto text = view(field);
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}
bool truth(const pqxx::field& field) {
    return view(field) == "t";
}

// What a row of `account` says, all of which its seal covers.
app::SealInput seal_input(const app::MemberAccount& account) {
    app::SealInput input("account");
    input.add(account.account.text()).add(as_text(account.person.bytes())).add(name_of(account.way));
    input.add(core::rfc3339(account.linked_at));
    input.add(account.unlinked_at ? std::optional(core::rfc3339(*account.unlinked_at)) : std::nullopt);
    return input;
}
app::SealInput seal_input(const core::Absence& absence) {
    app::SealInput input("absence");
    input.add(absence.account.text()).add(core::rfc3339(absence.until));
    input.add(absence.instead ? std::optional(absence.instead->text()) : std::nullopt);
    return input;
}

constexpr std::string_view none_believed = "nobody's links are believed until it is put right";

// Looks at the seal of a row, of which `what` says whose it is, and `so` what follows from a broken one.
Result<Done> sealed(const app::Seals& seals, const app::SealInput& input, const pqxx::field& digits,
                    const std::string& what, std::string_view so = none_believed) {
    auto seal = seal_from(view(digits));
    auto check = seal ? seals.check(input, *seal) : app::SealCheck::broken;
    if (check == app::SealCheck::holds) return Done{};
    Failure failure = unsealed(check, what);
    log::error("pg", "{}; {}", failure.detail, so);
    return std::unexpected(std::move(failure));
}

struct StoredAccount {
    std::int64_t id;
    app::MemberAccount account;
};

Result<StoredAccount> account_from(const pqxx::row& row, const app::Seals& seals) {
    auto person = id_from<StoredPersonId>(view(row[2]));
    auto way = app::parse_link_way(view(row[3]));
    auto linked = instant_from(row[4]);
    if (!person || !way || !linked) return fail(Trouble::corrupt, "an account's row is not readable");
    StoredAccount stored{number(row[0]),
                         {.account = core::AccountId{std::string(view(row[1]))},
                          .person = *person,
                          .way = *way,
                          .linked_at = *linked,
                          .unlinked_at = instant_from(row[5])}};
    auto good =
        sealed(seals, seal_input(stored.account), row[6], "the link of " + stored.account.account.text());
    if (!good) return pass(good);
    return stored;
}

Result<std::vector<StoredAccount>> accounts_from(const pqxx::result& rows, const app::Seals& seals) {
    std::vector<StoredAccount> all;
    for (const auto& row : rows) {
        auto account = account_from(row, seals);
        if (!account) return pass(account);
        all.push_back(std::move(*account));
    }
    return all;
}

// Statements in order, until one is refused.
class Writing {
  public:
    explicit Writing(Session& session) : session_(session) {}
    void run(const Query& query, const Arguments& arguments = {}) {
        if (!done_) return;
        auto rows = session_.run(query, arguments);
        if (!rows) done_ = std::unexpected(rows.error());
    }
    void act(const app::AdminEvent& event, const app::Seals& seals) {
        if (done_) done_ = record_act(session_, event, seals);
    }
    const Sql<Done>& done() const { return done_; }

  private:
    Session& session_;
    Sql<Done> done_ = Done{};
};

void write_account(Writing& writing, const app::MemberAccount& account, const app::Seals& seals) {
    writing.run(insert_account_query, Arguments::of(account.account, account.person, name_of(account.way),
                                                    account.linked_at, seals.seal(seal_input(account))));
}
void rewrite_account(Writing& writing, const StoredAccount& stored, const app::Seals& seals) {
    writing.run(change_account, Arguments::of(stored.id, stored.account.person, stored.account.unlinked_at,
                                              seals.seal(seal_input(stored.account))));
}

// The links of the two accounts, with the people's lock held.
Outcome<std::vector<StoredAccount>> links_of_two(Session& session, const core::AccountId& one,
                                                 const core::AccountId& other, const app::Seals& seals) {
    auto locked = session.run(lock_people);
    if (!locked) return std::unexpected(locked.error());
    auto rows = session.run(linked_accounts, Arguments::of(one, other));
    if (!rows) return std::unexpected(rows.error());
    return accounts_from(*rows, seals);
}

Outcome<app::Linked> link_now(Session& session, const app::LinkAct& act, const app::Seals& seals) {
    auto links = links_of_two(session, act.one, act.other, seals);
    if (!links) return std::unexpected(links.error());
    if (!*links) return Result<app::Linked>{pass(*links)};
    std::optional<StoredPersonId> one;
    std::optional<StoredPersonId> other;
    for (const auto& link : **links) (link.account.account == act.one ? one : other) = link.account.person;
    if (one && other && *one == *other) return Result<app::Linked>{app::Linked{*one, false}};
    if (one && other && !act.merge)
        return Result<app::Linked>{
            fail(Trouble::conflict,
                 "both accounts belong to persons with other accounts already: merge them "
                 "if they are one",
                 "two_persons")};
    Writing writing(session);
    StoredPersonId person = one ? *one : other ? *other : act.fresh;
    if (one && other) {
        person = std::min(*one, *other);  // ids are ordered by creation: the older one stays
        const StoredPersonId gone = std::max(*one, *other);
        auto rows = session.run(accounts_of_person, Arguments::of(gone));
        if (!rows) return std::unexpected(rows.error());
        auto theirs = accounts_from(*rows, seals);
        if (!theirs) return Result<app::Linked>{pass(theirs)};
        for (auto& stored : *theirs) {
            stored.account.person = person;
            rewrite_account(writing, stored, seals);
        }
        writing.run(merge_person, Arguments::of(gone, person));
    }
    if (!one && !other) writing.run(insert_person, Arguments::of(person, act.event.at));
    if (!one) write_account(writing, {act.one, person, act.way, act.event.at, {}}, seals);
    if (!other) write_account(writing, {act.other, person, act.way, act.event.at, {}}, seals);
    writing.run(people_changed);
    writing.act(told_of(act.event, person, {act.one, act.other}), seals);
    if (!writing.done()) return std::unexpected(writing.done().error());
    return Result<app::Linked>{app::Linked{person, true}};
}

const std::string select_offer =
    "SELECT id, asker, giver, asker_agreed, giver_agreed, outcome, encode(hash, 'hex'), tries, expires_at, "
    "encode(seal, 'hex') FROM link_code ";
const Query offer_to_give =
    composed(select_offer + "WHERE outcome IS NULL AND selector = $1 AND expires_at > $2 FOR UPDATE");
const Query offer_given =
    composed(select_offer + "WHERE id = $1 AND giver IS NOT NULL AND expires_at > $2 FOR UPDATE");
constexpr Query begin_tries{
    "INSERT INTO link_try (account, since, wrong) VALUES ($1, $2, 0) ON CONFLICT (account) DO NOTHING"};
constexpr Query tries_of{"SELECT wrong, since > $2 FROM link_try WHERE account = $1 FOR UPDATE"};
// One wrong code more of this account, within link_code_life of the first, which was after $3.
constexpr Query count_wrong_code{
    "INSERT INTO link_try AS t (account, since, wrong) VALUES ($1, $2, 1) ON CONFLICT (account) DO UPDATE "
    "SET wrong = CASE WHEN t.since <= $3 THEN 1 ELSE t.wrong + 1 END, "
    "since = CASE WHEN t.since <= $3 THEN $2 ELSE t.since END"};
constexpr Query count_try{
    "UPDATE link_code SET tries = tries + 1, outcome = CASE WHEN $2 THEN 'worn_out' ELSE outcome END WHERE "
    "id = $1"};
constexpr Query give_code{
    "UPDATE link_code SET giver = $2, expires_at = $3, seal = $4 WHERE giver IS NULL AND id = $1"};
constexpr Query answer_offer{
    "UPDATE link_code SET asker_agreed = $2, giver_agreed = $3, outcome = $4, seal = $5 WHERE id = $1"};
constexpr Query expire_codes{
    "UPDATE link_code SET outcome = 'expired' WHERE outcome IS NULL AND expires_at <= $1"};
constexpr Query replace_codes{
    "UPDATE link_code SET outcome = 'replaced' WHERE outcome IS NULL AND giver IS NULL AND asker = $1 AND id "
    "<> $2"};
constexpr Query insert_code{
    "INSERT INTO link_code (id, selector, hash, asker, expires_at, seal) VALUES ($1, $2, $3, $4, $5, $6) "
    "ON CONFLICT DO NOTHING"};
constexpr Query count_code{"SELECT count(*) FROM link_code WHERE id = $1"};

// What a row of `link_code` says.
struct StoredOffer {
    LinkOffer offer;
    std::string hash;  // hex
    core::Instant expires_at;
    bool given = false;

    // How far it got may be told by anybody: only what both sides said is acted upon.
    app::SealInput seal_input() const {
        app::SealInput input("link_code");
        input.add(as_text(offer.id.bytes())).add(hash).add(offer.asker.text());
        input.add(given ? std::optional(offer.giver.text()) : std::nullopt).add(core::rfc3339(expires_at));
        input.add(std::int64_t{offer.asker_agreed}).add(std::int64_t{offer.giver_agreed});
        return input;
    }
};

Result<StoredOffer> offer_from(const pqxx::row& row, const app::Seals& seals) {
    auto id = id_from<app::LinkOfferId>(view(row[0]));
    auto expires_at = instant_from(row[8]);
    if (!id || !expires_at) return fail(Trouble::corrupt, "a link code's row is not readable");
    StoredOffer stored{.offer = {.id = *id,
                                 .asker = core::AccountId{std::string(view(row[1]))},
                                 .giver = core::AccountId{std::string(view(row[2]))},
                                 .state = LinkOffer::State::waiting,
                                 .asker_agreed = truth(row[3]),
                                 .giver_agreed = truth(row[4])},
                       .hash = std::string(view(row[6])),
                       .expires_at = *expires_at,
                       .given = !row[2].is_null()};
    auto good = sealed(seals, stored.seal_input(), row[9], "a link code of " + stored.offer.asker.text(),
                       "it links nobody");
    if (!good) return pass(good);
    if (view(row[5]) == "linked") stored.offer.state = LinkOffer::State::linked;
    if (view(row[5]) == "declined") stored.offer.state = LinkOffer::State::declined;
    return stored;
}

std::unexpected<Failure> wrong_code() {
    return fail(Trouble::not_found, "this code is wrong, used, or older than 10 minutes", "wrong_code");
}

Outcome<LinkOffer> give_now(Session& session, const app::LinkCodeStore::Given& given,
                            const app::Seals& seals) {
    const core::Instant counted_from = given.now - app::link_code_life;
    Writing writing(session);
    // The row of the giver's tries is locked first: wrong codes of one account are counted one after the
    // other.
    writing.run(begin_tries, Arguments::of(given.giver, given.now));
    if (!writing.done()) return std::unexpected(writing.done().error());
    auto tries = session.run(tries_of, Arguments::of(given.giver, counted_from));
    if (!tries) return std::unexpected(tries.error());
    if (truth((*tries)[0][1]) && number((*tries)[0][0]) >= app::link_tries_max)
        return Result<LinkOffer>{fail(Trouble::overloaded,
                                      "too many wrong codes: wait ten minutes, then ask for a new one",
                                      "too_many_tries")};
    auto rows = session.run(offer_to_give, Arguments::of(given.code.selector, given.now));
    if (!rows) return std::unexpected(rows.error());
    auto answered = [&](Result<LinkOffer> answer) -> Outcome<LinkOffer> {
        if (!writing.done()) return std::unexpected(writing.done().error());
        return answer;
    };
    auto wrong = [&] {
        writing.run(count_wrong_code, Arguments::of(given.giver, given.now, counted_from));
        return answered(wrong_code());
    };
    if (rows->empty()) return wrong();
    auto row = (*rows)[0];
    auto stored = offer_from(row, seals);
    if (!stored) return Result<LinkOffer>{pass(stored)};
    LinkOffer& offer = stored->offer;
    const bool right =
        equal_in_constant_time(hex(app::link_code_hash(offer.id, given.code.secret)), stored->hash);
    const bool used = stored->given && offer.giver != given.giver;
    if (!right) writing.run(count_try, Arguments::of(offer.id, number(row[7]) + 1 >= app::link_tries_max));
    if (!right || used) return wrong();
    if (offer.asker == given.giver)
        return Result<LinkOffer>{fail(Trouble::invalid_input,
                                      "this account asked for the code: give it in your other account",
                                      "own_code")};
    offer.giver = given.giver;
    stored->given = true;
    stored->expires_at = given.now + app::link_code_life;
    writing.run(give_code,
                Arguments::of(offer.id, given.giver, stored->expires_at, seals.seal(stored->seal_input())));
    return answered(std::move(offer));
}

Outcome<LinkOffer> answer_now(Session& session, const app::LinkCodeStore::Answer& answer,
                              const app::Seals& seals) {
    auto rows = session.run(offer_given, Arguments::of(answer.offer, answer.event.at));
    if (!rows) return std::unexpected(rows.error());
    if (rows->empty())
        return Result<LinkOffer>{
            fail(Trouble::not_found, "this offer has run out: ask for a new code with the command `link`")};
    auto stored = offer_from((*rows)[0], seals);
    if (!stored) return Result<LinkOffer>{pass(stored)};
    LinkOffer& offer = stored->offer;
    const bool asks = answer.account == offer.asker;
    if (!asks && answer.account != offer.giver)
        return Result<LinkOffer>{fail(Trouble::forbidden, "this account has no part in the offer")};
    if (offer.state != LinkOffer::State::waiting) return offer;
    (asks ? offer.asker_agreed : offer.giver_agreed) = answer.agrees;
    if (!answer.agrees) offer.state = LinkOffer::State::declined;
    if (offer.asker_agreed && offer.giver_agreed) {
        auto linked = link_now(session,
                               {.one = offer.asker,
                                .other = offer.giver,
                                .way = app::LinkWay::code,
                                .merge = true,
                                .fresh = answer.fresh,
                                .event = answer.event},
                               seals);
        if (!linked) return std::unexpected(linked.error());
        if (!*linked) return Result<LinkOffer>{pass(*linked)};
        offer.state = LinkOffer::State::linked;
    }
    std::optional<std::string> outcome;
    if (offer.state == LinkOffer::State::linked) outcome = "linked";
    if (offer.state == LinkOffer::State::declined) outcome = "declined";
    auto written =
        session.run(answer_offer, Arguments::of(answer.offer, offer.asker_agreed, offer.giver_agreed, outcome,
                                                seals.seal(stored->seal_input())));
    if (!written) return std::unexpected(written.error());
    return offer;
}

Result<std::vector<core::Absence>> absences_from(const pqxx::result& rows, const app::Seals& seals) {
    std::vector<core::Absence> all;
    for (const auto& row : rows) {
        core::Absence absence{core::AccountId{std::string(view(row[0]))}, {}, {}};
        absence.until = instant_from(row[1]).value_or(core::Instant{});
        if (!row[2].is_null()) absence.instead = core::AccountId{std::string(view(row[2]))};
        auto good = sealed(seals, seal_input(absence), row[3], "the absence of " + absence.account.text());
        if (!good) return pass(good);
        all.push_back(std::move(absence));
    }
    return all;
}

// Everything, where something changed since `known`.
Outcome<std::optional<app::PeopleNews>> news_since(Session& session, const std::optional<std::int64_t>& known,
                                                   const app::Seals& seals) {
    using News = Result<std::optional<app::PeopleNews>>;
    // The version first: what comes in between is read now, and again next time.
    auto version = session.run(people_version);
    if (!version) return std::unexpected(version.error());
    if (version->empty()) return News{fail(Trouble::corrupt, "the people's version is missing")};
    app::PeopleNews news{.version = number((*version)[0][0]), .accounts = {}, .absences = {}};
    if (known == news.version) return News{std::nullopt};
    auto rows = session.run(newest_accounts, Arguments::of(app::links_max));
    if (!rows) return std::unexpected(rows.error());
    auto accounts = accounts_from(*rows, seals);
    if (!accounts) return News{pass(accounts)};
    for (auto& stored : *accounts) news.accounts.push_back(std::move(stored.account));
    std::ranges::reverse(news.accounts);
    auto away = session.run(all_absences);
    if (!away) return std::unexpected(away.error());
    auto absences = absences_from(*away, seals);
    if (!absences) return News{pass(absences)};
    news.absences = std::move(*absences);
    return News{std::move(news)};
}

}  // namespace

// Runs `body(session, seals)` in a transaction.
template <class T, class Body>
Later<T> PgPeopleStore::transaction(rt::Lane lane, Deadline deadline, Body body) {
    return run_job<T>(pool_, lane, clock_, deadline, [this, body = std::move(body)](Session& session) {
        return in_transaction<T>(session, [&]() -> Outcome<T> {
            auto seals = sealing_.of(session);
            if (!seals) return std::unexpected(seals.error());
            return body(session, **seals);
        });
    });
}

Later<std::optional<app::PeopleNews>> PgPeopleStore::read(std::optional<std::int64_t> known,
                                                          Deadline deadline) {
    using News = std::optional<app::PeopleNews>;
    return run_job<News>(pool_, rt::Lane::background, clock_, deadline,
                         [this, known](Session& session) -> Result<News> {
                             auto done = in_session<Result<News>>([&]() -> Outcome<News> {
                                 auto seals = sealing_.of(session);
                                 if (!seals) return std::unexpected(seals.error());
                                 return news_since(session, known, **seals);
                             });
                             if (!done) return pass(done);
                             return std::move(*done);
                         });
}

Later<app::Linked> PgPeopleStore::link(app::LinkAct act, Deadline deadline) {
    return transaction<app::Linked>(rt::Lane::interactive, deadline,
                                    [act = std::move(act)](Session& session, const app::Seals& seals) {
                                        return link_now(session, act, seals);
                                    });
}

Later<StoredPersonId> PgPeopleStore::unlink(app::UnlinkAct act, Deadline deadline) {
    return transaction<StoredPersonId>(
        rt::Lane::interactive, deadline,
        [act = std::move(act)](Session& session, const app::Seals& seals) -> Outcome<StoredPersonId> {
            auto links = links_of_two(session, act.account, act.account, seals);
            if (!links) return std::unexpected(links.error());
            if (!*links) return Result<StoredPersonId>{pass(*links)};
            if ((*links)->empty())
                return Result<StoredPersonId>{fail(Trouble::not_found, "this account is linked to nobody")};
            StoredAccount stored = (*links)->front();
            stored.account.unlinked_at = std::max(stored.account.linked_at, act.event.at);
            Writing writing(session);
            rewrite_account(writing, stored, seals);
            writing.run(people_changed);
            writing.act(told_of(act.event, stored.account.person, {act.account}), seals);
            if (!writing.done()) return std::unexpected(writing.done().error());
            return Result<StoredPersonId>{stored.account.person};
        });
}

Later<Done> PgPeopleStore::set_absence(core::Absence absence, core::Instant now, Deadline deadline) {
    return transaction<Done>(
        rt::Lane::interactive, deadline,
        [absence = std::move(absence), now](Session& session, const app::Seals& seals) -> Outcome<Done> {
            Writing writing(session);
            writing.run(end_absences, Arguments::of(absence.account, now));
            if (absence.until > now)
                writing.run(insert_absence, Arguments::of(absence.account, absence.until, absence.instead,
                                                          seals.seal(seal_input(absence))));
            writing.run(people_changed);
            if (!writing.done()) return std::unexpected(writing.done().error());
            return Result<Done>{Done{}};
        });
}

// ---- codes

Later<Done> PgPeopleStore::ask(Asked asked, Deadline deadline) {
    return transaction<Done>(
        rt::Lane::interactive, deadline,
        [asked = std::move(asked)](Session& session, const app::Seals& seals) -> Outcome<Done> {
            const StoredOffer fresh{
                .offer = {.id = asked.id, .asker = asked.asker, .giver = core::AccountId{std::string{}}},
                .hash = hex(asked.hash),
                .expires_at = asked.now + app::link_code_life};
            Writing writing(session);
            writing.run(expire_codes, Arguments::of(asked.now));
            writing.run(replace_codes, Arguments::of(asked.asker, asked.id));
            writing.run(insert_code, Arguments::of(asked.id, asked.selector, asked.hash, asked.asker,
                                                   fresh.expires_at, seals.seal(fresh.seal_input())));
            if (!writing.done()) return std::unexpected(writing.done().error());
            auto there = session.run(count_code, Arguments::of(asked.id));
            if (!there) return std::unexpected(there.error());
            if (number((*there)[0][0]) == 0)
                return Result<Done>{fail(Trouble::conflict, "this selector is taken", "selector_taken")};
            return Result<Done>{Done{}};
        });
}

Later<LinkOffer> PgPeopleStore::give(Given given, Deadline deadline) {
    return transaction<LinkOffer>(rt::Lane::interactive, deadline,
                                  [given = std::move(given)](Session& session, const app::Seals& seals) {
                                      return give_now(session, given, seals);
                                  });
}

Later<LinkOffer> PgPeopleStore::answer(Answer answer, Deadline deadline) {
    return transaction<LinkOffer>(rt::Lane::interactive, deadline,
                                  [answer = std::move(answer)](Session& session, const app::Seals& seals) {
                                      return answer_now(session, answer, seals);
                                  });
}

}  // namespace countersign::pg
