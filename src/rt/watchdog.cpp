#include "countersign/rt/watchdog.hpp"

#include <algorithm>
#include <atomic>
#include <boost/asio/post.hpp>
#include <utility>

#include "countersign/base/log.hpp"
#include "countersign/rt/steady.hpp"

namespace countersign::rt {
namespace {

using std::chrono::milliseconds;

constexpr int looks_per_patience = 20;
// A look that comes so many times later than it should was not late because the machine is busy.
constexpr int late_factor = 10;
constexpr milliseconds look_every_min{10};

milliseconds pace_of(const Watchdog::Orders& orders) {
    milliseconds pace{std::chrono::seconds{1}};
    if (orders.patience.count() > 0) pace = std::min(pace, orders.patience / looks_per_patience);
    if (orders.tell_every.count() > 0) pace = std::min(pace, orders.tell_every);
    return std::max(pace, look_every_min);
}

}  // namespace

LoopWatch::Finding LoopWatch::look(bool turned, milliseconds passed) {
    if (passed > late_factor * look_every_) {
        still_ = milliseconds{0};
        return Finding::stopped;
    }
    if (turned) {
        still_ = milliseconds{0};
        return Finding::turning;
    }
    still_ += passed;
    return patience_.count() > 0 && still_ >= patience_ ? Finding::hanging : Finding::still;
}

struct Watchdog::Loop {
    std::atomic<bool> turned = false;
};

Watchdog::Watchdog(asio::any_io_executor executor, Orders orders)
    : executor_(std::move(executor)),
      orders_(std::move(orders)),
      look_every_(pace_of(orders_)),
      loop_(std::make_shared<Loop>()) {
    if (orders_.patience.count() > 0 || orders_.tell_every.count() > 0)
        thread_ = std::thread([this] { watch(); });
}

Watchdog::~Watchdog() {
    {
        std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) thread_.join();
}

void Watchdog::watch() {
    LoopWatch watch{orders_.patience, look_every_};
    auto ask = [this] { asio::post(executor_, [loop = loop_] { loop->turned = true; }); };
    ask();
    auto looked = steady_now();
    auto told = looked;
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        wake_.wait_for(lock, look_every_, [this] { return stopping_; });
        if (stopping_) return;
        auto now = steady_now();
        auto passed = std::chrono::duration_cast<milliseconds>(now - std::exchange(looked, now));
        bool turned = loop_->turned.exchange(false);
        if (turned) ask();
        auto found = watch.look(turned, passed);
        if (found == LoopWatch::Finding::hanging) orders_.hangs();
        if (found == LoopWatch::Finding::stopped)
            log::warn("server", "this process was stopped for {} ms: what people did meanwhile may be lost",
                      passed.count());
        bool tells = orders_.tell_every.count() > 0 && (turned || found == LoopWatch::Finding::stopped);
        if (!tells || now - told < orders_.tell_every) continue;
        told = now;
        orders_.turns();
    }
}

}  // namespace countersign::rt
