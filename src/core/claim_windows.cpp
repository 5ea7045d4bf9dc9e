#include "core/claim_windows.hpp"

#include <algorithm>
#include <numeric>

#include "countersign/base/overload.hpp"

namespace countersign::core {
namespace {

// Hours and days begin at full quarters of an hour in every zone there is.
constexpr std::int64_t quarter_min = 15;

std::int64_t minutes_of(std::string_view time_of_day) {
    if (time_of_day.size() != 5) return 0;
    auto two = [&](std::size_t at) { return (time_of_day[at] - '0') * 10 + (time_of_day[at + 1] - '0'); };
    return two(0) * 60 + two(3);
}

// The longest step that lands on every moment at which the condition may change.
std::int64_t step_min(const Condition& condition) {
    auto all = [](const std::vector<Condition>& of) {
        std::int64_t step = quarter_min;
        for (const Condition& one : of) step = std::gcd(step, step_min(one));
        return step;
    };
    return std::visit(Overload{[&](const AllOf& parts) { return all(parts.of); },
                               [&](const AnyOf& parts) { return all(parts.of); },
                               [&](const NotOf& parts) { return all(parts.of); },
                               [](const Test& test) {
                                   if (test.field != "time.of_day") return quarter_min;
                                   return std::gcd(quarter_min,
                                                   std::gcd(minutes_of(test.operand["from"].text()),
                                                            minutes_of(test.operand["to"].text())));
                               }},
                      condition.node);
}

}  // namespace

std::vector<Span> closed_spans(const Rule& rule, const Directory& directory, const Request& request,
                               Span within) {
    std::vector<Span> closed;
    if (!rule.claim || !rule.claim->not_when) return closed;
    const Condition& condition = *rule.claim->not_when;
    const auto step = std::chrono::minutes{step_min(condition)};
    const Instant end = std::min(within.to, within.from + claim_horizon);
    for (Instant at = within.from; at < end;) {
        const Instant next = std::chrono::floor<std::chrono::minutes>(at) -
                             std::chrono::floor<std::chrono::minutes>(at).time_since_epoch() % step + step;
        const Facts facts{directory, request, at};
        if (Judge{facts, rule.zone.get(), true}.applies(condition)) {
            if (!closed.empty() && closed.back().to == at)
                closed.back().to = next;
            else if (closed.size() + 1 < claim_spans_max)
                closed.push_back({at, next});
            else
                break;
        }
        at = next;
    }
    // What was not looked at is closed.
    const bool whole = closed.size() + 1 < claim_spans_max && end == within.to;
    if (!whole) closed.push_back({closed.size() + 1 < claim_spans_max ? end : closed.back().to, end_of_time});
    return closed;
}

void unite(std::vector<Span>& all, const std::vector<Span>& more) {
    all.insert(all.end(), more.begin(), more.end());
    std::ranges::sort(all, {}, &Span::from);
    std::vector<Span> apart;
    for (const Span& one : all) {
        if (!apart.empty() && one.from <= apart.back().to)
            apart.back().to = std::max(apart.back().to, one.to);
        else
            apart.push_back(one);
    }
    all = std::move(apart);
}

}  // namespace countersign::core
