#include "countersign/wire/syslog.hpp"

#include <fmt/format.h>

#include "countersign/base/text.hpp"

namespace countersign::wire {
namespace {

constexpr int log_audit = 13;  // RFC 5424 §6.2.1
constexpr int notice = 5;
constexpr std::int64_t sequence_max = 2'147'483'647;  // RFC 5424 §7.3.1: then it begins at 1 again
constexpr std::size_t host_chars_max = 255;
constexpr std::size_t type_chars_max = 32;

// The header's words hold printable ASCII and no blank.
std::string header_word(std::string_view text, std::size_t chars_max) {
    std::string word(text.substr(0, chars_max));
    for (char& c : word)
        if (c <= ' ' || c > '~') c = '_';
    return word.empty() ? "-" : word;
}

}  // namespace

std::string syslog_frame(const SyslogMessage& message) {
    auto text = fmt::format(
        "<{}>1 {} {} countersign - {} [meta sequenceId=\"{}\"] {}", log_audit * 8 + notice,
        core::rfc3339(message.at), header_word(message.host, host_chars_max),
        header_word(message.type, type_chars_max), message.index % sequence_max + 1, message.text);
    return fmt::format("{} {}", text.size(), text);
}

}  // namespace countersign::wire
