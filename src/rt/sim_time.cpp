#include "countersign/rt/sim_time.hpp"

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "countersign/base/check.hpp"

namespace countersign::rt {

SimTime::SimTime(asio::any_io_executor executor, core::Instant start)
    : executor_(std::move(executor)), now_(start) {}

asio::awaitable<error_code> SimTime::sleep_until(core::Instant at) {
    error_code ec;
    auto start = [this, at](auto handler) { arm(at, Handler{std::move(handler)}); };
    auto token = asio::redirect_error(asio::use_awaitable_t<>{}, ec);
    co_await asio::async_initiate<decltype(token), void(error_code)>(start, token);
    co_return ec;
}

std::optional<core::Instant> SimTime::next() const {
    if (armed_.empty()) return std::nullopt;
    return armed_.begin()->first.first;
}

void SimTime::advance_to(core::Instant at) {
    COUNTERSIGN_CHECK(at >= now_ || armed_.empty() || armed_.begin()->first.first <= now_);
    if (at > now_) now_ = at;
    while (!armed_.empty() && armed_.begin()->first.first <= now_) {
        auto node = armed_.extract(armed_.begin());
        finish(std::move(node.mapped()), {});
    }
}

void SimTime::arm(core::Instant at, Handler handler) {
    if (at <= now_) {
        finish(std::move(handler), {});
        return;
    }
    Key key{at, next_ticket_++};
    if (auto slot = asio::get_associated_cancellation_slot(handler); slot.is_connected())
        slot.assign([this, key](asio::cancellation_type) {
            if (auto node = armed_.extract(key))
                finish(std::move(node.mapped()), asio::error::operation_aborted);
        });
    armed_.emplace(key, std::move(handler));
}

void SimTime::finish(Handler handler, error_code ec) {
    asio::post(executor_, [handler = std::move(handler), ec]() mutable { std::move(handler)(ec); });
}

}  // namespace countersign::rt
