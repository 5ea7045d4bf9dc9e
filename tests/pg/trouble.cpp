#include <gtest/gtest.h>

#include <array>
#include <future>
#include <pqxx/pqxx>
#include <thread>

#include "pg/votes.hpp"

// What becomes of requests when the database, or the way to it, does not hold.
namespace countersign::contract {
namespace {

class TroubleWithTheDatabase : public VotesOnPostgres {
  protected:
    // Until the watcher has found the database again.
    bool back_within(std::chrono::seconds at_most) {
        auto until = std::chrono::steady_clock::now() + at_most;
        while (!on.database->reachable()) {
            if (std::chrono::steady_clock::now() > until) return false;
            std::this_thread::sleep_for(10ms);
        }
        return true;
    }
};

TEST_F(TroubleWithTheDatabase, WhileTheServerIsDownCallsFailAtOnceAndAfterwardsTheyWork) {
    core::RequestId id = pending();
    ASSERT_TRUE(vote(id, "U0AMY"));
    support::postgres().kill();
    auto down = vote(id, "U0BEN");
    ASSERT_FALSE(down);
    EXPECT_TRUE(down.error().trouble == Trouble::unavailable || down.error().trouble == Trouble::timed_out);
    auto began = std::chrono::steady_clock::now();
    for (int i = 0; i < 20; ++i) {
        auto again = vote(id, "U0BEN");
        ASSERT_FALSE(again);
        EXPECT_EQ(again.error().trouble, Trouble::unavailable);
    }
    EXPECT_LT(std::chrono::steady_clock::now() - began, 1s);
    EXPECT_FALSE(on.database->reachable());
    support::postgres().restart();
    ASSERT_TRUE(back_within(10s));
    auto recovered = vote(id, "U0BEN");
    ASSERT_TRUE(recovered) << recovered.error().detail;
    EXPECT_EQ(recovered->now->ruling.state, core::State::approved);
}

TEST_F(TroubleWithTheDatabase, AServerThatRestartedBetweenCallsIsNotNoticed) {
    core::RequestId id = pending();
    ASSERT_TRUE(vote(id, "U0AMY"));
    support::postgres().kill_and_restart();
    auto recovered = vote(id, "U0BEN");
    ASSERT_TRUE(recovered) << recovered.error().detail;
    EXPECT_EQ(recovered->now->c.version(), 3);
}

TEST_F(TroubleWithTheDatabase, ConnectionsCutAtAnyMomentNeverLoseOrDoubleAVote) {
    for (int i = 0; i < 60; ++i) on.company.user("U" + std::to_string(100 + i), core::AccountClass::member);
    std::vector<std::string> users;
    for (int i = 0; i < 60; ++i) users.push_back("U" + std::to_string(100 + i));
    on.company.usergroup("S0SEC", users);
    on.directory = std::make_shared<const core::Directory>(on.company.directory());
    std::vector<core::RequestId> ids;
    for (int i = 0; i < 5; ++i) {
        auto fresh = on.fresh(core::testing::requires_of({core::testing::asks({{60, "security"}})}));
        ids.push_back(on.get(on.cases().open(std::move(fresh), on.soon())).value().opened.request->id);
    }
    std::atomic<bool> stop = false;
    std::thread cutter([&] {
        pqxx::connection link{std::string(on.uri.reveal())};
        pqxx::nontransaction work{link};
        // The pauses differ, so that a busy machine gets something done in the longer ones.
        const std::chrono::milliseconds pauses[] = {15ms, 5ms, 40ms, 120ms};
        for (std::size_t cut = 0; !stop; ++cut) {
            work.exec(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
                "current_database() AND pid <> pg_backend_pid()");
            std::this_thread::sleep_for(pauses[cut % std::size(pauses)]);
        }
    });
    std::size_t unsure = 0;
    std::size_t recorded = 0;
    for (int round = 0; round < 12; ++round) {
        std::vector<Later<app::Appended>> votes;
        for (int i = 0; i < 5; ++i) {
            for (const auto& id : ids) {
                votes.push_back(on.cases().append(on.vote(id, users[static_cast<std::size_t>(round * 5 + i)]),
                                                  on.soon()));
            }
        }
        for (auto& answer : on.all(std::move(votes))) {
            if (answer && !answer->repeat && !answer->refusal)
                ++recorded;
            else if (!answer && answer.error().trouble == Trouble::timed_out)
                ++unsure;
        }
        ASSERT_TRUE(back_within(10s));
    }
    stop = true;
    cutter.join();
    std::size_t stored = 0;
    for (const auto& id : ids) {
        auto c = on.get(on.cases().read(id, on.soon()));
        ASSERT_TRUE(c) << c.error().detail;
        std::set<core::PersonId> people;
        for (const auto& mark : core::decide(*c).votes) people.insert(mark.person);
        EXPECT_EQ(people.size(), c->entries.size() - 1) << "every entry is another person's vote";
        stored += c->entries.size() - 1;
    }
    EXPECT_GE(stored, recorded) << "what was acknowledged is there";
    EXPECT_LE(stored, recorded + unsure) << "and nothing else but what was said to be unknown";
    EXPECT_GT(recorded, 0U);
}

TEST_F(TroubleWithTheDatabase, ALockHeldTooLongIsBusyAndNothingElseSuffers) {
    core::RequestId locked = pending();
    core::RequestId free = pending();
    pqxx::connection link{std::string(on.uri.reveal())};
    pqxx::work other{link};
    other.exec("SELECT FROM request_state WHERE request_id = '" + hex(locked.bytes()) + "' FOR UPDATE");
    std::vector<Later<app::Appended>> votes;
    votes.push_back(on.cases().append(on.vote(locked, "U0AMY"), on.soon()));
    votes.push_back(on.cases().append(on.vote(free, "U0AMY"), on.soon()));
    auto answers = on.all(std::move(votes));
    ASSERT_FALSE(answers[0]);
    EXPECT_EQ(answers[0].error().trouble, Trouble::overloaded);
    ASSERT_TRUE(answers[1]) << answers[1].error().detail;
    other.abort();
    EXPECT_TRUE(vote(locked, "U0AMY"));
}

rt::asio::awaitable<void> note_end(Later<app::Appended> work, bool& ok, std::vector<std::string>& order,
                                   std::string name) {
    auto answer = co_await std::move(work);
    ok = answer.has_value();
    order.push_back(std::move(name));
}

TEST_F(TroubleWithTheDatabase, LockedRequestsDoNotDelayTheOthers) {
    pqxx::connection link{std::string(on.uri.reveal())};
    pqxx::work other{link};
    std::vector<std::string> order;
    std::array<bool, 5> ok{};
    std::vector<core::RequestId> ids;
    for (int i = 0; i < 5; ++i) ids.push_back(pending());
    for (std::size_t i = 0; i < 4; ++i) {
        core::RequestId locked = ids[i];
        other.exec("SELECT FROM request_state WHERE request_id = '" + hex(locked.bytes()) + "' FOR UPDATE");
        auto vote = on.cases().append(on.vote(locked, "U0AMY"), on.soon());
        rt::asio::co_spawn(on.io, note_end(std::move(vote), ok[i], order, "locked"), rt::asio::detached);
    }
    auto vote = on.cases().append(on.vote(ids[4], "U0AMY"), on.soon());
    rt::asio::co_spawn(on.io, note_end(std::move(vote), ok[4], order, "free"), rt::asio::detached);
    on.io.restart();
    on.io.run();
    EXPECT_EQ(order, (std::vector<std::string>{"free", "locked", "locked", "locked", "locked"}));
    EXPECT_TRUE(ok[4]);
    EXPECT_FALSE(ok[0] || ok[1] || ok[2] || ok[3]);
}

TEST_F(TroubleWithTheDatabase, WhatAnotherReplicaRecordedIsSeen) {
    auto replica = pg::open_database({.uri = on.uri, .server_keys = {server_key}, .pool = 2},
                                     on.io.get_executor(), on.clock, *on.entropy);
    core::RequestId id = pending();
    ASSERT_TRUE(on.get(replica->cases().append(on.vote(id, "U0AMY"), on.soon())));
    auto second = vote(id, "U0BEN");
    ASSERT_TRUE(second) << second.error().detail;
    EXPECT_EQ(second->now->c.version(), 3);
    EXPECT_EQ(second->now->ruling.state, core::State::approved);
    auto late = on.get(replica->cases().append(on.vote(id, "U0CAT"), on.soon()));
    ASSERT_TRUE(late);
    EXPECT_EQ(late->refusal->why, core::Why::decided);
    EXPECT_EQ(late->now->c.version(), 3);
}

TEST_F(TroubleWithTheDatabase, ReplicasThatVoteOnOneRequestAtOnceWaitForEachOther) {
    for (int i = 0; i < 40; ++i) on.company.user("U" + std::to_string(100 + i), core::AccountClass::member);
    std::vector<std::string> users;
    for (int i = 0; i < 40; ++i) users.push_back("U" + std::to_string(100 + i));
    on.company.usergroup("S0SEC", users);
    on.directory = std::make_shared<const core::Directory>(on.company.directory());
    auto fresh = on.fresh(core::testing::requires_of({core::testing::asks({{40, "security"}})}));
    core::RequestId id = on.get(on.cases().open(std::move(fresh), on.soon())).value().opened.request->id;
    auto replica = pg::open_database({.uri = on.uri, .server_keys = {server_key}, .pool = 4},
                                     on.io.get_executor(), on.clock, *on.entropy);
    std::vector<Later<app::Appended>> votes;
    for (std::size_t i = 0; i < users.size(); ++i) {
        auto& store = i % 2 == 0 ? on.cases() : replica->cases();
        votes.push_back(store.append(on.vote(id, users[i]), on.soon()));
    }
    for (auto& answer : on.all(std::move(votes))) ASSERT_TRUE(answer) << answer.error().detail;
    EXPECT_EQ(core::decide(on.get(on.cases().read(id, on.soon())).value()).state, core::State::approved);
}

TEST_F(TroubleWithTheDatabase, ACaseThatDoesNotHoldTogetherIsSetAsideAndTheOthersGoOn) {
    core::RequestId broken = pending();
    core::RequestId sound = pending();
    on.database = pg::open_database({.uri = on.uri, .server_keys = {server_key}, .pool = 2},
                                    on.io.get_executor(), on.clock, *on.entropy);
    on.sql("UPDATE request_state SET quorum = 1 WHERE request_id = '" + hex(broken.bytes()) + "'");
    std::vector<Later<app::Appended>> votes;
    votes.push_back(on.cases().append(on.vote(sound, "U0AMY"), on.soon()));
    votes.push_back(on.cases().append(on.vote(broken, "U0AMY"), on.soon()));
    auto answers = on.all(std::move(votes));
    EXPECT_TRUE(answers[0]);
    ASSERT_FALSE(answers[1]);
    EXPECT_EQ(answers[1].error().trouble, Trouble::corrupt);
    EXPECT_EQ(on.sql("SELECT count(*) FROM request_state WHERE quarantined"), "1");
    auto again = vote(broken, "U0BEN");
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, "quarantined");
}

TEST_F(TroubleWithTheDatabase, AStateThatItsEntriesDoNotBearOutIsCorrupt) {
    core::RequestId id = pending();
    on.sql("UPDATE request_state SET state = 'denied', due_at = NULL WHERE request_id = '" + hex(id.bytes()) +
           "'");
    auto answer = vote(id, "U0AMY");
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().trouble, Trouble::corrupt);
}

