#include "countersign/core/zone.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <optional>
#include <vector>

namespace countersign::core {
namespace {

constexpr std::int64_t day_s = 86'400;
constexpr std::int64_t hour_s = 3'600;
constexpr std::int64_t offset_s_max = 26 * hour_s;

// Reads the bytes of a TZif file in order; past the end everything is zero and `ok` false.
class ByteReader {
  public:
    explicit ByteReader(std::string_view bytes) : left_(bytes) {}
    bool ok() const { return ok_; }
    std::string_view take(std::size_t count) {
        if (count > left_.size()) {
            ok_ = false;
            left_ = {};
            return {};
        }
        auto taken = left_.substr(0, count);
        left_.remove_prefix(count);
        return taken;
    }
    std::int64_t whole(std::size_t bytes) {  // big-endian, two's complement
        std::uint64_t n = 0;
        auto taken = take(bytes);
        if (taken.empty()) return 0;
        if ((static_cast<unsigned char>(taken.front()) & 0x80U) != 0) n = ~std::uint64_t{0};
        for (char c : taken) n = n << 8U | static_cast<unsigned char>(c);
        return static_cast<std::int64_t>(n);
    }
    std::size_t count() { return static_cast<std::uint32_t>(whole(4)); }
    std::string_view rest() const { return left_; }

  private:
    std::string_view left_;
    bool ok_ = true;
};

struct Header {
    char version = 0;
    std::size_t ut_marks = 0, wall_marks = 0, leaps = 0, times = 0, types = 0, name_bytes = 0;

    bool read(ByteReader& bytes) {
        if (bytes.take(4) != "TZif") return false;
        auto kind = bytes.take(1);
        version = kind.empty() ? '\0' : kind.front();
        bytes.take(15);
        for (std::size_t* one : {&ut_marks, &wall_marks, &leaps, &times, &types, &name_bytes})
            *one = bytes.count();
        return bytes.ok() && types > 0 && types < 256 && times < zone_bytes_max && leaps < zone_bytes_max &&
               name_bytes < zone_bytes_max && ut_marks < 256 && wall_marks < 256;
    }
    std::size_t body_bytes(std::size_t time_bytes) const {
        return times * time_bytes + times + types * 6 + name_bytes + leaps * (time_bytes + 4) + wall_marks +
               ut_marks;
    }
};

// Reads the notation of POSIX TZ, "CET-1CEST,M3.5.0,M10.5.0/3", from left to right.
class PosixTz {
  public:
    explicit PosixTz(std::string_view text) : left_(text) {}
    bool done() const { return left_.empty(); }
    char next() const { return left_.empty() ? '\0' : left_.front(); }
    bool take(char c) {
        if (next() != c) return false;
        left_.remove_prefix(1);
        return true;
    }
    bool name() {
        const bool quoted = take('<');
        std::size_t chars = 0;
        while (chars < left_.size() && named(left_[chars], quoted)) ++chars;
        left_.remove_prefix(chars);
        return chars >= 3 && (!quoted || take('>'));
    }
    std::optional<int> number(int most) {
        int n = 0;
        auto [end, error] = std::from_chars(left_.data(), left_.data() + left_.size(), n);
        if (error != std::errc{} || n < 0 || n > most) return std::nullopt;
        left_.remove_prefix(static_cast<std::size_t>(end - left_.data()));
        return n;
    }
    // Reads "[+-]hh[:mm[:ss]]" as seconds.
    std::optional<std::int64_t> signed_time() {
        const bool minus = take('-');
        if (!minus) take('+');
        std::int64_t seconds = 0;
        std::int64_t unit = hour_s;
        for (int most : {167, 59, 59}) {  // up to a week (RFC 8536, 3.3.1)
            auto n = number(most);
            if (!n) return std::nullopt;
            seconds += *n * unit;
            unit /= 60;
            if (unit == 0 || !take(':')) break;
        }
        return minus ? -seconds : seconds;
    }

