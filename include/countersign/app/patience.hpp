#pragma once
#include <chrono>
#include <utility>

#include "countersign/app/runtime.hpp"

namespace countersign::app {

inline constexpr core::Duration ask_again_every = std::chrono::milliseconds{100};
inline constexpr core::Duration last_ask_takes = std::chrono::milliseconds{300};

// Asks until there is another answer than that a dependency is away, or until there would be no time left for
// an answer before `deadline`. A failure that says so has changed nothing, and comes at once while the
// database is away, so that asking again costs nobody anything.
template <class T, class Ask>
Later<T> patiently(const Runtime& runtime, Deadline deadline, Ask ask) {
    for (;;) {
        Result<T> answer = co_await ask();
        bool away = !answer && answer.error().trouble == Trouble::unavailable;
        if (!away || runtime.now() + ask_again_every + last_ask_takes > deadline.at) co_return answer;
        auto cancelled = co_await runtime.timers.sleep_until(runtime.now() + ask_again_every);
        if (cancelled) co_return answer;
    }
}

}  // namespace countersign::app
