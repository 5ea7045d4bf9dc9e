#include "cli/console.hpp"

#include <fmt/core.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <system_error>

#include "cli/card.hpp"
#include "cli/outcome.hpp"
#include "countersign/base/text.hpp"

namespace countersign::cli {
namespace {

int output_error = 0;  // errno of the first line that stdout did not take

std::string shown(const core::Value& value) {
    return visible(value.text());
}

std::string lack_text(const core::Value& lack) {
    std::string text = fmt::format("{} of {}", lack["count"].whole(1), shown(lack["group"]));
    const auto* people = lack["could_approve"].items();
    if (people == nullptr) return text;
    const auto more = lack["more"].whole(0);
    if (people->empty() && more == 0) return text + " (nobody can at the moment)";
    std::vector<std::string> names;
    for (const core::Value& person : *people) names.push_back(shown(person));
    if (more > 0) names.push_back(fmt::format("{} more", more));
    return fmt::format("{} ({})", text, join(names, ", "));
}

std::string lacks_text(const core::Value::Array& lacks) {
    std::vector<std::string> texts;
    for (const core::Value& lack : lacks) texts.push_back(lack_text(lack));
    return join(texts, " and ");
}

std::vector<std::string> voters(const core::Value& request, std::string_view verdict) {
    std::vector<std::string> names;
    const auto* votes = request["votes"].items();
    if (votes == nullptr) return names;
    for (const core::Value& vote : *votes) {
        if (vote["verdict"].text() == verdict) names.push_back(shown(vote["person"]));
    }
    return names;
}

std::string with_reason(std::string text, const core::Value& request) {
    std::string reason = shown(request["reason"]);
    return reason.empty() ? text : fmt::format("{}: {}", text, reason);
}

void field(std::string_view name, std::string_view value) {
    if (!value.empty()) print(fmt::format("{:<12} {}", name, value));
}

std::string names_of(const core::Value& list) {
    std::vector<std::string> names;
    if (const auto* items = list.items()) {
        for (const core::Value& item : *items) names.push_back(shown(item));
    }
    return join(names, ", ");
}

}  // namespace

int exit_of_state(std::string_view state) {
    if (state == "approved" || state == "claimed" || state == "succeeded" || state == "failed")
        return exit_ok;
    if (state == "denied") return exit_denied;
    if (state == "refused") return exit_refused;
    if (state == "expired" || state == "lapsed") return exit_expired;
    if (state == "cancelled") return exit_cancelled;
    return exit_failed;
}

int exit_of(const Failure& failure) {
    switch (failure.trouble) {
        case Trouble::unavailable:
        case Trouble::overloaded:
        case Trouble::timed_out:
            return exit_unreachable;
        case Trouble::corrupt:
            return exit_failed;
        default:
            return exit_usage;
    }
}

int complained(const Failure& failure) {
    complain(failure.detail);
    return exit_of(failure);
}

int failed(const Failure& failure) {
    complain(failure.detail);
    return failure.trouble == Trouble::invalid_input ? exit_usage : exit_failed;
}

int failed_on_names(const Failure& failure) {
    const bool name = failure.trouble == Trouble::not_found || failure.trouble == Trouble::conflict;
    const int code = failed(failure);
    return name ? exit_usage : code;
}

void print(std::string_view line) {
    if (output_error != 0) return;
    std::string text{line};
    text += '\n';
    errno = 0;
    bool written =
        std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
    if (!written) output_error = errno != 0 ? errno : EIO;
}
void print_json(const core::Value& value) {
    print(core::canonical(value));
}
bool printed() {
    return output_error == 0;
}
void draw(std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), stderr);
    std::fflush(stderr);
}
void note(std::string_view line) {
    draw(fmt::format("{}\n", line));
}
void complain(std::string_view line) {
    note(fmt::format("countersign: {}", line));
}

int after_output(int code) {
    if (output_error == 0 || code != exit_ok) return code;
    if (output_error == EPIPE) return exit_signal_base + SIGPIPE;  // as `head` ends whoever writes to it
    complain(
        fmt::format("standard output cannot be written: {}", std::generic_category().message(output_error)));
    return exit_failed;
}

std::string time_text(core::Instant at) {
    std::string text = core::rfc3339(at);
    return text.substr(0, text.find('.')) + "Z";
}
std::string time_text(std::string_view rfc3339) {
    auto at = core::parse_rfc3339(rfc3339);
    return at ? time_text(*at) : visible(rfc3339);
}

bool on_terminal(int fd) {
    return ::isatty(fd) == 1;
}

std::size_t terminal_columns() {
    winsize size{};
    if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
    return size.ws_col;
}

std::string painted(std::string_view text, Paint paint, int fd) {
    if (paint == Paint::plain || !on_terminal(fd)) return std::string{text};
    constexpr const char* codes[] = {"0", "1", "31", "32", "33", "2"};
    return fmt::format("\x1b[{}m{}\x1b[0m", codes[static_cast<std::size_t>(paint)], text);
}

Paint paint_of_state(std::string_view state) {
    switch (exit_of_state(state)) {
        case exit_ok:
            return state == "failed" ? Paint::red : Paint::green;
        case exit_failed:
            return Paint::yellow;  // pending
        default:
            return Paint::red;
    }
}

