#pragma once
#include <array>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <string>
#include <utility>

#include "countersign/net/stream.hpp"

namespace countersign::net {

namespace asio = boost::asio;
using boost::system::error_code;

// A small, copyable sequence of buffers, of bounded length, can cross the type-erased interface below.
template <class Buffer>
struct BufferList {
    using value_type = Buffer;
    static constexpr std::size_t buffers_max = 16;
    std::array<Buffer, buffers_max> items{};
    std::size_t count = 0;
    const Buffer* begin() const { return items.data(); }
    const Buffer* end() const { return items.data() + count; }
    template <class Sequence>
    static BufferList from(const Sequence& sequence) {
        BufferList list;
        auto last = asio::buffer_sequence_end(sequence);
        for (auto it = asio::buffer_sequence_begin(sequence); it != last && list.count < buffers_max; ++it) {
            Buffer buffer{*it};
            if (buffer.size() > 0) list.items[list.count++] = buffer;
        }
        return list;
    }
};

// Reads and writes one connection, which may be TCP, TLS or memory. It is type-erased so that Beast is
// instantiated once, and so that tests can put an in-memory network underneath. Models Beast's AsyncStream,
// with one read and one write at a time.
class ByteStream {
  public:
    using executor_type = asio::any_io_executor;
    using IoHandler = asio::any_completion_handler<void(error_code, std::size_t)>;

    virtual ~ByteStream() = default;
    virtual executor_type get_executor() = 0;
    // Ends reads and writes at once (operation_aborted), without TLS close_notify and without lingering. May
    // be called again.
    virtual void close() = 0;
    virtual void
    cancel() = 0;  // ends the pending read and write (operation_aborted); the stream stays usable
    virtual std::string peer_address() const = 0;  // "127.0.0.1"; "memory" in tests

    // At or after this instant the stream closes itself (within net::deadline_slack); Instant::max() means
    // never. It costs one store: exchanges use it instead of a timer of their own.
    void close_at(core::Instant at) { limit(at, false); }
    // Does the same with `cancel` instead of `close`, for a caller that still has an answer for a peer that
    // was too slow. A later call of either replaces the earlier.
    void cancel_at(core::Instant at) { limit(at, true); }
    core::Instant closes_at() const { return limit_; }

    template <class Sequence, class Token>
    auto async_read_some(const Sequence& sequence, Token&& token) {
        return asio::async_initiate<Token, void(error_code, std::size_t)>(
            [](auto handler, ByteStream* self, BufferList<asio::mutable_buffer> buffers) {
                self->start_read(buffers, IoHandler{std::move(handler)});
            },
            token, this, BufferList<asio::mutable_buffer>::from(sequence));
    }
    template <class Sequence, class Token>
    auto async_write_some(const Sequence& sequence, Token&& token) {
        return asio::async_initiate<Token, void(error_code, std::size_t)>(
            [](auto handler, ByteStream* self, BufferList<asio::const_buffer> buffers) {
                self->start_write(buffers, IoHandler{std::move(handler)});
            },
            token, this, BufferList<asio::const_buffer>::from(sequence));
    }

  protected:
    virtual void start_read(const BufferList<asio::mutable_buffer>& buffers, IoHandler handler) = 0;
    virtual void start_write(const BufferList<asio::const_buffer>& buffers, IoHandler handler) = 0;

    // Closes or cancels if the limit has passed; called by whoever watches the clock on behalf of streams.
    void act_on_limit(core::Instant now) {
        if (now < limit_) return;
        if (!only_cancels_) {
            close();
            return;
        }
        limit_ = core::Instant::max();
        cancel();
    }
    // A stream sets this if it watches the clock itself and so must hear of every change of the limit.
    bool hears_of_limit_ = false;
    virtual void limit_moved() {}

  private:
    void limit(core::Instant at, bool only_cancels) {
        limit_ = at;
        only_cancels_ = only_cancels;
        if (hears_of_limit_) limit_moved();
    }
    core::Instant limit_ = core::Instant::max();
    bool only_cancels_ = false;
};

// Beast calls this to close the transport below a stream of its own.
inline void beast_close_socket(ByteStream& stream) {
    stream.close();
}

}  // namespace countersign::net
