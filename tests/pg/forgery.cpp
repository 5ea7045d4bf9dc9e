#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <pqxx/pqxx>

#include "contract/world.hpp"

// Whoever has the application's database password, and nothing else, gains nothing by writing rows.
namespace countersign::contract {
namespace {

using testing::HasSubstr;

class Forgery : public testing::Test {
  protected:
    Secret uri_ = support::postgres().empty_database();
    OnPostgres on{prepared()};
    core::RequestId id = on.get(on.cases().open(on.fresh(), on.soon())).value().opened.request->id;
    std::string this_id = "'" + hex(id.bytes()) + "'";

    Secret prepared() {
        auto migrated = pg::migrate(uri_);
        EXPECT_TRUE(migrated) << migrated.error().detail;
        return uri_;
    }
    // Runs a statement with the rights of the application's role, which a password of its gives.
    void forge(const std::string& text) {
        try {
            pqxx::connection link{std::string(support::as_app(uri_).reveal())};
            pqxx::nontransaction work{link};
            work.exec(text);
        } catch (const std::exception& e) {
            ADD_FAILURE() << text << ": " << e.what();
        }
    }
    // A server that remembers nothing.
    void restart() {
        on.database = pg::open_database({.uri = uri_, .server_keys = {server_key}, .pool = 2},
                                        on.io.get_executor(), on.clock, *on.entropy);
    }
    void vote(const std::string& user) { on.get(on.cases().append(on.vote(id, user), on.soon())).value(); }
    Result<app::Appended> claimed() {
        auto digest = on.fresh().request.digest;
        return on.get(on.cases().append(
            on.command(id, core::Claim{core::AccountId{"token:tok_ci"}, digest, {}}), on.soon()));
    }
    void expect_set_aside() {
        auto grant = claimed();
        ASSERT_FALSE(grant) << "a forged approval was handed out";
        EXPECT_EQ(grant.error().trouble, Trouble::corrupt) << grant.error().detail;
        EXPECT_EQ(on.sql("SELECT count(*) FROM request_state WHERE quarantined"), "1");
        EXPECT_EQ(claimed().error().code, "quarantined");
    }
    std::string seal_of(const std::string& version) {
        return "(SELECT seal FROM entry WHERE request_id = " + this_id + " AND version = " + version + ")";
    }
    // The newest one of this server's key, over something else.
    const std::string some_seal = "(SELECT seal FROM entry ORDER BY request_id DESC LIMIT 1)";
    const std::string unknown_seal = "decode(repeat('00', 40), 'hex')";
    std::string state_approved =
        "UPDATE request_state SET state = 'approved', counted = ARRAY[gen_random_uuid(), gen_random_uuid()]";
};

TEST_F(Forgery, AStateThatNoVoteBroughtAboutIsSetAside) {
    forge(state_approved);
    restart();
    expect_set_aside();
}

TEST_F(Forgery, AStateForgedUnderARunningServerIsSetAside) {
    vote("U0AMY");
    forge(state_approved);
    expect_set_aside();
}

TEST_F(Forgery, AnEntryThatWasInsertedIsSetAside) {
    vote("U0AMY");
    forge(
        "INSERT INTO entry (request_id, version, kind, state, record, words, seal) SELECT request_id, "
        "3, kind, 'approved', replace(record, 'U0AMY', 'U0BEN'), replace(words, 'U0AMY', 'U0BEN'), seal "
        "FROM entry WHERE version = 2");
    forge(state_approved + ", version = 3, seal = " + seal_of("2"));
    restart();
    expect_set_aside();
}

TEST_F(Forgery, AnEntryBeyondTheStateIsSetAside) {
    vote("U0AMY");
    forge(
        "INSERT INTO entry (request_id, version, kind, state, record, words, seal) SELECT request_id, "
        "3, kind, state, record, words, seal FROM entry WHERE version = 2");
    restart();
    expect_set_aside();
}

TEST_F(Forgery, AVoteOfAnotherRequestIsNoVoteHere) {
    core::RequestId other = on.get(on.cases().open(on.fresh(), on.soon())).value().opened.request->id;
    on.get(on.cases().append(on.vote(other, "U0AMY"), on.soon())).value();
    forge(
        "INSERT INTO entry (request_id, version, kind, state, actor, number, origin, record, words, seal) "
        "SELECT " +
        this_id +
        "::uuid, version, kind, state, actor, number, origin, record, words, seal FROM entry WHERE "
        "request_id = '" +
        hex(other.bytes()) + "' AND version = 2");
    forge("UPDATE request_state SET version = 2, seal = " + seal_of("2") + " WHERE request_id = " + this_id);
    restart();
    expect_set_aside();
}

TEST_F(Forgery, ARequestTakenBackToAnEarlierVersionIsSetAside) {
    vote("U0AMY");
    on.get(on.cases().append(on.vote(id, "U0BEN", core::Verdict::deny, "no"), on.soon())).value();
    forge("UPDATE request_state SET version = 2, state = 'pending', seal = " + seal_of("2"));
    restart();
    expect_set_aside();
}

TEST_F(Forgery, AKeyThatStandsForAnotherRequestIsGoodForNothing) {
    auto fresh = [&](const std::string& key) {
        auto opening = on.fresh();
        opening.idempotency = app::Idempotency{core::TokenId{core::TokenId::Bytes{}}, key, sha256("body")};
        return opening;
    };
    ASSERT_TRUE(on.get(on.cases().open(fresh("k1"), on.soon())));
    forge(
        "INSERT INTO idempotency SELECT token, 'k2', fingerprint, request_id, created_at, seal FROM "
        "idempotency");
    forge("UPDATE idempotency SET request_id = " + this_id + " WHERE key = 'k1'");
    for (const char* key : {"k1", "k2"}) {
        auto answer = on.get(on.cases().open(fresh(key), on.soon()));
        ASSERT_FALSE(answer) << key;
        EXPECT_EQ(answer.error().trouble, Trouble::corrupt) << answer.error().detail;
    }
}

// ---- what the owner of the tables takes back

class TakenBack : public Forgery {
  protected:
    // Makes the request what it was when `work` began, but for the log of all events.
    void undo(const std::function<void()>& work) {
        on.sql("CREATE TABLE before AS SELECT * FROM request_state");
        work();
        while (on.get(on.log().sequence(std::nullopt, on.soon()))->more) continue;
        on.sql(
            "SET session_replication_role = replica; DELETE FROM entry WHERE version > (SELECT version FROM "
            "before); UPDATE request_state s SET version = b.version, state = b.state, due_at = b.due_at, "
            "counted = b.counted, behind = b.behind, seal = b.seal FROM before b");
        restart();
    }
    void claim() { ASSERT_TRUE(claimed()); }
    void report() {
        on.get(on.cases().append(on.command(id, core::Report{core::AccountId{"token:tok_ci"}, true, {}}),
                                 on.soon()))
            .value();
    }
};

TEST_F(TakenBack, AGrantIsNotHandedOutTwice) {
    vote("U0AMY");
    vote("U0BEN");
    undo([&] { claim(); });
    expect_set_aside();
}

TEST_F(TakenBack, ADenialThatIsGoneMakesNoApproval) {
    vote("U0AMY");
    undo([&] {
        on.get(on.cases().append(on.vote(id, "U0BEN", core::Verdict::deny, "no"), on.soon())).value();
    });
    on.clock.set(on.clock.now() + 1ms);
    vote("U0BEN");
    ASSERT_EQ(core::decide(on.get(on.cases().read(id, on.soon())).value()).state, core::State::approved)
        << "of as many versions as the log knows";
    expect_set_aside();
}

TEST_F(TakenBack, AClaimThatComesAgainIsRefusedWhereItWasReportedOn) {
    vote("U0AMY");
    vote("U0BEN");
    claim();
    ASSERT_TRUE(claimed()) << "whoever claimed may ask for the grant again";
    undo([&] { report(); });
    expect_set_aside();
}

// Not even the owner of the tables makes people who name a number vote on another request.
TEST_F(Forgery, ANumberThatLeadsToAnotherRequestIsNotFollowed) {
    auto other = on.get(on.cases().open(on.fresh(), on.soon())).value().opened.request;
    auto number = on.get(on.cases().read(id, on.soon())).value().request->number;
    support::sql(uri_,
                 "ALTER TABLE request_number DISABLE TRIGGER ALL; "
                 "DELETE FROM request_number WHERE number = " +
                     std::to_string(number) + "; UPDATE request_number SET number = " +
                     std::to_string(number) + " WHERE number = " + std::to_string(other->number));
    auto read = on.get(on.cases().read_number(number, on.soon()));
    ASSERT_FALSE(read) << "request #" << read->request->number << " was read as #" << number;
    EXPECT_EQ(read.error().trouble, Trouble::corrupt);
}

// ---- the log

TEST_F(Forgery, AForgedEntryBecomesNoEvent) {
    on.get(on.log().sequence(std::nullopt, on.soon())).value();
    forge(
        "INSERT INTO entry (request_id, version, kind, state, record, words, seal) SELECT request_id, "
        "2, 'voted', 'approved', record, words, seal FROM entry");
    forge("INSERT INTO unsequenced VALUES (" + this_id + ", 2)");
    auto size = on.get(on.log().sequence(std::nullopt, on.soon()));
    ASSERT_TRUE(size) << size.error().detail;
    EXPECT_EQ(size->size, 1);
    EXPECT_EQ(on.sql("SELECT count(*) FROM unsequenced"), "0");
    EXPECT_EQ(on.sql("SELECT count(*) FROM request_state WHERE quarantined"), "1");
}

TEST_F(Forgery, AForgedActBecomesNoEvent) {
    forge(
        "INSERT INTO act (id, at, kind, record, seal) VALUES (gen_random_uuid(), now(), 'token.created', "
        "'{\"type\":\"token.created\"}', " +
        some_seal + ")");
    forge("INSERT INTO unsequenced SELECT id, 0 FROM act");
    on.get(on.log().sequence(std::nullopt, on.soon())).value();
    EXPECT_EQ(on.sql("SELECT count(*) FROM event WHERE type = 'token.created'"), "0");
}

TEST_F(Forgery, RowsOfAnotherInstallationWithTheSameKeyAreNotTaken) {
    Secret other = support::postgres().fresh_database();
    auto elsewhere = pg::open_database({.uri = other, .server_keys = {server_key}, .pool = 1},
                                       on.io.get_executor(), on.clock, *on.entropy);
    auto fresh = on.fresh();
    auto moved = fresh.request.id;
    ASSERT_TRUE(on.get(elsewhere->cases().open(fresh, on.soon())));
    support::sql(other, "ALTER TABLE instance DISABLE TRIGGER ALL; UPDATE instance SET id = '" +
                            on.sql("SELECT gen_random_uuid()") + "'");
    elsewhere = pg::open_database({.uri = other, .server_keys = {server_key}, .pool = 1},
                                  on.io.get_executor(), on.clock, *on.entropy);
    auto read = on.get(elsewhere->cases().read(moved, on.soon()));
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().trouble, Trouble::corrupt);
}

TEST_F(Forgery, AnotherServerKeyReadsNothingAndSetsNothingAside) {
    on.database = pg::open_database({.uri = uri_, .server_keys = {Secret{std::string(32, 'x')}}, .pool = 1},
                                    on.io.get_executor(), on.clock, *on.entropy);
    auto read = on.get(on.cases().read(id, on.soon()));
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().trouble, Trouble::unavailable);
    EXPECT_THAT(read.error().detail, HasSubstr("server_key"));
    EXPECT_EQ(on.sql("SELECT count(*) FROM request_state WHERE quarantined"), "0");
}

