#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "countersign/core/ids.hpp"
#include "countersign/core/time.hpp"
#include "countersign/core/value.hpp"
#include "countersign/rt/clock.hpp"
#include "countersign/rt/later.hpp"

// The log of everything that happened: what requests went through, and what was done to the house itself.
namespace countersign::app {

// Every type an event can have, without the `countersign.` prefix: "request.created", "policy.loaded", …
std::span<const std::string_view> event_types();
bool is_event_type(std::string_view text);

// Ids of events are their order: by time, then by the request's version, then by `place` among the events of
// one version, whichever replicas and microseconds they come from. Entries and what they decided take places
// from 0; a refused vote, which changes no version, takes one from refusal_place.
core::EventId event_id(core::Instant at, std::int32_t version, std::uint8_t place,
                       const std::array<std::byte, 10>& chance);
inline constexpr std::uint8_t refusal_place = 128;

// ---- administrative acts

enum class AdminAct : std::uint8_t {
    policy_loaded,
    person_linked,
    person_unlinked,
    token_created,
    token_revoked,
    breakglass_used,
    breakglass_reviewed,
    log_published
};
std::string_view name_of(AdminAct act);  // the event's type: "policy.loaded", …

// Complete when made, so that writing it twice is writing it once.
struct AdminEvent {
    core::EventId id;
    core::Instant at;
    AdminAct act;
    std::optional<core::RequestId> request;  // what it was about, where that is a request
    // What it was done to, for good and in the clear: an opaque id ("tok_…") or a digest ("sha256:…"). Never
    // a name or an account of a person. May be empty.
    std::string subject;
    // An object: who did what, in the words the event's readers see. Kept where it can be erased; the record
    // for good holds its salted hash.
    core::Value facts;
    std::array<std::byte, 16> salt{};
};
AdminEvent admin_event(AdminAct act, std::string subject, core::Value facts, core::Instant now,
                       rt::Entropy& entropy);

class EventLog {
  public:
    virtual ~EventLog() = default;
    // In a transaction of its own. Stores that must record an act together with what it did (a token, a link)
    // do so themselves. Recording the same event again changes nothing.
    virtual Later<Done> record(AdminEvent event, Deadline deadline) = 0;
};

}  // namespace countersign::app
