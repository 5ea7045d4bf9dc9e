#include "countersign/app/housekeeping.hpp"

#include "countersign/base/log.hpp"

namespace countersign::app {

rt::asio::awaitable<void> Housekeeper::run() {
    constexpr core::Duration batch_within = std::chrono::seconds{5};
    for (;;) {
        auto more = co_await rows_.remove(runtime_.now(), runtime_.within(batch_within));
        if (!more) log::warn("app", "expired rows cannot be removed: {}", more.error().detail);
        auto pause = more && *more ? between_batches : look_every;
        auto cancelled = co_await runtime_.timers.sleep_until(runtime_.now() + pause);
        if (cancelled) co_return;
    }
}

}  // namespace countersign::app