TEST_F(Forgery, AKeyOfBeforeIsStillGoodForReading) {
    on.database =
        pg::open_database({.uri = uri_, .server_keys = {Secret{std::string(32, 'x')}, server_key}, .pool = 1},
                          on.io.get_executor(), on.clock, *on.entropy);
    ASSERT_TRUE(on.get(on.cases().read(id, on.soon())));
    vote("U0AMY");
    EXPECT_EQ(on.get(on.cases().read(id, on.soon()))->version(), 2);
}

// ---- tokens

class ForgedTokens : public Forgery {
  protected:
    Sha256 hash = sha256("the token");
    app::Token token{.id = core::TokenId::mint(on.clock.now(), rt::chance(*on.entropy)),
                     .name = "ci",
                     .scopes = {app::Scope::read},
                     .owner = {},
                     .allow_actions = {"deploy.*"},
                     .allow_environments = {},
                     .created_at = on.clock.now(),
                     .expires_at = {},
                     .revoked_at = {},
                     .hint = "abcd"};
    void SetUp() override {
        ASSERT_TRUE(
            on.get(on.tokens().create(token, hash, on.told(app::AdminAct::token_created, token), on.soon())));
        ASSERT_TRUE(on.get(on.tokens().by_hash(hash, on.soon())));
    }
    void expect_good_for_nothing(const std::string& change) {
        forge(change);
        auto read = on.get(on.tokens().by_hash(hash, on.soon()));
        ASSERT_FALSE(read) << change;
        EXPECT_EQ(read.error().trouble, Trouble::corrupt) << change;
    }
};

