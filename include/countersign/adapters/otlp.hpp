#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "countersign/app/tracer.hpp"
#include "countersign/base/secret.hpp"
#include "countersign/net/stream.hpp"
#include "countersign/net/url.hpp"
#include "countersign/rt/clock.hpp"
#include "countersign/rt/deadline.hpp"
#include "countersign/rt/later.hpp"

// Traces by OTLP/HTTP in its JSON encoding.
namespace countersign::otlp {

struct Target {
    net::Url url;             // "http://127.0.0.1:4318/v1/traces"
    std::string header_name;  // sent with each call, as a collector asks for; empty: none
    Secret header_value;
    std::string version;   // of this program
    std::string instance;  // which of the replicas this is
};

class Exporter : public app::Tracer {
  public:
    static constexpr std::size_t spans_max = 4'096;  // that wait; what comes then is left out
    static constexpr std::size_t batch_max = 64;  // in one call: that many are encoded in under a millisecond
    static constexpr std::size_t requests_max = 20'000;  // whose callers' traces are remembered, the newest
    static constexpr core::Duration flush_every{std::chrono::seconds{1}};
    static constexpr core::Duration call_within{std::chrono::seconds{5}};
    static constexpr core::Duration pause_max{std::chrono::seconds{30}};

    virtual rt::asio::awaitable<void> run() = 0;  // until cancelled
    // Sends what waits, while there is time; once `run` has ended.
    virtual Later<Done> drain(Deadline deadline) = 0;
    virtual std::uint64_t sent() const = 0;      // spans that were taken
    virtual std::uint64_t left_out() const = 0;  // for want of room, or because they were refused
};

struct Parts {
    const rt::Clock& clock;
    rt::Timers& timers;
    rt::Entropy& entropy;
    net::Dialer& dialer;
    rt::asio::any_io_executor executor;
};
std::unique_ptr<Exporter> make_exporter(Target target, Parts parts);

}  // namespace countersign::otlp
