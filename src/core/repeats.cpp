#include "core/repeats.hpp"

#include "countersign/base/text.hpp"
#include "countersign/core/advance.hpp"

namespace countersign::core {

std::string clipped(std::string_view reason) {
    if (!readable(reason)) return {};
    reason = trim(reason);
    std::size_t bytes = 0;
    for (std::size_t count = 0; bytes < reason.size() && count < reason_chars_max; ++count) {
        ++bytes;
        while (bytes < reason.size() && (static_cast<unsigned char>(reason[bytes]) & 0xC0U) == 0x80U) ++bytes;
    }
    return std::string{reason.substr(0, bytes)};
}

bool tells_of(const Entry& entry, const Command& command) {
    if (const auto* cast = std::get_if<Cast>(&command)) {
        auto reason = clipped(cast->reason);
        if (const auto* held = std::get_if<Held>(&entry))
            return cast->verdict == Verdict::hold && held->reason == reason;
        if (const auto* released = std::get_if<Released>(&entry))
            return cast->verdict == Verdict::release && released->reason == reason;
        if (const auto* cancelled = std::get_if<Cancelled>(&entry))
            return cancelled->approver && cancelled->reason == reason &&
                   cancelled->narrowed.has_value() == (cast->verdict == Verdict::lower) &&
                   (cast->verdict == Verdict::lower || cast->verdict == Verdict::revoke);
        if (const auto* reviewed = std::get_if<Reviewed>(&entry))
            return cast->verdict == Verdict::review && reviewed->reason == reason;
        const auto* voted = std::get_if<Voted>(&entry);
        return voted && voted->verdict == cast->verdict && voted->reason == reason;
    }
    if (const auto* cancel = std::get_if<Cancel>(&command)) {
        const auto* cancelled = std::get_if<Cancelled>(&entry);
        return cancelled && cancelled->reason == clipped(cancel->reason);
    }
    if (const auto* report = std::get_if<Report>(&command)) {
        const auto* reported = std::get_if<Reported>(&entry);
        return reported && reported->succeeded == report->succeeded &&
               reported->detail == clipped(report->detail);
    }
    return std::holds_alternative<Claim>(command) && std::holds_alternative<Claimed>(entry);
}

}  // namespace countersign::core
