#pragma once
#include <algorithm>
#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "countersign/base/check.hpp"
#include "countersign/rt/later.hpp"

namespace countersign::rt {

// Resumes coroutines on the I/O thread whose work finished on others: however many finish at once, that
// thread is woken once.
class CompletionQueue {
  public:
    using Resume = std::move_only_function<void()>;
    explicit CompletionQueue(asio::any_io_executor executor) : executor_(std::move(executor)) {}

    // May be called from any thread. The io_context does not run dry while something is under way.
    void deliver(std::vector<Resume> finished) {
        bool first = false;
        {
            std::lock_guard lock(mutex_);
            first = finished_.empty();
            for (Resume& resume : finished) finished_.push_back(std::move(resume));
        }
        if (first && !finished.empty()) asio::post(executor_, [this] { run_finished(); });
    }
    void deliver(Resume one) {
        std::vector<Resume> finished;
        finished.push_back(std::move(one));
        deliver(std::move(finished));
    }
    const asio::any_io_executor& executor() const { return executor_; }

  private:
    void run_finished() {
        std::vector<Resume> now;
        {
            std::lock_guard lock(mutex_);
            now.swap(finished_);
        }
        for (Resume& resume : now) resume();
    }

    asio::any_io_executor executor_;
    std::mutex mutex_;
    std::vector<Resume> finished_;
};

// Holds the answer that one coroutine waits for, in that coroutine's frame. Whoever works on the answer owns
// the coroutine through `resume`, so the frame cannot go away before.
template <class T>
struct Awaited {
    std::optional<Result<T>> answer;
    CompletionQueue::Resume resume;
};

// Suspends until somebody has set `awaited.answer` and delivered `awaited.resume`; `start` hands it to them
// and may do so from any thread at once.
template <class T, class Start>
Later<T> await_answer(const asio::any_io_executor& home, Start start) {
    Awaited<T> awaited;
    auto initiate = [&](auto handler) {
        // The tracked work keeps the io_context running until the answer is there.
        auto work = asio::prefer(home, asio::execution::outstanding_work.tracked);
        awaited.resume = [handler = std::move(handler), work = std::move(work)]() mutable {
            std::move(handler)();
        };
        start(awaited);
    };
    asio::use_awaitable_t<> token;
    co_await asio::async_initiate<asio::use_awaitable_t<>, void()>(initiate, token);
    COUNTERSIGN_CHECK(awaited.answer.has_value());
    co_return std::move(*awaited.answer);
}

enum class Lane : std::uint8_t { interactive, background };

// Runs jobs that may block on threads of their own. Each thread makes one Worker (a database connection),
// which no other thread ever touches. Interactive jobs may use every thread; background jobs use `background`
// of them at most, and wait while interactive ones do. Callers run on the executor given here.
template <class Worker>
class BlockingPool {
  public:
    struct Limits {
        std::size_t threads = 16;
        std::size_t background = 2;
        std::size_t queue_max = 4'096;  // jobs waiting, for each Lane
    };
    using MakeWorker = std::function<std::unique_ptr<Worker>()>;
    template <class T>
    using Job = std::move_only_function<Result<T>(Worker&)>;
    // A task gets nullptr where the pool stopped before it began.
    using Task = std::move_only_function<void(Worker*)>;

    BlockingPool(asio::any_io_executor home, Limits limits, MakeWorker make)
        : home_(std::move(home)), limits_(limits), make_(std::move(make)) {
        COUNTERSIGN_CHECK(limits_.threads > 0 && limits_.background > 0);
        for (std::size_t i = 0; i < limits_.threads; ++i) {
            Thread& thread = threads_.emplace_back();
            thread.runs = std::thread([this, &thread] { serve(thread); });
        }
    }
    BlockingPool(const BlockingPool&) = delete;
    BlockingPool& operator=(const BlockingPool&) = delete;
    ~BlockingPool() { stop(); }

