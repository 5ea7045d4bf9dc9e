#pragma once
#include <algorithm>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "countersign/rt/blocking_pool.hpp"
#include "countersign/rt/deadline.hpp"

namespace countersign::pg {

// Something to be written, with whoever waits for what became of it.
class Waiting {
  public:
    // `key`: two with the same one are never worked on by two threads at once. `shares_batch`: a batch may
    // take several of them together.
    Waiting(std::string key, bool shares_batch, Deadline deadline)
        : key_(std::move(key)), shares_batch_(shares_batch), deadline_(deadline) {}
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;
    virtual ~Waiting() = default;
    const std::string& key() const { return key_; }
    bool shares_batch() const { return shares_batch_; }
    const Deadline& deadline() const { return deadline_; }
    virtual bool answered() const = 0;
    virtual void refuse(Failure failure) = 0;
    // Hands the answer over; what is returned resumes whoever waits.
    virtual rt::CompletionQueue::Resume finish() = 0;

  private:
    std::string key_;
    bool shares_batch_;
    Deadline deadline_;
};
using WaitingList = std::vector<std::unique_ptr<Waiting>>;

// Gathers what is to be written: whatever waits while a commit is under way goes into the next transaction
// together, so that many share one statement and one flush to disk. What a batch leaves unanswered is handed
// over, one key at a time, to a thread that may wait, so that nobody suffers for another. Knows no SQL.
// Thread-safe.
template <class Worker>
class Gatherer {
  public:
    static constexpr std::size_t batch_max = 32;
    static constexpr std::size_t waiting_max = 4'096;
    using Pool = rt::BlockingPool<Worker>;
    struct Work {
        // Answers as many as it can without waiting for anybody.
        std::function<void(Worker&, WaitingList&)> together;
        // All of one key: answers every one.
        std::function<void(Worker&, WaitingList&)> alone;
    };

    // `batches_max`: transactions at a time.
    Gatherer(Pool& pool, Work work, std::size_t batches_max)
        : pool_(pool), work_(std::move(work)), batches_max_(batches_max) {}

    void add(std::unique_ptr<Waiting> one) {
        bool start = false;
        {
            std::lock_guard lock(mutex_);
            if (waiting_.size() < waiting_max) {
                // A key that is under way is looked at again when its thread is done with it.
                start = batches_ < batches_max_ && !under_way_.contains(one->key());
                if (start) ++batches_;
                waiting_.push_back(std::move(one));
            }
        }
        if (start) return start_batch();
        if (one) refuse_now(std::move(one));
    }
    std::size_t waiting() const {
        std::lock_guard lock(mutex_);
        return waiting_.size();
    }

  private:
    void refuse_now(std::unique_ptr<Waiting> one) {
        one->refuse({Trouble::overloaded, "too much is waiting already; try again", {}, {}});
        pool_.home().deliver(one->finish());
    }

    void start_batch() {
        typename Pool::Task task = [this](Worker* worker) { run(worker); };
        // The queue is full: whoever is at work takes what waits; with nobody at work it is refused.
        if (pool_.post(rt::Lane::interactive, task)) return;
        std::deque<std::unique_ptr<Waiting>> left;
        {
            std::lock_guard lock(mutex_);
            --batches_;
            if (batches_ == 0) left.swap(waiting_);
        }
        for (auto& one : left) refuse_now(std::move(one));
    }

    // What waits, except for keys that another thread is at.
    WaitingList next_batch() {
        WaitingList batch;
        std::unordered_set<std::string> mine;
        std::deque<std::unique_ptr<Waiting>> left;
        while (!waiting_.empty() && batch.size() < batch_max) {
            auto one = std::move(waiting_.front());
            waiting_.pop_front();
            bool joins =
                mine.contains(one->key()) ? one->shares_batch() : under_way_.insert(one->key()).second;
            if (joins) mine.insert(one->key());
            if (joins)
                batch.push_back(std::move(one));
            else
                left.push_back(std::move(one));
        }
        while (!left.empty()) {
            waiting_.push_front(std::move(left.back()));
            left.pop_back();
        }
        return batch;
    }

    void run(Worker* worker) {
        for (;;) {
            WaitingList batch;
            {
                std::lock_guard lock(mutex_);
                batch = next_batch();
                if (batch.empty()) {
                    --batches_;
                    return;
                }
            }
            if (worker)
                work_.together(*worker, batch);
            else
                stop(batch);
            WaitingList left;
            for (auto& one : batch)
                if (!one->answered()) left.push_back(std::move(one));
            std::erase(batch, nullptr);
            finish(batch, left);
            while (!left.empty()) hand_over(*worker, left);
            // Others wait for a thread: they get a turn.
            if (worker && pool_.queued() > 0) return start_batch();
        }
    }

    static void stop(WaitingList& all) {
        for (auto& one : all) one->refuse({Trouble::unavailable, "the server is stopping", {}, {}});
    }

    // `left`: of the same batch, still to be worked on; their keys stay under way.
    void finish(WaitingList& all, const WaitingList& left = {}) {
        std::unordered_set<std::string_view> kept;
        for (const auto& one : left) kept.insert(one->key());
        {
            std::lock_guard lock(mutex_);
            for (auto& one : all)
                if (!kept.contains(one->key())) under_way_.erase(one->key());
        }
        std::vector<rt::CompletionQueue::Resume> finished;
        for (auto& one : all) finished.push_back(one->finish());
        all.clear();
        if (!finished.empty()) pool_.home().deliver(std::move(finished));
    }

    // Takes what is left of one key and sees to it apart, on a thread that may wait: the next batch does not.
    // `worker` is for when no other thread can be had.
    void hand_over(Worker& worker, WaitingList& left) {
        WaitingList same;
        const std::string key = left.front()->key();
        for (auto& one : left)
            if (one->key() == key) same.push_back(std::move(one));
        std::erase(left, nullptr);
        typename Pool::Task task = [this, all = std::move(same)](Worker* own) mutable {
            if (own)
                work_.alone(*own, all);
            else
                stop(all);
            finish(all);
            bool start = false;
            {
                // What came for this key meanwhile.
                std::lock_guard lock(mutex_);
                start = !waiting_.empty() && batches_ < batches_max_;
                if (start) ++batches_;
            }
            if (start) start_batch();
        };
        if (!pool_.post(rt::Lane::background, task)) task(&worker);
    }

    Pool& pool_;
    const Work work_;
    const std::size_t batches_max_;
    mutable std::mutex mutex_;
    std::deque<std::unique_ptr<Waiting>> waiting_;
    std::unordered_set<std::string> under_way_;
    std::size_t batches_ = 0;
};

}  // namespace countersign::pg