TEST_F(TroubleWithTheDatabase, AnEmptyDatabaseSaysWhatToRun) {
    Secret empty = support::postgres().empty_database();
    auto database = pg::open_database({.uri = empty, .server_keys = {server_key}, .pool = 1},
                                      on.io.get_executor(), on.clock, *on.entropy);
    auto report = on.get(database->schema(on.soon()));
    ASSERT_TRUE(report);
    EXPECT_EQ(report->state, pg::SchemaState::behind);
    EXPECT_NE(report->detail.find("countersign migrate"), std::string::npos);
    auto read = on.get(database->cases().read(core::RequestId{core::RequestId::Bytes{}}, on.soon()));
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().trouble, Trouble::unavailable);
    EXPECT_NE(read.error().detail.find("countersign migrate"), std::string::npos);
    EXPECT_EQ(on.get(on.database->schema(on.soon()))->state, pg::SchemaState::current);
}

TEST_F(TroubleWithTheDatabase, AJobWhoseTimeIsUpIsNotBegun) {
    core::RequestId id = pending();
    auto late = on.get(on.cases().append(on.vote(id, "U0AMY"), Deadline{on.clock.now()}));
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().trouble, Trouble::overloaded);
    EXPECT_EQ(on.get(on.cases().read(id, on.soon()))->version(), 1);
}

