#pragma once
#include <optional>
#include <utility>

#include "countersign/rt/clock.hpp"
#include "countersign/rt/later.hpp"

namespace countersign::rt {

// Runs `work` and, if it has not finished by `deadline`, cancels it and waits for it to end; returns true if
// it was cut short. Works on the one I/O thread. It costs two extra coroutines, so hot paths use net's stream
// deadlines instead.
asio::awaitable<bool> cut_short_at(Timers& timers, core::Instant deadline, asio::awaitable<void> work);

template <class T>
asio::awaitable<void> keep(Later<T> work, std::optional<Result<T>>& answer) {
    answer.emplace(co_await std::move(work));
}

template <class T>
Later<T> within(Timers& timers, core::Instant deadline, Later<T> work) {
    std::optional<Result<T>> answer;
    auto kept = keep(std::move(work), answer);
    bool late = co_await cut_short_at(timers, deadline, std::move(kept));
    if (late) co_return fail(Trouble::timed_out, "the deadline passed");
    if (!answer) co_return fail(Trouble::cancelled, "cancelled while waiting");
    co_return std::move(*answer);
}

}  // namespace countersign::rt
