#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "countersign/core/value.hpp"
#include "countersign/net/http_client.hpp"
#include "countersign/rt/clock.hpp"
#include "countersign/wire/json_text.hpp"
#include "teams/app_token.hpp"
#include "teams/pacer.hpp"
#include "teams/sockets.hpp"

namespace countersign::teams {

// Describes one call of the Bot Connector's REST interface.
struct ConnectorCall {
    std::string_view method;  // "GET", "POST", "PUT"
    std::string service_url;  // of the conversation
    std::string path;         // "/v3/conversations/…", its ids percent-encoded
    std::string body = {};    // JSON; empty: none
    std::string lane = {};    // the conversation that is paced; empty: a call that is not
    core::Duration patience{std::chrono::seconds{30}};  // with the wait for a turn
};

// The Bot Connector: calling convention, pace and classes of errors. Failures: unauthenticated (credentials),
// invalid_input (refused for good), forbidden (we are not in that conversation), not_found, too_large,
// overloaded (with not_before), unavailable (nothing happened), timed_out (a message may be there).
// `code` is the service's word where it gave one.
class Connector {
  public:
    static constexpr std::size_t answer_bytes_max = 4 * 1024 * 1024;
    static constexpr int tries_max = 3;

    // What a call leaves with: a token over HTTPS, or the socket of its conversation.
    struct Ways {
        AppToken& token;
        Sockets& sockets;
    };
    Connector(const TeamsSettings& settings, net::HttpClient& client, const rt::Clock& clock,
              rt::Timers& timers, rt::Entropy& entropy, Ways ways)
        : settings_(settings),
          client_(client),
          clock_(clock),
          timers_(timers),
          entropy_(entropy),
          token_(ways.token),
          sockets_(ways.sockets) {}

    Later<core::Value> call(ConnectorCall call, Deadline deadline);

  private:
    Later<Done> turn(const ConnectorCall& call, Deadline deadline);
    Later<core::Value> send(const ConnectorCall& call, Deadline deadline);
    Later<core::Value> send_over_socket(const ConnectorCall& call, Deadline deadline);
    Result<core::Value> judge(const ConnectorCall& call, const net::HttpResponse& response);
    core::Duration jittered(core::Duration wait);

    const TeamsSettings& settings_;
    net::HttpClient& client_;
    const rt::Clock& clock_;
    rt::Timers& timers_;
    rt::Entropy& entropy_;
    AppToken& token_;
    Sockets& sockets_;
    Pacer pacer_;
};

// "/v3/conversations/19%3Aabc%40thread.tacv2" and what follows: each id is encoded by itself.
std::string conversation_path(std::string_view conversation, std::string_view rest = {});

}  // namespace countersign::teams
