#include "countersign/rt/wake.hpp"

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "countersign/base/check.hpp"

namespace countersign::rt {

Wake::Wake(asio::any_io_executor executor) : executor_(std::move(executor)) {}

asio::awaitable<error_code> Wake::wait() {
    COUNTERSIGN_CHECK(!handler_);
    error_code ec;
    auto token = asio::redirect_error(asio::use_awaitable_t<>{}, ec);
    auto start = [this](auto handler) {
        slot_ = asio::get_associated_cancellation_slot(handler);
        handler_.emplace(std::move(handler));
        if (slot_.is_connected())
            slot_.assign([this](asio::cancellation_type) { wake_soon(asio::error::operation_aborted); });
    };
    co_await asio::async_initiate<decltype(token), void(error_code)>(start, token);
    // A cancellation from now on must not reach this handler any more.
    if (slot_.is_connected()) slot_.clear();
    slot_ = {};
    co_return ec;
}

Wake::Handler Wake::take() {
    Handler handler = std::move(*handler_);
    handler_.reset();
    return handler;
}

bool Wake::wake_now(error_code ec) {
    if (!handler_) return false;
    auto handler = take();
    std::move(handler)(ec);
    return true;
}

bool Wake::wake_soon(error_code ec) {
    if (!handler_) return false;
    asio::post(executor_, [handler = take(), ec]() mutable { std::move(handler)(ec); });
    return true;
}

}  // namespace countersign::rt
