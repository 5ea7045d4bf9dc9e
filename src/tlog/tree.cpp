#include "countersign/tlog/tree.hpp"

#include <algorithm>
#include <bit>
#include <string>
#include <utility>

#include "countersign/base/check.hpp"
#include "countersign/base/text.hpp"

namespace countersign::tlog {
namespace {

// The domains of RFC 6962 §2.1: a node can never be taken for a leaf.
constexpr char leaf_domain = '\x00';
constexpr char node_domain = '\x01';

// The largest power of two less than `count`, which is 2 at least.
std::int64_t split_of(std::int64_t count) {
    return static_cast<std::int64_t>(std::bit_floor(static_cast<std::uint64_t>(count - 1)));
}

// Walks from a leaf to the root, as RFC 9162 §2.1.3.2 does: whether the next hash stands on the left.
struct Walk {
    std::int64_t node;
    std::int64_t last;
    bool left() const { return (node & 1) != 0 || node == last; }
    void up() {
        node >>= 1;
        last >>= 1;
    }
    void up_from_left() {
        while ((node & 1) == 0 && node != 0) up();
    }
};

// The hash over the leaves [first, end), where first is aligned for the largest power of two within.
Result<Hash> range_hash(std::int64_t first, std::int64_t end, const SubtreeReader& read) {
    std::vector<Hash> peaks;
    while (first < end) {
        auto length = std::bit_floor(static_cast<std::uint64_t>(end - first));
        auto peak = read(first, std::countr_zero(length));
        if (!peak) return peak;
        peaks.push_back(*peak);
        first += static_cast<std::int64_t>(length);
    }
    COUNTERSIGN_CHECK(!peaks.empty());
    Hash root = peaks.back();
    for (std::size_t i = peaks.size() - 1; i-- > 0;) root = node_hash(peaks[i], root);
    return root;
}

Result<std::vector<Hash>> from_root_to_leaf(std::vector<Hash> hashes) {
    std::ranges::reverse(hashes);
    return hashes;
}

}  // namespace

Hash leaf_hash(std::string_view entry) {
    Hasher hasher;
    hasher.add(std::string_view{&leaf_domain, 1});
    hasher.add(entry);
    return hasher.finish();
}

Hash node_hash(const Hash& left, const Hash& right) {
    std::string both(1, node_domain);
    both += as_text(left);
    both += as_text(right);
    return sha256(both);
}

Hash empty_root() {
    return sha256({});
}

std::optional<Hash> hash_from(std::string_view bytes) {
    Hash hash{};
    if (bytes.size() != hash.size()) return std::nullopt;
    std::ranges::transform(bytes, hash.begin(), [](char c) { return static_cast<std::byte>(c); });
    return hash;
}

bool verify_inclusion(std::int64_t index, std::int64_t size, const Hash& leaf, std::span<const Hash> proof,
                      const Hash& root) {
    if (index < 0 || index >= size || size > size_max) return false;
    Walk walk{index, size - 1};
    Hash hash = leaf;
    for (const Hash& sibling : proof) {
        if (walk.last == 0) return false;
        if (walk.left()) {
            hash = node_hash(sibling, hash);
            walk.up_from_left();
        } else {
            hash = node_hash(hash, sibling);
        }
        walk.up();
    }
    return walk.last == 0 && hash == root;
}

bool verify_consistency(const TreeHead& older, const TreeHead& newer, std::span<const Hash> proof) {
    if (older.size < 0 || older.size > newer.size || newer.size > size_max) return false;
    if (older.size == newer.size) return proof.empty() && older.root == newer.root;
    if (older.size == 0) return proof.empty() && older.root == empty_root();
    if (proof.empty()) return false;
    Walk walk{older.size - 1, newer.size - 1};
    while ((walk.node & 1) != 0) walk.up();
    bool complete = std::has_single_bit(static_cast<std::uint64_t>(older.size));
    Hash was = complete ? older.root : proof.front();
    Hash is = was;
    for (const Hash& hash : complete ? proof : proof.subspan(1)) {
        if (walk.last == 0) return false;
        if (walk.left()) {
            was = node_hash(hash, was);
            is = node_hash(hash, is);
            walk.up_from_left();
        } else {
            is = node_hash(is, hash);
        }
        walk.up();
    }
    return walk.last == 0 && was == older.root && is == newer.root;
}

std::optional<Frontier> Frontier::of(std::int64_t size, std::vector<Hash> hashes) {
    bool fits = size >= 0 && size <= size_max &&
                hashes.size() == static_cast<std::size_t>(std::popcount(static_cast<std::uint64_t>(size)));
    if (!fits) return std::nullopt;
    Frontier made;
    made.size_ = size;
    made.hashes_ = std::move(hashes);
    return made;
}

void Frontier::append(const Hash& leaf) {
    hashes_.push_back(leaf);
    for (std::int64_t carry = size_; (carry & 1) != 0; carry >>= 1) {
        Hash right = hashes_.back();
        hashes_.pop_back();
        hashes_.back() = node_hash(hashes_.back(), right);
    }
    ++size_;
}

Hash Frontier::root() const {
    if (hashes_.empty()) return empty_root();
    Hash root = hashes_.back();
    for (std::size_t i = hashes_.size() - 1; i-- > 0;) root = node_hash(hashes_[i], root);
    return root;
}

Result<Hash> root_of(std::int64_t size, const SubtreeReader& read) {
    if (size < 0 || size > size_max) return fail(Trouble::invalid_input, "there is no tree of this size");
    if (size == 0) return empty_root();
    return range_hash(0, size, read);
}

Result<std::vector<Hash>> prove_inclusion(std::int64_t index, std::int64_t size, const SubtreeReader& read) {
    if (index < 0 || index >= size || size > size_max)
        return fail(Trouble::invalid_input, "this tree has no such leaf");
    std::vector<Hash> hashes;
    std::int64_t first = 0;
    std::int64_t end = size;
    while (end - first > 1) {
        std::int64_t middle = first + split_of(end - first);
        bool on_the_left = index < middle;
        auto sibling = on_the_left ? range_hash(middle, end, read) : range_hash(first, middle, read);
        if (!sibling) return pass(sibling);
        hashes.push_back(*sibling);
        (on_the_left ? end : first) = middle;
    }
    return from_root_to_leaf(std::move(hashes));
}

Result<std::vector<Hash>> prove_consistency(std::int64_t older, std::int64_t newer,
                                            const SubtreeReader& read) {
    if (older < 0 || older > newer || newer > size_max)
        return fail(Trouble::invalid_input, "a tree only grows: the older size is the smaller one");
    std::vector<Hash> hashes;
    if (older == 0 || older == newer) return hashes;
    std::int64_t first = 0;
    std::int64_t end = newer;
    bool whole = true;  // what is left of the older tree is all of it
    while (older != end) {
        std::int64_t middle = first + split_of(end - first);
        bool on_the_left = older <= middle;
        auto sibling = on_the_left ? range_hash(middle, end, read) : range_hash(first, middle, read);
        if (!sibling) return pass(sibling);
        hashes.push_back(*sibling);
        (on_the_left ? end : first) = middle;
        whole = whole && on_the_left;
    }
    if (!whole) {
        auto rest = range_hash(first, end, read);
        if (!rest) return pass(rest);
        hashes.push_back(*rest);
    }
    return from_root_to_leaf(std::move(hashes));
}

}  // namespace countersign::tlog
