#pragma once
#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/role.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "countersign/net/byte_stream.hpp"
#include "countersign/rt/clock.hpp"

namespace countersign::net {

inline constexpr std::chrono::seconds last_word_time_max{1};  // between the close frames and the end of TCP

// Wraps the stream below Beast: notes when something was heard, and first returns the bytes that came with
// the handshake's request. It is not final, because Asio derives from it to look inside.
class FrameStream : public ByteStream {
  public:
    FrameStream(StreamPtr under, std::string first_bytes, const rt::Clock& clock)
        : heard_at(clock.now()), under_(std::move(under)), clock_(clock), ready_(std::move(first_bytes)) {}
    executor_type get_executor() override { return under_->get_executor(); }
    void close() override { under_->close(); }
    void cancel() override { under_->cancel(); }
    std::string peer_address() const override { return under_->peer_address(); }
    // The deadline of the stream below is the connection's own affair, so Beast's limit on this one does not
    // reach it.
    void close_under_at(core::Instant at) { under_->close_at(at); }
    core::Instant under_closes_at() const { return under_->closes_at(); }
    // Beast calls this once the closing handshake is over, or has failed. The server ends TCP first (RFC 6455
    // §7.1.1); a client waits a moment for that, and so does whoever has just said what was wrong.
    void tear_down() {
        if (ends_at_once)
            close();
        else
            close_under_at(std::min(under_closes_at(), clock_.now() + last_word_time_max));
    }

    core::Instant heard_at;
    bool ends_at_once = false;

  private:
    using Buffers = BufferList<asio::mutable_buffer>;

    void start_read(const Buffers& buffers, IoHandler handler) override {
        if (!ready_.empty()) {
            std::size_t count = hand_out(buffers);
            asio::post(get_executor(), [count, handler = std::move(handler)]() mutable {
                std::move(handler)(error_code{}, count);
            });
            return;
        }
        under_->async_read_some(
            buffers, [this, handler = std::move(handler)](error_code ec, std::size_t count) mutable {
                if (count > 0) heard_at = clock_.now();
                std::move(handler)(ec, count);
            });
    }
    void start_write(const BufferList<asio::const_buffer>& buffers, IoHandler handler) override {
        under_->async_write_some(buffers, std::move(handler));
    }
    std::size_t hand_out(const Buffers& buffers) {
        std::size_t count = asio::buffer_copy(buffers, asio::buffer(ready_));
        ready_.erase(0, count);
        return count;
    }

    StreamPtr under_;
    const rt::Clock& clock_;
    std::string ready_;  // for Beast to read
};

// Beast calls this to close the transport below a stream of its own.
template <class Handler>
void async_teardown(boost::beast::role_type, FrameStream& stream, Handler&& handler) {
    stream.tear_down();
    asio::post(stream.get_executor(),
               [handler = std::forward<Handler>(handler)]() mutable { handler(error_code{}); });
}

}  // namespace countersign::net
