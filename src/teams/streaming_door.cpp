#include "teams/streaming_door.hpp"

#include <algorithm>
#include <utility>

#include "countersign/base/log.hpp"
#include "countersign/base/text.hpp"
#include "countersign/net/websocket.hpp"
#include "countersign/wire/json_text.hpp"
#include "teams/answers.hpp"

namespace countersign::teams {

using rt::asio::awaitable;

namespace {

constexpr std::string_view messages_path = "/api/messages";
constexpr std::string_view version_path = "/api/version";

streaming::Response as_streamed(net::HttpResponse response) {
    return {response.status, std::move(response.body)};
}

}  // namespace

StreamingDoor::StreamingDoor(const app::Runtime& runtime, TokenCheck& tokens, Inbox& inbox, Sockets& sockets,
                             rt::asio::any_io_executor executor)
    : runtime_(runtime),
      tokens_(tokens),
      inbox_(inbox),
      sockets_(sockets),
      executor_(executor),
      tasks_(executor, tasks_max, rt::report_bug) {}

awaitable<net::HttpResponse> StreamingDoor::open(net::HttpExchange& exchange) {
    const auto at = runtime_.now();
    const net::Fields& fields = exchange.request().fields;
    auto believed = co_await tokens_.check(authorization_of(fields), {at + Inbox::token_patience});
    if (believed) {
        const bool one = fields.count("channelid") == 1;
        auto endorsed = tokens_.may_open(*believed, one ? *fields.find("channelid") : std::string_view{});
        if (!endorsed) believed = pass(endorsed);
    }
    if (!believed) co_return inbox_.not_believed(believed.error());
    if (sockets_.size() >= Sockets::sockets_max) {
        log::warn("teams", "{} streaming sockets are open: one more is turned away", sockets_.size());
        co_return status_alone(503);
    }
    auto socket =
        co_await exchange.upgrade({.message_bytes_max = message_bytes_max, .silence_max = silence_max});
    if (!socket) co_return status_alone(426);  // which is what the exchange has answered

    auto session = std::make_shared<Session>(std::move(*believed));
    auto handler = [this, session](streaming::Request request) {
        return answer(session, std::move(request));
    };
    streaming::PeerParts parts{runtime_.clock, runtime_.timers, runtime_.entropy, tasks_, executor_};
    auto peer = std::make_shared<streaming::Peer>(std::move(parts), std::move(*socket),
                                                  wire::teams_activity_bytes_max, std::move(handler));
    session->peer = peer;
    struct Listed {
        Sockets& sockets;
        Sockets::PeerPtr peer;
        ~Listed() { sockets.remove(peer); }
    } listed{sockets_, peer};
    sockets_.add(peer);
    const auto& its_token = session->believed;
    if (Sockets::is_socket(its_token.service_url)) sockets_.bind(peer, its_token.service_url, true);
    log::info("teams", "a channel opened a streaming socket; {} are open", sockets_.size());
    auto why = co_await streaming::Peer::run(peer, std::min<core::Instant>(its_token.ends_at, at + life_max));
    log::info("teams", "a streaming socket ended: {}", why.detail);
    net::HttpResponse switched;
    switched.status = 101;
    co_return switched;
}

awaitable<streaming::Response> StreamingDoor::answer(std::shared_ptr<const Session> session,
                                                     streaming::Request request) {
    const auto at = runtime_.now();
    if (request.verb.empty() || request.path.empty()) co_return streaming::Response{400};
    if (request.verb != "GET" && request.verb != "POST") co_return streaming::Response{405};
    if (request.path == version_path) {
        if (request.verb != "GET") co_return streaming::Response{405};
        co_return streaming::Response{
            200, wire::json_object("UserAgent", "countersign/" COUNTERSIGN_VERSION).text};
    }
    if (request.path != messages_path) co_return streaming::Response{404};
    if (request.verb != "POST") co_return streaming::Response{405};
    auto activity = wire::read_teams_activity(request.body);
    if (!activity)
        co_return streaming::Response{activity.error().trouble == Trouble::too_large ? 413U : 400U};
    auto meant = tokens_.speaks_on_socket(session->believed, *activity);
    if (!meant) co_return as_streamed(inbox_.not_believed(meant.error()));
    if (Sockets::is_socket(activity->service_url)) {
        const auto peer = session->peer.lock();
        const bool bound = peer && sockets_.bind(peer, activity->service_url, false);
        if (!bound) {
            log::warn("teams", "an activity names the service address of another socket than its own");
            co_return streaming::Response{403};
        }
    }
    auto response = co_await inbox_.take(std::move(*activity), at);
    co_return as_streamed(std::move(response));
}

awaitable<void> StreamingDoor::stop(core::Instant deadline) {
    co_await sockets_.close_all({deadline});
    co_await tasks_.end(runtime_.timers, deadline);
}

}  // namespace countersign::teams
