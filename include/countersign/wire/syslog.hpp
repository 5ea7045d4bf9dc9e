#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "countersign/core/time.hpp"

namespace countersign::wire {

struct SyslogMessage {
    core::Instant at;
    std::string_view host;   // whose log it is
    std::string_view type;   // MSGID, at most 32 characters of it
    std::int64_t index = 0;  // in the log; `sequenceId` of `meta` counts it from 1
    std::string_view text;   // in UTF-8, without line ends
};
// An RFC 5424 message of the facility "log audit", severity notice, with the length before it that a stream
// needs (RFC 5425 §4.3.1). The text has no byte order mark, because readers of JSON do not expect one.
std::string syslog_frame(const SyslogMessage& message);

}  // namespace countersign::wire
