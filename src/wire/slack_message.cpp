#include "countersign/wire/slack_message.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "countersign/base/text.hpp"
#include "wire/slack_blocks.hpp"

namespace countersign::wire {

std::string slack_escaped(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (char c : text) {
        switch (c) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            default:
                out += c;
        }
    }
    return out;
}

std::string slack_date(core::Instant at) {
    auto seconds = std::chrono::duration_cast<std::chrono::seconds>(at.time_since_epoch()).count();
    std::string utc = core::rfc3339(at);  // 2026-01-02T03:04:05…Z
    return fmt::format("<!date^{}^{{date_short_pretty}} {{time}}|{} {} UTC>", seconds, utc.substr(0, 10),
                       utc.substr(11, 5));
}

namespace {

std::size_t units_below(const core::Value& value) {
    if (const auto* items = value.items()) {
        std::size_t sum = 0;
        for (const core::Value& item : *items) sum += units_below(item);
        return sum;
    }
    const auto* members = value.members();
    if (!members) return 0;
    std::size_t sum = 0;
    for (const auto& [name, member] : *members) {
        if (const std::string* text = member.string())
            sum += name == "text" || name == "url" ? blocks::units(*text) : 0;
        else
            sum += units_below(member);
    }
    return sum;
}

}  // namespace

std::string slack_mention(const core::Who& who, const SlackStyle& style) {
    if (auto id = blocks::user_id(who, style); !id.empty()) return fmt::format("<@{}>", id);
    std::string name = blocks::shortened(who.name, 80).text;
    std::ranges::replace(name, '`', '\'');  // nothing else ends a code span
    if (trim(name).empty()) return "somebody";
    return "`" + slack_escaped(name) + "`";
}

std::size_t slack_text_units(const core::Value& blocks) {
    return units_below(blocks);
}

}  // namespace countersign::wire
