#pragma once
#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "countersign/rt/later.hpp"

namespace countersign::rt {

// Judges from regular looks whether a loop has stood still for too long. Time in which nobody looked either
// does not count: then the whole process was stopped, or the machine slept.
class LoopWatch {
  public:
    enum class Finding : std::uint8_t {
        turning,
        still,    // it has not turned for a while yet
        hanging,  // it has not turned for longer than it may
        stopped,  // the process itself was stopped for a while
    };
    // `look_every`: how often `look` is to be called.
    LoopWatch(std::chrono::milliseconds patience, std::chrono::milliseconds look_every)
        : patience_(patience), look_every_(look_every) {}
    // `turned`: since the last look. `passed`: the time since then.
    Finding look(bool turned, std::chrono::milliseconds passed);

  private:
    std::chrono::milliseconds patience_;
    std::chrono::milliseconds look_every_;
    std::chrono::milliseconds still_{0};
};

// Watches from a thread of its own that the loop of `executor` turns: on a loop that hangs, what people do
// is taken from its sockets by nobody, and no other process hears of it.
class Watchdog {
  public:
    struct Orders {
        std::chrono::milliseconds patience{0};  // 0: for ever
        // Called when the loop has stood still for longer than `patience`. It must not return.
        std::function<void()> hangs;
        // While the loop turns, `turns` is called so often, on the watching thread; 0: never.
        std::chrono::milliseconds tell_every{0};
        std::function<void()> turns;
    };
    Watchdog(asio::any_io_executor executor, Orders orders);
    Watchdog(const Watchdog&) = delete;
    Watchdog& operator=(const Watchdog&) = delete;
    ~Watchdog();

  private:
    struct Loop;
    void watch();

    asio::any_io_executor executor_;
    Orders orders_;
    std::chrono::milliseconds look_every_;
    std::shared_ptr<Loop> loop_;  // shared with what is posted, which may come after us
    std::mutex mutex_;
    std::condition_variable wake_;
    bool stopping_ = false;
    std::thread thread_;  // last: it uses all of the above
};

}  // namespace countersign::rt
