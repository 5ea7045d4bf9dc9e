#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "countersign/adapters/config.hpp"
#include "countersign/adapters/evidence.hpp"
#include "countersign/adapters/http.hpp"
#include "countersign/adapters/identity.hpp"
#include "countersign/adapters/on_call.hpp"
#include "countersign/adapters/otlp.hpp"
#include "countersign/adapters/pg.hpp"
#include "countersign/adapters/stream_out.hpp"
#include "countersign/adapters/web.hpp"
#include "countersign/adapters/webhooks.hpp"
#include "countersign/app/followers.hpp"
#include "countersign/app/hiding.hpp"
#include "countersign/app/housekeeping.hpp"
#include "countersign/app/linking.hpp"
#include "countersign/app/outbox.hpp"
#include "countersign/app/receipts.hpp"
#include "countersign/app/unannounced.hpp"
#include "countersign/app/voting_tokens.hpp"
#include "countersign/net/guarded_dialer.hpp"
#include "countersign/rt/tasks.hpp"
#include "countersign/rt/workbench.hpp"
#include "countersign/server/ground.hpp"
#include "countersign/server/keys.hpp"

namespace countersign::server {

using PolicyPtr = std::shared_ptr<const core::Policy>;
// Reads the policy anew, on a thread of its own.
using PolicyReader = std::function<Result<PolicyPtr>()>;
// Hears how reading it anew went.
using PolicyTold = std::function<void(const Result<PolicyPtr>&)>;

class PolicyKeeper;

// The bot and the API, built in order and lent to one another by reference.
class Server {
  public:
    // Binds the address at once; nothing runs yet. Failures name the setting to change.
    static Result<std::unique_ptr<Server>> make(const Ground& ground, const config::Settings& settings,
                                                Keys keys, PolicyPtr policy, PolicyReader reader);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    void start();
    // Stops taking new work, finishes what is under way, hands leases back. Within `drain_max`.
    rt::asio::awaitable<void> drain();
    static constexpr core::Duration drain_max = std::chrono::seconds{9};
    // It is calm when everything ended by itself. Else parts may still refer to one another: leave the
    // process and do not destroy them.
    bool calm() const { return calm_; }

    // Reads the policy and the TLS files again, as SIGHUP asks; what cannot be used changes nothing. `told`
    // hears how it went with the policy.
    void reload(PolicyTold told);
    std::uint16_t port() const { return listener_->port(); }
    pg::Database& database() { return *database_; }
    std::vector<std::string> problems();  // what /readyz says, warnings among it
    bool ready();                         // warnings aside

  private:
    Server(const Ground& ground, const config::Settings& settings, Keys keys,
           std::unique_ptr<net::Listener> listener, std::vector<identity::Issuer> issuers,
           PolicyReader reader);
    std::unique_ptr<webhooks::Sender> make_sender();
    app::Outbox::Parts outbox_parts();
    app::Batches::Parts batch_parts();
    app::Requests::Parts request_parts();
    std::vector<http::Measure> measures();
    rt::asio::awaitable<void> watch_pending();
    std::unique_ptr<http::Api> make_api();
    std::unique_ptr<evidence::LogPublisher> make_publisher();
    void open_pages();
    void connect_chats();
    void ask_who_is_on_call();
    std::string on_call_problem();
    void make_log_followers();
    void make_streams_out();
    void make_witnesses();
    rt::asio::awaitable<void> watch_schema();
    void start_workers();
    std::vector<http::Readiness> readiness();
    std::string database_problem() const;
    std::string schema_problem() const;

    Ground ground_;
    config::Settings settings_;
    Keys keys_;
    std::unique_ptr<net::Listener> listener_;
    std::unique_ptr<otlp::Exporter> traces_;  // null: nobody follows
    app::Runtime runtime_;
    std::unique_ptr<pg::Database> database_;
    std::unique_ptr<http::Metrics> metrics_;
    app::Roster roster_;
    std::unique_ptr<app::QuietTimes> quiet_;  // null: people are told in person at any time
    app::Waiters waiters_;
    app::Hiding hiding_;
    app::ReceiptLinks receipts_;
    app::LogTail log_;
    app::Chats chats_;
    app::Outbox outbox_;
    app::Batches batches_;
    std::unique_ptr<webhooks::Sender> sender_;
    app::Webhooks webhooks_;
    app::PeopleSync people_;
    app::Requests requests_;
    app::Linking linking_;
    app::VotingTokens voting_tokens_;
    app::VoteQuestions vote_questions_;
    std::optional<app::SignInLinks> sign_in_links_;  // nullopt: no OpenID provider is configured
    std::vector<std::unique_ptr<app::ConnectedChat>> connected_;
    net::GuardedDialer issuer_dialer_;
    std::unique_ptr<net::HttpClient> issuer_client_;
    std::unique_ptr<app::WorkloadIdentity> workloads_;
    std::optional<net::GuardedDialer> on_call_dialer_;
    std::unique_ptr<net::HttpClient> on_call_client_;
    std::unique_ptr<on_call::Rota> rota_;  // null: nothing says who is on call
    app::OnCallFollower on_call_follower_{runtime_, roster_};
    std::unique_ptr<app::SignInProvider> provider_;  // null: likewise
    std::size_t pending_ = 0;                        // requests, when they were last counted
    std::optional<core::Instant> oldest_pending_;    // when the oldest of them was made
    rt::Workbench workbench_;
    rt::Workbench signing_bench_;
    std::unique_ptr<http::Api> api_;
    std::unique_ptr<web::Web> web_;  // null: likewise
    std::unique_ptr<evidence::LogPublisher> publisher_;
    app::UnannouncedWatch unannounced_{runtime_, database_->outbox()};
    std::unique_ptr<net::HttpClient> witness_client_;
    std::unique_ptr<evidence::Witnesses> witnesses_;  // null: there are none
    std::unique_ptr<evidence::DailyCheckpoints> daily_;
    std::vector<std::unique_ptr<stream_out::StreamOut>> streams_out_;
    app::Scheduler scheduler_;
    app::ReplicaFollower replicas_;
    app::Housekeeper housekeeper_;
    app::PeopleFollower people_follower_;
    app::ApproverFollower approver_follower_{runtime_,
                                             {roster_, database_->cases(), database_->outbox(), outbox_}};
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

// The public halves; a retired key stays published, so that what it signed can be checked.
http::PublicKeys public_keys(const Keys& keys);
tlog::NoteKey log_key(const std::string& origin, const std::array<std::byte, 32>& key);
// The name of the log of a server with these settings.
std::string log_origin(const config::Settings& settings);
// The name of a server's log where none is configured: "approvals.example.com/log".
std::string default_origin(std::string_view public_url);

}  // namespace countersign::server
