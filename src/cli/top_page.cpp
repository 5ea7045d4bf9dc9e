#include "cli/top_page.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "cli/console.hpp"
#include "countersign/base/text.hpp"
#include "countersign/core/policy.hpp"

namespace countersign::cli {
namespace {

using core::Value;

constexpr std::size_t lines_min = 4;

std::optional<double> number_of(std::string_view text) {
    if (text == "+Inf") return HUGE_VAL;
    double value = 0;
    const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (wrong != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

// Reads `name="value",…}` up to the brace; what follows it is left in `text`.
std::vector<std::pair<std::string, std::string>> labels_of(std::string_view& text) {
    std::vector<std::pair<std::string, std::string>> labels;
    while (!text.empty() && text.front() != '}') {
        const auto equals = text.find("=\"");
        if (equals == text.npos) break;
        std::string name{trim(text.substr(0, equals))};
        text.remove_prefix(equals + 2);
        std::string value;
        while (!text.empty() && text.front() != '"') {
            if (text.front() == '\\' && text.size() > 1) text.remove_prefix(1);
            value += text.front();
            text.remove_prefix(1);
        }
        if (!text.empty()) text.remove_prefix(1);
        if (!text.empty() && text.front() == ',') text.remove_prefix(1);
        labels.emplace_back(std::move(name), std::move(value));
    }
    if (!text.empty()) text.remove_prefix(1);
    return labels;
}

std::string milliseconds(std::optional<double> seconds) {
    if (!seconds) return "-";
    if (std::isinf(*seconds)) return "> all";
    return fmt::format("{:.3g} ms", *seconds * 1000);
}

std::string age(double seconds) {
    return seconds <= 0 ? "-" : duration_text(static_cast<std::int64_t>(seconds));
}

// The first so many columns of a line.
std::string cut(std::string_view line, std::size_t columns) {
    if (code_points(line) <= columns) return std::string(line);
    std::string kept;
    std::size_t count = 0;
    for (const char c : line) {
        const bool begins = (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
        if (begins && ++count >= columns) break;
        kept += c;
    }
    return kept + "…";
}

std::string pad(std::string text, std::size_t columns) {
    text = cut(text, columns);
    text.append(columns - std::min(columns, code_points(text)), ' ');
    return text;
}

void add_state(std::vector<std::string>& lines, const TopView& view) {
    const auto status = view.ready["status"].text();
    lines.push_back(fmt::format("countersign  {}  {}  {}", visible(view.url), time_text(view.at),
                                status.empty() ? "unreachable" : visible(status)));
    for (const char* part : {"reasons", "warnings"})
        if (const auto* said = view.ready[part].items())
            for (const Value& one : *said)
                lines.push_back(fmt::format("  {}{}", part[0] == 'r' ? "! " : "", printable(one.text())));
}

double per_second(const TopView& view, std::string_view name, std::string_view label = {},
                  std::string_view value = {}) {
    const double seconds = std::chrono::duration<double>(view.since).count();
    if (!view.before || seconds <= 0) return 0;
    return std::max(0.0, view.metrics->sum(name, label, value) - view.before->sum(name, label, value)) /
           seconds;
}

void add_figures(std::vector<std::string>& lines, const TopView& view) {
    const Scrape& now = *view.metrics;
    const Scrape* before = view.before ? &*view.before : nullptr;
    lines.push_back(fmt::format(
        "pending {:.0f}, the oldest for {}   waiting clients {:.0f}   streams {:.0f}   database {}",
        now.sum("countersign_pending_requests"), age(now.sum("countersign_pending_age_seconds")),
        now.sum("countersign_waiters"), now.sum("countersign_streams"),
        now.sum("countersign_database_writable") > 0 ? "writable" : "NOT WRITABLE"));
    std::string sockets;
    for (const auto& [chat, count] : now.by("countersign_chat_connections", "chat"))
        sockets += fmt::format("{}{} {:.0f}", sockets.empty() ? "" : ", ", visible(chat), count);
    lines.push_back(fmt::format("chat connections {}   votes {:.1f}/s   calls {:.1f}/s",
                                sockets.empty() ? "none" : sockets,
                                per_second(view, "countersign_events_total", "event", "vote_recorded"),
                                per_second(view, "countersign_http_responses_total")));
    auto row = [&](const char* what, std::string_view histogram) {
        // Where nothing happened since the last page, the figures are of all the time.
        const bool lately = before != nullptr && now.quantile(histogram, 0.5, before).has_value();
        const Scrape* since = lately ? before : nullptr;
        lines.push_back(fmt::format(
            "{:<24} p50 {:<10} p99 {:<10}{}", what, milliseconds(now.quantile(histogram, 0.5, since)),
            milliseconds(now.quantile(histogram, 0.99, since)), lately ? "" : "since its start"));
    };
    row("click → acknowledged", "countersign_acknowledge_seconds");
    row("call → answered", "countersign_http_seconds");
}

struct Row {
    std::pair<core::Instant, std::int64_t> order;  // when it expires, and its number
    std::vector<std::string> cells;
};

void add_pending(std::vector<std::string>& lines, const TopView& view, TopSize size) {
    if (!view.pending_trouble.empty()) {
        lines.push_back("pending requests are not shown: " + printable(view.pending_trouble));
        return;
    }
    std::vector<Row> rows;
    if (const auto* requests = view.pending.items())
        for (const Value& request : *requests) {
            const auto expires =
                core::parse_rfc3339(request["expires_at"].text()).value_or(core::end_of_time);
            const auto left = std::chrono::duration_cast<std::chrono::seconds>(expires - view.at).count();
            auto missing = missing_text(request);
            if (request["held"].members() != nullptr)
                missing = "on hold by " + visible(request["held"]["person"].text());
            rows.push_back({{expires, request["number"].whole()},
                            {fmt::format("#{}", request["number"].whole()), age(static_cast<double>(left)),
                             visible(request["action"].text()), visible(request["environment"].text()),
                             visible(request["requester"]["name"].text()), std::move(missing)}});
        }
    std::ranges::sort(rows, {}, &Row::order);
    static constexpr std::size_t widths[] = {7, 7, 22, 14, 14};
    static constexpr const char* titles[] = {"NUMBER", "LEFT", "ACTION", "ENVIRONMENT", "ASKED BY"};
    std::string heading;
    for (std::size_t i = 0; i < std::size(widths); ++i) heading += pad(titles[i], widths[i]) + " ";
    lines.push_back(heading + "MISSING");
    const std::size_t room = size.rows > lines.size() ? size.rows - lines.size() : 0;
    const bool all = rows.size() <= room;
    for (std::size_t r = 0; r < rows.size() && r + (all ? 0 : 1) < room; ++r) {
        std::string line;
        for (std::size_t i = 0; i < std::size(widths); ++i) line += pad(rows[r].cells[i], widths[i]) + " ";
        lines.push_back(line + rows[r].cells.back());
    }
    if (!all && room > 0) lines.push_back(fmt::format("… {} more", rows.size() - (room - 1)));
    if (rows.empty() && room > 0) lines.push_back("nothing is pending");
}

}  // namespace

Scrape::Scrape(std::string_view text) {
    while (!text.empty() && samples_.size() < samples_max) {
        const auto end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.empty() || line.front() == '#') continue;
        const auto name_end = std::min(line.find_first_of("{ "), line.size());
        Sample sample{std::string(line.substr(0, name_end)), {}, 0};
        line.remove_prefix(name_end);
        if (line.starts_with('{')) {
            line.remove_prefix(1);
            sample.labels = labels_of(line);
        }
        line = trim(line);
        auto value = number_of(line.substr(0, line.find(' ')));
        if (!value) continue;
        sample.value = *value;
        samples_.push_back(std::move(sample));
    }
}

double Scrape::sum(std::string_view name, std::string_view label, std::string_view value) const {
    double all = 0;
    for (const Sample& sample : samples_) {
        if (sample.name != name) continue;
        const bool fits = label.empty() || std::ranges::any_of(sample.labels, [&](const auto& one) {
                              return one.first == label && one.second == value;
                          });
        if (fits) all += sample.value;
    }
    return all;
}

std::map<std::string, double> Scrape::by(std::string_view name, std::string_view label) const {
    std::map<std::string, double> found;
    for (const Sample& sample : samples_)
        if (sample.name == name)
            for (const auto& [key, value] : sample.labels)
                if (key == label) found[value] += sample.value;
    return found;
}

std::map<double, double> Scrape::buckets(std::string_view histogram) const {
    std::map<double, double> found;
    for (const Sample& sample : samples_) {
        if (!sample.name.starts_with(histogram) || sample.name.substr(histogram.size()) != "_bucket")
            continue;
        for (const auto& [key, value] : sample.labels)
            if (key == "le")
                if (auto bound = number_of(value)) found[*bound] += sample.value;
    }
    return found;
}

std::optional<double> Scrape::quantile(std::string_view histogram, double share, const Scrape* before) const {
    auto counts = buckets(histogram);
    if (before != nullptr)
        for (const auto& [bound, count] : before->buckets(histogram)) counts[bound] -= count;
    if (counts.empty() || counts.rbegin()->second <= 0) return std::nullopt;
    const double wanted = share * counts.rbegin()->second;
    double below = 0;
    double from = 0;
    for (const auto& [bound, count] : counts) {
        if (count >= wanted) {
            if (std::isinf(bound) || count <= below) return bound;
            return from + (bound - from) * (wanted - below) / (count - below);
        }
        below = count;
        from = bound;
    }
    return std::nullopt;
}

std::vector<std::string> top_lines(const TopView& view, TopSize size) {
    size.rows = std::max(size.rows, lines_min);
    std::vector<std::string> lines;
    add_state(lines, view);
    if (!view.trouble.empty()) lines.push_back("! " + printable(view.trouble));
    if (view.metrics) add_figures(lines, view);
    lines.emplace_back();
    if (view.trouble.empty()) add_pending(lines, view, size);
    if (lines.size() > size.rows) lines.resize(size.rows);
    for (std::string& line : lines) line = cut(line, size.columns);
    return lines;
}

}  // namespace countersign::cli
