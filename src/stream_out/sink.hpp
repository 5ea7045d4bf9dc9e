#pragma once
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/adapters/stream_out.hpp"

namespace countersign::stream_out {

// One event as it is handed on.
struct Line {
    core::Instant at;
    std::string type;
    std::int64_t index = 0;
    std::string text;  // one line of JSON
    // Makes the same without its details, for who takes no long ones.
    std::function<std::string()> brief;
};

// Where events go.
class Sink {
  public:
    virtual ~Sink() = default;
    // Connects or opens, where that is not done yet. unavailable: try again later.
    virtual Later<Done> ready(Deadline deadline) = 0;
    virtual Later<Done> send(const std::vector<Line>& lines, Deadline deadline) = 0;
    // Says whether what was sent lately may be lost, because the other side went away.
    virtual bool broken() const = 0;
    // How long after it was sent an event counts as received, where the other side has not gone away.
    virtual core::Duration doubt() const = 0;
    virtual void close() = 0;
};
std::unique_ptr<Sink> make_syslog(const Target& target, const Source& source, net::Dialer& dialer);
std::unique_ptr<Sink> make_file(const Target& target);

}  // namespace countersign::stream_out
