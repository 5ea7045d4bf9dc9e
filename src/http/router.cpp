#include "http/router.hpp"

#include <algorithm>

#include "countersign/base/check.hpp"
#include "countersign/base/text.hpp"
#include "countersign/net/url.hpp"

namespace countersign::http {
namespace {

bool is_hole(std::string_view segment) {
    return segment.starts_with('{') && segment.ends_with('}');
}

// "{path+}": stands for one segment or more, and comes last.
bool is_rest(std::string_view segment) {
    return segment.starts_with('{') && segment.ends_with("+}");
}

std::optional<std::vector<std::string>> decoded_segments(std::string_view path) {
    std::vector<std::string> segments;
    for (const auto& segment : split(path, '/')) {
        auto decoded = net::percent_decode(segment, false);
        if (!decoded) return std::nullopt;
        segments.push_back(std::move(*decoded));
    }
    return segments;
}

std::optional<net::PathArguments> arguments_of(const std::vector<std::string>& pattern,
                                               const std::vector<std::string>& segments) {
    bool rest = is_rest(pattern.back());
    if (rest ? pattern.size() > segments.size() : pattern.size() != segments.size()) return std::nullopt;
    net::PathArguments arguments;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        if (rest && i + 1 == pattern.size())
            arguments.push_back(
                join({segments.begin() + static_cast<std::ptrdiff_t>(i), segments.end()}, "/"));
        else if (is_hole(pattern[i]) && !segments[i].empty())
            arguments.push_back(segments[i]);
        else if (pattern[i] != segments[i])
            return std::nullopt;
    }
    return arguments;
}

// HEAD is GET without its body, which the HTTP server leaves out; a stream has nothing else.
bool takes_head(const Route& route) {
    return route.method == "GET" && !route.streams;
}

}  // namespace

void Router::add(Route route) {
    bool taken = std::ranges::any_of(entries_, [&](const Entry& other) {
        return other.route.method == route.method && other.route.path == route.path;
    });
    COUNTERSIGN_CHECK(!taken);
    auto pattern = split(route.path, '/');
    entries_.push_back({std::move(route), std::move(pattern)});
}

Router::Match Router::find(std::string_view method, std::string_view path) const {
    Match match;
    auto segments = decoded_segments(path);
    if (!segments) return match;
    for (const auto& [route, pattern] : entries_) {
        auto arguments = arguments_of(pattern, *segments);
        if (!arguments) continue;
        bool fits = route.method == method || (method == "HEAD" && takes_head(route));
        if (fits) return {&route, std::move(*arguments), {}};
        match.allow += (match.allow.empty() ? "" : ", ") + route.method;
        if (takes_head(route)) match.allow += ", HEAD";
    }
    return match;
}

std::vector<std::pair<std::string, std::string>> Router::all() const {
    std::vector<std::pair<std::string, std::string>> all;
    for (const auto& [route, pattern] : entries_) {
        if (route.page) continue;
        std::string path = route.path;
        if (is_rest(pattern.back())) path.erase(path.size() - 2, 1);
        all.emplace_back(route.method, std::move(path));
    }
    return all;
}

}  // namespace countersign::http
