#include "sandbox/tapped_stream.hpp"

#include <array>
#include <boost/asio/post.hpp>
#include <utility>

#include "countersign/net/byte_stream.hpp"
#include "sandbox/frame_scanner.hpp"

namespace countersign::sandbox {
namespace {

constexpr std::size_t read_bytes = 4 * 1024;  // at a time

class TappedStream : public net::ByteStream {
  public:
    TappedStream(net::StreamPtr under, std::string first_bytes, std::shared_ptr<FrameTap> tap)
        : under_(std::move(under)),
          tap_(std::move(tap)),
          scanner_(*tap_),
          unscanned_(std::move(first_bytes)) {
        hears_of_limit_ = true;
    }
    executor_type get_executor() override { return under_->get_executor(); }
    void close() override { under_->close(); }
    void cancel() override { under_->cancel(); }
    std::string peer_address() const override { return under_->peer_address(); }

  private:
    using Buffers = net::BufferList<net::asio::mutable_buffer>;

    void start_read(const Buffers& buffers, IoHandler handler) override {
        if (!unscanned_.empty()) scanner_.take(std::exchange(unscanned_, {}), heard_);
        if (heard_.empty()) return read(buffers, std::move(handler));
        const std::size_t count = hand_out(buffers);
        net::asio::post(get_executor(), [count, handler = std::move(handler)]() mutable {
            std::move(handler)(net::error_code{}, count);
        });
    }
    void start_write(const net::BufferList<net::asio::const_buffer>& buffers, IoHandler handler) override {
        under_->async_write_some(buffers, std::move(handler));
    }
    // Goes on until something is heard.
    void read(const Buffers& buffers, IoHandler handler) {
        auto completed = [this, buffers, handler = std::move(handler)](net::error_code ec,
                                                                       std::size_t count) mutable {
            scanner_.take({bytes_.data(), count}, heard_);
            if (!ec && heard_.empty()) return read(buffers, std::move(handler));
            const std::size_t handed_out = hand_out(buffers);
            std::move(handler)(handed_out > 0 ? net::error_code{} : ec, handed_out);
        };
        under_->async_read_some(net::asio::buffer(bytes_), std::move(completed));
    }
    std::size_t hand_out(const Buffers& buffers) {
        const std::size_t count = net::asio::buffer_copy(buffers, net::asio::buffer(heard_));
        heard_.erase(0, count);
        return count;
    }
    // The connection watches the clock for both.
    void limit_moved() override { under_->close_at(closes_at()); }

    net::StreamPtr under_;
    const std::shared_ptr<FrameTap> tap_;
    FrameScanner scanner_;
    std::string unscanned_;  // came with the handshake
    std::string heard_;      // to be handed out
    std::array<char, read_bytes> bytes_{};
};

}  // namespace

net::StreamPtr tapped(net::StreamPtr connection, std::string first_bytes, std::shared_ptr<FrameTap> tap) {
    return {new TappedStream(std::move(connection), std::move(first_bytes), std::move(tap)),
            [](net::ByteStream* stream) { delete stream; }};
}

}  // namespace countersign::sandbox
