#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "countersign/app/events.hpp"
#include "countersign/core/ids.hpp"
#include "countersign/rt/later.hpp"
#include "countersign/tlog/checkpoint.hpp"
#include "countersign/tlog/tiles.hpp"

namespace countersign::app {

// The published log as the database keeps it: the tree over all events, in tiles, and what was signed of it.
// Every call is one background job.
class TreeStore {
  public:
    static constexpr std::size_t batch_max = 4'096;  // events that become leaves at once

    virtual ~TreeStore() = default;

    struct Integrated {
        tlog::TreeHead head;
        bool more = false;  // another whole batch waits
    };
    // Makes leaves of the next events, at most batch_max. Safe on any replica at any time: where another is
    // at it, nothing is done. corrupt: an event, or the tree, is not what this server wrote; nothing is
    // added.
    virtual Later<Integrated> integrate(Deadline deadline) = 0;

    // Signs the tree: gives back the checkpoint as a signed note. `read`: the tree's own hashes, for proofs
    // about what was signed before. `last`: the newest checkpoint on record, if there is one.
    struct ToSign {
        tlog::TreeHead head;
        std::optional<std::string> last;
        tlog::SubtreeReader read;
    };
    using Sign = std::function<Result<std::string>(const ToSign& what)>;
    struct Published {
        std::string note;  // empty: another replica is at it
        std::int64_t size = 0;
    };
    // Calls `sign`, on a thread of the database and with the tree's row locked, and records what it signs. It
    // may give back the last one where that is of the whole tree. What `sign` refuses is refused.
    virtual Later<Published> publish(std::string origin, Sign sign, Deadline deadline) = 0;

    // Reads the newest one of this origin, with what witnesses signed of it; not_found: nothing was signed
    // yet.
    virtual Later<std::string> newest_checkpoint(std::string origin, Deadline deadline) = 0;
    // The bytes of a tile of hashes, or of a bundle of entries, exactly as wide as asked for. not_found: the
    // tree has no such tile.
    virtual Later<std::string> tile(tlog::TileId tile, Deadline deadline) = 0;

    // Records that a key came into use, or went out of it: an act, which becomes a leaf like any other. What
    // was recorded before is left as it is.
    struct KeyFact {
        std::string key;  // its id, under its purpose: "log be6d6059…"
        bool retired = false;
        AdminEvent event;
    };
    virtual Later<Done> tell_keys(std::vector<KeyFact> facts, Deadline deadline) = 0;

    struct Leaf {
        std::int64_t index = 0;
        std::string body;
    };
    // The event of this type that the request's entry of this version stands for. not_found: it has no place
    // in the log yet.
    virtual Later<Leaf> leaf_of(core::RequestId request, std::int32_t version, std::string type,
                                Deadline deadline) = 0;
    struct Inclusion {
        std::vector<tlog::Hash> hashes;
        std::string checkpoint;
    };
    // That a leaf is in the newest checkpoint of this origin. not_found: in none yet.
    virtual Later<Inclusion> prove(std::string origin, std::int64_t index, Deadline deadline) = 0;

    struct Growth {
        std::int64_t size = 0;
        std::string checkpoint;  // the newest one, as the log alone signed it
        std::vector<tlog::Hash> hashes;
    };
    // That the newest checkpoint of this origin goes on from the tree of `from` leaves, 0: from nothing.
    // not_found: nothing was signed yet. conflict (log_shrunk): it has fewer.
    virtual Later<Growth> prove_growth(std::string origin, std::int64_t from, Deadline deadline) = 0;
    // Up to which size this witness signed checkpoints of this origin; 0: none.
    virtual Later<std::int64_t> cosigned(std::string origin, std::string witness, Deadline deadline) = 0;
    struct Cosignature {
        std::string origin;
        std::int64_t size = 0;
        std::string witness;  // its key's name
        std::string line;     // of the note, with its line's end
    };
    virtual Later<Done> keep_cosignature(Cosignature cosignature, Deadline deadline) = 0;
};

}  // namespace countersign::app
