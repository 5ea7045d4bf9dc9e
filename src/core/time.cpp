#include "countersign/core/time.hpp"

#include <fmt/core.h>

#include <cstdint>

namespace countersign::core {
namespace {

// Reads fixed numbers of digits; once it has failed it stays failed.
class DigitReader {
  public:
    explicit DigitReader(std::string_view text) : rest_(text) {}
    int digits(std::size_t count) {
        int value = 0;
        for (std::size_t i = 0; i < count; ++i) {
            if (rest_.empty() || rest_.front() < '0' || rest_.front() > '9') {
                failed_ = true;
                return 0;
            }
            value = value * 10 + (rest_.front() - '0');
            rest_.remove_prefix(1);
        }
        return value;
    }
    bool one_of(std::string_view characters) {
        if (rest_.empty() || characters.find(rest_.front()) == std::string_view::npos) return false;
        last_ = rest_.front();
        rest_.remove_prefix(1);
        return true;
    }
    void must(std::string_view characters) { failed_ = !one_of(characters) || failed_; }
    char last() const { return last_; }
    bool at_digit() const { return !rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9'; }
    bool good() const { return !failed_; }
    bool finished() const { return !failed_ && rest_.empty(); }

  private:
    std::string_view rest_;
    char last_ = 0;
    bool failed_ = false;
};

// Returns the last `count` digits of a number that is not negative.
std::string digits(std::int64_t number, std::size_t count) {
    std::string text(count, '0');
    for (std::size_t i = count; i-- > 0; number /= 10) text[i] = static_cast<char>('0' + number % 10);
    return text;
}

}  // namespace

std::string rfc3339(Instant at) {
    auto day = std::chrono::floor<std::chrono::days>(at);
    std::chrono::year_month_day date{day};
    std::chrono::hh_mm_ss<Duration> time{at - day};
    // This is written by hand because it runs for every event, and a format string costs ten times as much.
    const int year{date.year()};
    std::string text = year >= 0 && year <= 9999 ? digits(year, 4) : fmt::format("{:04}", year);
    text += '-' + digits(static_cast<unsigned>(date.month()), 2);
    text += '-' + digits(static_cast<unsigned>(date.day()), 2);
    text += 'T' + digits(time.hours().count(), 2);
    text += ':' + digits(time.minutes().count(), 2);
    text += ':' + digits(time.seconds().count(), 2);
    text += '.' + digits(time.subseconds().count(), 6);
    text += 'Z';
    return text;
}

std::optional<Instant> parse_rfc3339(std::string_view text) {
    DigitReader read{text};
    const std::chrono::year year{read.digits(4)};
    read.must("-");
    const std::chrono::month month{static_cast<unsigned>(read.digits(2))};
    read.must("-");
    const std::chrono::day day{static_cast<unsigned>(read.digits(2))};
    read.must("Tt");
    const int hours = read.digits(2);
    read.must(":");
    const int minutes = read.digits(2);
    read.must(":");
    const int seconds = read.digits(2);
    int micros = 0;
    if (read.one_of(".")) {
        int scale = 1'000'000;
        do {
            scale /= 10;
            micros += read.digits(1) * scale;
        } while (scale > 1 && read.at_digit());
    }
    int offset_minutes = 0;
    if (!read.one_of("Zz")) {
        read.must("+-");
        const int sign = read.last() == '-' ? -1 : 1;
        const int offset_hours = read.digits(2);
        read.must(":");
        const int rest = read.digits(2);
        if (offset_hours > 23 || rest > 59) return std::nullopt;
        offset_minutes = sign * (offset_hours * 60 + rest);
    }
    const std::chrono::year_month_day date{year, month, day};
    if (!read.finished() || !date.ok() || hours > 23 || minutes > 59 || seconds > 59) return std::nullopt;
    return Instant{std::chrono::sys_days{date}} + std::chrono::hours{hours} +
           std::chrono::minutes{minutes - offset_minutes} + std::chrono::seconds{seconds} +
           std::chrono::microseconds{micros};
}

}  // namespace countersign::core
