#pragma once
#include "countersign/net/network.hpp"
#include "countersign/rt/clock.hpp"

namespace countersign::server {

// Every part of the program stands on this: one I/O thread with its clock, timers, chance and network.
struct Ground {
    rt::asio::any_io_executor executor;
    const rt::Clock& clock;
    rt::Timers& timers;
    rt::Entropy& entropy;
    net::Network& network;
};

}  // namespace countersign::server
