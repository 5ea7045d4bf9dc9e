#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "countersign/app/log_tail.hpp"
#include "countersign/app/roster.hpp"
#include "countersign/app/runtime.hpp"
#include "countersign/app/stream_positions.hpp"
#include "countersign/net/stream.hpp"

// Every event of the log to a SIEM: syslog over TLS, or a file.
namespace countersign::stream_out {

enum class Format : std::uint8_t { ocsf, cloudevents };
struct Target {
    std::string syslog;  // "siem.example.com:6514"; empty: the file
    std::string file;    // path
    Format format = Format::ocsf;
    std::size_t message_bytes_max = 8'192;  // of syslog: an event that is longer is sent without its details
};
struct Source {
    std::string url;   // the server's public one
    std::string host;  // its name, as syslog tells it
};

// Hands every event on, in order and from the first one, and after an outage from where it was: nothing is
// left out, and some events come twice. One replica at a time is at it. For the I/O thread.
class StreamOut {
  public:
    virtual ~StreamOut() = default;
    virtual rt::asio::awaitable<void> run() = 0;  // until cancelled
    virtual std::string_view kind() const = 0;    // "syslog" or "file"
    // Says why nothing is handed on at the moment; empty: it is, or another replica does.
    virtual std::string problem() const = 0;
    // How many events wait to be handed on by this replica; 0 where another one does.
    virtual std::int64_t behind() const = 0;
};
struct Parts {
    const app::Runtime& runtime;
    app::LogTail& log;
    app::StreamPositions& positions;
    app::Roster& roster;
    net::Dialer& dialer;
};
std::unique_ptr<StreamOut> make_stream_out(Target target, Source source, Parts parts);

}  // namespace countersign::stream_out
