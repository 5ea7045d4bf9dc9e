#pragma once
#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <string>
#include <utility>

#include "countersign/net/byte_stream.hpp"
#include "countersign/net/http_server.hpp"

namespace countersign::test {

// Holds what came from the peer of one WebSocket, byte by byte.
struct Overheard {
    std::string bytes;  // as they came, without those that came with the handshake
    bool deaf = false;  // while set, nothing that comes reaches the WebSocket
};

namespace asio = boost::asio;

// Lies between the server and its connection.
class OverheardStream : public net::ByteStream {
  public:
    OverheardStream(net::StreamPtr under, std::string first_bytes, Overheard& heard)
        : under_(std::move(under)), first_bytes_(std::move(first_bytes)), heard_(heard) {}
    executor_type get_executor() override { return under_->get_executor(); }
    void close() override { under_->close(); }
    void cancel() override { under_->cancel(); }
    std::string peer_address() const override { return under_->peer_address(); }

  private:
    using Buffers = net::BufferList<asio::mutable_buffer>;
    void start_read(const Buffers& buffers, IoHandler handler) override {
        if (!first_bytes_.empty()) {
            const std::size_t count = asio::buffer_copy(buffers, asio::buffer(first_bytes_));
            first_bytes_.erase(0, count);
            asio::post(get_executor(), [count, handler = std::move(handler)]() mutable {
                std::move(handler)(net::error_code{}, count);
            });
            return;
        }
        auto completed = [this, buffers, handler = std::move(handler)](net::error_code ec,
                                                                       std::size_t count) mutable {
            for (std::size_t left = count; const auto& buffer : buffers) {
                const std::size_t filled = std::min(left, buffer.size());
                heard_.bytes.append(static_cast<const char*>(buffer.data()), filled);
                left -= filled;
            }
            if (!ec && heard_.deaf) return start_read(buffers, std::move(handler));
            std::move(handler)(ec, count);
        };
        under_->async_read_some(buffers, std::move(completed));
    }
    void start_write(const net::BufferList<asio::const_buffer>& buffers, IoHandler handler) override {
        under_->async_write_some(buffers, std::move(handler));
    }

    net::StreamPtr under_;
    std::string first_bytes_;
    Overheard& heard_;
};

// `heard` must outlive the WebSocket.
inline net::Interposed overhear(Overheard& heard) {
    return [&heard](net::StreamPtr connection, std::string first_bytes) {
        return net::StreamPtr{new OverheardStream(std::move(connection), std::move(first_bytes), heard),
                              [](net::ByteStream* stream) { delete stream; }};
    };
}

}  // namespace countersign::test
