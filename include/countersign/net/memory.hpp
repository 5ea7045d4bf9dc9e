#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>

#include "countersign/net/stream.hpp"
#include "countersign/rt/clock.hpp"

namespace countersign::net {

// Says how an in-memory connection delays, splits and cuts its bytes. All of it follows from the seed.
struct NetworkConditions {
    std::uint64_t seed = 1;
    bool split = true;                       // delivers in random pieces
    core::Duration delay_max{0};             // for each piece, through Timers; needs a clock
    std::size_t cut_after_bytes = SIZE_MAX;  // after them the connection is reset
};

// Returns the two ends of one connection.
std::pair<StreamPtr, StreamPtr> memory_pair(rt::asio::any_io_executor executor, rt::Timers& timers,
                                            NetworkConditions conditions = {},
                                            const rt::Clock* clock = nullptr);

// Simulates a network in which names are host:port strings and which touches nothing of the machine's own.
class MemoryNetwork : public Dialer {
  public:
    virtual std::unique_ptr<Listener> listen(const std::string& host_and_port) = 0;
    virtual void set_conditions(NetworkConditions for_new_connections) = 0;
    virtual void cut_all() = 0;  // resets every open connection
};
std::unique_ptr<MemoryNetwork> make_memory_network(rt::asio::any_io_executor executor, rt::Timers& timers,
                                                   const rt::Clock* clock = nullptr);

}  // namespace countersign::net
