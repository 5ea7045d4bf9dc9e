#pragma once
#include <array>
#include <cstddef>
#include <string_view>
#include <vector>

#include "countersign/app/events.hpp"
#include "countersign/core/advance.hpp"
#include "countersign/wire/stored.hpp"

// Persons and ids as rows hold them.
namespace countersign::pg {

// "{uuid,uuid}": an array of the persons' pseudonyms in this request.
std::string persons(const std::vector<core::PersonId>& people, const wire::Salt& salt);

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
