#include "http/metrics.hpp"

#include <prometheus/text_serializer.h>

#include <chrono>
#include <sstream>

namespace countersign::http {

Metrics::Metrics()
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
}

void Metrics::count(std::string_view what, std::string_view label) {
    auto it = event_counters_.find(PairView{what, label});
    if (it == event_counters_.end()) {
        auto& counter = events_.Add({{"what", std::string(what)}, {"label", std::string(label)}});
        it = event_counters_.emplace(Pair{what, label}, &counter).first;
    }
    it->second->Increment();
}

void Metrics::answered(std::string_view route, unsigned status, core::Duration took, bool timed) {
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

std::string Metrics::text() const {
    std::ostringstream out;
    prometheus::TextSerializer{}.Serialize(out, registry_.Collect());
    return std::move(out).str();
}

}  // namespace countersign::http
