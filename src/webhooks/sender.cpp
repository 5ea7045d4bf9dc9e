#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "countersign/adapters/webhooks.hpp"
#include "countersign/app/leased_work.hpp"
#include "countersign/base/log.hpp"
#include "countersign/base/text.hpp"
#include "countersign/net/guarded_dialer.hpp"
#include "countersign/net/http_client.hpp"
#include "countersign/rt/signal.hpp"
#include "countersign/rt/tasks.hpp"
#include "webhooks/addresses.hpp"
#include "webhooks/bodies.hpp"
#include "webhooks/lanes.hpp"
#include "webhooks/schedule.hpp"
#include "webhooks/signature.hpp"

namespace countersign::webhooks {

namespace asio = rt::asio;

namespace {

using State = app::Delivery::State;
using Settled = app::DeliveryStore::Settled;

constexpr core::Duration attempt_max{std::chrono::seconds{15}};  // one attempt, look-up to last byte
constexpr core::Duration lease_length{std::chrono::seconds{60}};
constexpr core::Duration lease_margin{std::chrono::seconds{5}};  // to write down what became of it
constexpr core::Duration store_patience{std::chrono::seconds{5}};
constexpr core::Duration settle_delay{std::chrono::milliseconds{10}};
constexpr core::Duration settle_pause{std::chrono::seconds{1}};
constexpr core::Duration sweep_every{std::chrono::minutes{10}};
constexpr core::Duration forget_after{std::chrono::hours{24 * 30}};
constexpr core::Duration stop_patience{std::chrono::seconds{3}};
constexpr core::Duration wrong_key_pause{std::chrono::minutes{10}};
constexpr core::Duration idle_pause{std::chrono::hours{1}};
constexpr std::size_t settle_rows = 512;
constexpr std::size_t fan_out_backlog_max = 1'024;  // rows to be settled first
constexpr std::size_t unsettled_rows_max = 8'192;   // more while the store is down are forgotten: sent again
constexpr std::size_t loops_max = 4;
constexpr std::size_t secrets_max = 4'096;  // remembered
constexpr std::size_t problem_bytes_max = 300;

net::HttpClientLimits client_limits() {
    return {.header_bytes_max = 16 * 1024,
            .body_bytes_max = app::answer_bytes_max,
            .cuts_bodies = true,
            .connections_max = 64,
            .idle_max = std::chrono::seconds{25}};
}

app::LeasedWorkLimits limits_of(const app::Limits& limits) {
    return {.name = "webhooks",
            .under_way_max = LaneLimits{}.in_flight_total,
            .settle_rows = settle_rows,
            .settle_delay = settle_delay,
            .settle_pause = settle_pause,
            .poll = limits.poll,
            .finish_within = stop_patience};
}

// Trouble of the host rather than of what was sent to it.
bool host_trouble(unsigned status) {
    constexpr std::array<unsigned, 5> statuses{0, 429, 502, 503, 504};
    return std::ranges::find(statuses, status) != statuses.end();
}

}  // namespace

class RealSender final : public Sender, private app::LeasedWork {
  public:
    RealSender(WebhookSettings settings, const app::Runtime& runtime, Parts parts, net::Connector& network,
               Secret server_key, asio::any_io_executor executor)
        : settings_(std::move(settings)),
          store_(parts.deliveries),
          runtime_(runtime),
          log_(parts.log),
          counters_(parts.counters),
          key_(std::move(server_key)),
          key_id_(key_.id()),
          dialer_(network, runtime.clock,
                  {.in_house = [allowed =
                                    settings_.allow_private_networks](const std::string&) { return allowed; },
                   .how_to_allow = std::string{how_to_allow_in_house}}),
          client_(net::make_http_client(dialer_, runtime.clock, runtime.timers, executor, client_limits())),
          bodies_(runtime, parts, executor, settings_.source),
          agent_("Countersign/" + settings_.version),
          events_came_(executor),
          loops_(executor, loops_max, rt::report_bug),
          loop_(*this, limits_of(runtime.limits), executor, runtime.clock, runtime.timers) {}

    Result<Done> acceptable(std::string_view url) const override {
        auto fine = destination(url, settings_.allow_private_networks);
        if (!fine) return pass(fine);
        return Done{};
    }
    void look(const core::LaneId& lane) override {
        lanes_.try_now(lane);
        loop_.claim_more();
    }
    void leases_freed() override { loop_.claim_more(); }
    void events_came() override {
        ++news_;
        events_came_.notify_all();
    }
    asio::awaitable<void> run() override;
    Later<Done> drain(Deadline deadline) override { return loop_.drain(deadline); }

