#include "countersign/app/log_tail.hpp"

#include <algorithm>
#include <utility>

#include "countersign/base/log.hpp"

namespace countersign::app {
namespace {

constexpr core::Duration job_patience{std::chrono::seconds{5}};
constexpr core::Duration idle_look{std::chrono::hours{1}};  // nothing is polled here: the listener does

}  // namespace

LogTail::LogTail(EventLog& events, core::ProcessId process, const rt::Clock& clock, rt::Timers& timers,
                 rt::asio::any_io_executor executor)
    : events_(events),
      process_(process),
      clock_(clock),
      timers_(timers),
      needed_(executor),
      grown_(std::move(executor)) {}

Later<Done> LogTail::record(AdminEvent event, Deadline deadline) {
    auto recorded = co_await events_.record(std::move(event), deadline);
    if (recorded) committed();
    co_return recorded;
}

void LogTail::committed() {
    if (std::exchange(waiting_, true)) return;
    needed_.notify_all();
}

void LogTail::heard(const LogNews& news) {
    if (news.from_another) others_until_ = clock_.now() + others_remembered;
    if (news.waiting) committed();
    grow(news.size);
}

bool LogTail::others() const {
    return others_until_ && clock_.now() < *others_until_;
}

void LogTail::grow(std::int64_t size) {
    if (size <= size_) return;
    size_ = size;
    grown_.notify_all();
}

void LogTail::close() {
    closed_ = true;
    grown_.notify_all();
}

rt::asio::awaitable<void> LogTail::run() {
    std::string told;
    for (;;) {
        if (!waiting_) {
            co_await needed_.wait_until(timers_, clock_.now() + idle_look);
            continue;
        }
        auto cut = co_await timers_.sleep_until(clock_.now() + gather);
        if (cut) co_return;
        waiting_ = false;
        Result<EventLog::Sequenced> done = EventLog::Sequenced{.size = 0, .more = true};
        while (done && done->more) {
            // With nobody else there is nobody to tell.
            auto tell = others() ? std::optional{process_} : std::nullopt;
            done = co_await events_.sequence(tell, Deadline{clock_.now() + job_patience});
            if (done) grow(done->size);
        }
        if (done) {
            told.clear();
            continue;
        }
        waiting_ = true;
        if (done.error().detail != told)
            log::warn("log", "events wait for their place: {}", done.error().detail);
        told = done.error().detail;
        cut = co_await timers_.sleep_until(clock_.now() + retry);
        if (cut) co_return;
    }
}

}  // namespace countersign::app
