#include "cli/process.hpp"

#include <boost/asio/co_spawn.hpp>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <utility>

#include "cli/outcome.hpp"
#include "countersign/base/log.hpp"
#include "countersign/rt/watchdog.hpp"

namespace countersign::cli {
namespace {

constexpr std::size_t tasks_max = 26'000;  // the sandbox's connections are among them
constexpr core::Duration tasks_end_max = std::chrono::milliseconds{500};

// Nothing of this process can be trusted to end in order any more, and nothing has to: what it had under way,
// others take over or it is sent again.
[[noreturn]] void end_because_it_hangs(std::chrono::milliseconds patience) {
    log::error("server",
               "the loop has not turned for {} ms: this process ends, so that its service manager starts "
               "another one and chats send elsewhere what people do",
               patience.count());
    log::stop();
    std::abort();
}

}  // namespace

Process::Process()
    : clock_(rt::system_clock()),
      timers_(rt::system_timers(io_.get_executor(), *clock_)),
      entropy_(rt::system_entropy()),
      network_(net::make_network(io_.get_executor(), *clock_, *timers_)),
      signals_(io_, SIGTERM, SIGINT, SIGHUP),
      tasks_(io_.get_executor(), tasks_max, rt::report_bug) {
    listen();
}

Process::~Process() = default;

server::Ground Process::ground() {
    return {io_.get_executor(), *clock_, *timers_, *entropy_, *network_};
}

void Process::start(std::string_view name, rt::asio::awaitable<void> work) {
    tasks_.start(name, std::move(work));
}

void Process::start_loop(std::string_view name, rt::asio::awaitable<void> loop) {
    tasks_.start_loop(name, std::move(loop));
}

void Process::listen() {
    signals_.async_wait([this](rt::error_code ec, int number) {
        if (ec) return;
        listen();
        if (number == SIGHUP) {
            if (on_hangup_) on_hangup_();
            return;
        }
        if (ending_) {
            log::warn("server", "told to end a second time; ending at once");
            log::stop();
            std::_Exit(exit_signal_base + number);
        }
        log::info("server", "told to end; finishing what is under way");
        begin_end();
    });
}

void Process::begin_end() {
    if (std::exchange(ending_, true)) return;
    service_manager_.stopping();
    rt::asio::co_spawn(io_, end(), [this](std::exception_ptr exception) {
        if (exception) rt::report_bug("shutdown", exception);
        io_.stop();
    });
}

void Process::stop() {
    begin_end();
}

rt::asio::awaitable<void> Process::end() {
    if (drain_) {
        auto drained = drain_();
        co_await std::move(drained);
    }
    co_await tasks_.end(*timers_, clock_->now() + tasks_end_max);
}

void Process::run(std::function<void()> on_hangup, std::function<rt::asio::awaitable<void>()> drain) {
    on_hangup_ = std::move(on_hangup);
    drain_ = std::move(drain);
    rt::Watchdog watchdog{io_.get_executor(),
                          {.patience = loop_patience_,
                           .hangs = [this] { end_because_it_hangs(loop_patience_); },
                           // Half of what it waits, as sd_watchdog_enabled(3) advises.
                           .tell_every = service_manager_.patience() / 2,
                           .turns = [this] { service_manager_.alive(); }}};
    service_manager_.ready();
    io_.run();
}

}  // namespace countersign::cli