void print_table(const std::vector<std::vector<std::string>>& rows) {
    std::vector<std::size_t> widths;
    for (const auto& row : rows) {
        widths.resize(std::max(widths.size(), row.size()));
        for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], code_points(row[i]));
    }
    for (std::size_t r = 0; r < rows.size(); ++r) {
        std::string line;
        for (std::size_t i = 0; i < rows[r].size(); ++i) {
            line += rows[r][i];
            if (i + 1 < rows[r].size()) line.append(widths[i] - code_points(rows[r][i]) + 2, ' ');
        }
        print(r == 0 ? painted(line, Paint::bold, STDOUT_FILENO) : line);
    }
}

std::string one_line(const core::Value& request) {
    std::string text = fmt::format("#{} {}", request["number"].whole(), shown(request["action"]));
    if (!request["resource"].text().empty()) text += " on " + shown(request["resource"]);
    if (!request["environment"].text().empty()) text += " in " + shown(request["environment"]);
    return text;
}

std::string missing_text(const core::Value& request) {
    const auto* missing = request["missing"].items();
    if (missing == nullptr) {
        std::vector<std::string> ways;
        if (const auto* any = request["missing"]["any"].items()) {
            for (const core::Value& way : *any) {
                if (const auto* lacks = way.items()) ways.push_back(lacks_text(*lacks));
            }
        }
        return join(ways, ", or ");
    }
    return lacks_text(*missing);
}

std::string channels_text(const core::Value& request) {
    std::vector<std::string> channels;
    if (const auto* cards = request["cards"].items()) {
        for (const core::Value& card : *cards)
            if (!card["channel"].text().empty()) channels.push_back(shown(card["channel"]));
    }
    return join(channels, " and ");
}

std::string unannounced_text(const core::Value& request) {
    const auto* channels = request["unannounced"].items();
    if (channels == nullptr || channels->empty()) return {};
    std::vector<std::string> problems;
    for (const core::Value& one : *channels)
        problems.push_back(one["channel"].text().empty()
                               ? shown(one["problem"])
                               : fmt::format("{}: {}", shown(one["channel"]), shown(one["problem"])));
    return fmt::format("nobody is asked yet, because no chat shows #{}: {}", request["number"].whole(),
                       join(problems, "; "));
}

std::string waiting_line(const core::Value& request, core::Instant now) {
    std::string text = one_line(request);
    if (request["held"].members() != nullptr) {
        text += fmt::format(", held by {}: {}", shown(request["held"]["person"]),
                            shown(request["held"]["reason"]));
    }
    // The time before the names: a narrow terminal cuts the end off.
    if (auto ends = core::parse_rfc3339(request["expires_at"].text())) {
        auto left = std::chrono::duration_cast<std::chrono::seconds>(*ends - now).count();
        text += left > 0 ? fmt::format(", {} left", duration_text(left)) : ", time is up";
    }
    std::string missing = missing_text(request);
    if (!missing.empty()) text += ": waiting for " + missing;
    return text;
}

std::string decision_line(const core::Value& request) {
    std::string_view state = request["state"].text();
    std::string line = one_line(request) + " ";
    if (state == "denied") {
        auto by = voters(request, "deny");
        return line + with_reason(by.empty() ? "was denied" : "was denied by " + join(by, " and "), request);
    }
    if (state == "refused") return line + with_reason("was refused by policy", request);
    if (state == "expired") return line + "expired before it was decided";
    if (state == "lapsed") return line + "lapsed: its approval was not used in time";
    if (const core::Value& less = request["narrowed_to"]; less.members() != nullptr)
        return line + fmt::format("was lowered by {} ({}): {} takes its place", visible(less["by"].text()),
                                  visible(less["what"].text()), visible(less["id"].text()));
    if (state == "cancelled") return line + with_reason("was cancelled", request);
    if (state == "pending") return line + "is pending";
    auto by = voters(request, "approve");
    std::string approved = by.empty() ? "was approved by policy" : "was approved by " + join(by, " and ");
    if (state != "approved") approved += fmt::format(" ({})", state);
    return line + approved;
}

namespace {

std::string change_text(const core::Value& change) {
    std::string_view what = change["what"].text();
    if (what == "omitted") return fmt::format("… {} more …", change["count"].whole());
    std::string text = fmt::format("{}  {}", time_text(change["at"].text()), visible(what));
    for (const char* more : {"verdict", "status"})
        if (!change[more].text().empty()) text += " " + shown(change[more]);
    if (!change["who"].text().empty()) text += " by " + shown(change["who"]);
    if (!change["via"].text().empty()) text += " through " + shown(change["via"]);
    if (!change["reason"].text().empty()) text += ": " + shown(change["reason"]);
    return text;
}

}  // namespace

void print_request(const core::Value& request) {
    std::string_view state = request["state"].text();
    print(fmt::format("{}  {}", painted(one_line(request), Paint::bold, STDOUT_FILENO),
                      painted(state, paint_of_state(state), STDOUT_FILENO)));
    for (const std::string& line : card_lines(card_of(request))) print(line);
    field("id", shown(request["id"]));
    field("behind it", names_of(request["requester"]["people"]));
    field("hidden", names_of(request["sensitive"]));
    field("asked in", channels_text(request));
    field("unannounced", unannounced_text(request));
    field("digest", shown(request["digest"]));
    field("created", time_text(request["created_at"].text()));
    field("expires", time_text(request["expires_at"].text()));
    field("decided", time_text(request["decided_at"].text()));
    if (const auto* timeline = request["timeline"].items())
        for (const core::Value& change : *timeline) field("timeline", change_text(change));
}

}  // namespace countersign::cli
