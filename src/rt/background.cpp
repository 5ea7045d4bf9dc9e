#include "countersign/rt/background.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <utility>

#include "countersign/rt/tasks.hpp"

namespace countersign::rt {

struct Background::Run {
    asio::cancellation_signal signal;
    bool ended = false;
};

// Notes also the end of a coroutine that is destroyed unfinished, with its executor: nothing in it may be
// cancelled any more.
struct Background::Ending {
    explicit Ending(std::shared_ptr<Run> given) : run(std::move(given)) {}
    Ending(Ending&&) noexcept = default;
    Ending(const Ending&) = delete;
    Ending& operator=(Ending&&) = delete;
    Ending& operator=(const Ending&) = delete;
    ~Ending() {
        if (run) run->ended = true;
    }
    std::shared_ptr<Run> run;
};

Background::Background(asio::any_io_executor executor, std::string_view name, asio::awaitable<void> task)
    : run_(std::make_shared<Run>()) {
    auto when_ended = [ending = Ending{run_}, name](std::exception_ptr exception) {
        if (exception) report_bug(name, exception);
    };
    asio::co_spawn(executor, std::move(task),
                   asio::bind_cancellation_slot(run_->signal.slot(), std::move(when_ended)));
}

Background& Background::operator=(Background&& other) noexcept {
    cancel();
    run_ = std::move(other.run_);
    return *this;
}

Background::~Background() {
    cancel();
}

void Background::cancel() {
    if (!run_ || run_->ended) return;
    auto run = run_;  // a copy, because the coroutine's end must not destroy the signal during this call
    run->signal.emit(asio::cancellation_type::terminal);
}

bool Background::running() const {
    return run_ && !run_->ended;
}

}  // namespace countersign::rt
