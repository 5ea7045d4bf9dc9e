#include "countersign/app/waiters.hpp"

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <deque>
#include <list>
#include <map>
#include <optional>
#include <unordered_map>

#include "countersign/rt/tasks.hpp"

namespace countersign::app {

namespace asio = rt::asio;

void WaitStop::stop() {
    stopped_ = true;
    if (waiting_ != nullptr) waiting_->wake_soon();
}

struct Waiters::Impl {
    using Self = std::shared_ptr<Impl>;  // whatever runs later holds one
    // One waiting coroutine; lives in its frame.
    struct Waiter {
        rt::Wake wake;
        core::RequestId request;
        std::int32_t seen;
        CasePtr answer;
        std::list<Waiter*>* in = nullptr;  // the list that holds it: its request's, or the wake queue
        std::list<Waiter*>::iterator at{};
        std::multimap<core::Instant, Waiter*>::iterator due{};
        bool has_due = false;
    };
    struct Watched {
        std::list<Waiter*> waiters;
        std::int32_t seen = 0;
    };

    explicit Impl(asio::any_io_executor given) : executor(std::move(given)) {}

    void enrol(Waiter& waiter, core::Instant until);
    void leave(Waiter& waiter);
    void queue(Waiter& waiter, CasePtr answer);
    static void schedule_wakes(const Self& self);
    static void wake_slice(const Self& self);
    static void arm(const Self& self, rt::Timers& timers);
    static asio::awaitable<void> sweep(Self self, rt::Timers& timers);
    void remember(const CasePtr& now);

    asio::any_io_executor executor;
    std::unordered_map<core::RequestId, Watched> watched;
    std::multimap<core::Instant, Waiter*> dues;
    std::list<Waiter*> wake_queue;
    bool slice_posted = false;
    bool closed = false;
    std::size_t count = 0;

    std::unordered_map<core::RequestId, CasePtr> recent;
    std::deque<core::RequestId> recent_order;

