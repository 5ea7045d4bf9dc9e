#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "countersign/adapters/config.hpp"
#include "countersign/adapters/http.hpp"
#include "countersign/adapters/identity.hpp"
#include "countersign/adapters/pg.hpp"
#include "countersign/adapters/slack.hpp"
#include "countersign/adapters/webhooks.hpp"
#include "countersign/app/followers.hpp"
#include "countersign/app/hiding.hpp"
#include "countersign/app/outbox.hpp"
#include "countersign/base/crypto.hpp"
#include "countersign/net/network.hpp"
#include "countersign/rt/tasks.hpp"

namespace countersign::cli {

// What every part of the program stands on: one I/O thread with its clock, timers, chance and network.
struct Ground {
    rt::asio::any_io_executor executor;
    const rt::Clock& clock;
    rt::Timers& timers;
    rt::Entropy& entropy;
    net::Network& network;
};

// The secrets this server keeps in files of its own; replicas share them.
struct Keys {
    SigningKey signing;
    Secret server;  // 32 bytes, from which keys for single purposes are derived (HKDF)
};

class PolicyKeeper;

// Hands cards on a turn of the loop later: whoever waits for a commit is answered before its cards are
// rendered.
class NextTurn final : public app::CardWorker {
  public:
    NextTurn(rt::asio::any_io_executor executor, app::CardWorker& worker)
        : executor_(std::move(executor)), worker_(worker) {}
    void take(std::vector<app::CardJob> cards, std::vector<app::Errand> errands, app::CasePtr now) override;

  private:
    rt::asio::any_io_executor executor_;
    app::CardWorker& worker_;
};

// The bot and the API, built in order and lent to one another by reference.
class Server {
  public:
    // Binds the address at once; nothing runs yet. Failures name the setting to change.
    static Result<std::unique_ptr<Server>> make(const Ground& ground, const config::Settings& settings,
                                                Keys keys, std::shared_ptr<const core::Policy> policy);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    void start();
    // Stops taking new work, finishes what is under way, hands leases back. Within `drain_max`.
    rt::asio::awaitable<void> drain();
    static constexpr core::Duration drain_max = std::chrono::seconds{9};
    // Whether everything ended by itself. If not, parts may still refer to one another: leave, do not
    // destroy.
    bool calm() const { return calm_; }

    // Reads the policy and the TLS files again, as SIGHUP asks; what cannot be used changes nothing. `told`
    // hears how it went with the policy.
    void reload(std::function<void(const Result<std::shared_ptr<const core::Policy>>&)> told);
    std::uint16_t port() const { return listener_->port(); }
    pg::Database& database() { return *database_; }
    std::vector<std::string> problems() const;  // what /readyz says; empty: ready

  private:
    Server(const Ground& ground, const config::Settings& settings, Keys keys,
           std::unique_ptr<net::Listener> listener, std::vector<identity::Issuer> issuers);
    rt::asio::awaitable<void> watch_schema();
    void start_workers();
    std::vector<http::Readiness> readiness();
    std::string database_problem() const;

    Ground ground_;
    config::Settings settings_;
    Keys keys_;
    std::unique_ptr<net::Listener> listener_;
    app::Runtime runtime_;
    std::unique_ptr<pg::Database> database_;
    std::unique_ptr<http::Metrics> metrics_;
    app::Roster roster_;
    app::Waiters waiters_;
    app::Hiding hiding_;
    app::Log log_;
    app::Chats chats_;
    app::Outbox outbox_;
    NextTurn outbox_next_turn_;
    std::unique_ptr<webhooks::Webhooks> sender_;
    app::Webhooks webhooks_;
    app::PeopleSync people_;
    app::Requests requests_;
    app::Linking linking_;
    app::VotingTokens voting_tokens_;
    std::unique_ptr<slack::Slack> slack_;
    std::unique_ptr<net::HttpClient> issuer_client_;
    std::unique_ptr<app::WorkloadIdentity> workloads_;
    std::unique_ptr<http::Api> api_;
    app::Scheduler scheduler_;
    app::ReplicaFollower replicas_;
    app::PeopleFollower people_follower_;
    std::unique_ptr<pg::Presence> presence_;
    std::unique_ptr<pg::LogListener> log_listener_;
    pg::SchemaReport schema_;
    bool schema_seen_ = false;
    bool draining_ = false;
    bool calm_ = true;
    rt::TaskGroup sessions_;  // one per connection
    rt::TaskGroup intake_;    // what brings new work in: the listener, Slack
    rt::TaskGroup workers_;   // what carries work out
    std::unique_ptr<PolicyKeeper> policy_;
};

// "0.0.0.0:8480" and port 8480 make "http://127.0.0.1:8480": how this machine reaches a listener.
std::string local_url(const std::string& listen, std::uint16_t port, bool tls);

// Reads the keys that the settings name (or, unnamed, those in `home`/keys); makes those that are not there.
Result<Keys> load_or_make_keys(const config::Settings& settings, const std::string& home,
                               rt::Entropy& entropy);
// Loads a policy and prints every finding to stderr; warnings only where they are `wanted`.
Result<std::shared_ptr<const core::Policy>> load_policy_aloud(const std::string& path, bool warnings = true);
// Readable by its owner alone, from its first byte; replaces what was there.
Result<Done> write_private_file(const std::string& path, std::string_view content);
// mkdir -p with 0700 for the last one.
Result<Done> make_private_folder(const std::string& path);
// As many descriptors as the system lets us have: each waiter is one.
void raise_descriptor_limit();

}  // namespace countersign::cli
