#include "teams/sockets.hpp"

#include <algorithm>
#include <utility>

#include "countersign/app/references.hpp"

namespace countersign::teams {
namespace {

constexpr std::uint16_t going_away = 1001;  // RFC 6455 §7.4.1

}  // namespace

bool Sockets::add(PeerPtr peer) {
    if (open_.size() >= sockets_max) return false;
    open_.emplace(std::move(peer), Open{});
    return true;
}

void Sockets::remove(const PeerPtr& peer) {
    open_.erase(peer);
}

bool Sockets::bind(const PeerPtr& peer, std::string_view service_url, bool proven) {
    auto own = open_.find(peer);
    if (own == open_.end()) return false;
    if (!own->second.service_url.empty()) return own->second.service_url == service_url;
    if (service_url.size() > app::service_url_bytes_max) return false;
    for (auto& [other, its] : open_) {
        if (its.service_url != service_url) continue;
        if (its.proven && !proven) return false;
        its = {};  // whoever connects again takes the place of what is left of the socket before
    }
    own->second = {std::string(service_url), proven};
    return true;
}

Later<streaming::Response> Sockets::ask(std::string service_url, streaming::Request request,
                                        Deadline deadline) {
    auto open =
        std::ranges::find_if(open_, [&](const auto& one) { return one.second.service_url == service_url; });
    if (open == open_.end())
        co_return fail(Trouble::unavailable, "the socket that speaks for this conversation is not open");
    const PeerPtr peer = open->first;
    co_return co_await peer->ask(std::move(request), deadline);
}

rt::asio::awaitable<void> Sockets::close_all(Deadline deadline) {
    const auto all = open_;
    for (const auto& [peer, its] : all) co_await peer->close(going_away, "the server stops", deadline);
}

}  // namespace countersign::teams
