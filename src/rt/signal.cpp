#include "countersign/rt/signal.hpp"

#include <utility>

#include "countersign/rt/deadline.hpp"
#include "countersign/rt/wake.hpp"

namespace countersign::rt {
namespace {

struct Waiter {
    explicit Waiter(const asio::any_io_executor& executor) : wake(executor) {}
    bool notified = false;
    Wake wake;
};

// Takes the waiter off the list however the wait ends, an abandoned coroutine included.
class Enlisted {
  public:
    Enlisted(std::list<Waiter*>& list, Waiter& waiter)
        : list_(list), waiter_(waiter), place_(list.insert(list.end(), &waiter)) {}
    Enlisted(const Enlisted&) = delete;
    Enlisted& operator=(const Enlisted&) = delete;
    ~Enlisted() {
        if (!waiter_.notified) list_.erase(place_);
    }

  private:
    std::list<Waiter*>& list_;
    Waiter& waiter_;
    std::list<Waiter*>::iterator place_;
};

asio::awaitable<void> until_notified(Waiter& waiter) {
    if (!waiter.notified) co_await waiter.wake.wait();
}

}  // namespace

struct Signal::Impl {
    explicit Impl(asio::any_io_executor given) : executor(std::move(given)) {}
    asio::any_io_executor executor;
    std::list<Waiter*> waiters;  // each lives in the frame of its own `wait_until`
};

Signal::Signal(asio::any_io_executor executor) : impl_(std::make_unique<Impl>(std::move(executor))) {}
Signal::~Signal() = default;

asio::awaitable<bool> Signal::wait_until(Timers& timers, core::Instant at) {
    Waiter waiter{impl_->executor};
    // The waiter is on the list before the first suspension, so no notification falls between check and wait.
    Enlisted enlisted{impl_->waiters, waiter};
    auto waiting = until_notified(waiter);
    co_await cut_short_at(timers, at, std::move(waiting));
    co_return waiter.notified;
}

void Signal::notify_all() {
    while (!impl_->waiters.empty()) notify_one();
}

void Signal::notify_one() {
    if (impl_->waiters.empty()) return;
    Waiter* waiter = impl_->waiters.front();
    impl_->waiters.pop_front();
    waiter->notified = true;
    waiter->wake.wake_soon();
}

std::size_t Signal::waiting() const {
    return impl_->waiters.size();
}

}  // namespace countersign::rt
