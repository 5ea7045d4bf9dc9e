#include <gtest/gtest.h>

#include "contract/world.hpp"

// What the database itself refuses, whoever writes.
namespace countersign::contract {
namespace {

using support::sqlstate_of;
constexpr const char* check_violation = "23514";
constexpr const char* insufficient_privilege = "42501";

class Constraints : public testing::Test {
  protected:
    OnPostgres on;
    core::RequestId id = on.get(on.cases().open(on.fresh(), on.soon())).value().opened.request->id;
    std::string this_id = "'" + hex(id.bytes()) + "'";
    std::string state(const std::string& text) { return sqlstate_of(on.uri, text); }
    // The name of the rule that a statement breaks; empty: none.
    std::string rule(const std::string& text) {
        return on.sql(
            "CREATE FUNCTION pg_temp.rule_of(statement text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE "
            "name "
            "text; BEGIN EXECUTE statement; RETURN ''; EXCEPTION WHEN check_violation THEN GET STACKED "
            "DIAGNOSTICS name = CONSTRAINT_NAME; RETURN name; END $$; SELECT pg_temp.rule_of($s$" +
            text + "$s$)");
    }
    // The same of a new request with its first entry.
    std::string inserted(const std::string& columns, const std::string& values) {
        return rule(
            "WITH r AS (INSERT INTO request (id, version, action, created_at, expires_at, quorum_min, "
            "behind, " +
            columns + ") SELECT gen_random_uuid(), 1, 'a', now(), now(), 1, ARRAY['" + somebody +
            "'::uuid], " + values +
            " RETURNING id) INSERT INTO entry SELECT id, 1, now(), 'opened', NULL, '{}' FROM r");
    }
    std::string somebody = "00112233-4455-6677-8899-aabbccddeeff";
};

TEST_F(Constraints, TheRecordIsNeverChangedOrRemoved) {
    for (const char* table : {"entry", "event", "request_body"}) {
        EXPECT_EQ(state(std::string("DELETE FROM ") + table), insufficient_privilege) << table;
        EXPECT_EQ(state(std::string("TRUNCATE ") + table + " CASCADE"), insufficient_privilege) << table;
    }
    EXPECT_EQ(state("UPDATE entry SET body = ''"), insufficient_privilege);
    EXPECT_EQ(state("UPDATE event SET type = ''"), insufficient_privilege);
    EXPECT_EQ(state("UPDATE request_body SET body = ''"), insufficient_privilege);
    EXPECT_EQ(state("DELETE FROM request"), insufficient_privilege);
}

TEST_F(Constraints, NobodyBehindARequestIsEverCounted) {
    std::string behind = on.sql("SELECT behind[1] FROM request WHERE id = " + this_id);
    ASSERT_FALSE(behind.empty());
    EXPECT_EQ(state("UPDATE request SET counted = ARRAY['" + behind + "'::uuid] WHERE id = " + this_id),
              check_violation);
}

TEST_F(Constraints, NothingIsApprovedWithoutItsQuorum) {
    EXPECT_EQ(state("UPDATE request SET state = 'approved' WHERE id = " + this_id), check_violation);
    EXPECT_EQ(state("UPDATE request SET state = 'approved', counted = ARRAY[gen_random_uuid()] WHERE id = " +
                    this_id),
              check_violation);
    EXPECT_EQ(state("UPDATE request SET state = 'nonsense' WHERE id = " + this_id), check_violation);
}

TEST_F(Constraints, EveryRuleOfARequestHoldsWhenItIsChangedAndHasItsName) {
    auto changed = [&](const std::string& what) {
        return rule("UPDATE request SET " + what + " WHERE id = " + this_id);
    };
    EXPECT_EQ(changed("version = 0"), "version_in_range");
    EXPECT_EQ(changed("version = 1025"), "version_in_range");
    EXPECT_EQ(changed("state = 'nonsense', due_at = NULL"), "state_known");
    EXPECT_EQ(changed("expires_at = created_at - interval '1 s'"), "expires_after_creation");
    EXPECT_EQ(changed("state = 'denied', due_at = now()"), "due_only_while_open");
    EXPECT_EQ(changed("counted = behind"), "nobody_behind_counts");
    EXPECT_EQ(
        changed("behind = behind || '" + somebody + "'::uuid, counted = ARRAY['" + somebody + "'::uuid]"),
        "nobody_behind_counts");
    for (const char* state : {"approved", "claimed", "succeeded", "failed", "lapsed"}) {
        EXPECT_EQ(changed("due_at = NULL, state = '" + std::string(state) + "'"), "approved_by_a_quorum")
            << state;
        EXPECT_EQ(changed("due_at = NULL, counted = ARRAY[gen_random_uuid()], state = '" +
                          std::string(state) + "'"),
                  "approved_by_a_quorum")
            << state;
    }
    EXPECT_EQ(changed("version = 2"), "version_counts_entries");
    EXPECT_EQ(changed("state = 'approved', counted = ARRAY[gen_random_uuid(), gen_random_uuid()]"), "");
}

TEST_F(Constraints, EveryRuleOfARequestHoldsWhenItIsNewAndHasItsName) {
    EXPECT_EQ(inserted("state", "'pending'"), "");
    EXPECT_EQ(inserted("state", "'nonsense'"), "state_known");
    EXPECT_EQ(inserted("state, due_at", "'denied', now()"), "due_only_while_open");
    EXPECT_EQ(inserted("state, counted", "'pending', ARRAY['" + somebody + "'::uuid]"),
              "nobody_behind_counts");
    EXPECT_EQ(inserted("state", "'approved'"), "approved_by_a_quorum");
    EXPECT_EQ(inserted("state, counted", "'approved', ARRAY[gen_random_uuid()]"), "");
    EXPECT_EQ(
        rule("INSERT INTO request (id, version, state, action, created_at, expires_at, quorum_min, behind) "
             "VALUES (gen_random_uuid(), 1, 'pending', 'a', now(), now(), 1, '{}')"),
        "version_counts_entries");
}

TEST_F(Constraints, OneBrokenRowOfManyIsEnough) {
    core::RequestId second = on.get(on.cases().open(on.fresh(), on.soon())).value().opened.request->id;
    EXPECT_EQ(rule("UPDATE request SET counted = CASE WHEN id = '" + hex(second.bytes()) +
                   "' THEN behind ELSE counted END"),
              "nobody_behind_counts");
    EXPECT_EQ(rule("WITH r AS (UPDATE request SET version = 2) INSERT INTO entry SELECT id, 2, now(), CASE "
                   "WHEN id = "
                   "'" +
                   hex(second.bytes()) + "' THEN 'nonsense' ELSE 'lapsed' END, NULL, '{}' FROM request"),
              "entry_kind_check");
    EXPECT_EQ(rule("WITH r AS (UPDATE request SET version = 2) INSERT INTO entry SELECT id, 2, now(), "
                   "'lapsed', NULL, "
                   "'{}' FROM request WHERE id = " +
                   this_id),
              "version_counts_entries");
}

TEST_F(Constraints, EveryRuleOfAnEntryHasItsName) {
    auto entry = [&](const std::string& version, const std::string& kind) {
        return rule("WITH r AS (UPDATE request SET version = " + version + " WHERE id = " + this_id +
                    ") INSERT INTO entry VALUES (" + this_id + ", " + version + ", now(), '" + kind +
                    "', NULL, '{}')");
    };
    EXPECT_EQ(entry("0", "voted"), "entry_version_check");
    EXPECT_EQ(entry("2", "nonsense"), "entry_kind_check");
    EXPECT_EQ(entry("2", "opened"), "opened_is_first");
    EXPECT_EQ(entry("3", "voted"), "entries_in_order");
    EXPECT_EQ(entry("2", "voted"), "");
    EXPECT_EQ(rule("INSERT INTO entry VALUES (" + this_id + ", 3, now(), 'voted', NULL, '{}')"),
              "entries_in_order")
        << "beyond the request's version";
}

TEST_F(Constraints, RulesOfSmallTablesHaveTheirNames) {
    std::string errand =
        "INSERT INTO errand (id, request_id, due_at, kind, entry, attempts) SELECT gen_random_uuid(), " +
        this_id + "::uuid, now(), ";
    EXPECT_EQ(rule(errand + "'thread_line', 1, 0"), "");
    EXPECT_EQ(rule(errand + "'nonsense', 1, 0"), "errand_kind_check");
    EXPECT_EQ(rule(errand + "'thread_line', -1, 0"), "errand_entry_check");
    EXPECT_EQ(rule(errand + "'thread_line', 1, -1"), "errand_attempts_check");
    EXPECT_EQ(rule("UPDATE log_head SET size = -1"), "log_head_size_check");
    EXPECT_EQ(rule("UPDATE log_head SET one = false"), "log_head_one_check");
    EXPECT_EQ(rule("UPDATE webhook_head SET next = -1"), "webhook_head_next_check");
    EXPECT_EQ(rule("INSERT INTO leaf VALUES (-1, gen_random_uuid(), sha256(''))"), "leaf_index_check");
    EXPECT_EQ(rule("INSERT INTO leaf VALUES (0, gen_random_uuid(), 'short')"), "leaf_hash_check");
}

TEST_F(Constraints, AVersionIsTheNumberOfEntries) {
    EXPECT_EQ(state("UPDATE request SET version = 2 WHERE id = " + this_id), check_violation);
    EXPECT_EQ(state("INSERT INTO entry VALUES (" + this_id + ", 2, now(), 'voted', NULL, '{}')"),
              check_violation);
    EXPECT_EQ(state("INSERT INTO entry VALUES (gen_random_uuid(), 1, now(), 'opened', NULL, '{}')"),
              check_violation);
}

TEST_F(Constraints, EntriesHaveNoGapsAndNeverGoBackInTime) {
    auto both = [&](const std::string& version, const std::string& at) {
        return state("WITH e AS (INSERT INTO entry VALUES (" + this_id + ", " + version + ", " + at +
                     ", 'lapsed', NULL, '{}')) UPDATE request SET version = " + version +
                     " WHERE id = " + this_id);
    };
    EXPECT_EQ(both("3", "now()"), check_violation);
    EXPECT_EQ(both("2", "'2001-01-01'"), check_violation);
    EXPECT_EQ(both("2", "now()"), "");
}

TEST_F(Constraints, OneOriginIsOneEntry) {
    on.get(on.cases().append(on.vote(id, "U0AMY"), on.soon())).value();
    std::string origin = on.sql("SELECT origin FROM entry WHERE version = 2");
    EXPECT_EQ(state("WITH e AS (INSERT INTO entry VALUES (" + this_id + ", 3, now(), 'voted', '" + origin +
                    "', '{}')) UPDATE request SET version = 3 WHERE id = " + this_id),
              "23505");
}

TEST_F(Constraints, ACardWantsNothingThatDoesNotExist) {
    constexpr const char* foreign_key_violation = "23503";
    EXPECT_EQ(state("UPDATE card_due SET wanted_version = 2"), foreign_key_violation);
    EXPECT_EQ(state("UPDATE card_due SET wanted_version = 0"), foreign_key_violation);
    EXPECT_EQ(state("INSERT INTO card_due VALUES (gen_random_uuid(), 1, now())"), foreign_key_violation);
    EXPECT_EQ(state("INSERT INTO card (id, request_id, surface, channel, closed, created_at) VALUES "
                    "(gen_random_uuid(), gen_random_uuid(), 'slack', 'C1', true, now())"),
              foreign_key_violation);
}

TEST_F(Constraints, ACardIsDueAsLongAsItIsBehind) {
    EXPECT_EQ(rule("DELETE FROM card_due"), "due_while_behind");
    EXPECT_EQ(rule("UPDATE card SET closed = true"), "due_while_behind");
    EXPECT_EQ(rule("UPDATE card SET rendered_version = 1, message = '1.1', message_channel = 'C1'"),
              "due_while_behind");
    EXPECT_EQ(
        rule("INSERT INTO card (id, request_id, surface, channel, created_at) SELECT gen_random_uuid(), "
             "request_id, 'slack', 'C1', now() FROM card"),
        "due_while_behind")
        << "a card that was never posted";
    EXPECT_EQ(state("TRUNCATE card_due"), insufficient_privilege);
    on.get(on.cases().append(on.vote(id, "U0AMY"), on.soon())).value();
    std::string shown = "UPDATE card SET rendered_version = 1, message = '1.1', message_channel = 'C1'";
    EXPECT_EQ(rule("WITH c AS (" + shown + ") DELETE FROM card_due"), "due_while_behind");
    EXPECT_EQ(rule(shown), "");
    EXPECT_EQ(rule("UPDATE card_due SET wanted_version = 1"), "due_while_behind");
    EXPECT_EQ(rule("WITH c AS (UPDATE card SET rendered_version = 2) DELETE FROM card_due"), "");
    EXPECT_EQ(rule("INSERT INTO card_due SELECT id, 2, now() FROM card"), "due_while_behind");
    EXPECT_EQ(rule("UPDATE card SET rendered_version = 0"), "due_while_behind");
    EXPECT_EQ(rule("UPDATE card SET closed = true"), "");
    EXPECT_EQ(rule("INSERT INTO card_due SELECT id, 2, now() FROM card"), "due_while_behind");
}

TEST_F(Constraints, EveryRuleOfACardHasItsName) {
    EXPECT_EQ(rule("UPDATE card SET surface = 'fax'"), "card_surface_check");
    EXPECT_EQ(rule("UPDATE card SET attempts = -1"), "card_attempts_check");
    EXPECT_EQ(rule("UPDATE card SET message = '1.1'"), "message_whole");
    EXPECT_EQ(rule("UPDATE card SET message_channel = 'C1'"), "message_whole");
    EXPECT_EQ(rule("UPDATE card SET rendered_version = 1"), "rendered_means_posted");
    EXPECT_EQ(rule("UPDATE card SET rendered_version = 2, message = '1.1', message_channel = 'C1'"),
              "rendered_not_ahead");
    EXPECT_EQ(rule("UPDATE card SET rendered_version = -1, message = '1.1', message_channel = 'C1'"),
              "rendered_not_ahead");
}

TEST_F(Constraints, TheRecordHoldsNoWordOfAPerson) {
    on.get(on.cases().append(on.vote(id, "U0AMY", core::Verdict::approve, "Zebra"), on.soon())).value();
    on.get(on.cases().append(on.vote(id, "U0RILEY"), on.soon())).value();
    std::string record = on.sql(
        "SELECT string_agg(x, ' ') FROM (SELECT body FROM entry UNION ALL SELECT body FROM "
        "request_body UNION ALL SELECT convert_from(body, 'UTF8') FROM event UNION ALL SELECT "
        "applied FROM request_body) AS t(x)");
    ASSERT_GT(record.size(), 500U);
    for (const char* word :
         {"Zebra", "Monthly", "riley", "RILEY", "AMY", "\"ci\"", "s3://", "nightly", "tok_ci"}) {
        EXPECT_EQ(record.find(word), std::string::npos) << word;
    }
}

TEST_F(Constraints, LeavesFollowOneAnotherAndAreCountedByTheHead) {
    on.get(on.log().sequence(std::nullopt, on.soon())).value();
    std::string leaf = "INSERT INTO leaf SELECT ";
    std::string rest = ", gen_random_uuid(), sha256('')";
    auto with_head = [&](const std::string& insert, const std::string& size) {
        return state("WITH l AS (" + insert + ") UPDATE log_head SET size = " + size);
    };
    EXPECT_EQ(with_head(leaf + "2" + rest, "3"), check_violation) << "a gap";
    EXPECT_EQ(with_head(leaf + "1" + rest, "3"), check_violation) << "counted wrongly";
    EXPECT_EQ(state(leaf + "1" + rest), check_violation) << "not counted";
    EXPECT_EQ(with_head(leaf + "x" + rest + " FROM (VALUES (1), (3)) AS t(x)", "4"), check_violation);
    EXPECT_EQ(state("INSERT INTO leaf SELECT 1, event_id, hash FROM leaf"), "23505")
        << "an event has one place";
    EXPECT_EQ(with_head(leaf + "x" + rest + " FROM (VALUES (1), (2)) AS t(x)", "3"), "");
    EXPECT_EQ(state("UPDATE leaf SET index = 7"), insufficient_privilege);
    EXPECT_EQ(state("DELETE FROM leaf"), insufficient_privilege);
    EXPECT_EQ(state("DELETE FROM log_head"), insufficient_privilege);
    EXPECT_EQ(state("INSERT INTO log_head (size) VALUES (0)"), "23505");
}

TEST_F(Constraints, ErasedTextsLeaveTheDecisionAsItWas) {
    on.get(on.cases().append(on.vote(id, "U0AMY", core::Verdict::approve, "Zebra"), on.soon())).value();
    on.get(on.cases().append(on.vote(id, "U0BEN"), on.soon())).value();
    core::Ruling before = core::decide(on.get(on.cases().read(id, on.soon())).value());
    on.sql("DELETE FROM request_text; DELETE FROM entry_text");
    auto erased = on.get(on.cases().read(id, on.soon()));
    ASSERT_TRUE(erased) << erased.error().detail;
    core::Ruling after = core::decide(*erased);
    EXPECT_EQ(after.state, before.state);
    EXPECT_EQ(after.decided_at, before.decided_at);
    EXPECT_EQ(after.votes.size(), before.votes.size());
    EXPECT_EQ(erased->request->intent.size(), 64U);
    EXPECT_EQ(erased->request->action, "db.export");
}

}  // namespace
}  // namespace countersign::contract
