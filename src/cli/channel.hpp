#pragma once
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstddef>
#include <deque>
#include <functional>
#include <optional>
#include <string>

#include "countersign/agents/mcp.hpp"
#include "countersign/base/descriptor.hpp"
#include "countersign/rt/signal.hpp"

// Lines that come from and go to a pipe, on the one I/O thread.
namespace countersign::cli {

// Reads lines from a descriptor, which may also be a file.
class LineSource {
  public:
    // The descriptor is duplicated.
    LineSource(rt::asio::any_io_executor executor, int descriptor);
    // Nothing: the stream has ended, or `close` was called.
    rt::asio::awaitable<std::optional<agents::McpLines::Line>> next();
    void close();

  private:
    rt::asio::awaitable<bool> more();

    agents::McpLines lines_;
    std::optional<rt::asio::posix::stream_descriptor> stream_;
    Descriptor file_;  // where it cannot be waited for, as a file or /dev/null
    std::string piece_;
};

// Writes lines in the order in which they are given, whole.
class LineSink {
  public:
    static constexpr std::size_t unsent_bytes_max = 64 * 1024 * 1024;
    static constexpr std::size_t unsent_bytes_high = 1024 * 1024;  // whoever has more to say waits

    LineSink(rt::asio::any_io_executor executor, rt::Timers& timers, int descriptor);
    // Lines of a sink that has ended, or that nobody reads from, go nowhere.
    void add(std::string line);
    // Until little is unsent.
    rt::asio::awaitable<void> room();
    // Writes what is added until `close` was called and all is written, or nobody reads any more.
    rt::asio::awaitable<void> write();
    void close();
    bool ended() const { return ended_; }

  private:
    rt::Timers& timers_;
    std::optional<rt::asio::posix::stream_descriptor> stream_;
    Descriptor file_;
    std::deque<std::string> lines_;
    std::size_t bytes_ = 0;
    bool closing_ = false;
    bool ended_ = false;
    rt::Signal changed_;
};

}  // namespace countersign::cli