TEST_F(ForgedTokens, MoreScopesAreGoodForNothing) {
    expect_good_for_nothing("UPDATE token SET scopes = ARRAY['admin']");
}
TEST_F(ForgedTokens, AnotherOwnerIsGoodForNothing) {
    expect_good_for_nothing("UPDATE token SET owner = 'slack:T0SIM/U0AMY'");
}
TEST_F(ForgedTokens, WiderBoundsAreGoodForNothing) {
    expect_good_for_nothing("UPDATE token SET allow_actions = '{}'");
}
TEST_F(ForgedTokens, AConfirmationThatNobodyGaveIsGoodForNothing) {
    expect_good_for_nothing(
        "UPDATE token SET scopes = ARRAY['vote'], owner = 'slack:T0SIM/U0AMY', confirmed_by = "
        "'slack:T0SIM/U0AMY', confirmed_at = now()");
}
TEST_F(ForgedTokens, AHashOfOnesOwnIsGoodForNothing) {
    Sha256 mine = sha256("mine");
    forge("UPDATE token SET hash = '\\x" + hex(mine) + "'");
    auto read = on.get(on.tokens().by_hash(mine, on.soon()));
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().trouble, Trouble::corrupt);
}
TEST_F(ForgedTokens, ATokenThatWasInsertedIsGoodForNothing) {
    Sha256 mine = sha256("mine");
    forge(
        "INSERT INTO token (id, hash, name, scopes, allow_actions, allow_environments, hint, "
        "created_at, seal) SELECT gen_random_uuid(), '\\x" +
        hex(mine) +
        "', name, ARRAY['admin'], allow_actions, allow_environments, hint, created_at, seal FROM token");
    EXPECT_EQ(on.get(on.tokens().by_hash(mine, on.soon())).error().trouble, Trouble::corrupt);
}
TEST_F(ForgedTokens, ARevokedTokenStaysRevoked) {
    ASSERT_TRUE(on.get(on.tokens().revoke(token.id, on.clock.now(),
                                          on.told(app::AdminAct::token_revoked, token), on.soon())));
    EXPECT_EQ(support::sqlstate_of(uri_, "SET ROLE countersign_app; UPDATE token SET revoked_at = NULL"),
              "42501");
    EXPECT_TRUE(on.get(on.tokens().by_hash(hash, on.soon()))->revoked_at);
}