TEST_F(TroubleWithTheDatabase, StoppingAnswersEverybody) {
    core::RequestId id = pending();
    std::vector<Later<app::Appended>> votes;
    votes.push_back(on.cases().append(on.vote(id, "U0AMY"), on.soon()));
    on.database->stop();
    auto answers = on.all(std::move(votes));
    ASSERT_FALSE(answers[0]);
    EXPECT_EQ(answers[0].error().trouble, Trouble::unavailable);
}

TEST_F(TroubleWithTheDatabase, TextsThatLookLikeSqlAreOnlyTexts) {
    auto fresh = on.fresh();
    fresh.request.intent = "'); DROP TABLE request; --";
    fresh.request.requester.name = "\\'; DROP TABLE card; --";
    fresh.request.labels = {{"a", "{\"x\",NULL}\\"}};
    fresh.cards = {{core::Surface::slack, "#a\"b'c\\d,{e}"}};
    core::Request asked = fresh.request;
    auto opened = on.get(on.cases().open(fresh, on.soon()));
    ASSERT_TRUE(opened) << opened.error().detail;
    auto voted = on.get(on.cases().append(
        on.vote(asked.id, "U0AMY", core::Verdict::approve, "\\\"', NULL} \\\\"), on.soon()));
    ASSERT_TRUE(voted) << voted.error().detail;
    auto cards = on.get(on.outbox().cards_of(asked.id, on.soon()));
    ASSERT_TRUE(cards);
    EXPECT_EQ(cards->at(0).target.channel, "#a\"b'c\\d,{e}");
    auto back = on.get(on.cases().read(asked.id, on.soon()));
    ASSERT_TRUE(back);
    EXPECT_TRUE(*back == voted->now->c);
}

}  // namespace
}  // namespace countersign::contract
