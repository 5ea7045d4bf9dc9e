#pragma once
#include <memory>
#include <optional>
#include <string>

#include "countersign/net/http_client.hpp"
#include "countersign/rt/clock.hpp"
#include "countersign/rt/signal.hpp"
#include "teams/clouds.hpp"

namespace countersign::teams {

// The token that the bot shows to the Connector: got with the app's client secret (OAuth 2.0 client
// credentials, RFC 6749 §4.4), kept until it is about to run out, and asked for once however many wait.
class AppToken {
  public:
    static constexpr core::Duration renewed_before_end = std::chrono::minutes{5};
    static constexpr core::Duration patience = std::chrono::seconds{10};
    static constexpr core::Duration rest = std::chrono::seconds{5};  // after a failure

    AppToken(const TeamsSettings& settings, net::HttpClient& client, const rt::Clock& clock,
             rt::Timers& timers, rt::Entropy& entropy, rt::asio::any_io_executor executor);

    // unauthenticated: the settings are wrong (code: Entra's word); overloaded, unavailable: not now.
    Later<Secret> get(Deadline deadline);
    // The Connector refused it: the next call gets a new one.
    void refused() { token_.reset(); }
    // What people must do, since it could not be had; empty: nothing.
    const std::string& problem() const { return problem_; }

  private:
    struct Kept {
        Secret token;
        core::Instant until;
    };
    rt::asio::awaitable<void> renew(Deadline deadline);
    Later<Kept> ask(Deadline deadline);
    Later<Kept> ask_machine(Deadline deadline);  // its managed identity
    std::string_view way() const;                // the setting by which the token is had
    // What says to Entra that it is us: the secret, or something that the certificate's key signs.
    std::string proof(const std::string& audience) const;
    Result<Kept> read(const net::HttpResponse& response) const;

    const TeamsSettings& settings_;
    net::HttpClient& client_;
    const rt::Clock& clock_;
    rt::Timers& timers_;
    rt::Entropy& entropy_;
    rt::Signal got_;
    std::optional<Kept> token_;
    std::optional<Failure> failure_;
    core::Instant not_before_{};
    std::string problem_;
    bool asking_ = false;
};

}  // namespace countersign::teams
