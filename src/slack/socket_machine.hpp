#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "countersign/core/time.hpp"

// Decides when a Socket Mode slot opens, dials, hands over and gives up sockets. It has none itself: inputs
// go in, outputs come out, so that every row of the protocol's tables can be tested without a network.
namespace countersign::slack {

enum class SocketState : std::uint8_t { opening, dialing, awaiting_hello, live, draining, closed };
std::string_view name_of(SocketState state);

// Numbers the sockets of a slot, one after the other. Inputs about a generation that is gone are ignored.
using Generation = std::uint32_t;

// Says why apps.connections.open gave no URL. `unreached`: Slack was not reached at all; `transient`: it
// answered, and was in trouble.
enum class OpenTrouble : std::uint8_t { configuration, rate_limited, transient, unreached };

struct UrlCame {
    Generation socket;
    std::string url;
};
struct OpenFailed {
    Generation socket;
    OpenTrouble trouble = OpenTrouble::transient;
    std::optional<core::Duration> retry_after;
    std::string detail;
};
struct Dialed {
    Generation socket;
};
struct DialFailed {
    Generation socket;
    std::string detail;
    bool refused = true;  // an answer came, and was no; false: nobody was reached
};
struct HelloCame {
    Generation socket;
    std::optional<core::Duration> lives_for;  // approximate_connection_time
};
struct DisconnectCame {
    Generation socket;
    std::string reason;
};
struct SocketClosed {  // by the peer, by silence, by an error
    Generation socket;
    std::string detail;
};
struct TimeCame {};
struct StopAsked {};
using SocketInput = std::variant<UrlCame, OpenFailed, Dialed, DialFailed, HelloCame, DisconnectCame,
                                 SocketClosed, TimeCame, StopAsked>;

struct OpenUrl {
    Generation socket;
};  // call apps.connections.open
struct Dial {
    Generation socket;
    std::string url;
};
struct CloseSocket {  // also abandons an open call or a dial under way
    Generation socket;
    bool handshake = true;  // false: it is dead, close TCP at once
};
struct Alarm {
    std::string text;
};  // for people; empty: all is well again
using SocketOutput = std::variant<OpenUrl, Dial, CloseSocket, Alarm>;

class SocketMachine {
  public:
    struct Limits {
        core::Duration backoff_base{std::chrono::seconds{1}};
        core::Duration backoff_max{std::chrono::seconds{60}};    // after refusals
        core::Duration unreached_max{std::chrono::seconds{10}};  // while nobody is reached
        core::Duration lost_max{std::chrono::seconds{5}};        // after the loss of a live socket
        core::Duration open_max{std::chrono::seconds{15}};     // for apps.connections.open, and for the dial
        core::Duration hello_max{std::chrono::seconds{20}};    // from the handshake's end to `hello`
        core::Duration stable{std::chrono::minutes{1}};        // live for so long: failures are forgotten
        core::Duration drain_max{std::chrono::seconds{30}};    // after the successor's hello
        core::Duration probe{std::chrono::minutes{5}};         // while the configuration is wrong
        core::Duration crowded_min{std::chrono::seconds{30}};  // after too_many_websockets …
        core::Duration crowded_max{std::chrono::seconds{60}};  // … one attempt in this time
        core::Duration retry_after_default{std::chrono::seconds{30}};
        double renew_at = 0.9;  // of the socket's life
    };
    using Chance = std::function<double()>;  // uniform in [0, 1)

    SocketMachine(Chance chance, Limits limits);
    explicit SocketMachine(Chance chance) : SocketMachine(std::move(chance), Limits{}) {}

    std::vector<SocketOutput> start(core::Instant now);
    std::vector<SocketOutput> step(SocketInput input, core::Instant now);

    core::Instant wake_at() const;  // when it wants TimeCame; Instant::max(): never
    SocketState state() const;      // of the leading socket; closed: none
    std::size_t sockets() const;    // that exist or are being made, for counting against hello's number
    bool live() const { return state() == SocketState::live; }
    bool stopped() const { return stopped_; }

  private:
    struct Socket {
        Generation generation;
        SocketState state;
        core::Instant until = core::Instant::max();     // the state's own limit
        core::Instant renew_at = core::Instant::max();  // while live
        core::Instant live_since{};
    };
    void on(UrlCame& input, core::Instant now);
    void on(OpenFailed& input, core::Instant now);
    void on(Dialed& input, core::Instant now);
    void on(DialFailed& input, core::Instant now);
    void on(HelloCame& input, core::Instant now);
    void on(DisconnectCame& input, core::Instant now);
    void on(SocketClosed& input, core::Instant now);
    void on(TimeCame& input, core::Instant now);
    void on(StopAsked& input, core::Instant now);
    bool leads(Generation socket, SocketState state) const;
    void open(core::Instant now);
    void hand_over(core::Instant now);
    void give_up_lead(bool handshake);
    void retry_in(core::Duration wait, core::Instant now);
    // Each kind of failure has pauses of its own: a socket that was up and broke says nothing of whether
    // Slack wants another one. `times`: how often it came in a row.
    void back_off(int& times, core::Duration most, core::Instant now);
    void refused(core::Instant now) { back_off(refusals_, limits_.backoff_max, now); }
    void unreached(core::Instant now) { back_off(unreached_, limits_.unreached_max, now); }
    void lost(core::Instant now) { back_off(losses_, limits_.lost_max, now); }
    void forget_old_failures(core::Instant now);
    void alarm(std::string text);
    core::Duration jittered(core::Duration most) const;

    Chance chance_;
    Limits limits_;
    std::optional<Socket> lead_;
    std::optional<Socket> old_;  // draining beside the lead
    core::Instant open_at_ = core::Instant::max();
    Generation last_ = 0;
    int refusals_ = 0;
    int unreached_ = 0;
    int losses_ = 0;
    bool alarmed_ = false;
    bool stopped_ = false;
    std::vector<SocketOutput> out_;
};

}  // namespace countersign::slack
