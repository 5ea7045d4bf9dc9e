#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "countersign/core/decide.hpp"
#include "countersign/rt/later.hpp"
#include "countersign/tlog/tree.hpp"

namespace countersign::app {

// A request as its rows have it: what was recorded for good, and the words beside it where they were not
// erased.
struct RecordedEntry {
    std::int32_t version = 1;
    core::State state = core::State::pending;  // with this entry
    std::string record;
    std::optional<std::string> words;
};
struct RecordedCase {
    core::RequestId id;
    std::int64_t number = 0;
    std::string digest;
    std::string policy;  // digest of the policy it was opened under
    std::string record;
    std::string rules;
    std::optional<std::string> words;
    std::optional<std::array<std::byte, 16>> salt;
    std::vector<RecordedEntry> entries;
};

// What the log has of a request's entry.
struct LoggedLeaf {
    std::int64_t index = 0;
    std::int32_t version = 0;
    std::string type;
    tlog::Hash hash{};
};
struct AuditedCase {
    RecordedCase recorded;
    std::string
        broken;  // what only who has the server's key can see: seals, and the row of the state; empty: good
    std::vector<LoggedLeaf> logged;   // in the log's order
    std::vector<std::int32_t> waits;  // versions that have no place in the log yet
};
struct AuditedEvent {
    std::int64_t index = 0;
    std::string type;
    std::optional<core::RequestId> request;
    bool of_entry = false;  // it tells of a request's entry, else of an act
    std::int32_t version = 0;
    std::optional<core::State> state;
    std::string body;
    std::string broken;  // seal, act, or the request it tells of; empty: good
};

// Reads everything that is to be proven, without judging it, and writes nothing. Every call is one background
// job.
class AuditStore {
  public:
    static constexpr std::size_t events_max = 4'096;  // a page
    static constexpr std::size_t cases_max = 200;

    virtual ~AuditStore() = default;
    // How many events have a place, and how many entries and acts wait for one.
    struct Extent {
        std::int64_t events = 0;
        std::int64_t waiting = 0;
        tlog::TreeHead tree;  // as its row says
        std::string broken;   // the row of the tree is not what this server wrote
    };
    virtual Later<Extent> extent(Deadline deadline) = 0;
    // From this index on, in order. What is missing is left out.
    virtual Later<std::vector<AuditedEvent>> events(std::int64_t from, std::size_t at_most,
                                                    Deadline deadline) = 0;
    // In the order of their ids, after this one.
    virtual Later<std::vector<AuditedCase>> cases(std::optional<core::RequestId> after, std::size_t at_most,
                                                  Deadline deadline) = 0;
    // Those of these that there are.
    virtual Later<std::vector<AuditedCase>> cases_of(std::vector<core::RequestId> requests,
                                                     Deadline deadline) = 0;
    struct StoredCheckpoint {
        std::string origin;
        tlog::TreeHead head;  // as the row says
        std::string note;
    };
    // Lists those of every origin, in the order of their sizes, from this size on.
    virtual Later<std::vector<StoredCheckpoint>> checkpoints(std::int64_t from_size, std::size_t at_most,
                                                             Deadline deadline) = 0;
};

// Erases words of people, which leaves every record and every proof as it is. Works only for who may change
// words: the owner of the tables.
class EraseStore {
  public:
    virtual ~EraseStore() = default;
    struct Erased {
        std::int64_t requests = 0;
        std::int64_t acts = 0;
    };
    // Erases the words of every request that is at its end for good, all of it before `before`, and of every
    // act of before, in which one of these names or accounts stands as a value of its own.
    virtual Later<Erased> erase(std::vector<std::string> names, core::Instant before, Deadline deadline) = 0;
};

}  // namespace countersign::app