  private:
    asio::awaitable<bool> claim() override;
    std::optional<asio::awaitable<void>> next() override;
    std::size_t unsettled() const override { return batch_.size() + writing_; }
    Later<Done> settle() override;
    Later<Done> hand_back(Deadline deadline) override {
        return store_.hand_back_deliveries(lease(), deadline);
    }

    asio::awaitable<void> fan_out();
    asio::awaitable<void> follow_log();
    asio::awaitable<void> sweep();
    asio::awaitable<void> carry(app::DeliveryJob job);
    asio::awaitable<void> attempt(app::DeliveryJob& job, core::Instant begun);
    Later<net::HttpResponse> post(const app::DeliveryJob& job, const std::string& body, core::Instant at);
    void judge(const app::DeliveryJob& job, core::Instant begun, Result<net::HttpResponse> answer);
    void give_up(const app::DeliveryJob& job, std::string why);
    void absorb(std::vector<app::DeliveryJob> jobs);
    void settled(Settled row);
    void put_off_returned();
    const std::vector<Secret>& secrets_of(const app::Subscription& to);
    app::Lease lease() const { return {runtime_.process, runtime_.now() + lease_length}; }
    Deadline store_deadline() const { return runtime_.within(store_patience); }

    WebhookSettings settings_;
    app::DeliveryStore& store_;
    const app::Runtime& runtime_;
    app::LogTail& log_;
    app::Counters& counters_;
    app::WebhookKey key_;
    std::string key_id_;
    net::GuardedDialer dialer_;
    std::unique_ptr<net::HttpClient> client_;
    Bodies bodies_;
    std::string agent_;
    Lanes lanes_;
    std::vector<Settled> batch_;
    // By subscription and number of its secret; the second one, where there is one, is the one before.
    std::map<std::pair<core::SubscriptionId, std::int32_t>, std::vector<Secret>> secrets_;
    std::size_t writing_ = 0;
    std::size_t news_ = 0;  // how often events came
    rt::Signal events_came_;
    rt::TaskGroup loops_;
    app::LeasedWorkLoop loop_;
};

// ---- taking deliveries in

void RealSender::absorb(std::vector<app::DeliveryJob> jobs) {
    core::Instant now = runtime_.now();
    for (auto& job : jobs) {
        auto id = job.id();
        if (job.to->ended) {
            give_up(job, "the subscription has ended");
            continue;
        }
        auto later = lanes_.add(std::move(job), now);
        if (later) settled({.id = id, .state = State::pending, .due_at = *later, .attempt = {}});
    }
    loop_.begin_more();
}

std::optional<asio::awaitable<void>> RealSender::next() {
    auto job = lanes_.next(runtime_.now());
    if (job) return carry(std::move(*job));
    if (lanes_.hungry(runtime_.now())) loop_.claim_more();
    return std::nullopt;
}

asio::awaitable<void> RealSender::fan_out() {
    for (;;) {
        bool again = false;
        auto seen = news_;
        // What lanes had no room for must be put off in the store before there is more of it.
        while (batch_.size() > fan_out_backlog_max)
            co_await loop_.settled().wait_until(runtime_.timers, runtime_.now() + idle_pause);
        if (!loop_.stopping()) {
            auto made = co_await store_.fan_out(lease(), store_deadline());
            if (!made) log::warn("webhooks", "cannot look for new events: {}", made.error().detail);
            again = made && (made->more || news_ != seen);
            if (made) absorb(std::move(made->jobs));
        }
        if (again) continue;
        co_await events_came_.wait_until(runtime_.timers, runtime_.now() + runtime_.limits.poll);
    }
}

// Events are looked for as soon as they have their place, not only once a poll.
asio::awaitable<void> RealSender::follow_log() {
    std::int64_t seen = 0;
    for (;;) {
        if (log_.size() > seen) {
            seen = log_.size();
            events_came();
        }
        co_await log_.grown().wait_until(runtime_.timers, runtime_.now() + runtime_.limits.poll);
    }
}

asio::awaitable<bool> RealSender::claim() {
    auto asked = lanes_.rooms(runtime_.now());
    auto jobs = co_await store_.claim_deliveries(lease(), runtime_.now(), asked, lanes_.room_of_new_lane(),
                                                 store_deadline());
    if (!jobs) {
        log::warn("webhooks", "cannot look for what is due: {}", jobs.error().detail);
        co_return false;
    }
    bool none = jobs->empty();
    lanes_.claimed(asked, *jobs);
    absorb(std::move(*jobs));
    co_return !none && lanes_.hungry(runtime_.now());
}

// ---- one delivery

asio::awaitable<void> RealSender::carry(app::DeliveryJob job) {
    core::Instant begun = runtime_.now();
    // With less time left another process may take it over while we are sending.
    if (job.leased_until < begun + attempt_max + lease_margin) {
        lanes_.skipped(job.lane);
        co_return;
    }
    co_await attempt(job, begun);
}

asio::awaitable<void> RealSender::attempt(app::DeliveryJob& job, core::Instant begun) {
    if (job.to->key_id != key_id_) {
        lanes_.skipped(job.lane);
        app::Attempt failed{.at = begun,
                            .status = 0,
                            .problem =
                                "this server has another server_key than the one that made the "
                                "subscription: it cannot sign",
                            .answer = {},
                            .took = {}};
        log::error("webhooks", "{}: {}", job.to->id.text(), failed.problem);
        auto next = next_attempt(job.attempts + 1, job.begun_at, begun, begun + wrong_key_pause,
                                 rt::fraction(runtime_.entropy));
        settled({.id = job.id(),
                 .state = next ? State::pending : State::parked,
                 .due_at = next,
                 .attempt = std::move(failed)});
        co_return;
    }
    auto body = co_await bodies_.of(job.event, job.facts, job.to->id, store_deadline());
    if (!body) {
        lanes_.skipped(job.lane);
        auto trouble = body.error().trouble;
        if (trouble == Trouble::not_found || trouble == Trouble::corrupt) {
            give_up(job, "the event cannot be read any more: " + body.error().detail);
        } else {
            settled({.id = job.id(), .state = State::pending, .due_at = begun + settle_pause, .attempt = {}});
        }
        co_return;
    }
    auto answer = co_await post(job, **body, begun);
    judge(job, begun, std::move(answer));
}

const std::vector<Secret>& RealSender::secrets_of(const app::Subscription& to) {
    auto [it, fresh] = secrets_.try_emplace({to.id, to.secret_number});
    if (!fresh) return it->second;
    it->second.push_back(key_.secret(to.id, to.secret_number));
    if (to.secret_number > 1) it->second.push_back(key_.secret(to.id, to.secret_number - 1));
    auto& found = it->second;
    if (secrets_.size() > secrets_max) {
        auto victim = secrets_.begin() == it ? std::next(it) : secrets_.begin();
        secrets_.erase(victim);
    }
    return found;
}

Later<net::HttpResponse> RealSender::post(const app::DeliveryJob& job, const std::string& body,
                                          core::Instant at) {
    auto url = destination(job.to->url, settings_.allow_private_networks);
    if (!url) co_return pass(url);
    const auto& secrets = secrets_of(*job.to);
    bool both = job.to->old_secret_until && at < *job.to->old_secret_until && secrets.size() > 1;
    std::vector<Secret> live(secrets.begin(), secrets.begin() + (both ? 2 : 1));
    auto id = job.event.id.text();
    net::HttpRequest request{.method = "POST", .target = {}, .fields = {}, .body = body, .peer = {}};
    request.fields.add("Content-Type", "application/cloudevents+json; charset=utf-8");
    request.fields.add("User-Agent", agent_);
    request.fields.add("webhook-signature", signature(live, id, at, body));
    request.fields.add("webhook-timestamp", timestamp(at));
    request.fields.add("webhook-id", std::move(id));
    co_return co_await client_->send(*url, std::move(request), Deadline{at + attempt_max});
}

void RealSender::judge(const app::DeliveryJob& job, core::Instant begun, Result<net::HttpResponse> answer) {
    core::Instant now = runtime_.now();
    app::Attempt made{.at = begun, .status = 0, .problem = {}, .answer = {}, .took = now - begun};
    std::optional<core::Instant> asked;
    if (answer) {
        made.status = answer->status;
        made.answer = visible(clip_utf8(answer->body, app::answer_bytes_max));
        if (!valid_utf8(answer->body)) made.answer = "(not text)";
        if (auto after = answer->fields.find("Retry-After")) asked = parse_retry_after(*after, now);
    }
    if (made.status >= 200 && made.status < 300) {
        lanes_.succeeded(job.lane);
        counters_.count("webhook_delivered", "2xx");
        settled({.id = job.id(), .state = State::delivered, .due_at = {}, .attempt = std::move(made)});
        return;
    }
    bool gone = made.status == 410;
    if (!answer)
        made.problem = visible(clip_utf8(answer.error().detail, problem_bytes_max));
    else if (made.status >= 300 && made.status < 400)
        made.problem = "answered " + std::to_string(made.status) + ": redirects are not followed";
    else
        made.problem = "answered " + std::to_string(made.status);
    counters_.count("webhook_failed", answer ? "status" : name_of(answer.error().trouble));
    bool counts = !job.to->callback_of || host_trouble(made.status);
    bool throttles = made.status == 429 || made.status == 503;
    lanes_.failed(job.lane, now, counts && !gone, throttles ? asked : std::nullopt,
                  rt::fraction(runtime_.entropy));
    put_off_returned();
    auto next =
        gone ? std::nullopt
             : next_attempt(job.attempts + 1, job.begun_at, now, asked, rt::fraction(runtime_.entropy));
    // A test says at once what is wrong.
    if (!job.event.index) next.reset();
    if (!next) counters_.count("webhook_parked", gone ? "gone" : "given_up");
    settled({.id = job.id(),
             .state = next ? State::pending : State::parked,
             .due_at = next,
             .attempt = std::move(made),
             .gone = gone});
    if (!gone) return;
    log::info("webhooks", "{} answered 410 Gone: it has ended", job.to->id.text());
    for (const auto& waiting : lanes_.take_waiting(job.to->id))
        give_up(waiting, "the subscription has ended");
}

void RealSender::give_up(const app::DeliveryJob& job, std::string why) {
    app::Attempt last{.at = runtime_.now(), .status = 0, .problem = std::move(why), .answer = {}, .took = {}};
    settled({.id = job.id(), .state = State::parked, .due_at = {}, .attempt = std::move(last)});
}

void RealSender::put_off_returned() {
    for (auto& [job, later] : lanes_.take_returned())
        settled({.id = job.id(), .state = State::pending, .due_at = later, .attempt = {}});
}

// ---- writing down what became of them

void RealSender::settled(Settled row) {
    if (batch_.size() >= unsettled_rows_max) {
        counters_.count("webhook_unsettled", "forgotten");  // comes back when its lease has run out
        return;
    }
    batch_.push_back(std::move(row));
    loop_.settle_more();
}

Later<Done> RealSender::settle() {
    auto rows = std::exchange(batch_, {});
    writing_ = rows.size();
    auto done = co_await store_.settle_deliveries(rows, lease(), store_deadline());
    writing_ = 0;
    if (!done && rows.size() + batch_.size() <= unsettled_rows_max)
        batch_.insert(batch_.begin(), std::make_move_iterator(rows.begin()),
                      std::make_move_iterator(rows.end()));
    co_return done;
}

asio::awaitable<void> RealSender::sweep() {
    for (;;) {
        auto now = runtime_.now();
        // An hour later than by itself, for what rested with its lane to the end.
        auto more = co_await store_.sweep_deliveries(now - give_up_after - std::chrono::hours{1},
                                                     now - forget_after, store_deadline());
        if (!more) log::warn("webhooks", "cannot tidy up deliveries: {}", more.error().detail);
        auto pause = more && *more ? settle_pause : sweep_every;
        co_await runtime_.timers.sleep_until(now + pause);
    }
}

// ---- the outside

asio::awaitable<void> RealSender::run() {
    loops_.start_loop("webhooks", loop_.run());
    loops_.start_loop("webhooks events", fan_out());
    loops_.start_loop("webhooks news", follow_log());
    loops_.start_loop("webhooks sweeping", sweep());
    co_await rt::until_asked();
    co_await loops_.end(runtime_.timers, runtime_.now() + stop_patience);
}

std::unique_ptr<Sender> make_sender(WebhookSettings settings, const app::Runtime& runtime, Parts parts,
                                    net::Connector& network, Secret server_key,
                                    asio::any_io_executor executor) {
    return std::make_unique<RealSender>(std::move(settings), runtime, parts, network, std::move(server_key),
                                        std::move(executor));
}

}  // namespace countersign::webhooks