// ---- people

TEST_F(Forgery, ALinkThatWasInsertedMakesNobodysLinksBelieved) {
    forge(
        "WITH p AS (INSERT INTO person (id, created_at) VALUES (gen_random_uuid(), now()) RETURNING id) "
        "INSERT INTO account (reference, person_id, way, linked_at, seal) SELECT 'slack:T0SIM/U0AMY', "
        "id, 'code', now(), " +
        some_seal + " FROM p");
    auto read = on.get(on.people().read({}, on.soon()));
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().trouble, Trouble::corrupt);
}

TEST_F(Forgery, AStandInThatNobodyNamedIsNotBelieved) {
    forge(
        "INSERT INTO absence (account, until, instead, seal) VALUES ('slack:T0SIM/U0AMY', now() + "
        "interval '1 day', 'slack:T0SIM/U0DAN', " +
        some_seal + ")");
    EXPECT_EQ(on.get(on.people().read({}, on.soon())).error().trouble, Trouble::corrupt);
}

TEST_F(Forgery, AnOfferThatNobodyAgreedToLinksNobody) {
    const core::AccountId asker{"slack:T0SIM/U0AMY"}, giver{"slack:T0SIM/U0BEN"};
    auto offer = app::LinkOfferId::mint(on.clock.now(), rt::chance(*on.entropy));
    auto code = app::mint_link_code(*on.entropy);
    ASSERT_TRUE(on.get(on.link_codes().ask({.id = offer,
                                            .selector = code.selector,
                                            .hash = app::link_code_hash(offer, code.secret),
                                            .asker = asker,
                                            .now = on.clock.now()},
                                           on.soon())));
    forge("UPDATE link_code SET giver = 'slack:T0SIM/U0BEN', giver_agreed = true");
    auto answer = on.get(on.link_codes().answer(
        {.offer = offer,
         .account = asker,
         .agrees = true,
         .fresh = app::StoredPersonId::mint(on.clock.now(), rt::chance(*on.entropy)),
         .event = app::admin_event(app::AdminAct::person_linked, "", core::Value::object({}), on.clock.now(),
                                   *on.entropy)},
        on.soon()));
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().trouble, Trouble::corrupt);
    auto given =
        on.get(on.link_codes().give({.code = code, .giver = giver, .now = on.clock.now()}, on.soon()));
    ASSERT_FALSE(given);
    EXPECT_EQ(given.error().trouble, Trouble::corrupt);
    EXPECT_EQ(on.sql("SELECT count(*) FROM account"), "0");
}