    // Runs job(worker) on a pool thread and resumes the caller on the home executor. Not cancellable: a job
    // is bounded by its own limits. overloaded: queue_max jobs wait already; unavailable: stopped.
    template <class T>
    Later<T> run(Lane lane, Job<T> job) {
        auto start = [this, lane, job = std::move(job)](Awaited<T>& awaited) mutable {
            Task task = [this, &awaited, job = std::move(job)](Worker* worker) mutable {
                if (worker)
                    awaited.answer.emplace(job(*worker));
                else
                    awaited.answer.emplace(fail(Trouble::unavailable, "the server is stopping"));
                home_.deliver(std::move(awaited.resume));
            };
            if (post(lane, task)) return;
            awaited.answer.emplace(fail(Trouble::overloaded, "too much is waiting already; try again"));
            home_.deliver(std::move(awaited.resume));
        };
        return await_answer<T>(home_.executor(), std::move(start));
    }

    // Queues a task that delivers its own answer. Returns false, and leaves the task alone, where the queue
    // is full. Once the pool has stopped the task runs here, without a worker.
    bool post(Lane lane, Task& task) {
        Thread* called = nullptr;
        bool stopped = false;
        {
            std::lock_guard lock(mutex_);
            stopped = stopping_;
            auto& queue = queues_[static_cast<std::size_t>(lane)];
            if (queue.size() >= limits_.queue_max) return false;
            if (!stopped) {
                queue.push_back(std::move(task));
                bool held_back = lane == Lane::background && in_background_ >= limits_.background;
                if (!held_back) called = call_one();
            }
        }
        // The thread is notified after the lock is released, because it takes the lock as soon as it wakes.
        if (called) called->wake.notify_one();
        if (stopped) task(nullptr);
        return true;
    }

    // Finishes running jobs, fails queued ones and joins the threads. May be called again, but not from a
    // pool thread.
    void stop() {
        std::vector<Task> left;
        {
            std::lock_guard lock(mutex_);
            stopping_ = true;
            for (auto& queue : queues_) {
                for (Task& task : queue) left.push_back(std::move(task));
                queue.clear();
            }
            while (Thread* called = call_one()) called->wake.notify_one();
        }
        for (Task& task : left) task(nullptr);
        for (Thread& thread : threads_) {
            if (thread.runs.joinable()) thread.runs.join();
        }
    }
    std::size_t queued() const {
        std::lock_guard lock(mutex_);
        return queues_[0].size() + queues_[1].size();
    }
    CompletionQueue& home() { return home_; }

  private:
    static constexpr auto interactive = static_cast<std::size_t>(Lane::interactive);
    static constexpr auto background = static_cast<std::size_t>(Lane::background);

    struct Thread {
        bool idle = false;  // waits to be notified
        std::condition_variable wake;
        std::thread runs;
    };

    // Claims the first idle thread, or returns null where none is idle. As few threads as possible do all the
    // work, so that their caches, and those of their connections' backends, stay warm.
    Thread* call_one() {
        auto first = std::ranges::find(threads_, true, &Thread::idle);
        if (first == threads_.end()) return nullptr;
        first->idle = false;
        return &*first;
    }
    bool background_may_run() const {
        return !queues_[background].empty() && in_background_ < limits_.background;
    }
    void serve(Thread& self) {
        std::unique_ptr<Worker> worker = make_();
        std::unique_lock lock(mutex_);
        for (;;) {
            while (!stopping_ && queues_[interactive].empty() && !background_may_run()) {
                self.idle = true;
                self.wake.wait(lock, [&self] { return !self.idle; });
            }
            if (stopping_) return;
            std::size_t lane = queues_[interactive].empty() ? background : interactive;
            Task task = std::move(queues_[lane].front());
            queues_[lane].pop_front();
            if (lane == background) ++in_background_;
            lock.unlock();
            task(worker.get());
            task = nullptr;
            lock.lock();
            if (lane == background) --in_background_;
        }
    }

    CompletionQueue home_;
    const Limits limits_;
    const MakeWorker make_;
    mutable std::mutex mutex_;
    std::array<std::deque<Task>, 2> queues_;
    std::size_t in_background_ = 0;
    bool stopping_ = false;
    std::deque<Thread> threads_;
};

}  // namespace countersign::rt
