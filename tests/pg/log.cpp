#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <thread>

#include "contract/world.hpp"
#include "countersign/base/crypto.hpp"

// These tests write the log from several replicas at once.
namespace countersign::contract {
namespace {

using namespace std::chrono_literals;

// This is one more replica on the same database.
struct Replica : Base {
    explicit Replica(const Secret& uri)
        : database(pg::open_database({.uri = uri, .server_keys = {server_key}, .pool = 4}, io.get_executor(),
                                     clock, *entropy)) {}
    std::unique_ptr<pg::Database> database;
};

class TheLog : public testing::Test {
  protected:
    OnPostgres on;

    // What must hold of every log, however it came about.
    void expect_whole(std::size_t events) {
        EXPECT_EQ(on.sql("SELECT count(*) FROM unsequenced"), "0");
        EXPECT_EQ(on.sql("SELECT count(*) FROM event"), std::to_string(events));
        EXPECT_EQ(on.sql("SELECT size FROM log_head"), std::to_string(events));
        EXPECT_EQ(on.sql("SELECT count(*) FROM event WHERE index >= " + std::to_string(events)), "0");
        EXPECT_EQ(on.sql("SELECT count(DISTINCT id) FROM event"), std::to_string(events));
        EXPECT_EQ(on.sql("SELECT count(*) FROM event WHERE hash <> sha256('\\x00'::bytea || body)"), "0");
        EXPECT_EQ(
            on.sql(
                "SELECT count(*) FROM (SELECT version, lag(version) OVER (PARTITION BY request_id ORDER BY "
                "index) AS before FROM event WHERE request_id IS NOT NULL) AS t WHERE before > version"),
            "0")
            << "within a request the order is that of its entries";
    }
};

TEST_F(TheLog, ConcurrentWritersAndSequencersLeaveNoGapNoRepeatAndNoDisorder) {
    constexpr int replicas = 3;
    constexpr int requests = 12;
    std::atomic<int> writing = replicas;
    std::vector<std::thread> threads;
    for (int r = 0; r < replicas; ++r) {
        threads.emplace_back([&] {
            Replica replica(on.uri);
            for (int i = 0; i < requests; ++i) {
                auto opened = replica.get(replica.database->cases().open(replica.fresh(), replica.soon()));
                ASSERT_TRUE(opened) << opened.error().detail;
                auto id = opened->opened.request->id;
                for (auto verdict : {core::Verdict::approve, core::Verdict::withdraw, core::Verdict::approve})
                    ASSERT_TRUE(replica.get(replica.database->cases().append(
                        replica.vote(id, "U0AMY", verdict), replica.soon())));
                auto done =
                    replica.get(replica.database->cases().append(replica.vote(id, "U0BEN"), replica.soon()));
                ASSERT_TRUE(done);
            }
            --writing;
        });
        threads.emplace_back([&] {
            Replica replica(on.uri);
            while (writing > 0) {
                auto done = replica.get(replica.database->events().sequence(replica.self, replica.soon()));
                ASSERT_TRUE(done) << done.error().detail;
            }
        });
    }
    for (auto& thread : threads) thread.join();
    on.get(on.log().sequence(std::nullopt, on.soon())).value();
    // created, three votes of amy's, ben's, and the approval.
    expect_whole(std::size_t{replicas} * requests * 6);
}

TEST_F(TheLog, SequencersCutOffAtAnyMomentLeaveNoGapAndNoRepeat) {
    std::atomic<bool> stop = false;
    std::thread cutter([&] {
        while (!stop) {
            on.sql(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = "
                "current_database() AND pid <> pg_backend_pid()");
            std::this_thread::sleep_for(25ms);
        }
    });
    std::thread sequencer([&] {
        Replica replica(on.uri);
        while (!stop) static_cast<void>(replica.get(replica.database->events().sequence({}, replica.soon())));
    });
    std::size_t events = 0;
    for (int i = 0; i < 40; ++i) {
        auto act = app::admin_event(app::AdminAct::token_created, "tok_1", core::Value::object({{"n", i}}),
                                    on.clock.now(), *on.entropy);
        // The same act, until it is known to be recorded.
        while (!on.get(on.log().record(act, on.soon()))) std::this_thread::sleep_for(5ms);
        ++events;
    }
    stop = true;
    cutter.join();
    sequencer.join();
    while (!on.get(on.log().sequence(std::nullopt, on.soon()))) std::this_thread::sleep_for(20ms);
    EXPECT_EQ(on.sql("SELECT count(*) FROM event"), std::to_string(events));
    expect_whole(events);
}

TEST_F(TheLog, AReplicaHearsWhatAnotherSequencedAndThatItLives) {
    Replica other(on.uri);
    auto clock = rt::system_clock();  // the listener waits on a real socket
    app::LogNews heard;
    auto listener =
        pg::listen_to_log(on.uri, on.self, on.io.get_executor(), *clock, [&](const app::LogNews& news) {
            heard.size = std::max(heard.size, news.size);
            heard.from_another |= news.from_another;
            heard.waiting |= news.waiting;
        });
    auto until = [&](auto condition) {
        auto end = std::chrono::steady_clock::now() + 20s;
        while (!condition() && std::chrono::steady_clock::now() < end) {
            on.io.restart();
            on.io.run_for(10ms);
        }
        return condition();
    };
    on.get(on.cases().open(on.fresh(), on.soon())).value();
    EXPECT_TRUE(until([&] { return heard.waiting; })) << "an event without a place is found by looking";
    ASSERT_TRUE(other.get(other.database->events().sequence(other.self, other.soon())));
    EXPECT_TRUE(until([&] { return heard.from_another && heard.size == 1; }));
    heard = {};
    // Our own batches are no news of others.
    on.get(on.cases().open(on.fresh(), on.soon())).value();
    on.get(on.log().sequence(on.self, on.soon())).value();
    EXPECT_TRUE(until([&] { return heard.size == 2; })) << "the look behind the notifications";
    EXPECT_FALSE(heard.from_another);
    auto second =
        pg::listen_to_log(on.uri, other.self, on.io.get_executor(), *clock, [](const app::LogNews&) {});
    EXPECT_TRUE(until([&] { return heard.from_another; })) << "a replica says so when it begins to listen";
}

}  // namespace
}  // namespace countersign::contract
