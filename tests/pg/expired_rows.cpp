#include <gtest/gtest.h>

#include "contract/world.hpp"
#include "countersign/app/housekeeping.hpp"

// What is of no use any more goes, and nothing else.
namespace countersign::contract {
namespace {

class Expired : public testing::Test {
  protected:
    OnPostgres on;
    std::unique_ptr<pg::Database> other =
        pg::open_database({.uri = on.seen_as, .server_keys = {server_key}, .pool = 6}, on.io.get_executor(),
                          on.clock, *on.entropy);

    Expired() { on.clock.set(rt::system_clock()->now()); }  // the database looks at the time as well

    // Keys of this age, as requests left them.
    void keys(int many, const std::string& age) {
        on.sql(
            "INSERT INTO idempotency (token, key, fingerprint, request_id, created_at, seal) SELECT "
            "gen_random_uuid(), 'k' || n, decode(repeat('00', 32), 'hex'), gen_random_uuid(), now() - "
            "interval '" +
            age + "', decode(repeat('00', 40), 'hex') FROM generate_series(1, " + std::to_string(many) +
            ") n");
    }
    void codes(int many, const std::string& ended) {
        on.sql(
            "INSERT INTO link_code (id, selector, hash, asker, expires_at, outcome, seal) SELECT "
            "gen_random_uuid(), lpad(n::text, 4, '0'), decode(repeat('00', 32), 'hex'), 'slack:T0/U' || n, "
            "now() - interval '" +
            ended + "', 'expired', decode(repeat('00', 40), 'hex') FROM generate_series(1, " +
            std::to_string(many) + ") n");
        on.sql("INSERT INTO link_try (account, since, wrong) SELECT '" + ended +
               "' || n, now() - interval '" + ended + "', 1 FROM generate_series(1, " + std::to_string(many) +
               ") n");
    }
    std::string count(const std::string& table) { return on.sql("SELECT count(*) FROM " + table); }
    Result<bool> remove() { return on.get(on.database->expired().remove(on.clock.now(), on.soon())); }
};

TEST_F(Expired, KeysGoOnceTheyStandForNothingAnyMore) {
    keys(3, "25 hours 1 minute");
    keys(2, "24 hours 30 minutes");
    keys(4, "23 hours");
    EXPECT_FALSE(remove().value());
    EXPECT_EQ(count("idempotency"), "6");
    EXPECT_EQ(on.sql("SELECT count(*) FROM idempotency WHERE created_at < now() - interval '25 hours'"), "0");
}

TEST_F(Expired, AKeyThatStandsForItsRequestCannotBeTakenAway) {
    keys(1, "23 hours");
    EXPECT_EQ(support::sqlstate_of(on.seen_as, "DELETE FROM idempotency"), "42501");
    EXPECT_EQ(support::sqlstate_of(on.uri, "DELETE FROM idempotency"), "42501")
        << "by the owner of the table neither";
    EXPECT_EQ(count("idempotency"), "1");
}

TEST_F(Expired, ARepetitionWithinItsDayIsTheSameRequestAfterwards) {
    auto fresh = on.fresh();
    fresh.idempotency =
        app::Idempotency{core::TokenId::mint(on.clock.now(), rt::chance(*on.entropy)), "k", {}};
    auto once = on.get(on.cases().open(fresh, on.soon()));
    ASSERT_TRUE(once) << once.error().detail;
    ASSERT_FALSE(on.get(on.database->expired().remove(on.clock.now() + 23h, on.soon())).value());
    auto again = on.fresh();
    again.idempotency = fresh.idempotency;
    auto twice = on.get(on.cases().open(again, on.soon()));
    ASSERT_TRUE(twice) << twice.error().detail;
    EXPECT_TRUE(twice->repeat);
}

TEST_F(Expired, CodesAndWrongTriesGoADayAfterTheirEnd) {
    codes(3, "25 hours");
    codes(2, "23 hours");
    EXPECT_FALSE(remove().value());
    EXPECT_EQ(count("link_code"), "2");
    EXPECT_EQ(count("link_try"), "2");
}

TEST_F(Expired, ManyGoInBatchesAndTwoReplicasDoNotStandInEachOthersWay) {
    const int many = static_cast<int>(app::expired_at_once_max) * 3 + 10;
    keys(many, "2 days");
    keys(5, "1 hour");
    bool more = true;
    for (int round = 0; more && round < 5; ++round) {
        std::vector<Later<bool>> both;
        both.push_back(on.database->expired().remove(on.clock.now(), on.soon()));
        both.push_back(other->expired().remove(on.clock.now(), on.soon()));
        more = false;
        for (auto& answer : on.all(std::move(both))) {
            ASSERT_TRUE(answer) << answer.error().detail;
            more = more || *answer;
        }
        if (round == 0) {
            EXPECT_GE(std::stoi(count("idempotency")),
                      5 + many - 2 * static_cast<int>(app::expired_at_once_max));
        }
    }
    EXPECT_FALSE(more);
    EXPECT_EQ(count("idempotency"), "5");
}

TEST_F(Expired, NothingOfTheRecordGoesHoweverOldItIs) {
    auto opened = on.get(on.cases().open(on.fresh(), on.soon()));
    ASSERT_TRUE(opened) << opened.error().detail;
    const auto events = on.events_of(opened->opened.request->id);
    EXPECT_FALSE(on.get(on.database->expired().remove(on.clock.now() + 24h * 4'000, on.soon())).value());
    EXPECT_EQ(on.events_of(opened->opened.request->id), events);
    EXPECT_TRUE(on.get(on.cases().read(opened->opened.request->id, on.soon())));
}

}  // namespace
}  // namespace countersign::contract
