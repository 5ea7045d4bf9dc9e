#include <gtest/gtest.h>

#include "contract/world.hpp"

// What the database itself refuses, whoever writes.
namespace countersign::contract {
namespace {

using support::sqlstate_of;
constexpr const char* check_violation = "23514";
constexpr const char* unique_violation = "23505";
constexpr const char* insufficient_privilege = "42501";
const std::string seal = "decode(repeat('00', 40), 'hex')";
const std::string state_columns =
    "INSERT INTO request_state (request_id, number, version, state, due_at, counted, quorum, behind, "
    "seal) SELECT gen_random_uuid(), 99, ";
const std::string entry_columns =
    "INSERT INTO entry (request_id, version, kind, state, record, seal) SELECT ";

class Constraints : public testing::Test {
  protected:
    OnPostgres on;
    core::RequestId id = on.get(on.cases().open(on.fresh(), on.soon())).value().opened.request->id;
    std::string this_id = "'" + hex(id.bytes()) + "'";
    std::string state(const std::string& text) { return sqlstate_of(on.uri, text); }
    // The name of the rule that a statement breaks; empty: none. Nothing it did stays.
    std::string rule(const std::string& text) {
        return on.sql(
            "CREATE FUNCTION pg_temp.rule_of(statement text) RETURNS text LANGUAGE plpgsql AS $$ "
            "DECLARE name text; BEGIN EXECUTE statement; RAISE EXCEPTION 'kept nothing'; EXCEPTION WHEN "
            "check_violation THEN GET STACKED DIAGNOSTICS name = CONSTRAINT_NAME; RETURN name; WHEN "
            "raise_exception THEN RETURN ''; END $$; SELECT pg_temp.rule_of($s$" +
            text + "$s$)");
    }
};

TEST_F(Constraints, TheRecordIsNeverChangedOrRemoved) {
    while (on.get(on.log().sequence(std::nullopt, on.soon()))->more) continue;
    const app::Token token{.id = core::TokenId{core::TokenId::Bytes{}},
                           .name = "ci",
                           .scopes = {app::Scope::read},
                           .owner = {},
                           .allow_actions = {},
                           .allow_environments = {},
                           .created_at = on.clock.now(),
                           .expires_at = {},
                           .revoked_at = {},
                           .hint = "abcd"};
    on.get(on.log().record(on.told(app::AdminAct::token_created, token), on.soon())).value();
    for (const char* table :
         {"entry", "event", "request", "request_number", "act", "instance", "request_state"}) {
        EXPECT_EQ(state(std::string("DELETE FROM ") + table), insufficient_privilege) << table;
        EXPECT_EQ(state(std::string("TRUNCATE ") + table + " CASCADE"), insufficient_privilege) << table;
    }
    for (const char* change :
         {"UPDATE entry SET record = ''", "UPDATE entry SET words = 'other'",
          "UPDATE entry SET words = NULL, seal = seal || '\\x00'", "UPDATE event SET type = ''",
          "UPDATE request SET record = ''", "UPDATE request SET action = 'other'",
          "UPDATE request SET salt = decode(repeat('00', 16), 'hex')", "UPDATE act SET record = ''",
          "UPDATE request_number SET number = 7", "UPDATE instance SET id = gen_random_uuid()"})
        EXPECT_EQ(state(change), insufficient_privilege) << change;
}

TEST_F(Constraints, WordsMayOnlyBeErased) {
    EXPECT_EQ(state("UPDATE entry SET words = NULL"), "");
    EXPECT_EQ(state("UPDATE request SET words = NULL, salt = NULL"), "");
    EXPECT_EQ(state("UPDATE entry SET words = '{}'"), insufficient_privilege);
}

TEST_F(Constraints, EveryRuleOfAStateHasItsName) {
    auto changed = [&](const std::string& what) {
        return rule("UPDATE request_state SET " + what + " WHERE request_id = " + this_id);
    };
    EXPECT_EQ(changed("version = 0"), "version_in_range");
    EXPECT_EQ(changed("version = 1025"), "version_in_range");
    EXPECT_EQ(changed("state = 'nonsense', due_at = NULL"), "state_known");
    EXPECT_EQ(changed("state = 'denied', due_at = now()"), "due_only_while_open");
    EXPECT_EQ(changed("counted = behind"), "nobody_behind_counts");
    EXPECT_EQ(changed("seal = 'short'"), "seal_length");
    for (const char* state : {"approved", "claimed", "succeeded", "failed", "lapsed"}) {
        std::string decided = "due_at = NULL, state = '" + std::string(state) + "'";
        EXPECT_EQ(changed(decided), "approved_by_a_quorum") << state;
        EXPECT_EQ(changed(decided + ", counted = ARRAY[gen_random_uuid()]"), "approved_by_a_quorum") << state;
    }
    EXPECT_EQ(changed("state = 'approved', counted = ARRAY[gen_random_uuid(), gen_random_uuid()]"), "");
    EXPECT_EQ(rule(state_columns + "1, 'approved', NULL, '{}', 1, '{}', " + seal), "approved_by_a_quorum");
    EXPECT_EQ(rule(state_columns + "1, 'approved', NULL, '{}', 0, '{}', " + seal), "");
}

TEST_F(Constraints, EveryRuleOfAnEntryHasItsName) {
    auto entry = [&](const std::string& version, const std::string& kind,
                     const std::string& state = "pending") {
        return rule(entry_columns + this_id + ", " + version + ", '" + kind + "', '" + state + "', '{}', " +
                    seal);
    };
    EXPECT_EQ(entry("0", "voted"), "version_in_range");
    EXPECT_EQ(entry("1025", "voted"), "version_in_range");
    EXPECT_EQ(entry("2", "nonsense"), "kind_known");
    EXPECT_EQ(entry("2", "opened"), "opened_is_first");
    EXPECT_EQ(entry("2", "voted", "nonsense"), "state_known");
    EXPECT_EQ(entry("2", "voted"), "");
    EXPECT_EQ(rule(entry_columns + this_id + ", 2, 'voted', 'pending', '{}', 'short'"), "seal_length");
    const std::string voted = this_id + ", 2, 'voted', 'pending', '{}', " + seal;
    EXPECT_EQ(rule("INSERT INTO entry (request_id, version, kind, state, record, seal, actor) SELECT " +
                   voted + ", gen_random_uuid()"),
              "actor_with_number");
}

TEST_F(Constraints, OneVersionAndOneOriginAreOneEntry) {
    on.get(on.cases().append(on.vote(id, "U0AMY"), on.soon())).value();
    EXPECT_EQ(state(entry_columns + this_id + ", 2, 'voted', 'pending', '{}', " + seal), unique_violation);
    EXPECT_EQ(state("INSERT INTO entry (request_id, version, kind, state, record, seal, origin) SELECT "
                    "request_id, 3, kind, state, record, seal, origin FROM entry WHERE version = 2"),
              unique_violation);
}

TEST_F(Constraints, RulesOfSmallTablesHaveTheirNames) {
    EXPECT_EQ(rule("UPDATE log_head SET size = -1"), "size_from_zero");
    EXPECT_EQ(rule("UPDATE webhook_head SET next = -1"), "next_from_zero");
    EXPECT_EQ(rule("UPDATE outbox SET version = 0"), "version_in_range");
    EXPECT_EQ(rule("UPDATE outbox SET attempts = -1"), "attempts_from_zero");
    EXPECT_EQ(rule("UPDATE card SET surface = 'Fax machine'"), "surface_is_a_word");
    EXPECT_EQ(rule("UPDATE card SET message = '1.1'"), "message_whole");
    EXPECT_EQ(rule("UPDATE card SET message_channel = 'C1'"), "message_whole");
    EXPECT_EQ(rule("UPDATE card SET shown_version = 1"), "shown_means_posted");
    EXPECT_EQ(rule("UPDATE card SET told_version = -1"), "versions_in_range");
    auto at = [](const std::string& index, const std::string& hash) {
        return "INSERT INTO event (index, id, at, type, version, body, seal, hash) SELECT " + index +
               ", gen_random_uuid(), now(), 'x', 0, '', decode(repeat('00', 40), 'hex'), " + hash;
    };
    EXPECT_EQ(rule(at("-1", "sha256('')")), "index_from_zero");
    EXPECT_EQ(rule(at("0", "'short'")), "hash_length");
}

TEST_F(Constraints, AnEventHasOnePlace) {
    on.get(on.log().sequence(std::nullopt, on.soon())).value();
    EXPECT_EQ(state("INSERT INTO event SELECT * FROM event"), unique_violation);
    EXPECT_EQ(state("DELETE FROM log_head"), insufficient_privilege);
    EXPECT_EQ(state("INSERT INTO log_head (size) VALUES (0)"), unique_violation);
}

TEST_F(Constraints, TheRecordHoldsNoWordOfAPerson) {
    on.get(on.cases().append(on.vote(id, "U0AMY", core::Verdict::approve, "Zebra"), on.soon())).value();
    on.get(on.cases().append(on.vote(id, "U0RILEY"), on.soon())).value();
    on.get(on.log().sequence(std::nullopt, on.soon())).value();
    std::string record = on.sql(
        "SELECT string_agg(x, ' ') FROM (SELECT record FROM entry UNION ALL SELECT record FROM request "
        "UNION ALL SELECT rules FROM request UNION ALL SELECT record FROM act UNION ALL SELECT "
        "convert_from(body, 'UTF8') FROM event) AS t(x)");
    ASSERT_GT(record.size(), 500U);
    for (const char* word :
         {"Zebra", "Monthly", "riley", "RILEY", "U0AMY", "\"ci\"", "s3://", "nightly", "tok_ci"}) {
        EXPECT_EQ(record.find(word), std::string::npos) << word;
    }
}

TEST_F(Constraints, ErasedWordsLeaveTheDecisionAsItWas) {
    on.get(on.cases().append(on.vote(id, "U0AMY", core::Verdict::approve, "Zebra"), on.soon())).value();
    on.get(on.cases().append(on.vote(id, "U0BEN"), on.soon())).value();
    core::Ruling before = core::decide(on.get(on.cases().read(id, on.soon())).value());
    on.sql("UPDATE request SET words = NULL, salt = NULL; UPDATE entry SET words = NULL");
    auto erased = on.get(on.cases().read(id, on.soon()));
    ASSERT_TRUE(erased) << erased.error().detail;
    core::Ruling after = core::decide(*erased);
    EXPECT_EQ(after.state, before.state);
    EXPECT_EQ(after.decided_at, before.decided_at);
    EXPECT_EQ(after.votes.size(), before.votes.size());
    EXPECT_EQ(erased->request->intent.size(), 64U);
    EXPECT_EQ(erased->request->action, "db.export");
}

TEST_F(Constraints, APendingRequestWhoseWordsAreGoneIsSetAside) {
    on.sql("UPDATE request SET words = NULL, salt = NULL; UPDATE entry SET words = NULL");
    auto erased = on.get(on.cases().read(id, on.soon()));
    ASSERT_FALSE(erased);
    EXPECT_EQ(erased.error().trouble, Trouble::corrupt);
}

TEST_F(Constraints, PartsOfTheBigTablesTakeTheIdsOfTheirTime) {
    EXPECT_EQ(state("SELECT add_partitions('later', '2031-01-01', '2031-02-01')"), "");
    on.clock.set(*core::parse_rfc3339("2031-01-15T00:00:00Z"));
    auto later = on.get(on.cases().open(on.fresh(), on.soon())).value().opened.request->id;
    EXPECT_EQ(on.sql("SELECT count(*) FROM request_later"), "1");
    EXPECT_EQ(on.sql("SELECT count(*) FROM entry_later"), "1");
    auto vote = on.vote(later, "U0AMY");
    vote.age_max = on.clock.now() - core::testing::start;  // the company was read then
    EXPECT_FALSE(on.get(on.cases().append(vote, on.soon())).value().refusal);
    EXPECT_EQ(on.get(on.cases().read(later, on.soon()))->version(), 2);
    EXPECT_EQ(state("DROP TABLE entry_later, request_later"), "")
        << "dropped whole by the owner of the tables";
}

}  // namespace
}  // namespace countersign::contract
