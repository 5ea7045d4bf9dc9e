#include "countersign/app/quiet.hpp"

#include <utility>

namespace countersign::app {

QuietTimes::QuietTimes(core::QuietHours hours, std::string zone, ReadZone read_zone)
    : hours_(hours), zone_(std::move(zone)), read_zone_(std::move(read_zone)) {}

std::optional<core::Instant> QuietTimes::until(const core::Directory& directory,
                                               const core::AccountId& account, core::Instant now) {
    const core::ChatUser* user = directory.user(account);
    const std::string& name = user != nullptr && !user->zone.empty() ? user->zone : zone_;
    if (name.empty()) return std::nullopt;
    if (zones_.size() >= zones_max) zones_.clear();
    auto known = zones_.find(name);
    if (known == zones_.end()) known = zones_.emplace(name, read_zone_(name)).first;
    if (known->second == nullptr) return std::nullopt;
    return core::quiet_until(hours_, *known->second, now);
}

}  // namespace countersign::app