  private:
    static bool named(char c, bool quoted) {
        const bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        return letter || (quoted && ((c >= '0' && c <= '9') || c == '+' || c == '-'));
    }
    std::string_view left_;
};

std::int64_t seconds_of(Instant at) {
    return std::chrono::floor<std::chrono::seconds>(at).time_since_epoch().count();
}

int year_of(std::int64_t at_s) {
    const auto day =
        std::chrono::floor<std::chrono::days>(std::chrono::sys_seconds{std::chrono::seconds{at_s}});
    return static_cast<int>(std::chrono::year_month_day{day}.year());
}

LocalTime local_time(std::int64_t local_s) {
    const std::chrono::sys_seconds at{std::chrono::seconds{local_s}};
    const auto day = std::chrono::floor<std::chrono::days>(at);
    const auto minutes = std::chrono::floor<std::chrono::minutes>(at - day).count();
    return {static_cast<int>(minutes / 60), static_cast<int>(std::chrono::weekday{day}.iso_encoding()),
            static_cast<int>(minutes % 60), std::chrono::year_month_day{day}};
}

// Describes a day of every year on which daylight saving time begins or ends.
struct YearlyChange {
    enum class Kind : std::uint8_t { julian, day, weekday } kind = Kind::day;
    int month = 0;  // weekday: 1 to 12
    int week = 0;   // weekday: 1 to 5, 5 the last
    int day = 0;    // weekday: 0 Sunday; julian: 1 to 365, 29 February not counted; day: 0 to 365
    std::int64_t at_s = 2 * hour_s;  // local time of that day

    // Returns seconds since 1970, in the local time that holds before the change.
    std::int64_t in(int year) const {
        const std::chrono::year y{year};
        std::chrono::sys_days on = y / 1 / 1;
        if (kind == Kind::day) on += std::chrono::days{day};
        if (kind == Kind::julian) on += std::chrono::days{day - 1 + (y.is_leap() && day >= 60 ? 1 : 0)};
        if (kind == Kind::weekday) {
            const auto m = y / std::chrono::month{static_cast<unsigned>(month)};
            const std::chrono::weekday w{static_cast<unsigned>(day)};
            on = week == 5 ? std::chrono::sys_days{m / w[std::chrono::last]}
                           : std::chrono::sys_days{m / w[static_cast<unsigned>(week)]};
        }
        return on.time_since_epoch().count() * day_s + at_s;
    }
};

// Says what holds after the last change of the table.
struct Footer {
    std::int64_t standard_s = 0;
    std::int64_t daylight_s = 0;
    bool has_daylight_time = false;
    YearlyChange begins;
    YearlyChange ends;

    std::int64_t offset_s(std::int64_t at_s) const {
        if (!has_daylight_time) return standard_s;
        const int year = year_of(at_s + standard_s);
        const std::int64_t from = begins.in(year)-standard_s;
        const std::int64_t to = ends.in(year)-daylight_s;
        const bool daylight =
            // South of the equator daylight saving time ends in the year after it began.
            from < to ? at_s >= from && at_s < to : at_s >= from || at_s < to;
        return daylight ? daylight_s : standard_s;
    }
};

std::optional<YearlyChange> read_yearly_change(PosixTz& posix) {
    YearlyChange change;
    std::optional<int> day;
    if (posix.take('M')) {
        change.kind = YearlyChange::Kind::weekday;
        auto month = posix.number(12);
        auto week = posix.take('.') ? posix.number(5) : std::nullopt;
        day = posix.take('.') ? posix.number(6) : std::nullopt;
        if (month.value_or(0) == 0 || week.value_or(0) == 0) return std::nullopt;
        change.month = *month;
        change.week = *week;
    } else {
        change.kind = posix.take('J') ? YearlyChange::Kind::julian : YearlyChange::Kind::day;
        day = posix.number(365);
        if (day == 0 && change.kind == YearlyChange::Kind::julian) return std::nullopt;
    }
    if (!day) return std::nullopt;
    change.day = *day;
    if (posix.take('/')) {
        auto time = posix.signed_time();
        if (!time) return std::nullopt;
        change.at_s = *time;
    }
    return change;
}

std::optional<Footer> read_footer(std::string_view text) {
    PosixTz posix{text};
    Footer footer;
    if (!posix.name()) return std::nullopt;
    auto west = posix.signed_time();  // POSIX counts westwards
    if (!west) return std::nullopt;
    footer.standard_s = -*west;
    footer.daylight_s = footer.standard_s + hour_s;
    if (posix.done()) return footer;
    if (!posix.name()) return std::nullopt;
    if (posix.next() != ',') {
        west = posix.signed_time();
        if (!west) return std::nullopt;
        footer.daylight_s = -*west;
    }
    auto begins = posix.take(',') ? read_yearly_change(posix) : std::nullopt;
    auto ends = posix.take(',') ? read_yearly_change(posix) : std::nullopt;
    if (!begins || !ends || !posix.done()) return std::nullopt;
    footer.has_daylight_time = true;
    footer.begins = *begins;
    footer.ends = *ends;
    return footer;
}

struct Change {
    std::int64_t at_s;  // since 1970, UTC
    std::int64_t offset_s;
};

std::unexpected<Failure> not_a_zone(const std::string& name) {
    return fail(Trouble::invalid_input, fmt::format("the time zone file of {} cannot be read: it is not a "
                                                    "compiled zone (TZif) of version 2 or later",
                                                    name));
}

}  // namespace

LocalTime utc_time(Instant at) {
    return local_time(seconds_of(at));
}

struct Zone::Rules {
    std::int64_t first_offset_s = 0;
    std::vector<Change> changes;  // rising
    std::optional<Footer> footer;

