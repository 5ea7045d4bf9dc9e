#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "countersign/app/ports.hpp"
#include "countersign/app/roster.hpp"

namespace countersign::app {

// Somebody who asks to read, and where they ask.
struct Reader {
    core::AccountId account;
    // The channel they are in, by its id, as their chat says; nullopt: none.
    std::optional<CardTarget> here = {};
};

enum class Access : std::uint8_t { nothing, the_card, everything };

// Says who may read what: core::reading_of, and the channels in which cards stand. For the I/O thread.
class Readers {
  public:
    // `outbox`: what channels show; nullptr: nobody who asks here is in a channel.
    Readers(Roster& roster, OutboxStore* outbox) : roster_(roster), outbox_(outbox) {}

    // unavailable: what the account is could not be looked up, so nothing is said.
    Later<Access> access(Reader reader, CasePtr now, Deadline deadline);
    // Leaves out those of which this reader may read nothing; keeps the order.
    Later<std::vector<CasePtr>> readable(Reader reader, std::vector<CasePtr> cases, Deadline deadline);

  private:
    Later<Done> look_up(const core::AccountId& account, const std::vector<CasePtr>& cases, Deadline deadline);

    Roster& roster_;
    OutboxStore* outbox_;
};

}  // namespace countersign::app
