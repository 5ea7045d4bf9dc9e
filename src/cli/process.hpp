#pragma once
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <chrono>
#include <functional>
#include <memory>

#include "cli/service_manager.hpp"
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
    // How long the loop may stand still before the process is ended; 0: for ever.
    void loop_may_stand_still_for(std::chrono::milliseconds patience) { loop_patience_ = patience; }
    static constexpr std::chrono::milliseconds loop_patience_default{5'000};

  private:
    void listen();
    void begin_end();
    rt::asio::awaitable<void> end();

    const ServiceManager service_manager_;
    std::chrono::milliseconds loop_patience_ = loop_patience_default;
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
