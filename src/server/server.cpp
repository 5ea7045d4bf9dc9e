#include "countersign/server/server.hpp"

#include <fmt/core.h>

#include <boost/asio/post.hpp>

#include <algorithm>
#include <array>
#include <utility>

#include "countersign/base/check.hpp"
#include "countersign/base/log.hpp"
#include "countersign/base/text.hpp"
#include "countersign/net/http_client.hpp"
#include "countersign/net/http_server.hpp"
#include "server/chats.hpp"
#include "server/client_limits.hpp"
#include "server/issuers.hpp"
#include "server/policy_keeper.hpp"
#include "server/reach.hpp"

namespace countersign::server {
namespace {

constexpr std::size_t sessions_max = 25'100;  // the listener's own limit answers first, with 503
constexpr std::size_t tasks_max = 24;
constexpr core::Duration schema_patience = std::chrono::seconds{5};
constexpr core::Duration schema_poll = std::chrono::seconds{1};
constexpr core::Duration schema_poll_calm = std::chrono::seconds{15};
constexpr std::chrono::seconds database_look_every{5};
// How the time of a drain is spent, counted from its beginning. Slack takes up to 5.5 s when it is slow to
// close its sockets.
constexpr core::Duration sessions_end_max = std::chrono::milliseconds{1'500};
constexpr core::Duration intake_end_max = std::chrono::milliseconds{7'500};
constexpr core::Duration last_traces_max = std::chrono::milliseconds{700};
constexpr core::Duration outbox_end_max = std::chrono::milliseconds{8'500};

pg::PgSettings pg_settings(const config::Settings& settings, const Keys& keys) {
    pg::PgSettings made;
    made.uri = settings.database;
    made.server_keys = keys.retired_servers;
    made.server_keys.insert(made.server_keys.begin(), keys.server);
    made.pool = settings.database_pool;
    made.look_every = database_look_every;
    return made;
}

std::unique_ptr<otlp::Exporter> make_traces(const Ground& ground, const config::Settings& settings) {
    if (settings.otlp.endpoint.empty()) return nullptr;
    auto url = net::parse_url(settings.otlp.endpoint);
    COUNTERSIGN_CHECK(url.has_value());  // the settings were checked when they were read
    otlp::Target target{.url = std::move(*url),
                        .header_name = {},
                        .header_value = {},
                        .version = COUNTERSIGN_VERSION,
                        .instance = {}};
    const std::string_view header = settings.otlp.header.reveal();
    if (const auto colon = header.find(':'); colon != header.npos) {
        target.header_name = header.substr(0, colon);
        target.header_value = Secret{std::string(trim(header.substr(colon + 1)))};
    }
    std::array<std::byte, 8> instance{};
    ground.entropy.fill(instance);
    target.instance = hex(instance);
    return otlp::make_exporter(std::move(target), {.clock = ground.clock,
                                                   .timers = ground.timers,
                                                   .entropy = ground.entropy,
                                                   .dialer = ground.network,
                                                   .executor = ground.executor});
}

app::Runtime runtime_of(const Ground& ground, const config::Settings& settings, app::Tracer* tracer) {
    return {.clock = ground.clock,
            .timers = ground.timers,
            .entropy = ground.entropy,
            .process = core::ProcessId::mint(ground.clock.now(), rt::chance(ground.entropy)),
            .limits = {.pending_per_requester = settings.pending_per_requester,
                       .collapse_cards = settings.collapse_cards},
            .tracer = tracer};
}

constexpr std::size_t bench_waiting_max = 256;  // big bodies, and signatures that another program makes
constexpr std::size_t signing_threads = 2;      // so many of those are under way at a time

rt::Workbench::Limits bench_of(std::size_t threads) {
    return {.threads = threads, .background = 1, .queue_max = bench_waiting_max};
}

// An issuer's own document says where its keys are: this may lead no further into the house than the
// settings.
net::GuardedDialer::Guard guard_of(const std::vector<identity::Issuer>& issuers,
                                   const std::string& provider) {
    auto hosts = identity::named_hosts(issuers);
    if (auto url = net::parse_url(provider)) hosts.push_back(url->host);
    return {
        .in_house = [named = std::move(hosts)](
                        const std::string& host) { return std::ranges::find(named, host) != named.end(); },
        .how_to_allow = "name it under identity.issuers as `jwks_uri`"};
}

}  // namespace

std::string local_url(const std::string& listen, std::uint16_t port, bool tls) {
    std::size_t colon = listen.rfind(':');
    std::string host = listen.substr(0, colon);
    if (host.empty() || host == "0.0.0.0" || host == "[::]" || host == "::") host = "127.0.0.1";
    return fmt::format("{}://{}:{}", tls ? "https" : "http", host, port);
}

http::PublicKeys public_keys(const Keys& keys) {
    http::PublicKeys all{.grant = {{keys.grant->public_key(), {}}},
                         .decision = {{keys.decision->public_key(), {}}},
                         .log = {{keys.log->public_key(), {}}}};
    for (const auto& one : keys.retired) {
        auto& list = one.name == "grant" ? all.grant : one.name == "decision" ? all.decision : all.log;
        list.push_back({one.public_key, one.until});
    }
    return all;
}

Server::Server(const Ground& ground, const config::Settings& settings, Keys keys,
               std::unique_ptr<net::Listener> listener, std::vector<identity::Issuer> issuers,
               PolicyReader reader)
    : ground_(ground),
      settings_(settings),
      keys_(std::move(keys)),
      listener_(std::move(listener)),  // bound already, before anything else is built
      traces_(make_traces(ground, settings)),
      runtime_(runtime_of(ground, settings, traces_.get())),
      // Connects by itself and again; nothing here waits for it.
      database_(
          pg::open_database(pg_settings(settings, keys_), ground.executor, ground.clock, ground.entropy)),
      metrics_(http::make_metrics()),  // counted by all that follow, shown by the API
      // Whom chats know, joined with the policy: what votes are judged by.
      roster_(settings.identity_age_max),
      quiet_(make_quiet_times(settings)),
      waiters_(ground.executor),  // long polls; every commit passes by here
      hiding_(keys_.server),
      receipts_(settings_.public_url, keys_.server, keys_.retired_servers),
      // Gives committed events their place, for streams, webhooks and other replicas.
      log_(database_->events(), runtime_.process, ground.clock, ground.timers, ground.executor),
      // Posts cards to the chats, which join further down.
      outbox_(runtime_, ground.executor, outbox_parts()),
      batches_(runtime_, ground.executor, batch_parts()),
      // Carries webhooks out; what people order of them goes through `webhooks_`.
      sender_(make_sender()),
      webhooks_({.subscriptions = database_->subscriptions(),
                 .deliveries = database_->deliveries(),
                 .sender = *sender_,
                 .clock = ground_.clock,
                 .entropy = ground_.entropy},
                keys_.server),
      // What people and callers do, on all of the above.
      people_(runtime_, database_->people(), roster_),
      requests_(runtime_, request_parts()),
      linking_(runtime_, {.people = database_->people(),
                          .codes = database_->link_codes(),
                          .sync = people_,
                          .roster = roster_,
                          .chats = chats_}),
      voting_tokens_(runtime_,
                     {.tokens = database_->tokens(), .people = people_, .roster = roster_, .log = log_}),
      vote_questions_({.people = people_, .roster = roster_, .chats = chats_}),
      // Workloads bring tokens of issuers, whose keys are fetched when they are first needed.
      issuer_dialer_(ground_.network, ground_.clock, guard_of(issuers, settings.login.issuer)),
      issuer_client_(net::make_http_client(issuer_dialer_, ground_.clock, ground_.timers, ground_.executor,
                                           small_answers)),
      workloads_(identity::make_workload_identity(std::move(issuers), *issuer_client_, ground_.clock,
                                                  ground_.timers, ground_.executor)),
      // Clicks wait neither for big bodies to be read nor for signatures of keys that are not here.
      workbench_(ground.executor, bench_of(1), std::make_unique<rt::Bench>),
      signing_bench_(ground.executor, bench_of(signing_threads), std::make_unique<rt::Bench>),
      api_(make_api()),
      // Makes leaves of events and signs the log, beside everything that people wait for.
      publisher_(make_publisher()),
      // What time, other replicas and changes of people bring about by themselves.
      scheduler_(runtime_, database_->cases(), requests_),
      replicas_(runtime_, database_->cases(), waiters_, log_),
      housekeeper_(runtime_, database_->expired()),
      people_follower_(runtime_, people_, roster_, requests_),
      sessions_(ground.executor, sessions_max, rt::report_bug),
      intake_(ground.executor, tasks_max, rt::report_bug),
      workers_(ground.executor, tasks_max, rt::report_bug),
      policy_(std::make_unique<PolicyKeeper>(runtime_, roster_, log_, workers_, ground.executor,
                                             std::move(reader))) {
    connect_chats();
    make_log_followers();
}

std::unique_ptr<webhooks::Sender> Server::make_sender() {
    return webhooks::make_sender({.allow_private_networks = settings_.webhooks_to_private_networks,
                                  .source = settings_.public_url,
                                  .version = COUNTERSIGN_VERSION},
                                 runtime_,
                                 {.deliveries = database_->deliveries(),
                                  .cases = database_->cases(),
                                  .roster = roster_,
                                  .waiters = waiters_,
                                  .log = log_,
                                  .counters = *metrics_},
                                 ground_.network, keys_.server, ground_.executor);
}

app::Outbox::Parts Server::outbox_parts() {
    return {.outbox = database_->outbox(),
            .cases = database_->cases(),
            .roster = roster_,
            .chats = chats_,
            .counters = *metrics_,
            .receipts = &receipts_,
            .batches = &database_->batches(),
            .quiet = quiet_.get()};
}

app::Batches::Parts Server::batch_parts() {
    return {.batches = database_->batches(),
            .outbox = database_->outbox(),
            .cases = database_->cases(),
            .roster = roster_,
            .chats = chats_};
}

app::Requests::Parts Server::request_parts() {
    return {.cases = database_->cases(),
            .seen_tokens = database_->seen_tokens(),
            .roster = roster_,
            .people = people_,
            .waiters = waiters_,
            .chats = chats_,
            .cards = outbox_,
            .log = log_,
            .webhooks = webhooks_,
            .hiding = hiding_,
            .counters = *metrics_};
}

std::unique_ptr<http::Api> Server::make_api() {
    return http::make_api(
        {.public_url = settings_.public_url,
         .requests_per_minute = settings_.requests_per_minute,
         .access_key = Secret{hkdf_sha256(keys_.server.reveal(), {}, "countersign access tokens", 32)},
         .log_origin = settings_.published_log.origin,
         .log_open = settings_.published_log.open,
         .public_keys = public_keys(keys_)},
        runtime_,
        {.requests = requests_,
         .webhooks = webhooks_,
         .roster = roster_,
         .outbox = database_->outbox(),
         .log = log_,
         .tree = database_->tree(),
         .tokens = database_->tokens(),
         .workloads = *workloads_,
         .hiding = hiding_,
         .vote_questions = vote_questions_,
         .metrics = *metrics_,
         .measures = [this] { return measures(); },
         .workbench = &workbench_,
         .receipts = &receipts_},
        {.grant = *keys_.grant, .decision = *keys_.decision, .bench = &signing_bench_},
        [this] { return readiness(); });
}

// People sign in at one OpenID provider; without one nothing of this is there.
void Server::open_pages() {
    if (settings_.login.issuer.empty()) return;
    auto key = [&](std::string_view purpose) {
        constexpr std::size_t key_bytes = 32;
        return Secret{hkdf_sha256(keys_.server.reveal(), {}, purpose, key_bytes)};
    };
    sign_in_links_.emplace(runtime_, key("countersign sign-in links"), settings_.public_url);
    provider_ = identity::make_sign_in_provider(sign_in_settings(settings_), *issuer_client_, ground_.clock,
                                                ground_.timers, ground_.executor);
    web_ = web::make_web({.public_url = settings_.public_url, .key = key("countersign browser sessions")},
                         runtime_,
                         {.requests = requests_,
                          .roster = roster_,
                          .provider = *provider_,
                          .links = *sign_in_links_,
                          .tokens = database_->tokens(),
                          .log = log_});
    for (auto& route : web_->routes()) api_->add(std::move(route));
}

// Chats hear what people say, so they need all of the above; what speaks to them finds them by their surface.
void Server::connect_chats() {
    open_pages();
    roster_.trust(settings_.trust_email_domains);
    auto made = make_chats(settings_, keys_.server, runtime_,
                           {.requests = requests_,
                            .linking = linking_,
                            .voting_tokens = voting_tokens_,
                            .roster = roster_,
                            .outbox = database_->outbox(),
                            .shown = database_->shown(),
                            .receipts = &receipts_,
                            .batches = &database_->batches(),
                            .sign_in_links = sign_in_links_ ? &*sign_in_links_ : nullptr},
                           database_->references(), ground_);
    ask_who_is_on_call();
    connected_ = std::move(made.chats);
    for (auto& route : made.routes) api_->add(std::move(route));
    for (const auto& chat : connected_) {
        chats_.add({.surface = chat->surface(),
                    .chat = *chat,
                    .confidant = *chat,
                    .default_channel = chat->default_channel(),
                    .asker = chat.get()});
        roster_.add_source(chat->surface(), *chat);
        chat->on_acknowledged([this, name = core::name_of(chat->surface())](core::Duration took) {
            metrics_->acknowledged(name, took);
        });
    }
    if (connected_.empty())
        log::warn("server", "no chat is configured: nobody is asked, and only tokens can vote");
}

void Server::ask_who_is_on_call() {
    if (settings_.on_call.token.reveal().empty()) return;
    on_call_dialer_.emplace(ground_.network, ground_.clock, on_call_guard(settings_));
    on_call_client_ = net::make_http_client(*on_call_dialer_, ground_.clock, ground_.timers, ground_.executor,
                                            on_call_answers);
    rota_ = make_rota(settings_, {.clock = ground_.clock,
                                  .timers = ground_.timers,
                                  .client = *on_call_client_,
                                  .executor = ground_.executor});
    roster_.set_on_call(*rota_);
}

Server::~Server() {
    database_->stop();
}

Result<std::unique_ptr<Server>> Server::make(const Ground& ground, const config::Settings& settings,
                                             Keys keys, PolicyPtr policy, PolicyReader reader) {
    auto issuers = trusted_issuers(settings);
    if (!issuers) return pass(issuers);
    auto login = check_login(settings);
    if (!login) return pass(login);
    auto chats = check_chats(settings);
    if (!chats) return pass(chats);
    auto reach = check_reach(settings);
    if (!reach) return pass(reach);
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
    if (complete.published_log.origin.empty())
        complete.published_log.origin = default_origin(complete.public_url);
    std::unique_ptr<Server> server{new Server{ground, complete, std::move(keys), std::move(*listener),
                                              std::move(*issuers), std::move(reader)}};
    server->policy_->begin(std::move(policy));
    return server;
}

void Server::reload(PolicyTold told) {
    policy_->reload(std::move(told));
    auto tls = listener_->reread_tls();
    if (!tls) log::error("server", "TLS goes on as it was: {}", tls.error().detail);
}

void Server::start() {
    intake_.start("api listener",
                  net::serve_http(*listener_, {api_->handler(), api_->doorkeeper(), api_->refusal_words()},
                                  sessions_, ground_.clock, ground_.timers));
    workers_.start_loop("schema", watch_schema());
    for (const auto& chat : connected_) intake_.start_loop(core::name_of(chat->surface()), chat->run());
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
    presence_ =
        pg::keep_presence(settings_.database, runtime_.process, ground_.executor, ground_.clock, [this] {
            outbox_.leases_freed();
            sender_->leases_freed();
        });
    log_listener_ = pg::listen_to_log(settings_.database, runtime_.process, ground_.executor, ground_.clock,
                                      [this](const app::LogNews& news) { log_.heard(news); });
    workers_.start_loop("log", log_.run());
    workers_.start_loop("published log", publisher_->run());
    if (witnesses_) workers_.start_loop("witnesses", witnesses_->run());
    if (daily_) workers_.start_loop("daily checkpoints", daily_->run());
    for (const auto& stream : streams_out_) workers_.start_loop("stream out", stream->run());
    workers_.start_loop("streams", api_->follow());
    workers_.start_loop("outbox", outbox_.run());
    workers_.start_loop("batches", batches_.run());
    workers_.start_loop("uses of tokens", api_->note_uses());
    workers_.start_loop("webhooks", sender_->run());
    policy_->log_is_ready();
    workers_.start_loop("lapses", scheduler_.run());
    workers_.start_loop("pending", watch_pending());
    workers_.start_loop("unannounced", unannounced_.run());
    workers_.start_loop("people", people_follower_.run());
    workers_.start_loop("approvers", approver_follower_.run());
    if (rota_) workers_.start_loop("on call", on_call_follower_.run());
    workers_.start_loop("other replicas", replicas_.run());
    workers_.start_loop("expired rows", housekeeper_.run());
    if (traces_) workers_.start_loop("traces", traces_->run());
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
    if (!handed_back)
        log::warn("server", "leases were not handed back, others take over when they run out: {}",
                  handed_back.error().detail);
    auto batches = co_await batches_.drain(Deadline{begun + outbox_end_max});
    if (!batches) log::warn("server", "lists of requests were not handed back: {}", batches.error().detail);
    auto also = co_await sender_->drain(Deadline{begun + outbox_end_max});
    if (!also) log::warn("server", "deliveries were not handed back: {}", also.error().detail);
    bool rested = co_await workers_.end(ground_.timers, begun + drain_max);
    calm_ = calm_ && rested;
    if (traces_)
        (void)co_await traces_->drain(
            Deadline{std::min(begun + drain_max, ground_.clock.now() + last_traces_max)});
}

}  // namespace countersign::server
