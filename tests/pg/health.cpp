#include "pg/health.hpp"

#include <gtest/gtest.h>
#include <signal.h>

#include <pqxx/pqxx>
#include <thread>

#include "pg/trouble.hpp"
#include "pg/votes.hpp"

// What the server says when it cannot do what it is asked, and what becomes of that.
namespace countersign::contract {
namespace {

using pg::SqlTrouble;

TEST(SqlState, EveryClassHasItsMeaning) {
    using enum SqlTrouble::Kind;
    const std::pair<std::string_view, SqlTrouble::Kind> meanings[] = {
        {"08006", lost},       {"57P01", lost},       {"57P02", lost},       {"57P03", lost},
        {"25P03", lost},       {"40003", lost},       {"25006", read_only},  {"53100", no_space},
        {"58030", unwritable}, {"58P01", unwritable}, {"53200", exhausted},  {"53300", exhausted},
        {"53400", exhausted},  {"55P03", busy},       {"57014", busy},       {"40001", again},
        {"40P01", again},      {"0A000", outdated},   {"26000", outdated},   {"42P05", outdated},
        {"42P01", unmigrated}, {"42703", unmigrated}, {"3F000", unmigrated}, {"3D000", unmigrated},
        {"42501", forbidden},  {"28P01", forbidden},  {"23505", broken},     {"P0001", broken},
        {"XX001", damaged},    {"XX000", damaged},    {"22003", other},      {"54000", other},
        {"42601", other},      {"25P02", other},      {"", other},           {"ZZ999", other}};
    for (const auto& [sqlstate, kind] : meanings)
        EXPECT_EQ(int(pg::kind_of(sqlstate)), int(kind)) << sqlstate;
}

class TheServerRefuses : public VotesOnPostgres {
  protected:
    // Statements give up soon, so that one that hangs is found out within the test's time.
    std::unique_ptr<pg::Database> quick_database(std::size_t pool) {
        return pg::open_database({.uri = on.seen_as,
                                  .server_keys = {server_key},
                                  .pool = pool,
                                  .statement_timeout = 200ms,
                                  .lock_timeout = 100ms},
                                 on.io.get_executor(), on.clock, *on.entropy);
    }
    // Whoever writes an entry, or tries whether anything can be written, is refused with this.
    void refuse_writes(const std::string& sqlstate) {
        on.sql(
            "CREATE OR REPLACE FUNCTION refuse_for_test() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "RAISE EXCEPTION 'could not, said the test' USING ERRCODE = '" +
            sqlstate + "'; END $$");
        for (std::string table : {"entry", "write_probe"})
            on.sql("CREATE OR REPLACE TRIGGER refuse BEFORE INSERT OR UPDATE ON " + table +
                   " FOR EACH ROW EXECUTE FUNCTION refuse_for_test()");
    }
    void allow_writes() {
        for (std::string table : {"entry", "write_probe"}) on.sql("DROP TRIGGER refuse ON " + table);
    }
    bool problem_is(bool wanted, std::chrono::seconds at_most) {
        auto until = std::chrono::steady_clock::now() + at_most;
        while (on.database->problem().empty() == wanted) {
            if (std::chrono::steady_clock::now() > until) return false;
            std::this_thread::sleep_for(10ms);
        }
        return true;
    }
    std::string entries(core::RequestId id) {
        return on.sql("SELECT count(*) FROM entry WHERE request_id = '" + hex(id.bytes()) + "'");
    }
};

struct Refusal {
    std::string sqlstate;
    Trouble trouble;
    std::string told;     // part of what the caller hears
    std::string problem;  // part of what /readyz says; empty: this is no reason to be unready
    bool logged;
};

class WithState : public TheServerRefuses, public testing::WithParamInterface<Refusal> {};

TEST_P(WithState, NothingIsRecordedAndEverybodyHearsWhatItIs) {
    const Refusal& expected = GetParam();
    core::RequestId id = pending();
    ASSERT_TRUE(vote(id, "U0AMY"));
    refuse_writes(expected.sqlstate);
    testing::internal::CaptureStderr();
    auto refused = vote(id, "U0BEN");
    std::string problem = on.database->problem();
    std::string log = testing::internal::GetCapturedStderr();
    ASSERT_FALSE(refused);
    EXPECT_EQ(name_of(refused.error().trouble), name_of(expected.trouble)) << refused.error().detail;
    EXPECT_NE(refused.error().detail.find(expected.told), std::string::npos) << refused.error().detail;
    EXPECT_EQ(entries(id), "2");
    if (expected.problem.empty()) EXPECT_EQ(problem, "");
    EXPECT_NE(problem.find(expected.problem), std::string::npos) << problem;
    EXPECT_EQ(log.find(expected.sqlstate) != std::string::npos, expected.logged) << log;
    if (expected.logged) EXPECT_NE(log.find("could not, said the test"), std::string::npos) << log;
    EXPECT_TRUE(on.get(on.cases().read(id, on.soon()))) << "what is there can be read";

    // It lasts for as long as a small write is refused as well, and no longer.
    if (!expected.problem.empty()) {
        std::this_thread::sleep_for(500ms);
        EXPECT_EQ(on.database->problem(), problem);
    }
    allow_writes();
    EXPECT_TRUE(problem_is(false, 10s)) << on.database->problem();
    auto recovered = vote(id, "U0BEN");
    ASSERT_TRUE(recovered) << recovered.error().detail;
    EXPECT_EQ(recovered->now->ruling.state, core::State::approved);
}

INSTANTIATE_TEST_SUITE_P(
    EachClass, WithState,
    testing::Values(Refusal{"25006", Trouble::unavailable, "read-only", "read-only", true},
                    Refusal{"53100", Trouble::unavailable, "no space is left", "no space is left", true},
                    Refusal{"58030", Trouble::unavailable, "cannot write its files", "its files", true},
                    Refusal{"53200", Trouble::overloaded, "short of resources", "", true},
                    Refusal{"53400", Trouble::overloaded, "short of resources", "", true},
                    Refusal{"55P03", Trouble::overloaded, "busy", "", false},
                    Refusal{"57014", Trouble::overloaded, "busy", "", false},
                    Refusal{"40001", Trouble::overloaded, "busy", "", false},
                    Refusal{"26000", Trouble::overloaded, "busy", "", false},
                    Refusal{"42501", Trouble::unavailable, "see the server's log", "", true},
                    Refusal{"XX001", Trouble::unavailable, "damage", "", true},
                    Refusal{"54000", Trouble::unavailable, "could not, said the test", "", true}),
    [](const auto& tested) { return "State" + tested.param.sqlstate; });

TEST_F(TheServerRefuses, AStandbyThatWasNotPromotedIsReadOnlyAndCallersAreToldThatNothingHappened) {
    core::RequestId id = pending();
    ASSERT_TRUE(vote(id, "U0AMY"));
    auto name = on.sql("SELECT current_database()");
    on.sql("ALTER DATABASE " + name + " SET default_transaction_read_only = on");
    on.sql(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() AND "
        "pid <> pg_backend_pid()");
    auto refused = vote(id, "U0BEN");
    ASSERT_FALSE(refused);
    EXPECT_EQ(name_of(refused.error().trouble), "unavailable") << "it is known that nothing was recorded";
    EXPECT_NE(on.database->problem().find("read-only"), std::string::npos) << on.database->problem();
    EXPECT_TRUE(on.database->reachable());
    EXPECT_TRUE(on.get(on.cases().read(id, on.soon())));
    support::sql(support::postgres().server().uri(),
                 "ALTER DATABASE " + name + " RESET default_transaction_read_only");
    ASSERT_TRUE(problem_is(false, 10s)) << on.database->problem();
    EXPECT_TRUE(vote(id, "U0BEN"));
}

// Several connections of the store, so that a lock that one of them holds stands in nobody's way.
TEST_F(TheServerRefuses, WhoeverLooksRegularlyKnowsBeforeAnybodyAsks) {
    refuse_writes("25006");
    auto looking =
        pg::open_database({.uri = on.seen_as, .server_keys = {server_key}, .pool = 1, .look_every = 1s},
                          on.io.get_executor(), on.clock, *on.entropy);
    auto until = std::chrono::steady_clock::now() + 10s;
    while (looking->problem().find("read-only") == std::string::npos &&
           std::chrono::steady_clock::now() < until)
        std::this_thread::sleep_for(10ms);
    EXPECT_NE(looking->problem().find("read-only"), std::string::npos) << looking->problem();
    allow_writes();
    while (!looking->problem().empty() && std::chrono::steady_clock::now() < until)
        std::this_thread::sleep_for(10ms);
    EXPECT_EQ(looking->problem(), "");
}

TEST_F(TheServerRefuses, AConnectionThatDoesNotAnswerIsCutAndTheNextOneServes) {
    core::RequestId id = pending();
    auto quick = quick_database(1);
    ASSERT_TRUE(on.get(quick->cases().append(on.vote(id, "U0AMY"), on.soon())));
    // The one that voted is idle now, the newest of them.
    int frozen = std::stoi(on.sql(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
        "ORDER BY state_change DESC LIMIT 1"));
    ASSERT_EQ(::kill(frozen, SIGSTOP), 0);
    auto began = std::chrono::steady_clock::now();
    auto voted = on.get(quick->cases().append(on.vote(id, "U0BEN"), on.soon()));
    auto took = std::chrono::steady_clock::now() - began;
    ::kill(frozen, SIGCONT);
    EXPECT_LT(took, 15s);
    EXPECT_GT(took, 2s);
    ASSERT_FALSE(voted);
    EXPECT_EQ(name_of(voted.error().trouble), "timed_out") << voted.error().detail;
    // What was sent is done when the server wakes up: that it was unknown is the truth.
    auto until = std::chrono::steady_clock::now() + 10s;
    while (entries(id) != "3" && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(10ms);
    while (!quick->reachable() && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(10ms);
    auto c = on.get(quick->cases().read(id, on.soon()));
    ASSERT_TRUE(c) << c.error().detail;
    EXPECT_EQ(c->version(), 3);
}

TEST_F(TheServerRefuses, ACommitThatWaitsForAStandbyThatIsGoneIsNotReady) {
    core::RequestId id = pending();
    auto quick = quick_database(2);
    ASSERT_TRUE(on.get(quick->cases().append(on.vote(id, "U0AMY"), on.soon())));
    auto server = support::postgres().server().uri();
    support::sql(server, "ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
    support::sql(server, "SELECT pg_reload_conf()");
    std::this_thread::sleep_for(300ms);
    auto voted = on.get(quick->cases().append(on.vote(id, "U0BEN"), on.soon()));
    ASSERT_FALSE(voted);
    EXPECT_EQ(name_of(voted.error().trouble), "timed_out") << voted.error().detail;
    EXPECT_NE(quick->problem(), "");
    std::this_thread::sleep_for(5s);
    EXPECT_NE(quick->problem(), "") << "while no commit comes back";
    support::sql(server, "ALTER SYSTEM RESET synchronous_standby_names");
    support::sql(server, "SELECT pg_reload_conf()");
    auto until = std::chrono::steady_clock::now() + 10s;
    while (!quick->problem().empty() && std::chrono::steady_clock::now() < until)
        std::this_thread::sleep_for(10ms);
    EXPECT_EQ(quick->problem(), "");
    auto c = on.get(quick->cases().read(id, on.soon()));
    ASSERT_TRUE(c) << c.error().detail;
    EXPECT_EQ(core::decide(*c).state, core::State::approved) << "it was recorded after all, once";
    EXPECT_EQ(c->version(), 3);
}

}  // namespace
}  // namespace countersign::contract
