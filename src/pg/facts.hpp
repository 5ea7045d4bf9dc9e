#pragma once
#include <array>
#include <cstddef>
#include <string_view>
#include <vector>

#include "countersign/app/events.hpp"
#include "countersign/core/advance.hpp"
#include "countersign/wire/stored.hpp"

// Which events an entry is, and which persons a ruling counts.
namespace countersign::pg {

// "request.voted", "breakglass.used" when it is somebody's approval of their own request, and
// "request.approved" when the state changed with it. Static text.
std::vector<std::string_view> event_types(const core::Entry& entry, core::State before, core::State after);

// "{uuid,uuid}": the persons whose votes fill slots.
std::string counted_persons(const core::Ruling& ruling, const wire::Salt& salt);
std::string persons(const std::vector<core::PersonId>& people, const wire::Salt& salt);
// How many people every alternative asks for at least; 0 where none is needed.
std::uint32_t quorum_min(const core::Applied& applied);

// Ids for the rows of one append, from chance drawn once.
class Minter {
  public:
    Minter(core::Instant now, std::array<std::byte, 10> chance) : now_(now), chance_(chance) {}
    template <class Id>
    Id next() {
        auto chance = chance_;
        chance[9] = static_cast<std::byte>(static_cast<unsigned>(chance[9]) + taken_);
        ++taken_;
        return Id::mint(now_, chance);
    }
    // Of an entry's events, in order, or of a refused vote.
    core::EventId next_event(core::Instant at, std::int32_t version) {
        return app::event_id(at, version, static_cast<std::uint8_t>(events_++), chance_);
    }
    core::EventId next_refusal(core::Instant at, std::int32_t version) {
        return app::event_id(at, version, static_cast<std::uint8_t>(app::refusal_place + events_++), chance_);
    }

  private:
    core::Instant now_;
    std::array<std::byte, 10> chance_;
    unsigned taken_ = 0;
    unsigned events_ = 0;  // a command brings few: entries and their decisions
};

}  // namespace countersign::pg
