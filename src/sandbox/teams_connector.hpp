#pragma once
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/base/jose.hpp"
#include "countersign/base/secret.hpp"
#include "countersign/net/http_server.hpp"
#include "sandbox/teams_world.hpp"

namespace countersign::sandbox {

// What a bot asks of Microsoft: tokens, the keys of the Bot Framework, and the Connector's REST interface,
// with their limits and refusals.
class TeamsConnector {
  public:
    static constexpr std::size_t message_bytes_max = 40 * 1024;
    static constexpr core::Duration token_life = std::chrono::hours{1};

    TeamsConnector(TeamsWorld& world, std::string base_url, Secret app_password, rt::Entropy& entropy);

    // Serves everything below /teams/.
    rt::asio::awaitable<void> serve(net::HttpExchange& exchange, std::string_view path,
                                    std::string_view query);
    // Answers what a bot asks over the socket that Teams holds open to it, which needs no token; `target` is
    // as over HTTPS. nullopt: the socket is to be dropped instead.
    std::optional<net::HttpResponse> over_socket(const net::HttpRequest& request);
    std::string service_url() const { return base_url_ + "/teams/connector/"; }
    // A token as an activity comes with it; `claims` take the place of the usual ones.
    std::string mint(const core::Value& claims = {}) const;

    // What the next calls come to instead: see docs/sandbox.md.
    struct Fault {
        std::string method;  // "*": any
        std::string path;    // a part of it; empty: any
        std::int64_t times = 1;
        unsigned status = 0;
        std::string code;
        std::int64_t retry_after_s = 0;
        bool work = false;  // the work is done all the same
        bool drop = false;
    };
    std::deque<Fault> faults;
    bool limited = true;  // by the documented rates
    bool targets = true;  // knows messages for one person; else everybody sees them
    core::Value journal = core::Value::array();

  private:
    net::HttpResponse token(const net::HttpRequest& request, std::string_view path);
    net::HttpResponse keys() const;
    net::HttpResponse metadata() const;
    // nullopt: the connection is to be dropped instead.
    std::optional<net::HttpResponse> answer(const net::HttpRequest& request, std::string_view path,
                                            std::string_view query, bool needs_token);
    net::HttpResponse connector(const net::HttpRequest& request, const std::vector<std::string>& segments,
                                std::string_view query);
    net::HttpResponse create(const core::Value& body);
    net::HttpResponse send(std::string_view conversation, const core::Value& body, std::string_view reply_to);
    net::HttpResponse send_to_one(std::string_view conversation, const core::Value& body);
    net::HttpResponse update(std::string_view conversation, std::string_view message,
                             const core::Value& body);
    net::HttpResponse remove(std::string_view conversation, std::string_view message);
    net::HttpResponse members(std::string_view conversation, std::string_view query);
    net::HttpResponse member(std::string_view conversation, std::string_view id);
    bool shows_token(const net::HttpRequest& request) const;
    std::optional<net::HttpResponse> throttled(std::string_view conversation);
    std::optional<Fault> fault_for(const net::HttpRequest& request);

    TeamsWorld& world_;
    std::string base_url_;
    Secret app_password_;
    rt::Entropy& entropy_;
    RsaSigningKey key_ = RsaSigningKey::generate();
    std::map<std::string, core::Instant, std::less<>> tokens_;            // given out, and until when
    std::map<std::string, std::deque<core::Instant>, std::less<>> sent_;  // by conversation
};

net::HttpResponse teams_json(unsigned status, const core::Value& body);

}  // namespace countersign::sandbox
