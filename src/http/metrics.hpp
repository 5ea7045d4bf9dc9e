#pragma once
#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "countersign/core/time.hpp"

namespace countersign::http {

// The numbers behind /metrics. Labels come from closed lists only, never from callers.
class Metrics {
  public:
    Metrics();
    void count(std::string_view what, std::string_view label);
    // `timed` false: the time was spent waiting on purpose.
    void answered(std::string_view route, unsigned status, core::Duration took, bool timed);
    void waiting(std::size_t waiters, std::size_t streams) {
        waiters_.Set(static_cast<double>(waiters));
        streams_.Set(static_cast<double>(streams));
    }
    std::string text() const;

  private:
    using Pair = std::pair<std::string, std::string>;
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
    prometheus::Gauge& waiters_;
    prometheus::Gauge& streams_;
    // Looking a counter up in its family hashes a map of labels: remembered here instead.
    std::map<Pair, prometheus::Counter*, Less> event_counters_;
    std::map<Pair, prometheus::Counter*, Less> answer_counters_;
    std::map<std::string, prometheus::Histogram*, std::less<>> histograms_;
};

}  // namespace countersign::http