    std::int64_t offset_s(std::int64_t at_s) const {
        auto after = std::ranges::upper_bound(changes, at_s, {}, &Change::at_s);
        if (after == changes.end() && footer) return footer->offset_s(at_s);
        return after == changes.begin() ? first_offset_s : std::prev(after)->offset_s;
    }
    bool read(ByteReader& bytes, const Header& header);
};

// The table holds all times, the type of each, then the types (RFC 8536, 3.2).
bool Zone::Rules::read(ByteReader& bytes, const Header& header) {
    for (std::size_t i = 0; i < header.times && bytes.ok(); ++i) {
        const std::int64_t at_s = bytes.whole(8);
        if (!changes.empty() && changes.back().at_s >= at_s) return false;
        changes.push_back({at_s, 0});
    }
    std::vector<std::size_t> type_of;
    for (std::size_t i = 0; i < header.times && bytes.ok(); ++i)
        type_of.push_back(static_cast<std::size_t>(bytes.whole(1)) & 0xFFU);
    std::vector<std::int64_t> offsets;
    for (std::size_t i = 0; i < header.types && bytes.ok(); ++i) {
        offsets.push_back(bytes.whole(4));
        if (std::abs(offsets.back()) > offset_s_max) return false;
        bytes.take(2);
    }
    if (!bytes.ok()) return false;
    for (std::size_t i = 0; i < changes.size(); ++i) {
        if (type_of[i] >= offsets.size()) return false;
        changes[i].offset_s = offsets[type_of[i]];
    }
    first_offset_s = offsets.front();
    bytes.take(header.name_bytes + header.leaps * 12 + header.wall_marks + header.ut_marks);
    return bytes.ok();
}

Zone::Zone(std::string name, std::shared_ptr<const Rules> rules)
    : name_(std::move(name)), rules_(std::move(rules)) {}

Result<Zone> Zone::parse(std::string name, std::string_view tzif) {
    ByteReader bytes{tzif};
    Header header;
    if (tzif.size() > zone_bytes_max || !header.read(bytes) || header.version < '2') return not_a_zone(name);
    bytes.take(header.body_bytes(4));  // the same in 32 bits, for old readers
    Header wide;
    auto rules = std::make_shared<Rules>();
    if (!wide.read(bytes) || !rules->read(bytes, wide)) return not_a_zone(name);
    auto footer = bytes.rest();
    if (footer.size() < 2 || footer.front() != '\n' || footer.back() != '\n') return not_a_zone(name);
    footer = footer.substr(1, footer.size() - 2);
    if (!footer.empty()) {
        rules->footer = read_footer(footer);
        if (!rules->footer) return not_a_zone(name);
    }
    return Zone{std::move(name), std::move(rules)};
}

std::int64_t Zone::offset_s(Instant at) const {
    return rules_->offset_s(seconds_of(at));
}

LocalTime Zone::local(Instant at) const {
    const std::int64_t at_s = seconds_of(at);
    return local_time(at_s + rules_->offset_s(at_s));
}

}  // namespace countersign::core
