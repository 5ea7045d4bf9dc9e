#include "cli/loop.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <exception>

namespace countersign::cli {

Loop::Loop()
    : clock_(rt::system_clock()),
      timers_(rt::system_timers(io_.get_executor(), *clock_)),
      entropy_(rt::system_entropy()) {}

Loop::~Loop() = default;

void Loop::drive(rt::asio::awaitable<void> work, std::function<void()> each_second) {
    namespace asio = rt::asio;
    asio::cancellation_signal cancel_work;
    asio::cancellation_signal cancel_tick;
    asio::signal_set signals{io_, SIGINT, SIGTERM, SIGHUP};
    signals.async_wait([&](rt::error_code ec, int number) {
        if (ec) return;
        interrupted_ = number;
        cancel_work.emit(asio::cancellation_type::terminal);
    });
    std::exception_ptr thrown;
    int running = each_second ? 2 : 1;
    auto ended = [&] {
        if (--running == 0) io_.stop();
    };
    if (each_second) {
        auto ticker = tick(each_second);
        asio::co_spawn(
            io_, std::move(ticker),
            asio::bind_cancellation_slot(cancel_tick.slot(), [&](std::exception_ptr) { ended(); }));
    }
    asio::co_spawn(io_, std::move(work),
                   asio::bind_cancellation_slot(cancel_work.slot(), [&](std::exception_ptr exception) {
                       thrown = std::move(exception);
                       cancel_tick.emit(asio::cancellation_type::terminal);
                       ended();
                   }));
    io_.restart();
    io_.run();
    signals.cancel();
    io_.restart();
    io_.poll();  // lets the signals' handler go while what it refers to still stands
    if (!thrown || interrupted_ != 0) return;
    std::rethrow_exception(thrown);
}

rt::asio::awaitable<void> Loop::tick(const std::function<void()>& each_second) {
    while (true) {
        auto ec = co_await timers_->sleep_until(now() + std::chrono::seconds{1});
        if (ec) co_return;
        each_second();
    }
}

}  // namespace countersign::cli
