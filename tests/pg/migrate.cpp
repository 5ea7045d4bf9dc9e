#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <string>
#include <vector>

#include "contract/world.hpp"
#include "countersign/adapters/pg.hpp"
#include "pg/migrations.hpp"
#include "pg/uri.hpp"
#include "support/postgres.hpp"

namespace countersign::pg {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class Migrate : public testing::Test {
  protected:
    Secret uri_ = support::postgres().empty_database();
    fs::path folder_ = fs::path(support::postgres().folder()) / "migrations";
    void SetUp() override {
        fs::remove_all(folder_);
        fs::create_directories(folder_);
    }
    void put(const std::string& name, const std::string& sql) {
        std::ofstream(folder_ / (name + ".sql")) << sql;
    }
    Result<std::vector<MigrationStatus>> run() { return migrate(uri_, folder_.string()); }
};

TEST_F(Migrate, AppliesWhatIsMissingInOrderAndOnlyOnce) {
    put("0002_b", "ALTER TABLE a ADD COLUMN y int;");
    put("0001_a", "CREATE TABLE a (x int);");
    auto before = migration_status(uri_, folder_.string());
    ASSERT_TRUE(before);
    ASSERT_EQ(before->size(), 2U);
    EXPECT_FALSE((*before)[0].applied);
    auto done = run();
    ASSERT_TRUE(done) << done.error().detail;
    EXPECT_TRUE((*done)[0].applied && (*done)[1].applied);
    EXPECT_FALSE((*done)[0].applied_at.empty());
    ASSERT_TRUE(run());
    put("0003_c", "CREATE TABLE c (x int);");
    ASSERT_TRUE(run());
    EXPECT_EQ(support::sql(uri_, "SELECT count(*) FROM schema_migration"), "3");
}

TEST_F(Migrate, RefusesAnEditedOne) {
    put("0001_a", "CREATE TABLE a (x int);");
    ASSERT_TRUE(run());
    put("0001_a", "CREATE TABLE a (x bigint);");
    for (const auto& answer : {run(), migration_status(uri_, folder_.string())}) {
        ASSERT_FALSE(answer);
        EXPECT_EQ(answer.error().trouble, Trouble::conflict);
        EXPECT_NE(answer.error().detail.find("0001_a"), std::string::npos);
        EXPECT_NE(answer.error().detail.find("edited"), std::string::npos);
    }
}

TEST_F(Migrate, RefusesWhenAnAppliedOneIsMissing) {
    put("0001_a", "CREATE TABLE a (x int);");
    put("0002_b", "CREATE TABLE b (x int);");
    ASSERT_TRUE(run());
    fs::remove(folder_ / "0001_a.sql");
    auto answer = run();
    ASSERT_FALSE(answer);
    EXPECT_NE(answer.error().detail.find("0001_a"), std::string::npos) << answer.error().detail;
}

TEST_F(Migrate, RefusesADatabaseOfANewerProgram) {
    put("0001_a", "CREATE TABLE a (x int);");
    put("0002_b", "CREATE TABLE b (x int);");
    ASSERT_TRUE(run());
    fs::remove(folder_ / "0002_b.sql");
    auto answer = run();
    ASSERT_FALSE(answer);
    EXPECT_NE(answer.error().detail.find("newer"), std::string::npos) << answer.error().detail;
}

TEST_F(Migrate, AFailingOneLeavesNothingBehind) {
    put("0001_a", "CREATE TABLE a (x int);");
    put("0002_b", "CREATE TABLE b (x int); SELECT nonsense;");
    auto answer = run();
    ASSERT_FALSE(answer);
    EXPECT_NE(answer.error().detail.find("0002_b"), std::string::npos);
    EXPECT_EQ(support::sql(uri_, "SELECT count(*) FROM schema_migration"), "1");
    EXPECT_EQ(support::sql(uri_, "SELECT coalesce(to_regclass('b')::text, 'none')"), "none");
}

TEST_F(Migrate, SeveralRunnersAtOnceApplyEachOnce) {
    put("0001_a", "CREATE TABLE a (x int); SELECT pg_sleep(0.2);");
    std::vector<std::future<bool>> runners;
    for (int i = 0; i < 4; ++i)
        runners.push_back(std::async(std::launch::async, [this] { return run().has_value(); }));
    for (auto& runner : runners) EXPECT_TRUE(runner.get());
    EXPECT_EQ(support::sql(uri_, "SELECT count(*) FROM schema_migration"), "1");
}

TEST_F(Migrate, TheBuiltInOnesApplyAndGrantToRolesThatExist) {
    support::postgres().have_role("countersign_auditor");
    auto done = migrate(uri_);
    ASSERT_TRUE(done) << done.error().detail;
    auto may = [&](const char* role, const char* table, const char* what) {
        return support::sql(
            uri_, std::string("SELECT has_table_privilege('") + role + "', '" + table + "', '" + what + "')");
    };
    EXPECT_EQ(support::sql(support::as_app(uri_), "SELECT current_user"), support::app_role);
    EXPECT_EQ(may("countersign_app", "entry", "INSERT"), "t");
    for (const char* table : {"entry", "event", "request", "act"}) {
        for (const char* what : {"UPDATE", "DELETE", "TRUNCATE"}) {
            EXPECT_EQ(may("countersign_app", table, what), "f") << table << what;
            EXPECT_EQ(may("countersign_auditor", table, what), "f") << table << what;
        }
    }
    EXPECT_EQ(may("countersign_auditor", "event", "SELECT"), "t");
    EXPECT_EQ(may("countersign_auditor", "token", "SELECT"), "f");
}

TEST_F(Migrate, ADatabaseOfBeforeTheFirstReleaseIsToldInOneSentence) {
    support::sql(uri_,
                 "CREATE TABLE schema_migration (name text PRIMARY KEY, checksum text NOT NULL, applied_at "
                 "timestamptz NOT NULL DEFAULT now()); INSERT INTO schema_migration (name, checksum) VALUES "
                 "('0001_requests', 'x'), ('0003_event_log', 'x'), ('0009_cards_due_found', 'x')");
    auto answer = migrate(uri_);
    ASSERT_FALSE(answer);
    EXPECT_NE(answer.error().detail.find("before the first release"), std::string::npos)
        << answer.error().detail;
    EXPECT_NE(answer.error().detail.find("create it anew"), std::string::npos);
    EXPECT_EQ(answer.error().detail.find("0003"), std::string::npos);
}

TEST_F(Migrate, AnUnreachableDatabaseIsUnavailable) {
    auto answer = migrate(Secret{"host=/nonexistent dbname=x"});
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().trouble, Trouble::unavailable);
}

TEST(Uri, SeveralHostsAskForTheOneThatWrites) {
    auto completed = [](const char* text) {
        return complete_uri(Secret{text}, std::chrono::seconds{3}, "name here");
    };
    EXPECT_NE(completed("postgresql://u:p@a,b/db").find("target_session_attrs=read-write"),
              std::string::npos);
    EXPECT_NE(completed("host=a,b dbname=db").find("target_session_attrs='read-write'"), std::string::npos);
    EXPECT_NE(completed("postgresql:///db?host=a,b").find("target_session_attrs=read-write"),
              std::string::npos);
    EXPECT_EQ(completed("postgresql://u:p,q@a/db").find("target_session_attrs"), std::string::npos);
    std::string own = completed("postgresql://a,b/db?target_session_attrs=any&connect_timeout=9");
    EXPECT_EQ(own.find("read-write"), std::string::npos);
    EXPECT_EQ(own.find("connect_timeout=3"), std::string::npos);
    EXPECT_NE(own.find("application_name=name%20here"), std::string::npos);
    EXPECT_NE(completed("host=a").find("application_name='name here'"), std::string::npos);
}

}  // namespace
}  // namespace countersign::pg
