#pragma once
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <optional>

#include "countersign/rt/later.hpp"

namespace countersign::rt {

// Lets one coroutine of the one I/O thread wait until it is woken. It has no time limit of its own.
class Wake {
  public:
    explicit Wake(asio::any_io_executor executor);
    Wake(const Wake&) = delete;
    Wake& operator=(const Wake&) = delete;
    // Gives operation_aborted where the waiting coroutine was cancelled. At most one coroutine waits.
    asio::awaitable<error_code> wait();
    bool waiting() const { return handler_.has_value(); }
    // Resumes the waiting coroutine before it returns, so it must be the last thing that a caller does; false
    // where nobody waits.
    bool wake_now(error_code ec = {});
    bool wake_soon(error_code ec = {});  // resumes it through the executor

  private:
    using Handler = asio::any_completion_handler<void(error_code)>;
    Handler take();

    asio::any_io_executor executor_;
    // It is optional because in Boost 1.81 move assignment of any_completion_handler never returns.
    std::optional<Handler> handler_;
    asio::cancellation_slot slot_;
};

}  // namespace countersign::rt
