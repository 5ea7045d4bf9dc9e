#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "countersign/core/people.hpp"
#include "countersign/core/quiet.hpp"

namespace countersign::app {

// Knows until when nothing is said to somebody in person, by the quiet hours of the settings and the time
// zone that their chat knows of them. It belongs to the I/O thread.
class QuietTimes {
  public:
    // nullptr: there is no such zone on this machine.
    using ReadZone = std::function<std::shared_ptr<const core::Zone>(const std::string& name)>;
    // `zone`: of people whose chat tells none; empty: they are told at any time.
    QuietTimes(core::QuietHours hours, std::string zone, ReadZone read_zone);

    // nullopt: they may be told now.
    std::optional<core::Instant> until(const core::Directory& directory, const core::AccountId& account,
                                       core::Instant now);

  private:
    static constexpr std::size_t zones_max = 1'000;

    core::QuietHours hours_;
    std::string zone_;
    ReadZone read_zone_;
    std::unordered_map<std::string, std::shared_ptr<const core::Zone>> zones_;  // by name; nullptr: none
};

}  // namespace countersign::app
