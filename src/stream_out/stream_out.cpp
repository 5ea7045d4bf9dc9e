#include "countersign/adapters/stream_out.hpp"

#include <chrono>
#include <deque>
#include <optional>
#include <utility>

#include "countersign/base/log.hpp"
#include "countersign/wire/event.hpp"
#include "countersign/wire/ocsf.hpp"
#include "stream_out/sink.hpp"

namespace countersign::stream_out {
namespace {

constexpr core::Duration stream_patience{std::chrono::seconds{5}};
constexpr core::Duration send_patience{std::chrono::seconds{10}};
// A replica that died is followed by another one after this time.
constexpr core::Duration stream_lease{std::chrono::seconds{15}};
constexpr core::Duration stream_retry{std::chrono::seconds{2}};
constexpr core::Duration look_for_work{std::chrono::seconds{5}};
constexpr core::Duration look_for_doubts{std::chrono::milliseconds{500}};
constexpr std::size_t events_per_batch = app::EventLog::page_max;

core::Value brief_of(const app::LoggedEvent& event, std::string_view source) {
    auto data = core::Value::object({{"shortened", true}, {"version", event.version}});
    std::string subject = event.subject;
    if (event.request) {
        const auto& request = *event.request->request;
        subject = request.id.text();
        data.set("id", subject);
        data.set("number", request.number);
        data.set("action", request.action);
        data.set("digest", request.digest);
        data.set("state", core::name_of(event.state));
    }
    return wire::cloud_event(
        {.id = event.id, .type = event.type, .at = event.at, .subject = subject, .index = event.index},
        source, std::move(data));
}

class RealStreamOut final : public StreamOut {
  public:
    RealStreamOut(Target target, Source source, Parts parts)
        : target_(std::move(target)),
          source_(std::move(source)),
          parts_(parts),
          name_(target_.syslog.empty() ? "file " + target_.file : "syslog " + target_.syslog),
          sink_(target_.syslog.empty() ? make_file(target_) : make_syslog(target_, source_, parts_.dialer)) {}

    rt::asio::awaitable<void> run() override;
    std::string_view kind() const override { return target_.syslog.empty() ? "file" : "syslog"; }
    std::string problem() const override { return problem_; }
    std::int64_t behind() const override { return sure_ ? parts_.log.size() - *sure_ : 0; }

  private:
    // What was sent up to here, and when.
    struct Sent {
        std::int64_t next;
        core::Instant at;
    };
    Later<Done> turn();
    Later<Done> hand_on();
    Later<bool> hold();
    void believe();
    void let_go();
    Line line_of(const app::LoggedEvent& event) const;
    core::Instant now() const { return parts_.runtime.now(); }

    const Target target_;
    const Source source_;
    Parts parts_;
    const std::string name_;
    std::unique_ptr<Sink> sink_;
    std::optional<std::int64_t> sure_;  // the next event after those that count as received; ours to hand on
    std::int64_t next_ = 0;             // to send
    std::deque<Sent> in_doubt_;
    std::string problem_;
};

Line RealStreamOut::line_of(const app::LoggedEvent& event) const {
    if (target_.format == Format::ocsf)
        return {event.at, event.type, event.index, core::canonical(wire::ocsf_event(event)), [event] {
                    auto small = wire::ocsf_event(event);
                    small.members()->erase("comment");
                    small.members()->erase("unmapped");
                    return core::canonical(small);
                }};
    auto whole = wire::logged_event(event, *parts_.roster.snapshot(), source_.url);
    return {event.at, event.type, event.index, core::canonical(whole),
            [event, source = source_.url] { return core::canonical(brief_of(event, source)); }};
}

// Says whether the stream is ours, for as long as a lease lasts.
Later<bool> RealStreamOut::hold() {
    auto until = now() + stream_lease;
    auto process = parts_.runtime.process;
    auto deadline = parts_.runtime.within(stream_patience);
    if (sure_) co_return co_await parts_.positions.keep(name_, process, *sure_, until, deadline);
    auto taken = co_await parts_.positions.take(name_, process, now(), until, deadline);
    if (!taken) co_return pass(taken);
    if (!*taken) co_return false;
    sure_ = next_ = **taken;
    co_return true;
}

void RealStreamOut::let_go() {
    sure_.reset();
    in_doubt_.clear();
    sink_->close();
}

// What was sent long enough ago over a connection that still stands has arrived; what a connection that broke
// was given lately is sent again.
void RealStreamOut::believe() {
    if (sink_->broken()) {
        in_doubt_.clear();
        next_ = *sure_;
        sink_->close();
        return;
    }
    while (!in_doubt_.empty() && now() - in_doubt_.front().at >= sink_->doubt()) {
        sure_ = in_doubt_.front().next;
        in_doubt_.pop_front();
    }
}

Later<Done> RealStreamOut::hand_on() {
    auto page = co_await parts_.log.events().read(next_ - 1, {}, events_per_batch,
                                                  parts_.runtime.within(stream_patience));
    if (!page) co_return pass(page);
    if (!page->events.empty()) {
        std::vector<Line> lines;
        for (const auto& event : page->events) lines.push_back(line_of(event));
        auto sent = co_await sink_->send(lines, parts_.runtime.within(send_patience));
        if (!sent) co_return sent;
        next_ = page->through + 1;
        in_doubt_.push_back({next_, now()});
        co_return Done{};
    }
    auto look = in_doubt_.empty() ? look_for_work : look_for_doubts;
    co_await parts_.log.grown().wait_until(parts_.runtime.timers, now() + look);
    co_return Done{};
}

// One step: it is ours, it is connected, something is handed on.
Later<Done> RealStreamOut::turn() {
    if (sure_) believe();
    auto ours = co_await hold();
    if (!ours) co_return pass(ours);
    if (!*ours) {
        let_go();
        co_await parts_.log.grown().wait_until(parts_.runtime.timers, now() + look_for_work);
        co_return Done{};
    }
    auto ready = co_await sink_->ready(parts_.runtime.within(stream_patience));
    if (!ready) co_return ready;
    co_return co_await hand_on();
}

rt::asio::awaitable<void> RealStreamOut::run() {
    for (;;) {
        auto done = co_await turn();
        std::string problem = done ? std::string{} : done.error().detail;
        if (problem != problem_ && problem.empty()) log::info("stream_out", "{}: events go out again", name_);
        if (problem != problem_ && !problem.empty())
            log::warn("stream_out", "{}: no events go out: {}", name_, problem);
        problem_ = std::move(problem);
        if (done) continue;
        auto cut = co_await parts_.runtime.timers.sleep_until(now() + stream_retry);
        if (cut) co_return;
    }
}

}  // namespace

std::unique_ptr<StreamOut> make_stream_out(Target target, Source source, Parts parts) {
    return std::make_unique<RealStreamOut>(std::move(target), std::move(source), parts);
}

}  // namespace countersign::stream_out
