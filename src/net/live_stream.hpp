#pragma once
#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <memory>
#include <vector>

#include "countersign/net/byte_stream.hpp"
#include "countersign/net/network.hpp"
#include "countersign/rt/clock.hpp"

namespace countersign::net {

class LiveStream;

// Knows all open streams of one network. While there are any, one tick ends those whose limit has passed,
// which is cheaper than a timer for each exchange.
class LiveStreams {
  public:
    LiveStreams(asio::any_io_executor executor, const rt::Clock& clock, rt::Timers& timers)
        : executor_(std::move(executor)), clock_(clock), timers_(timers) {}
    const asio::any_io_executor& executor() const { return executor_; }
    const rt::Clock& clock() const { return clock_; }
    rt::Timers& timers() const { return timers_; }
    // `self` is this object: the tick shares it, so that streams may outlive their network.
    static void add(const std::shared_ptr<LiveStreams>& self, LiveStream& stream);
    void remove(LiveStream& stream);

  private:
    static asio::awaitable<void> tick(std::shared_ptr<LiveStreams> self);

    asio::any_io_executor executor_;
    const rt::Clock& clock_;
    rt::Timers& timers_;
    std::vector<LiveStream*> streams_;
    bool ticking_ = false;
};

// Reads and writes a TCP socket, with or without TLS.
class LiveStream : public ByteStream {
  public:
    // `all` is shared because streams may outlive their network.
    explicit LiveStream(std::shared_ptr<LiveStreams> all) : all_(std::move(all)) {
        LiveStreams::add(all_, *this);
    }
    LiveStream(const LiveStream&) = delete;
    LiveStream& operator=(const LiveStream&) = delete;
    ~LiveStream() override { all_->remove(*this); }
    executor_type get_executor() override { return all_->executor(); }
    std::string peer_address() const override;
    virtual asio::ip::tcp::socket& socket() = 0;
    virtual const asio::ip::tcp::socket& socket() const = 0;
    const rt::Clock& clock() const { return all_->clock(); }
    void prepare();  // sets TCP_NODELAY

  private:
    friend class LiveStreams;
    std::shared_ptr<LiveStreams> all_;
    std::size_t index_ = 0;  // in LiveStreams::streams_
};

using LiveStreamPtr = std::unique_ptr<LiveStream>;
StreamPtr erase_type(LiveStreamPtr stream);

}  // namespace countersign::net
