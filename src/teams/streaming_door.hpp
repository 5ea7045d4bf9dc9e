#pragma once
#include "countersign/app/runtime.hpp"
#include "countersign/net/http_server.hpp"
#include "countersign/rt/tasks.hpp"
#include "teams/inbox.hpp"
#include "teams/sockets.hpp"
#include "teams/token_check.hpp"

namespace countersign::teams {

// Where channels open their sockets: GET /api/messages with an upgrade (Bot Framework streaming extensions).
// The token is checked here, once, and the socket ends with it.
class StreamingDoor {
  public:
    static constexpr std::size_t tasks_max = 4'096;
    static constexpr std::size_t message_bytes_max = 64 * 1024;  // of the WebSocket; frames are far smaller
    static constexpr std::chrono::seconds silence_max{30};
    static constexpr core::Duration life_max = std::chrono::hours{24};

    StreamingDoor(const app::Runtime& runtime, TokenCheck& tokens, Inbox& inbox, Sockets& sockets,
                  rt::asio::any_io_executor executor);

    rt::asio::awaitable<net::HttpResponse> open(net::HttpExchange& exchange);
    rt::asio::awaitable<void> stop(core::Instant deadline);

  private:
    // What the token of a socket said, for those who answer its requests and may outlast it.
    struct Session {
        TokenCheck::Believed believed;
        std::weak_ptr<streaming::Peer> peer;
    };
    rt::asio::awaitable<streaming::Response> answer(std::shared_ptr<const Session> session,
                                                    streaming::Request request);

    const app::Runtime& runtime_;
    TokenCheck& tokens_;
    Inbox& inbox_;
    Sockets& sockets_;
    rt::asio::any_io_executor executor_;
    rt::TaskGroup tasks_;
};

}  // namespace countersign::teams
