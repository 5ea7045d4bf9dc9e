#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "countersign/base/crypto.hpp"
#include "countersign/base/result.hpp"

// The Merkle tree of RFC 6962 §2.1 with SHA-256, and the proofs that RFC 9162 §2.1.3 and §2.1.4 tell how to
// check. Sizes and indexes count leaves from 0.
namespace countersign::tlog {

using Hash = Sha256;

inline constexpr std::int64_t size_max = std::int64_t{1} << 62;
// A proof in a tree of size_max leaves has no more hashes than this.
inline constexpr std::size_t proof_hashes_max = 63;

Hash leaf_hash(std::string_view entry);
Hash node_hash(const Hash& left, const Hash& right);
Hash empty_root();  // SHA-256 of nothing
// 32 bytes as a hash; nullopt: another length.
std::optional<Hash> hash_from(std::string_view bytes);

// Each says whether the proof is one. An index beyond the tree, a proof with a hash too many or too few, and
// a consistency proof from the empty tree that is not empty are none.
bool verify_inclusion(std::int64_t index, std::int64_t size, const Hash& leaf, std::span<const Hash> proof,
                      const Hash& root);
struct TreeHead {
    std::int64_t size = 0;
    Hash root{};
    friend bool operator==(const TreeHead&, const TreeHead&) = default;
};
bool verify_consistency(const TreeHead& older, const TreeHead& newer, std::span<const Hash> proof);

// The right edge of a growing tree: one hash per set bit of its size, from left to right, so that a leaf is
// added in O(log n) without the leaves before it.
class Frontier {
  public:
    Frontier() = default;
    // nullopt: not the number of hashes that a tree of this size has.
    static std::optional<Frontier> of(std::int64_t size, std::vector<Hash> hashes);

    void append(const Hash& leaf);
    std::int64_t size() const { return size_; }
    Hash root() const;
    TreeHead head() const { return {size_, root()}; }
    const std::vector<Hash>& hashes() const { return hashes_; }

  private:
    std::int64_t size_ = 0;
    std::vector<Hash> hashes_;
};

// The hash of the complete subtree over the leaves [first, first + 2^height), which is aligned: first is a
// multiple of 2^height.
using SubtreeReader = std::function<Result<Hash>(std::int64_t first, int height)>;
// The root of the first `size` leaves, and proofs in their tree; all take O(log² n) reads at most.
// invalid_input: such a proof does not exist. Else what the reader fails with.
Result<Hash> root_of(std::int64_t size, const SubtreeReader& read);
Result<std::vector<Hash>> prove_inclusion(std::int64_t index, std::int64_t size, const SubtreeReader& read);
Result<std::vector<Hash>> prove_consistency(std::int64_t older, std::int64_t newer,
                                            const SubtreeReader& read);

}  // namespace countersign::tlog
