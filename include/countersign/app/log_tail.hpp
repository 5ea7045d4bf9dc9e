#pragma once
#include <chrono>
#include <cstdint>
#include <optional>

#include "countersign/app/events.hpp"
#include "countersign/rt/signal.hpp"

namespace countersign::app {

// What is heard of the log from the database, from whichever replica.
struct LogNews {
    std::int64_t size = 0;      // how many events have a place; 0: not said
    bool waiting = false;       // there are events without one
    bool from_another = false;  // another replica spoke
};

// The log's growing end in this process: gives events their place soon after they were committed, and tells
// whoever follows. For the I/O thread.
class LogTail {
  public:
    // How long a batch gathers. Whoever wants an event at once has had it from the commit already.
    static constexpr core::Duration gather{std::chrono::milliseconds{10}};
    static constexpr core::Duration retry{std::chrono::milliseconds{500}};
    // A replica that was not heard for so long is gone; each is heard three times as often.
    static constexpr core::Duration others_remembered{std::chrono::seconds{60}};

    LogTail(EventLog& events, core::ProcessId process, const rt::Clock& clock, rt::Timers& timers,
            rt::asio::any_io_executor executor);

    EventLog& events() { return events_; }
    Later<Done> record(AdminEvent event, Deadline deadline);  // as the store does, and soon in its place
    void committed();                                         // this process committed an event
    void heard(const LogNews& news);
    std::int64_t size() const { return size_; }  // as far as it is known here
    bool others() const;                         // whether other replicas live
    rt::Signal& grown() { return grown_; }       // told when `size` rises, and when this closes
    void close();
    bool closed() const { return closed_; }
    rt::asio::awaitable<void> run();  // gives events their place; until cancelled

  private:
    void grow(std::int64_t size);

    EventLog& events_;
    core::ProcessId process_;
    const rt::Clock& clock_;
    rt::Timers& timers_;
    rt::Signal needed_;
    rt::Signal grown_;
    std::int64_t size_ = 0;
    bool waiting_ = true;  // what an earlier run left
    bool closed_ = false;
    std::optional<core::Instant> others_until_;
};

}  // namespace countersign::app
