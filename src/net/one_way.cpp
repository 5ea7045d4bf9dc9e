#include "countersign/net/one_way.hpp"

#include <array>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "countersign/net/byte_stream.hpp"

namespace countersign::net {

struct OneWay::Connection {
    explicit Connection(StreamPtr dialed) : stream(std::move(dialed)) {}

    // What the peer says is passed over; that it ends is what counts.
    static void listen(const std::shared_ptr<Connection>& self) {
        self->stream->async_read_some(asio::buffer(self->heard), [self](error_code ec, std::size_t) {
            if (!ec) return listen(self);
            self->open = false;
        });
    }

    StreamPtr stream;
    std::array<char, 512> heard{};
    bool open = true;
};

Later<Done> OneWay::connect(Dialer& dialer, Url url, Deadline deadline) {
    close();
    auto stream = co_await dialer.dial(url, deadline);
    if (!stream) co_return pass(stream);
    connection_ = std::make_shared<Connection>(std::move(*stream));
    connection_->stream->close_at(core::Instant::max());
    Connection::listen(connection_);
    co_return Done{};
}

bool OneWay::open() const {
    return connection_ && connection_->open;
}

Later<Done> OneWay::send(std::string bytes, Deadline deadline) {
    auto connection = connection_;
    if (!open()) co_return fail(Trouble::unavailable, "the connection was closed by the other side");
    connection->stream->close_at(deadline.at);
    std::size_t sent = 0;
    while (sent < bytes.size()) {
        error_code ec;
        auto token = asio::redirect_error(asio::use_awaitable_t<>{}, ec);
        auto rest = asio::buffer(bytes.data() + sent, bytes.size() - sent);
        sent += co_await connection->stream->async_write_some(rest, token);
        if (!ec) continue;
        connection->open = false;
        co_return fail(Trouble::unavailable, "the connection broke: " + ec.message());
    }
    connection->stream->close_at(core::Instant::max());
    co_return Done{};
}

void OneWay::close() {
    if (!connection_) return;
    connection_->open = false;
    connection_->stream->close();
    connection_.reset();
}

}  // namespace countersign::net
