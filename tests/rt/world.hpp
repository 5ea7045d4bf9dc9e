#pragma once
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <exception>
#include <utility>

#include "countersign/rt/sim_time.hpp"

namespace countersign::test {

// Runs one I/O thread on simulated time until nothing is left to do and nobody sleeps.
struct World {
    rt::asio::io_context io{1};
    core::Instant start{std::chrono::sys_days{std::chrono::year{2026} / 1 / 2}};
    rt::SimTime time{io.get_executor(), start};

    void spawn(rt::asio::awaitable<void> task) {
        rt::asio::co_spawn(io, std::move(task), [](std::exception_ptr e) {
            if (e) std::rethrow_exception(e);
        });
    }
    void settle() {
        io.restart();
        io.poll();
    }
    void run() {
        for (;;) {
            settle();
            auto next = time.next();
            if (!next) return;
            time.advance_to(*next);
        }
    }
    void run_until(core::Instant at) {
        for (;;) {
            settle();
            auto next = time.next();
            if (!next || *next > at) break;
            time.advance_to(*next);
        }
        if (time.now() < at) time.advance_to(at);
        settle();
    }
    core::Duration elapsed() const { return time.now() - start; }
};

}  // namespace countersign::test
