#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "countersign/adapters/otlp.hpp"
#include "countersign/base/log.hpp"
#include "countersign/net/http_client.hpp"
#include "otlp/encoding.hpp"

namespace countersign::otlp {
namespace {

constexpr net::HttpClientLimits limits{
    .header_bytes_max = 16 * 1024, .body_bytes_max = 64 * 1024, .cuts_bodies = true, .connections_max = 1};

class RealExporter final : public Exporter {
  public:
    RealExporter(Target target, Parts parts)
        : target_(std::move(target)),
          parts_(std::move(parts)),
          client_(
              net::make_http_client(parts_.dialer, parts_.clock, parts_.timers, parts_.executor, limits)) {}

    void filed(core::RequestId request, std::string_view traceparent) override;
    void add(app::Span span) override;
    rt::asio::awaitable<void> run() override;
    Later<Done> drain(Deadline deadline) override;
    std::uint64_t sent() const override { return sent_; }
    std::uint64_t left_out() const override { return left_out_; }

  private:
    // Sends the spans that have waited longest. unavailable: they wait on.
    Later<Done> send_some(Deadline deadline);
    void leave_out(std::size_t spans) { left_out_ += spans; }

    Target target_;
    Parts parts_;
    std::unique_ptr<net::HttpClient> client_;
    std::deque<Recorded> waiting_;
    std::map<core::RequestId, TraceParent> callers_;
    std::deque<core::RequestId> callers_in_order_;
    std::uint64_t sent_ = 0;
    std::uint64_t left_out_ = 0;
    bool troubled_ = false;
};

void RealExporter::filed(core::RequestId request, std::string_view traceparent) {
    auto parent = read_traceparent(traceparent);
    if (!parent || !callers_.emplace(request, *parent).second) return;
    callers_in_order_.push_back(request);
    if (callers_in_order_.size() <= requests_max) return;
    callers_.erase(callers_in_order_.front());
    callers_in_order_.pop_front();
}

void RealExporter::add(app::Span span) {
    auto caller = callers_.find(span.request);
    const bool known = caller != callers_.end();
    if (known && !caller->second.sampled) return;  // the caller keeps nothing of this trace
    if (waiting_.size() >= spans_max) return leave_out(1);
    Recorded recorded{.span = std::move(span), .trace = {}, .id = {}, .parent = {}};
    const app::Span& step = recorded.span;
    recorded.trace = known ? caller->second.trace : trace_of(step.request);
    if (step.of.empty())
        parts_.entropy.fill(recorded.id);
    else
        recorded.id = span_id_of(step.of);
    if (!step.parent.empty())
        recorded.parent = span_id_of(step.parent);
    else if (known)
        recorded.parent = caller->second.span;
    waiting_.push_back(std::move(recorded));
}

Later<Done> RealExporter::send_some(Deadline deadline) {
    const auto count = std::min(waiting_.size(), batch_max);
    std::vector<Recorded> batch(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(count));
    net::HttpRequest request{
        .method = "POST", .target = target_.url.target, .fields = {}, .body = {}, .peer = {}};
    request.fields.add("Content-Type", "application/json");
    if (!target_.header_name.empty())
        request.fields.add(target_.header_name, std::string(target_.header_value.reveal()));
    request.body = core::canonical(export_document(target_, batch));
    auto answer = co_await client_->send(target_.url, std::move(request), deadline);
    if (!answer) co_return pass(answer);
    const bool later = answer->status == 429 || answer->status >= 500;
    if (later)
        co_return fail(Trouble::unavailable, "the collector answered " + std::to_string(answer->status));
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(count));
    if (answer->status / 100 == 2) {
        sent_ += count;
        co_return Done{};
    }
    leave_out(count);
    co_return fail(Trouble::invalid_input, "the collector refused spans with " +
                                               std::to_string(answer->status) + "; look at otlp.endpoint");
}

rt::asio::awaitable<void> RealExporter::run() {
    core::Duration pause = flush_every;
    for (;;) {
        auto cancelled = co_await parts_.timers.sleep_until(parts_.clock.now() + pause);
        if (cancelled) co_return;
        Result<Done> done = Done{};
        while (done && !waiting_.empty()) done = co_await send_some({parts_.clock.now() + call_within});
        if (done && troubled_)
            log::info("otlp", "traces are taken again; {} spans were left out so far", left_out_);
        if (!done && !troubled_) log::warn("otlp", "traces are not taken: {}", done.error().detail);
        troubled_ = !done;
        pause = done ? core::Duration{flush_every} : std::min<core::Duration>(pause * 2, pause_max);
    }
}

Later<Done> RealExporter::drain(Deadline deadline) {
    Result<Done> done = Done{};
    while (done && !waiting_.empty() && parts_.clock.now() < deadline.at) done = co_await send_some(deadline);
    co_return done;
}

}  // namespace

std::unique_ptr<Exporter> make_exporter(Target target, Parts parts) {
    return std::make_unique<RealExporter>(std::move(target), std::move(parts));
}

}  // namespace countersign::otlp
