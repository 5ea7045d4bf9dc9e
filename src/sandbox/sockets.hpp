#pragma once
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "countersign/core/value.hpp"
#include "countersign/net/http_server.hpp"
#include "countersign/net/websocket.hpp"
#include "countersign/rt/signal.hpp"
#include "sandbox/frame_tap.hpp"
#include "sandbox/workspace.hpp"

namespace countersign::sandbox {

inline constexpr std::size_t sockets_max = 10;
inline constexpr std::size_t client_frame_bytes_max = 20'479;
inline constexpr std::size_t events_waiting_max = 10'000;

// Says what became of one interactive payload or command.
struct Delivery {
    bool acked = false;
    bool no_socket = false;  // nobody was connected, so the payload is gone
    core::Value answer;      // the ack's payload
    int attempts = 0;
    core::Duration took{};
};

// Makes sockets misbehave on demand; counters fall by one with each use.
struct SocketFaults {
    int refuse_handshakes = 0;
    unsigned refuse_status = 409;
    int hang_handshakes = 0;
    int withhold_hellos = 0;
    int too_many_first = 0;  // the first frame is a disconnect with too_many_websockets
    int duplicate_next = 0;  // the envelope also goes out a second time
    int lose_acks = 0;
    std::int64_t connection_s = 18'060;  // approximate_connection_time
};

struct SocketFigures {
    std::uint64_t opened = 0;
    std::uint64_t acks = 0;
    std::uint64_t late_or_unknown_acks = 0;
    std::uint64_t redelivered = 0;
    std::uint64_t continuation_frames = 0;  // each is the client's fault, because Slack drops such messages
    std::uint64_t oversized_frames = 0;
    std::uint64_t odd_frames = 0;  // binary, or not a JSON object
};

// Serves Socket Mode: tickets, up to ten sockets, each envelope to exactly one of them at random, three
// seconds for its ack, redelivery.
class Sockets {
  public:
    Sockets(Workspace& workspace, rt::asio::any_io_executor executor, const rt::Clock& clock,
            rt::Timers& timers, rt::Entropy& entropy, core::Duration ack_within);

    std::string new_ticket();
    rt::asio::awaitable<void> serve(net::HttpExchange& exchange, std::string_view ticket);
    // Sends an interactive payload or a command. It is sent again only when its socket died before the ack.
    rt::asio::awaitable<Delivery> deliver(std::string_view type, core::Value payload, bool takes_answer);
    // Sends an event until it is acknowledged, at most four times.
    void queue_event(core::Value wrapper);
    rt::asio::awaitable<void> run();

    // Tells every socket to go, and closes each `grace` later.
    rt::asio::awaitable<void> disconnect_all(std::string_view reason, core::Duration grace);
    void drop_all();           // cuts TCP without a close frame
    void set_deaf(bool deaf);  // makes sockets half-open: TCP stays, but nothing is read or sent
    rt::asio::awaitable<void> send_raw(std::string text);
    rt::asio::awaitable<void> close_all(std::uint16_t code);

    SocketFaults faults;
    const SocketFigures& figures() const { return figures_; }
    core::Value describe() const;
    std::size_t live() const;

  private:
    struct Link {
        explicit Link(std::uint64_t given) : number(given) {}
        std::uint64_t number;
        const std::shared_ptr<FrameTap> tap = std::make_shared<FrameTap>();
        std::unique_ptr<net::WebSocket> socket;
        bool live = false;
        bool warned = false;
        core::Instant warn_at{};
        core::Instant close_at{};
        core::Instant ping_at{};
    };
    // The coroutine that reads the socket and those that are writing to it share the link; whoever ends last
    // frees it.
    using LinkPtr = std::shared_ptr<Link>;

    struct Pending {
        rt::Signal* wake = nullptr;
        std::uint64_t link = 0;
        bool acked = false;
        bool link_lost = false;
        core::Value answer;
    };
    struct Event {
        std::string envelope_id;
        core::Value wrapper;
        int attempt = 0;
        core::Instant due{};
    };

    rt::asio::awaitable<bool> greet(LinkPtr link);
    rt::asio::awaitable<void> listen(LinkPtr link);
    void on_frame(Link& link, const net::WebSocketFrame& frame);
    LinkPtr pick();
    rt::asio::awaitable<bool> send(LinkPtr link, std::string text);
    rt::asio::awaitable<void> close(LinkPtr link, std::uint16_t code);
    rt::asio::awaitable<bool> send_event(Event& event);
    rt::asio::awaitable<void> care_for(LinkPtr link);
    rt::asio::awaitable<void> send_due_events();
    core::Instant next_due() const;
    std::string disconnect_text(std::string_view reason) const;
    void lost(std::uint64_t link);

    Workspace& workspace_;
    rt::asio::any_io_executor executor_;
    const rt::Clock& clock_;
    rt::Timers& timers_;
    rt::Entropy& entropy_;
    core::Duration ack_within_;
    std::uint64_t last_link_ = 0;
    std::map<std::uint64_t, LinkPtr> links_;
    std::map<std::string, core::Instant, std::less<>> tickets_;
    std::map<std::string, Pending*, std::less<>> pending_;  // each lives in the frame of its `deliver`
    std::list<Event> events_;
    SocketFigures figures_;
    rt::Signal work_;
};

}  // namespace countersign::sandbox
