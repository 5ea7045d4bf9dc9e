#include "pg/gather.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <condition_variable>

// What waits shares the next batch, and nobody suffers for another: without a database.
namespace countersign::pg {
namespace {

using testing::ElementsAre;
using testing::UnorderedElementsAre;

struct NoConnection {};

// Something to write that notes what became of it.
class Noted final : public Waiting {
  public:
    Noted(std::string key, bool shares_batch, std::vector<std::string>& ends)
        : Waiting(std::move(key), shares_batch, Deadline{}), ends_(ends) {}
    bool answered() const override { return !end_.empty(); }
    void refuse(Failure failure) override { end_ = std::string(name_of(failure.trouble)); }
    rt::CompletionQueue::Resume finish() override {
        return [&ends = ends_, end = key() + " " + end_] { ends.push_back(end); };
    }
    void write(std::string how) { end_ = std::move(how); }

  private:
    std::vector<std::string>& ends_;
    std::string end_;
};

class Gathering : public testing::Test {
  protected:
    rt::asio::io_context io;
    rt::BlockingPool<NoConnection> pool{io.get_executor(),
                                        {.threads = 2, .background = 1, .queue_max = 16},
                                        [] { return std::make_unique<NoConnection>(); }};
    std::vector<std::string> ends;  // "key how", in the order in which they came home
    std::mutex mutex;
    std::condition_variable changed;
    bool at_work = false;                           // a batch has begun
    bool open = false;                              // the first batch waits for this
    std::vector<std::vector<std::string>> batches;  // keys, as they came together
    std::vector<std::string> alone;                 // keys that were handed over
    std::set<std::string> hard;                     // keys that a batch leaves unanswered
    std::set<std::string> half;                     // keys of which a batch answers the first alone
    bool apart_open = true;                         // what is handed over waits for this
    Gatherer<NoConnection> gatherer{pool,
                                    {.together = [this](NoConnection&, WaitingList& all) { together(all); },
                                     .alone = [this](NoConnection&, WaitingList& all) { apart(all); }},
                                    1};

    void together(WaitingList& all) {
        std::unique_lock lock(mutex);
        at_work = true;
        changed.notify_all();
        changed.wait(lock, [this] { return open; });
        auto& keys = batches.emplace_back();
        for (auto& one : all) {
            bool later = std::ranges::find(keys, one->key()) != keys.end();
            keys.push_back(one->key());
            if (later && half.contains(one->key())) continue;
            if (!hard.contains(one->key())) static_cast<Noted&>(*one).write("together");
        }
    }
    void apart(WaitingList& all) {
        std::unique_lock lock(mutex);
        for (auto& one : all) {
            alone.push_back(one->key());
            static_cast<Noted&>(*one).write("alone");
        }
        changed.notify_all();
        changed.wait(lock, [this] { return apart_open; });
    }
    void add(const std::string& key, bool shares_batch = true) {
        gatherer.add(std::make_unique<Noted>(key, shares_batch, ends));
    }
    // The first batch, which waits until `begin`, so that what is added meanwhile waits too.
    void first(const std::string& key) {
        add(key);
        std::unique_lock lock(mutex);
        changed.wait(lock, [this] { return at_work; });
    }
    void begin() {
        std::lock_guard lock(mutex);
        open = true;
        changed.notify_all();
    }
    void until_some_are_home(std::size_t count) {
        while (ends.size() < count) {
            io.restart();
            io.run_for(std::chrono::milliseconds{5});
        }
    }
    void until_home(std::size_t count) {
        until_some_are_home(count);
        pool.stop();
    }
};

TEST_F(Gathering, WhatWaitsWhileABatchIsWrittenSharesTheNext) {
    first("a");
    for (const char* key : {"b", "c", "b"}) add(key);
    begin();
    until_home(4);
    ASSERT_EQ(batches.size(), 2U);
    EXPECT_THAT(batches[1], ElementsAre("b", "c", "b"));
}

TEST_F(Gathering, ThoseThatDoNotShareABatchComeOneAfterTheOther) {
    first("a");
    add("k", false);
    add("k", false);
    begin();
    until_home(3);
    ASSERT_EQ(batches.size(), 3U);
    EXPECT_THAT(batches[1], ElementsAre("k"));
    EXPECT_THAT(batches[2], ElementsAre("k"));
}

TEST_F(Gathering, WhatABatchLeavesIsSeenToApartByItsKey) {
    hard = {"b"};
    first("a");
    for (const char* key : {"b", "c", "b"}) add(key);
    begin();
    until_home(4);
    EXPECT_THAT(alone, ElementsAre("b", "b"));
    EXPECT_THAT(ends, UnorderedElementsAre("a together", "c together", "b alone", "b alone"));
}

TEST_F(Gathering, AKeyThatWasHandedOverIsNotWorkedOnByTwo) {
    half = {"b"};
    apart_open = false;
    first("a");
    for (const char* key : {"b", "b"}) add(key);
    begin();
    {
        std::unique_lock lock(mutex);
        changed.wait(lock, [this] { return !alone.empty(); });
    }
    add("b");
    add("c");
    until_some_are_home(3);
    EXPECT_THAT(ends, UnorderedElementsAre("a together", "b together", "c together"));
    {
        std::lock_guard lock(mutex);
        EXPECT_THAT(batches.back(), ElementsAre("c"));
        apart_open = true;
        changed.notify_all();
    }
    until_home(5);
    EXPECT_THAT(batches.back(), ElementsAre("b"));
}

TEST_F(Gathering, NoMoreWaitThanThereIsRoomFor) {
    first("a");
    for (std::size_t i = 0; i < Gatherer<NoConnection>::waiting_max; ++i) add(std::to_string(i));
    add("one too many");
    begin();
    until_home(Gatherer<NoConnection>::waiting_max + 2);
    EXPECT_EQ(std::ranges::count_if(ends, [](const auto& end) { return end.ends_with("overloaded"); }), 1);
    EXPECT_THAT(ends, testing::Contains("one too many overloaded"));
}

TEST_F(Gathering, WhoeverWaitsWhenThePoolStopsIsTold) {
    begin();
    pool.stop();
    add("a");
    io.restart();
    io.run_for(std::chrono::milliseconds{50});
    ASSERT_EQ(ends.size(), 1U);
    EXPECT_FALSE(ends[0].ends_with("together"));
}

}  // namespace
}  // namespace countersign::pg