    // The sweeper ends waits whose time is up: one sleeper for all waiters.
    bool sweeping = false;
    std::optional<core::Instant> sleeping_until;
    asio::cancellation_signal rouse;
};

void Waiters::Impl::enrol(Waiter& waiter, core::Instant until) {
    auto [it, fresh] = watched.try_emplace(waiter.request);
    if (fresh || waiter.seen < it->second.seen) it->second.seen = waiter.seen;
    waiter.in = &it->second.waiters;
    waiter.at = waiter.in->insert(waiter.in->end(), &waiter);
    if (until != core::Instant::max()) {
        waiter.due = dues.emplace(until, &waiter);
        waiter.has_due = true;
    }
    ++count;
}

void Waiters::Impl::leave(Waiter& waiter) {
    if (waiter.in != nullptr) waiter.in->erase(waiter.at);
    waiter.in = nullptr;
    if (waiter.has_due) dues.erase(waiter.due);
    waiter.has_due = false;
    --count;
    if (auto it = watched.find(waiter.request); it != watched.end() && it->second.waiters.empty())
        watched.erase(it);
    if (dues.empty() && sleeping_until) rouse.emit(asio::cancellation_type::total);
}

void Waiters::Impl::queue(Waiter& waiter, CasePtr answer) {
    waiter.answer = std::move(answer);
    if (waiter.in == &wake_queue) return;
    wake_queue.splice(wake_queue.end(), *waiter.in, waiter.at);
    waiter.in = &wake_queue;
}

void Waiters::Impl::schedule_wakes(const Self& self) {
    if (self->slice_posted || self->wake_queue.empty()) return;
    self->slice_posted = true;
    asio::post(self->executor, [self] { wake_slice(self); });
}

void Waiters::Impl::wake_slice(const Self& self) {
    self->slice_posted = false;
    auto& queue = self->wake_queue;
    for (std::size_t i = 0; i < wake_slice_max && !queue.empty(); ++i) {
        Waiter* waiter = queue.front();
        queue.pop_front();
        waiter->in = nullptr;
        waiter->wake.wake_soon();
    }
    schedule_wakes(self);
}

void Waiters::Impl::arm(const Self& self, rt::Timers& timers) {
    if (self->dues.empty()) return;
    if (self->sweeping) {
        bool earlier = self->sleeping_until && self->dues.begin()->first < *self->sleeping_until;
        if (earlier) self->rouse.emit(asio::cancellation_type::total);
        return;
    }
    self->sweeping = true;
    asio::co_spawn(self->executor, sweep(self, timers),
                   asio::bind_cancellation_slot(self->rouse.slot(), [](std::exception_ptr thrown) {
                       if (thrown) rt::report_bug("waiters' sweeper", thrown);
                   }));
}

asio::awaitable<void> Waiters::Impl::sweep(Self self, rt::Timers& timers) {
    co_await asio::this_coro::throw_if_cancelled(false);
    while (!self->dues.empty()) {
        co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
        auto until = self->dues.begin()->first;
        self->sleeping_until = until;
        auto roused = co_await timers.sleep_until(until);
        self->sleeping_until.reset();
        if (roused) continue;  // an earlier end came in, or nobody is left
        while (!self->dues.empty() && self->dues.begin()->first <= until) {
            Waiter* waiter = self->dues.begin()->second;
            self->dues.erase(self->dues.begin());
            waiter->has_due = false;
            waiter->wake.wake_soon();
        }
    }
    self->sweeping = false;
}

void Waiters::Impl::remember(const CasePtr& now) {
    auto [it, fresh] = recent.try_emplace(now->c.request->id, now);
    if (!fresh && it->second->c.version() < now->c.version()) it->second = now;
    if (!fresh) return;
    recent_order.push_back(now->c.request->id);
    if (recent_order.size() <= recent_max) return;
    recent.erase(recent_order.front());
    recent_order.pop_front();
}

Waiters::Waiters(asio::any_io_executor executor) : impl_(std::make_shared<Impl>(std::move(executor))) {}

Waiters::~Waiters() = default;

Later<CasePtr> Waiters::wait(core::RequestId request, std::int32_t seen, rt::Timers& timers,
                             core::Instant until, WaitStop* stop) {
    auto impl = impl_;
    // A change that came while the caller was reading.
    if (auto newest = recent(request); newest && newest->c.version() > seen) co_return newest;
    if (impl->closed || (stop != nullptr && stop->stopped_)) co_return CasePtr{};
    if (impl->count >= waiters_max)
        co_return fail(Trouble::overloaded, "too many clients are waiting: try again in a few seconds",
                       "too_many_waiters");

    Impl::Waiter waiter{.wake = rt::Wake{impl->executor}, .request = request, .seen = seen, .answer = {}};
    struct Enrolled {
        Impl& impl;
        Impl::Waiter& waiter;
        WaitStop* stop;
        ~Enrolled() {
            impl.leave(waiter);
            if (stop != nullptr) stop->waiting_ = nullptr;
        }
    };
    impl->enrol(waiter, until);
    Enrolled enrolled{*impl, waiter, stop};
    if (stop != nullptr) stop->waiting_ = &waiter.wake;
    Impl::arm(impl, timers);
    co_await waiter.wake.wait();
    co_return std::move(waiter.answer);
}

void Waiters::changed(CasePtr now) {
    impl_->remember(now);
    auto it = impl_->watched.find(now->c.request->id);
    if (it == impl_->watched.end()) return;
    auto version = now->c.version();
    it->second.seen = std::max(it->second.seen, version);
    auto& waiters = it->second.waiters;
    for (auto at = waiters.begin(); at != waiters.end();) {
        auto* waiter = *at++;
        if (waiter->seen < version) impl_->queue(*waiter, now);
    }
    Impl::schedule_wakes(impl_);
}

CasePtr Waiters::recent(core::RequestId request) const {
    auto it = impl_->recent.find(request);
    return it == impl_->recent.end() ? nullptr : it->second;
}

std::vector<std::pair<core::RequestId, std::int32_t>> Waiters::watched() const {
    std::vector<std::pair<core::RequestId, std::int32_t>> all;
    all.reserve(impl_->watched.size());
    for (const auto& [request, watched] : impl_->watched) all.emplace_back(request, watched.seen);
    return all;
}

std::optional<std::int32_t> Waiters::seen(core::RequestId request) const {
    auto it = impl_->watched.find(request);
    return it == impl_->watched.end() ? std::nullopt : std::optional{it->second.seen};
}

std::size_t Waiters::size() const {
    return impl_->count;
}

void Waiters::close() {
    impl_->closed = true;
    for (auto& [request, watched] : impl_->watched)
        while (!watched.waiters.empty()) impl_->queue(*watched.waiters.front(), nullptr);
    Impl::schedule_wakes(impl_);
}

}  // namespace countersign::app
