#pragma once
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <functional>
#include <memory>

#include "countersign/net/network.hpp"
#include "countersign/rt/tasks.hpp"
#include "countersign/server/ground.hpp"

namespace countersign::cli {

// A long-lived verb: one I/O thread that runs until it is told to end.
class Process {
  public:
    Process();
    ~Process();
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;

    server::Ground ground();
    // Starts `work` beside the rest; `end` waits for it to end.
    void start(std::string_view name, rt::asio::awaitable<void> work);
    void start_loop(std::string_view name, rt::asio::awaitable<void> loop);  // ends when asked
    // Runs until SIGTERM or SIGINT, then `drain`, then ends what was started. SIGHUP calls `on_hangup`. A
    // second SIGTERM or SIGINT ends the process at once.
    void run(std::function<void()> on_hangup, std::function<rt::asio::awaitable<void>()> drain);
    void stop();  // as if SIGTERM had come

  private:
    void listen();
    void begin_end();
    rt::asio::awaitable<void> end();

    rt::asio::io_context io_{1};
    std::unique_ptr<rt::Clock> clock_;
    std::unique_ptr<rt::Timers> timers_;
    std::unique_ptr<rt::Entropy> entropy_;
    std::unique_ptr<net::Network> network_;
    rt::asio::signal_set signals_;
    rt::TaskGroup tasks_;
    std::function<void()> on_hangup_;
    std::function<rt::asio::awaitable<void>()> drain_;
    bool ending_ = false;
};

}  // namespace countersign::cli
