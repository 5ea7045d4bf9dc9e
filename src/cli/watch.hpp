#pragma once
#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "cli/client.hpp"

namespace countersign::cli {

// How a request is waited for.
struct Watching {
    core::Duration unreachable_after;                        // how long failures may go on without a break
    core::Instant until = core::Instant::max();              // after that a pending request is the answer
    std::function<void(const Failure&)> on_trouble = {};     // the first failure in a row
    std::function<void(const core::Value&)> on_change = {};  // each version that is still pending
};

// Waits for a request to be decided, one look after the other.
class Watch {
  public:
    // `id`: as `request_name` gives it.
    Watch(Client& client, std::string id, Watching how)
        : client_(client), id_(std::move(id)), how_(std::move(how)) {}
    // The request once it is not pending any more, or as it was seen last when the time is up. timed_out: it
    // was never seen until then.
    Later<core::Value> decided();

  private:
    Later<std::optional<Reply>> look();
    Later<Done> after_failure(const Failure& failure, core::Instant begun);

    Client& client_;
    std::string id_;
    Watching how_;
    core::Value seen_;
    std::string etag_;  // of what was seen last; empty: the next look does not wait
    std::chrono::seconds poll_{25};
    bool looked_twice_ = false;
    bool looks_again_ = false;  // once what is under way has brought nothing new
    unsigned failures_ = 0;
    core::Instant failing_since_;
};

}  // namespace countersign::cli
