#pragma once
#include <memory>
#include <string>

#include "countersign/net/stream.hpp"
#include "countersign/rt/signal.hpp"
#include "countersign/rt/tasks.hpp"
#include "countersign/streaming/peer.hpp"
#include "sandbox/teams_connector.hpp"

namespace countersign::sandbox {

// The WebSocket that Teams holds open to the bot (Bot Framework streaming extensions) where it does not send
// it a POST for each activity: activities go over it, and what the bot asks of the Connector comes over it.
class TeamsLine {
  public:
    static constexpr std::size_t tasks_max = 1'024;
    static constexpr std::string_view service_url = "urn:botframework:websocket:workspace";

    struct Parts {
        TeamsConnector& connector;
        net::Dialer& dialer;
        const rt::Clock& clock;
        rt::Timers& timers;
        rt::Entropy& entropy;
        rt::asio::any_io_executor executor;
    };
    explicit TeamsLine(Parts parts)
        : parts_(std::move(parts)),
          tasks_(parts_.executor, tasks_max, rt::report_bug),
          news_(parts_.executor) {}

    // Where the bot hears activities; empty: no line is wanted.
    void bot_is_at(std::string messages_url);
    bool wanted() const { return !messages_url_.empty(); }
    bool open() const { return peer_ && !peer_->over() && peer_url_ == messages_url_; }

    // Sends an activity. With claims that are not null it goes over a socket of its own, whose token has them
    // in place of the usual ones. The status is 0 where the socket was refused with none.
    Later<streaming::Response> deliver(std::string activity, core::Value claims, Deadline deadline);
    // Holds the line open while it is wanted; until it is asked to end.
    rt::asio::awaitable<void> run();

  private:
    static constexpr std::size_t body_bytes_max = 1024 * 1024;

    rt::asio::awaitable<void> hold();
    Later<std::shared_ptr<streaming::Peer>> dial(core::Value claims, Deadline deadline);
    rt::asio::awaitable<void> serve(std::shared_ptr<streaming::Peer> peer);
    rt::asio::awaitable<streaming::Response> answer(streaming::Request request);

    Parts parts_;
    std::string messages_url_;
    std::shared_ptr<streaming::Peer> peer_;
    std::string peer_url_;  // where it was, or is being, opened
    rt::TaskGroup tasks_;
    rt::Signal news_;  // of a socket that opened or ended, or of another address
};

}  // namespace countersign::sandbox
