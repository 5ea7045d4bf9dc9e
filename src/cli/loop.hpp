#pragma once
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "countersign/rt/clock.hpp"
#include "countersign/rt/deadline.hpp"

namespace countersign::cli {

// One thread's event loop for verbs that come to an end: it runs while something is awaited.
class Loop {
  public:
    Loop();
    ~Loop();
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    // Runs `work` to its end. A signal that would end the process cancels it instead: the answer is then
    // `cancelled` and `interrupted` says which it was. One that comes between two calls cancels the later
    // one. What was ignored when the loop was made stays ignored. `each_second` is called meanwhile.
    template <class T>
    Result<T> finish(Later<T> work, std::function<void()> each_second = {}) {
        std::optional<Result<T>> answer;
        drive(rt::keep(std::move(work), answer), std::move(each_second));
        if (!answer) return fail(Trouble::cancelled, "interrupted");
        return std::move(*answer);
    }
    // The newest such signal; 0: none yet. Sees those that came while nothing ran, too.
    int interrupted();

    rt::asio::any_io_executor executor() { return io_.get_executor(); }
    const rt::Clock& clock() const { return *clock_; }
    rt::Timers& timers() { return *timers_; }
    rt::Entropy& entropy() { return *entropy_; }
    core::Instant now() const { return clock_->now(); }
    Deadline within(core::Duration patience) const { return Deadline{now() + patience}; }

  private:
    void listen();
    void drive(rt::asio::awaitable<void> work, std::function<void()> each_second);
    rt::asio::awaitable<void> tick(const std::function<void()>& each_second);

    rt::asio::io_context io_{1};
    std::unique_ptr<rt::Clock> clock_;
    std::unique_ptr<rt::Timers> timers_;
    std::unique_ptr<rt::Entropy> entropy_;
    rt::asio::signal_set signals_{io_};
    rt::asio::cancellation_signal* work_ = nullptr;  // of what runs
    int interrupted_ = 0;
};

}  // namespace countersign::cli
