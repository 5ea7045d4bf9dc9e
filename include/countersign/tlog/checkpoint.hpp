#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/tlog/note.hpp"
#include "countersign/tlog/tree.hpp"

// What a log signs of itself, and proofs that travel in files (C2SP tlog-checkpoint and tlog-proof).
namespace countersign::tlog {

// A checkpoint's text says which log it is of, how many leaves that has, and their root.
struct Checkpoint {
    std::string origin;
    TreeHead head;
    friend bool operator==(const Checkpoint&, const Checkpoint&) = default;
};
std::string text_of(const Checkpoint& checkpoint);
// invalid_input (bad_checkpoint). Further lines of the text are allowed and passed over.
Result<Checkpoint> parse_checkpoint(std::string_view text);
// A checkpoint of the log whose key this is: signed by it, and of its name. forbidden (bad_signature,
// other_log) where it is not.
Result<Checkpoint> open_checkpoint(std::string_view signed_note, const NoteKey& log);

// That a leaf is in a log: everything but the leaf itself, and the log's key.
struct InclusionProof {
    std::optional<std::string> extra;  // for whoever reads it; nothing vouches for it
    std::int64_t index = 0;
    std::vector<Hash> hashes;
    std::string checkpoint;  // signed
};
std::string text_of(const InclusionProof& proof);
// invalid_input (bad_proof).
Result<InclusionProof> parse_proof(std::string_view text);
// The checkpoint under which the leaf stands. forbidden (bad_signature, other_log, not_included).
Result<Checkpoint> verify_proof(const InclusionProof& proof, const Hash& leaf, const NoteKey& log);

// What a witness is sent to sign a checkpoint that follows one it knows (C2SP tlog-witness).
std::string add_checkpoint_body(std::int64_t old_size, std::span<const Hash> proof,
                                std::string_view signed_note);

}  // namespace countersign::tlog
