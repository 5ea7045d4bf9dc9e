#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "contract/world.hpp"

// What a list looks at, beside many requests that it does not show.
namespace countersign::contract {
namespace {

constexpr int many = 50'000;

class Lists : public testing::Test {
  protected:
    OnPostgres on;

    // Requests of a year ago, two a second apart, all alike; nobody reads them, so they need no seals.
    void SetUp() override {
        on.sql(
            "SET session_replication_role = replica; CREATE FUNCTION pg_temp.id_of(n integer) RETURNS "
            "uuid LANGUAGE sql AS $$ SELECT (lpad(to_hex(1700000000000 + n * 2000::bigint), 12, '0') || "
            "lpad(to_hex(n), 20, '0'))::uuid $$; INSERT INTO request (id, number, created_at, "
            "expires_at, digest, policy, record, rules, action, environment, resource, requester, "
            "asked_by) SELECT pg_temp.id_of(n), n, to_timestamp(1700000000 + n * 2), "
            "to_timestamp(1700003600 + n * 2), repeat('x', 71), '', '{}', '{}', 'db.export', "
            "'production', '00000000-0000-0000-0000-000000000001', "
            "'00000000-0000-0000-0000-000000000002', '00000000-0000-0000-0000-000000000003' FROM "
            "generate_series(1, " +
            std::to_string(many) +
            ") n; INSERT INTO request_state (request_id, number, version, state, quorum, behind, seal) "
            "SELECT pg_temp.id_of(n), n, 1, 'denied', 1, '{}', decode(repeat('00', 40), 'hex') FROM "
            "generate_series(1, " +
            std::to_string(many) + ") n; SELECT setval('request_number_sequence', " + std::to_string(many) +
            ")");
        on.sql("VACUUM ANALYZE");
    }
    app::ListPage page(app::ListFilter filter) {
        auto read = on.get(on.cases().list(std::move(filter), on.soon()));
        EXPECT_TRUE(read) << read.error().detail;
        return std::move(read).value();
    }
    std::int64_t read_rows() {
        return std::stoll(
            on.sql("SELECT coalesce(sum(seq_tup_read + idx_tup_fetch), 0)::bigint FROM "
                   "pg_stat_user_tables WHERE relname IN ('request_default', 'request_state', "
                   "'entry_default')"));
    }
};

// Each of these requests is of one action and resource, and none was approved.
TEST_F(Lists, TheLastApprovedIsLookedForAmongAFew) {
    on.sql("SET session_replication_role = replica; UPDATE request SET resource = NULL WHERE number % 2 = 0");
    on.sql("VACUUM ANALYZE");
    on.sql("SELECT pg_stat_reset()");
    for (auto resource : {std::optional<std::string>{}, std::optional<std::string>{"orders"}}) {
        auto found = on.get(on.cases().last_approved({"db.export", resource, std::int64_t{many}}, on.soon()));
        ASSERT_FALSE(found);
        EXPECT_EQ(found.error().trouble, Trouble::not_found) << found.error().detail;
    }
    std::this_thread::sleep_for(1500ms);
    EXPECT_LT(read_rows(), 1'000);
}

TEST_F(Lists, AConditionThatNothingMeetsEndsAtOnce) {
    using Filter = app::ListFilter;
    const std::vector<void (*)(Filter&)> conditions = {
        [](Filter& f) { f.action = "db.drop"; },
        [](Filter& f) { f.environment = "staging"; },
        [](Filter& f) { f.resource = "nothing"; },
        [](Filter& f) { f.requester = "nobody"; },
        [](Filter& f) { f.asked_by = "token:nobody"; },
        [](Filter& f) { f.voter = core::PersonId{"nobody"}; },
        [](Filter& f) { f.since = core::testing::start + 24h; },
        [](Filter& f) { f.until = core::parse_rfc3339("2020-01-01T00:00:00Z"); },
        [](Filter& f) { f.states = {core::State::pending}; },
        [](Filter& f) { f.states = {core::State::claimed, core::State::lapsed}; },
        [](Filter& f) {
            f.states = {core::State::denied};
            f.resource = "nothing";
        }};
    for (std::size_t i = 0; i < conditions.size(); ++i) {
        Filter filter;
        conditions[i](filter);
        auto found = page(filter);
        EXPECT_TRUE(found.cases.empty()) << i;
        EXPECT_FALSE(found.next_before) << i << ": nothing more is to be looked at";
    }
}

TEST_F(Lists, ConditionsThatNothingMeetsTogetherLookAtNoMoreThanAPageMay) {
    app::ListFilter filter;
    filter.environment = "production";
    filter.action = "db.drop";
    std::size_t pages = 0;
    for (; pages == 0 || filter.before_number; ++pages) {
        auto found = page(filter);
        EXPECT_TRUE(found.cases.empty());
        ASSERT_LE(pages, many / app::list_scan_max + 1);
        filter.before_number = found.next_before;
    }
    EXPECT_EQ(pages, many / app::list_scan_max + 1) << "the last page finds out that there is nothing more";
}

TEST_F(Lists, AVoterIsFollowedAsFarBackAsTheyVoted) {
    auto id = on.get(on.cases().open(on.fresh(), on.soon())).value().opened.request->id;
    ASSERT_TRUE(on.get(on.cases().append(on.vote(id, "U0AMY"), on.soon())));
    // They voted twice on each of many requests since, which are not shown.
    const auto since = app::list_scan_max + 10;
    on.sql(
        "SET session_replication_role = replica; INSERT INTO entry (request_id, version, kind, state, actor, "
        "number, record, seal) SELECT md5(n::text)::uuid, version, kind, state, actor, 100000 + n, record, "
        "seal FROM (SELECT * FROM entry WHERE actor IS NOT NULL) v (request_id, had, kind, state, actor, "
        "had_number, origin, record, words, seal), generate_series(2, 3) version, generate_series(1, " +
        std::to_string(since) + ") n");
    app::ListFilter filter;
    filter.voter = core::PersonId{"amy"};
    auto first = page(filter);
    EXPECT_TRUE(first.cases.empty());
    EXPECT_EQ(first.next_before, std::int64_t{100'011}) << "a request counts once, however often they voted";
    filter.before_number = first.next_before;
    auto second = page(filter);
    ASSERT_EQ(second.cases.size(), 1U);
    EXPECT_EQ(second.cases[0].request->id, id);
    EXPECT_FALSE(second.next_before);
}

TEST_F(Lists, WhatIsFoundOutOfManyIsReadAndLittleElse) {
    auto id = on.get(on.cases().open(on.fresh(), on.soon())).value().opened.request->id;
    app::ListFilter filter;
    filter.states = {core::State::pending};
    filter.environment = "production";
    filter.action = "db.export";
    auto before = read_rows();
    auto found = page(filter);
    ASSERT_EQ(found.cases.size(), 1U);
    EXPECT_EQ(found.cases[0].request->id, id);
    EXPECT_FALSE(found.next_before);
    // What a session has read is counted when it has been idle for a while.
    auto until = std::chrono::steady_clock::now() + 20s;
    while (read_rows() == before && std::chrono::steady_clock::now() < until)
        std::this_thread::sleep_for(50ms);
    EXPECT_LT(read_rows() - before, 1'000);
}

}  // namespace
}  // namespace countersign::contract
