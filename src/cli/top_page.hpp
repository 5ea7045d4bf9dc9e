#pragma once
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "countersign/core/time.hpp"
#include "countersign/core/value.hpp"

// The page that `countersign top` shows, apart from the terminal it stands on.
namespace countersign::cli {

// Holds one scrape of /metrics, as the Prometheus text format has it.
class Scrape {
  public:
    static constexpr std::size_t samples_max = 20'000;  // what comes after them is not read
    explicit Scrape(std::string_view text);
    // The sum of the samples of this name with that label; an empty label: of all.
    double sum(std::string_view name, std::string_view label = {}, std::string_view value = {}) const;
    // Each value that a label of this metric has, with the metric's sum for it.
    std::map<std::string, double> by(std::string_view name, std::string_view label) const;
    // The bound below which a part `share` of what a histogram counted since `before` lies; nullopt: it
    // counted nothing. Seconds.
    std::optional<double> quantile(std::string_view histogram, double share, const Scrape* before) const;

  private:
    struct Sample {
        std::string name;
        std::vector<std::pair<std::string, std::string>> labels;
        double value = 0;
    };
    std::map<double, double> buckets(std::string_view histogram) const;
    std::vector<Sample> samples_;
};

// What was looked up for one page.
struct TopView {
    std::string url = {};
    core::Instant at = {};
    std::string trouble = {};  // why there is nothing to show; empty: there is
    core::Value ready = {};    // of /readyz
    std::optional<Scrape> metrics = {};
    std::optional<Scrape> before = {};  // the last page's
    core::Duration since{};             // the last page
    core::Value pending = {};           // the requests, as the API lists them
    std::string pending_trouble = {};   // why they are not known; empty: they are
};
struct TopSize {
    std::size_t columns = 80;
    std::size_t rows = 24;
};
// At most so many lines, none wider. What came from elsewhere is made visible.
std::vector<std::string> top_lines(const TopView& view, TopSize size);

}  // namespace countersign::cli
