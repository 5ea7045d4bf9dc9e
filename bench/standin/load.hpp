#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "loop.hpp"
#include "workspace.hpp"

// The load is made in the process where the answers arrive: requests filed through a bot's own API, clicks on
// their cards, and clients that wait for the decision.
namespace bench {

// Runs one job of a measurement, and reports one line of JSON when it is done.
class Job {
  public:
    virtual ~Job() = default;
    virtual bool done(Nanos at) = 0;
    // Does what is due and returns when it wants to be called next.
    virtual Nanos step(Nanos at) = 0;
    virtual std::string report() = 0;
};

struct Api {
    std::uint16_t port = 0;
    std::string path;
    std::string token;  // without an Authorization header where empty
};

struct FilePlan {
    Api api;
    std::size_t count = 0;
    std::size_t connections = 16;
    std::string body;  // "{n}" becomes the number of the request
};
// Files `count` requests, one at a time per connection, and waits for the last card.
std::unique_ptr<Job> file_requests(Loop& loop, Workspace& workspace, FilePlan plan);

struct ClickPlan {
    std::size_t count = 0;
    std::size_t in_flight = 0;  // 0 for a fixed rate
    double per_second = 0;
    bool waiters = false;  // with a waiting client for every request clicked
    Api api;
};
std::unique_ptr<Job> click(Loop& loop, Workspace& workspace, ClickPlan plan);

// Waits until so many sockets are connected.
std::unique_ptr<Job> await_sockets(Workspace& workspace, std::size_t sockets, Nanos give_up_at);

}  // namespace bench
