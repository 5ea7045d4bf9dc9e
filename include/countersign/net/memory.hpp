#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>

#include "countersign/net/stream.hpp"
#include "countersign/rt/clock.hpp"

namespace countersign::net {

// How an in-memory connection treats its bytes. Everything from the seed.
struct MemoryWeather {
    std::uint64_t seed = 1;
    bool split = true;                       // deliver in random pieces
    core::Duration delay_max{0};             // per piece, through Timers; needs a clock
    std::size_t cut_after_bytes = SIZE_MAX;  // then the connection is reset
};

// Two ends of one connection.
std::pair<StreamPtr, StreamPtr> memory_pair(rt::asio::any_io_executor executor, rt::Timers& timers,
                                            MemoryWeather weather = {}, const rt::Clock* clock = nullptr);

// A network in memory: names are host:port strings; nothing touches the machine's own.
class MemoryNetwork : public Dialer {
  public:
    virtual std::unique_ptr<Listener> listen(const std::string& host_and_port) = 0;
    virtual void weather(MemoryWeather for_new_connections) = 0;
    virtual void cut_all() = 0;  // resets every open connection
};
std::unique_ptr<MemoryNetwork> make_memory_network(rt::asio::any_io_executor executor, rt::Timers& timers,
                                                   const rt::Clock* clock = nullptr);

}  // namespace countersign::net