TEST_F(Forgery, ALinkDoesNotBecomeWhatItWas) {
    const std::string person = "'00000000-0000-0000-0000-000000000007'";
    forge("INSERT INTO person (id, created_at) VALUES (" + person + ", now())");
    forge(
        "INSERT INTO account (reference, person_id, way, linked_at, unlinked_at, seal) SELECT "
        "'slack:T0SIM/U0AMY', " +
        person + ", 'code', now(), now(), " + some_seal);
    auto refused = [&](const std::string& what) {
        return support::sqlstate_of(uri_, "SET ROLE countersign_app; " + what);
    };
    EXPECT_EQ(refused("UPDATE account SET unlinked_at = NULL"), "42501");
    EXPECT_EQ(refused("UPDATE account SET person_id = '00000000-0000-0000-0000-000000000008'"), "42501");
    EXPECT_EQ(refused("INSERT INTO account (reference, person_id, way, linked_at, seal) SELECT reference, "
                      "person_id, way, linked_at, seal FROM account"),
              "23505");
}

TEST_F(Forgery, WhatAnUnknownKeySealedIsNotBelieved) {
    forge(
        "INSERT INTO absence (account, until, instead, seal) VALUES ('slack:T0SIM/U0AMY', now() + interval "
        "'1 day', 'slack:T0SIM/U0DAN', " +
        unknown_seal + ")");
    auto read = on.get(on.people().read({}, on.soon()));
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().trouble, Trouble::unavailable);
    EXPECT_THAT(read.error().detail, HasSubstr("server_key"));
}

// ---- subscriptions

TEST_F(Forgery, ASubscriptionSentElsewhereIsToldNothing) {
    app::Subscription fresh{.id = core::SubscriptionId::mint(on.clock.now(), rt::chance(*on.entropy)),
                            .token = core::TokenId::mint(on.clock.now(), rt::chance(*on.entropy)),
                            .owner = {},
                            .url = "https://hooks.example.com/a",
                            .events = {},
                            .filter = {},
                            .callback_of = {},
                            .old_secret_until = {},
                            .key_id = std::string(16, 'k'),
                            .created_at = on.clock.now(),
                            .ended = {}};
    ASSERT_TRUE(on.get(on.database->subscriptions().subscribe(fresh, on.soon())));
    ASSERT_TRUE(on.get(on.database->subscriptions().subscription(fresh.id, on.soon())));
    forge("UPDATE subscription SET url = 'https://attacker.example.com/'");
    EXPECT_EQ(on.get(on.database->subscriptions().subscription(fresh.id, on.soon())).error().trouble,
              Trouble::corrupt);
    EXPECT_TRUE(on.get(on.database->subscriptions().subscriptions(on.soon()))->empty());
    while (on.get(on.log().sequence(std::nullopt, on.soon()))->more) continue;
    auto told = on.get(on.database->deliveries().fan_out(on.lease(), on.soon()));
    ASSERT_TRUE(told) << told.error().detail;
    EXPECT_TRUE(told->jobs.empty());
}

// ---- what the directory of the moment does not know

TEST_F(Forgery, AVoteJudgedByOlderLinksIsNotRecorded) {
    auto vote = on.vote(id, "U0AMY");
    vote.people = 0;
    on.sql("UPDATE people_head SET version = version + 1");
    auto answer = on.get(on.cases().append(vote, on.soon()));
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, app::links_moved);
    EXPECT_EQ(on.get(on.cases().read(id, on.soon()))->version(), 1);
    vote.people = 1;
    EXPECT_TRUE(on.get(on.cases().append(vote, on.soon())));
}

}  // namespace
}  // namespace countersign::contract
