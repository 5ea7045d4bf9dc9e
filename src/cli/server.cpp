#include "cli/server.hpp"

#include <fmt/core.h>

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <utility>

#include "cli/console.hpp"
#include "cli/policy_keeper.hpp"
#include "countersign/app/linking.hpp"
#include "countersign/base/log.hpp"
#include "countersign/base/text.hpp"
#include "countersign/net/http_client.hpp"
#include "countersign/net/http_server.hpp"

namespace countersign::cli {
namespace {

constexpr std::size_t sessions_max = 25'100;  // the listener's own limit answers first, with 503
constexpr std::size_t tasks_max = 16;
constexpr core::Duration schema_patience = std::chrono::seconds{5};
constexpr core::Duration schema_poll = std::chrono::seconds{1};
constexpr core::Duration schema_poll_calm = std::chrono::seconds{15};
// How the time of a drain is spent, counted from its beginning. Slack takes up to 5.5 s when it is slow to
// close its sockets.
constexpr core::Duration sessions_end_max = std::chrono::milliseconds{1'500};
constexpr core::Duration intake_end_max = std::chrono::milliseconds{7'500};
constexpr core::Duration outbox_end_max = std::chrono::milliseconds{8'500};

pg::PgSettings pg_settings(const config::Settings& settings) {
    pg::PgSettings made;
    made.uri = settings.database;
    made.pool = settings.database_pool;
    return made;
}

slack::SlackSettings slack_settings(const config::Settings& settings) {
    return slack::SlackSettings{
        .app_token = settings.slack.app_token,
        .bot_token = settings.slack.bot_token,
        .api_url = settings.slack.api_url,
        .connections = settings.slack.connections,
        .pace = settings.slack.strict_pace ? slack::SlackSettings::Pace::strict
                                           : slack::SlackSettings::Pace::automatic,
        .channel = settings.slack.channel,
        .link_hosts = settings.link_hosts,
    };
}

// The keys of issuers are small, and there are few issuers.
constexpr net::HttpClientLimits issuer_limits{.header_bytes_max = 16 * 1024,
                                              .body_bytes_max = 64 * 1024,
                                              .connections_max = 4,
                                              .idle_max = std::chrono::seconds{5}};

Result<std::vector<identity::Issuer>> trusted_issuers(const config::Settings& settings) {
    std::vector<identity::Issuer> issuers;
    for (const auto& one : settings.issuers) {
        auto wrong = [&](std::string_view what) {
            return fail(Trouble::invalid_input,
                        fmt::format("{}: the issuer {} {}", one.location, visible(one.issuer), what));
        };
        auto kind = one.kind.empty() ? std::optional{identity::kind_of_issuer(one.issuer)}
                                     : identity::parse_issuer_kind(one.kind);
        if (!kind)
            return wrong(
                "has a kind that is none of generic, github, gitlab, kubernetes, buildkite, circleci, "
                "terraform");
        identity::Issuer issuer{.issuer = one.issuer,
                                .audience = one.audience,
                                .kind = *kind,
                                .jwks_uri = one.jwks_uri,
                                .jwks = one.jwks,
                                .claims = {},
                                .humans = one.humans,
                                .run = one.run,
                                .single_use = one.single_use,
                                .lifetime_max = one.lifetime_max};
        for (const auto& [claim, any_of] : one.claims) issuer.claims.push_back({claim, any_of});
        if (auto problem = identity::problem_of(issuer)) return wrong(*problem);
        bool twice =
            std::ranges::any_of(issuers, [&](const auto& other) { return other.issuer == issuer.issuer; });
        if (twice) return wrong("is there twice");
        issuers.push_back(std::move(issuer));
    }
    return issuers;
}

}  // namespace

void NextTurn::take(std::vector<app::CardJob> cards, std::vector<app::Errand> errands, app::CasePtr now) {
    rt::asio::post(executor_, [this, cards = std::move(cards), errands = std::move(errands),
                               now = std::move(now)]() mutable {
        worker_.take(std::move(cards), std::move(errands), std::move(now));
    });
}

Server::Server(const Ground& ground, const config::Settings& settings, Keys keys,
               std::unique_ptr<net::Listener> listener, std::vector<identity::Issuer> issuers)
    : ground_(ground),
      settings_(settings),
      keys_(std::move(keys)),
      listener_(std::move(listener)),
      runtime_{.clock = ground.clock,
               .timers = ground.timers,
               .entropy = ground.entropy,
               .process = core::ProcessId::mint(ground.clock.now(), rt::chance(ground.entropy)),
               .limits = {.pending_per_requester = settings.pending_per_requester}},
      database_(pg::open_database(pg_settings(settings), ground.executor, ground.clock, ground.entropy)),
      metrics_(http::make_metrics()),
      roster_(settings.identity_age_max),
      waiters_(ground.executor),
      hiding_(keys_.server),
      log_(database_->events(), runtime_.process, ground.clock, ground.timers, ground.executor),
      outbox_(runtime_, {.outbox = database_->outbox(),
                         .cases = database_->cases(),
                         .roster = roster_,
                         .chats = chats_,
                         .counters = *metrics_}),
      outbox_next_turn_(ground.executor, outbox_),
      sender_(webhooks::make_webhooks({.allow_private_networks = settings_.webhooks_to_private_networks,
                                       .source = settings_.public_url,
                                       .version = COUNTERSIGN_VERSION},
                                      runtime_,
                                      {.deliveries = database_->deliveries(),
                                       .cases = database_->cases(),
                                       .roster = roster_,
                                       .waiters = waiters_,
                                       .log = log_,
                                       .counters = *metrics_},
                                      ground_.network, keys_.server, ground_.executor)),
      webhooks_({.subscriptions = database_->subscriptions(),
                 .deliveries = database_->deliveries(),
                 .sender = *sender_,
                 .clock = ground_.clock,
                 .entropy = ground_.entropy},
                keys_.server),
      people_(runtime_, database_->people(), roster_),
      requests_(runtime_, {.cases = database_->cases(),
                           .seen_tokens = database_->seen_tokens(),
                           .roster = roster_,
                           .people = people_,
                           .waiters = waiters_,
                           .chats = chats_,
                           .cards = outbox_next_turn_,
                           .log = log_,
                           .webhooks = webhooks_,
                           .hiding = hiding_,
                           .counters = *metrics_}),
      linking_(runtime_, {.people = database_->people(),
                          .codes = database_->link_codes(),
                          .sync = people_,
                          .roster = roster_,
                          .chats = chats_}),
      voting_tokens_(runtime_,
                     {.tokens = database_->tokens(), .people = people_, .roster = roster_, .log = log_}),
      slack_(slack::make_slack(slack_settings(settings_), runtime_,
                               {.requests = requests_,
                                .linking = linking_,
                                .voting_tokens = voting_tokens_,
                                .roster = roster_,
                                .outbox = database_->outbox()},
                               ground_.network, ground_.executor)),
      issuer_client_(net::make_http_client(ground_.network, ground_.clock, ground_.timers, ground_.executor,
                                           issuer_limits)),
      workloads_(identity::make_workload_identity(std::move(issuers), *issuer_client_, ground_.clock,
                                                  ground_.timers, ground_.executor)),
      api_(http::make_api(
          {.public_url = settings_.public_url,
           .requests_per_minute = settings_.requests_per_minute,
           .access_key = Secret{hkdf_sha256(keys_.server.reveal(), {}, "countersign access tokens", 32)}},
          runtime_,
          {.requests = requests_,
           .webhooks = webhooks_,
           .roster = roster_,
           .log = log_,
           .tokens = database_->tokens(),
           .workloads = *workloads_,
           .hiding = hiding_,
           .metrics = *metrics_},
          keys_.signing, readiness())),
      scheduler_(runtime_, database_->cases(), requests_),
      replicas_(runtime_, database_->cases(), waiters_, log_),
      people_follower_(runtime_, people_, roster_, requests_),
      sessions_(ground.executor, sessions_max, rt::report_bug),
      intake_(ground.executor, tasks_max, rt::report_bug),
      workers_(ground.executor, tasks_max, rt::report_bug),
      policy_(std::make_unique<PolicyKeeper>(ground_, roster_, log_, runtime_.process, workers_,
                                             settings_.policy)) {
    chats_.add({.surface = core::Surface::slack,
                .chat = *slack_,
                .confidant = *slack_,
                .default_channel = settings_.slack.channel});
    roster_.add_source(core::Surface::slack, *slack_);
    roster_.trust(settings_.trust_email_domains);
}

Server::~Server() {
    database_->stop();
}

Result<std::unique_ptr<Server>> Server::make(const Ground& ground, const config::Settings& settings,
                                             Keys keys, std::shared_ptr<const core::Policy> policy) {
    auto issuers = trusted_issuers(settings);
    if (!issuers) return pass(issuers);
    net::TlsFiles tls{.certificate = settings.tls_certificate, .key = settings.tls_key};
    auto listener = ground.network.listen(settings.listen, tls.key.empty() ? nullptr : &tls);
    if (!listener) {
        return fail(listener.error().trouble,
                    fmt::format("listen ({}): {}", config::variable_of("listen"), listener.error().detail));
    }
    config::Settings complete = settings;
    if (complete.public_url.empty()) {
        complete.public_url = local_url(settings.listen, (*listener)->port(), !tls.key.empty());
    }
    std::unique_ptr<Server> server{
        new Server{ground, complete, std::move(keys), std::move(*listener), std::move(*issuers)}};
    server->policy_->begin(std::move(policy));
    return server;
}

void Server::reload(std::function<void(const Result<std::shared_ptr<const core::Policy>>&)> told) {
    policy_->reload(std::move(told));
    auto tls = listener_->reread_tls();
    if (!tls) log::error("server", "TLS goes on as it was: {}", tls.error().detail);
}

std::string Server::database_problem() const {
    if (!schema_seen_) return "not connected yet";
    if (!database_->reachable()) return "the database cannot be reached; trying again";
    return {};
}

std::vector<http::Readiness> Server::readiness() {
    auto schema = [this]() -> std::string {
        bool fine = !schema_seen_ || schema_.state == pg::SchemaState::current ||
                    schema_.state == pg::SchemaState::unreachable;
        return fine ? std::string{} : schema_.detail;
    };
    auto chat = [this]() -> std::string {
        auto health = slack_->health();
        if (health.live > 0) return {};
        return health.problem.empty() ? "not connected yet" : health.problem;
    };
    auto stopping = [this]() -> std::string { return draining_ ? "shutting down" : ""; };
    return {{.problem = [this] { return database_problem(); }, .name = "database"},
            {.problem = schema, .name = "schema"},
            {.problem = chat, .name = "slack"},
            {.problem = stopping, .name = "server"}};
}

std::vector<std::string> Server::problems() const {
    std::vector<std::string> found;
    for (const auto& part : const_cast<Server*>(this)->readiness()) {
        std::string problem = part.problem();
        if (!problem.empty()) found.push_back(fmt::format("{}: {}", part.name, problem));
    }
    return found;
}

void Server::start() {
    intake_.start("api listener",
                  net::serve_http(*listener_, api_->handler(), sessions_, ground_.clock, ground_.timers));
    workers_.start_loop("schema", watch_schema());
    intake_.start_loop("slack", slack_->run());
}

// Nothing is written before the schema is known to be ours; a database that comes later is as good.
rt::asio::awaitable<void> Server::watch_schema() {
    bool started = false;
    std::string told;
    while (true) {
        auto report = co_await database_->schema(Deadline{ground_.clock.now() + schema_patience});
        if (report) {
            schema_ = std::move(*report);
        } else {
            schema_ = {.state = pg::SchemaState::unreachable, .detail = report.error().detail};
        }
        schema_seen_ = true;
        bool current = schema_.state == pg::SchemaState::current;
        if (current && !started) start_workers();
        started = started || current;
        if (current && !told.empty()) log::info("database", "connected; the schema is current");
        if (!current && schema_.detail != told) log::error("database", "{}", schema_.detail);
        told = current ? "" : schema_.detail;
        auto ec = co_await ground_.timers.sleep_until(ground_.clock.now() +
                                                      (current ? schema_poll_calm : schema_poll));
        if (ec) co_return;
    }
}

void Server::start_workers() {
    if (draining_) return;
    presence_ = pg::keep_presence(settings_.database, runtime_.process, ground_.clock);
    log_listener_ = pg::listen_to_log(settings_.database, runtime_.process, ground_.executor, ground_.clock,
                                      [this](const app::LogNews& news) { log_.heard(news); });
    workers_.start_loop("log", log_.run());
    workers_.start_loop("streams", api_->follow());
    workers_.start_loop("outbox", outbox_.run());
    workers_.start_loop("uses of tokens", api_->note_uses());
    workers_.start_loop("webhooks", sender_->run());
    policy_->log_is_ready();
    workers_.start_loop("lapses", scheduler_.run());
    workers_.start_loop("people", people_follower_.run());
    workers_.start_loop("other replicas", replicas_.run());
}

rt::asio::awaitable<void> Server::drain() {
    core::Instant begun = ground_.clock.now();
    draining_ = true;
    listener_->close();
    waiters_.close();  // long polls are answered with what is true now, not cut off
    log_.close();      // streams end with a word
    co_await sessions_.end(ground_.timers, begun + sessions_end_max);
    calm_ = co_await intake_.end(ground_.timers, begun + intake_end_max);
    if (!calm_) log::warn("server", "the chat link did not end by itself in time");
    auto handed_back = co_await outbox_.drain(Deadline{begun + outbox_end_max});
    if (!handed_back) {
        log::warn("server", "leases were not handed back, others take over when they run out: {}",
                  handed_back.error().detail);
    }
    auto also = co_await sender_->drain(Deadline{begun + outbox_end_max});
    if (!also) log::warn("server", "deliveries were not handed back: {}", also.error().detail);
    bool rested = co_await workers_.end(ground_.timers, begun + drain_max);
    calm_ = calm_ && rested;
}

}  // namespace countersign::cli
