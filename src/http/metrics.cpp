#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <chrono>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "countersign/adapters/http.hpp"

namespace countersign::http {
namespace {

class PrometheusMetrics final : public Metrics {
  public:
    PrometheusMetrics();
    void count(std::string_view what, std::string_view label) override;
    void answered(std::string_view route, unsigned status, core::Duration took, bool timed) override;
    void waiting(std::size_t waiters, std::size_t streams) override {
        waiters_.Set(static_cast<double>(waiters));
        streams_.Set(static_cast<double>(streams));
    }
    void acknowledged(std::string_view chat, core::Duration took) override;
    void measured(const std::vector<Measure>& measures) override;
    std::string text() const override;

  private:
    using Pair = std::pair<std::string, std::string>;
    prometheus::Counter& counter_of(std::string_view what, std::string_view label);
    using PairView = std::pair<std::string_view, std::string_view>;
    struct Less {
        using is_transparent = void;
        template <class A, class B>
        bool operator()(const A& a, const B& b) const {
            return PairView{a.first, a.second} < PairView{b.first, b.second};
        }
    };
    prometheus::Registry registry_;
    prometheus::Family<prometheus::Counter>& events_;
    prometheus::Family<prometheus::Counter>& answers_;
    prometheus::Family<prometheus::Histogram>& times_;
    prometheus::Family<prometheus::Histogram>& acknowledgements_;
    prometheus::Gauge& waiters_;
    prometheus::Gauge& streams_;
    // Looking a counter up in its family hashes a map of labels: remembered here instead.
    std::map<Pair, prometheus::Counter*, Less> event_counters_;
    std::map<Pair, prometheus::Counter*, Less> answer_counters_;
    std::map<std::string, prometheus::Histogram*, std::less<>> histograms_;
    std::map<std::string, prometheus::Family<prometheus::Gauge>*, std::less<>> measures_;
    std::vector<std::pair<prometheus::Family<prometheus::Gauge>*, prometheus::Gauge*>> shown_;
};

PrometheusMetrics::PrometheusMetrics()
    : events_(prometheus::BuildCounter()
                  .Name("countersign_events_total")
                  .Help("What happened: votes, refusals, requests, cards")
                  .Register(registry_)),
      answers_(prometheus::BuildCounter()
                   .Name("countersign_http_responses_total")
                   .Help("Answers of the API")
                   .Register(registry_)),
      times_(prometheus::BuildHistogram()
                 .Name("countersign_http_seconds")
                 .Help("Time to an answer of the API, long polls left out")
                 .Register(registry_)),
      acknowledgements_(prometheus::BuildHistogram()
                            .Name("countersign_acknowledge_seconds")
                            .Help("From a click or command in a chat to its acknowledgement; to the "
                                  "outcome of one that came too late")
                            .Register(registry_)),
      waiters_(prometheus::BuildGauge()
                   .Name("countersign_waiters")
                   .Help("Clients waiting for a decision")
                   .Register(registry_)
                   .Add({})),
      streams_(prometheus::BuildGauge()
                   .Name("countersign_streams")
                   .Help("Clients that follow the log of events")
                   .Register(registry_)
                   .Add({})) {
    prometheus::BuildGauge()
        .Name("countersign_build_info")
        .Help("The running version")
        .Register(registry_)
        .Add({{"version", COUNTERSIGN_VERSION}})
        .Set(1);
    // What first appears at 1 has not increased, says Prometheus: counters that alerts rest on begin at 0.
    for (std::string_view what : {"card_failed", "line_failed", "vote_failed", "webhook_failed"})
        for (auto trouble = 0; trouble <= std::to_underlying(Trouble::corrupt); ++trouble)
            counter_of(what, name_of(static_cast<Trouble>(trouble)));
    for (std::string_view why : {"gone", "given_up"}) counter_of("webhook_parked", why);
    counter_of("webhook_failed", "status");
}

prometheus::Counter& PrometheusMetrics::counter_of(std::string_view what, std::string_view label) {
    auto it = event_counters_.find(PairView{what, label});
    if (it == event_counters_.end()) {
        auto& counter = events_.Add({{"event", std::string(what)}, {"result", std::string(label)}});
        it = event_counters_.emplace(Pair{what, label}, &counter).first;
    }
    return *it->second;
}

void PrometheusMetrics::count(std::string_view what, std::string_view label) {
    counter_of(what, label).Increment();
}

void PrometheusMetrics::answered(std::string_view route, unsigned status, core::Duration took, bool timed) {
    auto code = std::to_string(status);
    auto it = answer_counters_.find(PairView{route, code});
    if (it == answer_counters_.end()) {
        auto& counter = answers_.Add({{"route", std::string(route)}, {"status", code}});
        it = answer_counters_.emplace(Pair{route, code}, &counter).first;
    }
    it->second->Increment();
    if (!timed) return;
    auto histogram = histograms_.find(route);
    if (histogram == histograms_.end()) {
        const prometheus::Histogram::BucketBoundaries bounds{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                             0.1,   0.25,   0.5,   1.0,  2.5,   5.0};
        auto& added = times_.Add({{"route", std::string(route)}}, bounds);
        histogram = histograms_.emplace(std::string(route), &added).first;
    }
    histogram->second->Observe(std::chrono::duration<double>(took).count());
}

void PrometheusMetrics::acknowledged(std::string_view chat, core::Duration took) {
    // Slack waits for three seconds.
    const prometheus::Histogram::BucketBoundaries bounds{0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                                         0.5,   1.0,  1.5,   2.0,  2.5, 3.0};
    acknowledgements_.Add({{"chat", std::string(chat)}}, bounds)
        .Observe(std::chrono::duration<double>(took).count());
}

void PrometheusMetrics::measured(const std::vector<Measure>& measures) {
    for (auto& [family, gauge] : std::exchange(shown_, {})) family->Remove(gauge);
    for (const Measure& measure : measures) {
        auto family = measures_.find(measure.name);
        if (family == measures_.end()) {
            auto& made = prometheus::BuildGauge()
                             .Name(std::string(measure.name))
                             .Help(std::string(measure.help))
                             .Register(registry_);
            family = measures_.emplace(std::string(measure.name), &made).first;
        }
        prometheus::Labels labels;
        if (!measure.label.empty()) labels.emplace(std::string(measure.label), measure.label_value);
        auto& gauge = family->second->Add(labels);
        gauge.Set(measure.value);
        shown_.emplace_back(family->second, &gauge);
    }
}

std::string PrometheusMetrics::text() const {
    std::ostringstream out;
    prometheus::TextSerializer{}.Serialize(out, registry_.Collect());
    return std::move(out).str();
}

}  // namespace

std::unique_ptr<Metrics> make_metrics() {
    return std::make_unique<PrometheusMetrics>();
}

}  // namespace countersign::http
