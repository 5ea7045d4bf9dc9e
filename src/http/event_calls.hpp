#pragma once
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "countersign/rt/signal.hpp"
#include "http/gate.hpp"
#include "http/request_calls.hpp"

namespace countersign::http {

// GET /v1/events: the log as a stream that goes on, or in pages.
//
// The newest events stand ready-made in one tail that all streams share. Who has caught up is served from it;
// who has not reads the database page by page, at its own pace. A stream that had caught up and then falls so
// far behind that the tail has left it is too slow: it is told so and cut off, and may come back with
// Last-Event-ID. However many read however slowly, what is kept for them is one tail and the bytes of one
// write each.
class EventCalls {
  public:
    EventCalls(const HttpSettings& settings, const app::Runtime& runtime, app::Roster& roster,
               app::LogTail& log, Gate& gate);
    std::vector<Route> routes();
    rt::asio::awaitable<void> follow();  // keeps the tail; until cancelled
    std::size_t streams() const { return streams_.size(); }

  private:
    struct Asked {
        EventQuery query;
        std::vector<core::AccountId> approvers;  // what `query.approver` means
    };
    struct Item {
        app::LoggedEvent event;
        std::string block;
    };
    struct Stream {
        Stream(Call& c, Asked a, std::int64_t after, rt::asio::any_io_executor executor)
            : call(c), asked(std::move(a)), position(after), signal(std::move(executor)) {}
        Call& call;
        Asked asked;
        std::int64_t position;   // the last index that was looked at
        bool caught_up = false;  // it has been served from the tail
        bool gone = false;       // its client is
        core::Instant spoken_at{};
        std::uint64_t woken_in = 0;  // the round of waking
        rt::Signal signal;
    };
    struct LastWord {
        std::string code;
        std::string detail;
    };

    // Where it has begun a stream, that has ended by then.
    Later<net::HttpResponse> answer(Call& call);
    Later<net::HttpResponse> page(Call& call, Asked asked);
    Later<Done> stream(Call& call, Asked asked);
    rt::asio::awaitable<void> run(Stream& stream);
    Later<std::string> next_text(Stream& stream);
    std::string text_from_tail(Stream& stream) const;
    Later<std::string> text_from_store(Stream& stream);
    rt::asio::awaitable<std::optional<LastWord>> reason_to_end(Stream& stream);
    Later<app::LogPage> read(std::int64_t after, app::EventFilter filter, std::size_t at_most);
    Later<Done> extend_tail();
    rt::asio::awaitable<void> wake_streams();
    std::int64_t tail_begin() const { return tail_end_ - std::ssize(tail_); }
    bool wanted(const Asked& asked, const app::Caller& caller, const app::LoggedEvent& event) const;
    core::Value document(const app::LoggedEvent& event) const;
    std::string block(const app::LoggedEvent& event) const;

    const app::Runtime& runtime_;
    app::Roster& roster_;
    app::LogTail& log_;
    Gate& gate_;
    const std::string source_;
    const std::size_t tail_events_max_;
    const std::size_t tail_bytes_max_;
    std::list<Stream*> streams_;  // each lives in the frame of its stream
    std::deque<Item> tail_;
    std::int64_t tail_end_ = 0;  // the index after its last, while somebody streams
    std::size_t tail_bytes_ = 0;
    std::uint64_t tails_ = 0;  // how many tails there have been: each lasts while somebody streams
    std::uint64_t rounds_ = 0;
    bool reading_ = false;  // a page is being read: one at a time, so that batches find a database thread
    std::optional<rt::Signal> read_;
};

}  // namespace countersign::http
