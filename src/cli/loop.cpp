#include "cli/loop.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <csignal>
#include <exception>

#include "cli/inherited.hpp"

namespace countersign::cli {

Loop::Loop()
    : clock_(rt::system_clock()),
      timers_(rt::system_timers(io_.get_executor(), *clock_)),
      entropy_(rt::system_entropy()) {
    for (int number : ending_signals) {
        struct sigaction action{};
        ::sigaction(number, nullptr, &action);
        if (action.sa_handler != SIG_IGN) signals_.add(number);
    }
    listen();
}

Loop::~Loop() = default;

void Loop::listen() {
    signals_.async_wait([this](rt::error_code ec, int number) {
        if (ec) return;
        interrupted_ = number;
        if (work_ != nullptr) work_->emit(rt::asio::cancellation_type::terminal);
        listen();
    });
}

int Loop::interrupted() {
    io_.restart();
    io_.poll();
    return interrupted_;
}

void Loop::drive(rt::asio::awaitable<void> work, std::function<void()> each_second) {
    namespace asio = rt::asio;
    asio::cancellation_signal cancel_work;
    asio::cancellation_signal cancel_tick;
    work_ = &cancel_work;
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
    work_ = nullptr;
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
