#include "cli/channel.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <utility>

namespace countersign::cli {
namespace {

constexpr std::size_t channel_piece_bytes = 64 * 1024;
constexpr std::size_t joined_bytes_max = 256 * 1024;  // of lines that are written at once

// Epoll takes no files.
void open_stream(rt::asio::any_io_executor executor, int descriptor, Descriptor& file,
                 std::optional<rt::asio::posix::stream_descriptor>& stream) {
    int own = ::fcntl(descriptor, F_DUPFD_CLOEXEC, 3);
    stream.emplace(std::move(executor));
    rt::error_code ec;
    stream->assign(own, ec);
    if (!ec) return;
    stream.reset();
    file = Descriptor{own};
}

}  // namespace

LineSource::LineSource(rt::asio::any_io_executor executor, int descriptor)
    : piece_(channel_piece_bytes, '\0') {
    open_stream(std::move(executor), descriptor, file_, stream_);
}

rt::asio::awaitable<bool> LineSource::more() {
    std::size_t got = 0;
    if (stream_) {
        rt::error_code ec;
        auto token = rt::asio::redirect_error(rt::asio::use_awaitable, ec);
        got = co_await stream_->async_read_some(rt::asio::buffer(piece_), token);
        if (ec) co_return false;
    } else if (file_.open()) {
        auto read = ::read(file_.number(), piece_.data(), piece_.size());
        got = read > 0 ? static_cast<std::size_t>(read) : 0;
    }
    lines_.add(std::string_view{piece_}.substr(0, got));
    co_return got > 0;
}

rt::asio::awaitable<std::optional<agents::McpLines::Line>> LineSource::next() {
    while (true) {
        if (auto line = lines_.next()) co_return line;
        bool got = co_await more();
        if (!got) co_return std::nullopt;
    }
}

void LineSource::close() {
    rt::error_code ignored;
    if (stream_) stream_->close(ignored);
    file_.close();
}

LineSink::LineSink(rt::asio::any_io_executor executor, rt::Timers& timers, int descriptor)
    : timers_(timers), changed_(executor) {
    open_stream(std::move(executor), descriptor, file_, stream_);
}

void LineSink::add(std::string line) {
    if (ended_ || closing_) return;
    bytes_ += line.size();
    lines_.push_back(std::move(line));
    if (bytes_ > unsent_bytes_max) ended_ = true;  // nobody reads: better no answer than all the memory
    changed_.notify_all();
}

rt::asio::awaitable<void> LineSink::room() {
    while (bytes_ > unsent_bytes_high && !ended_) co_await changed_.wait_until(timers_, core::Instant::max());
}

rt::asio::awaitable<void> LineSink::write() {
    while (!ended_) {
        if (lines_.empty()) {
            if (closing_) break;
            co_await changed_.wait_until(timers_, core::Instant::max());
            continue;
        }
        std::string joined = std::move(lines_.front());
        lines_.pop_front();
        while (!lines_.empty() && joined.size() + lines_.front().size() < joined_bytes_max) {
            joined += lines_.front();
            lines_.pop_front();
        }
        rt::error_code ec;
        if (stream_) {
            auto token = rt::asio::redirect_error(rt::asio::use_awaitable, ec);
            co_await rt::asio::async_write(*stream_, rt::asio::buffer(joined), token);
        } else if (::write(file_.number(), joined.data(), joined.size()) < 0) {
            ec = rt::asio::error::broken_pipe;
        }
        bytes_ -= joined.size();
        if (ec) ended_ = true;
        changed_.notify_all();
    }
    ended_ = true;
    rt::error_code ignored;
    if (stream_) stream_->close(ignored);
    file_.close();
    changed_.notify_all();
}

void LineSink::close() {
    closing_ = true;
    changed_.notify_all();
}

}  // namespace countersign::cli
