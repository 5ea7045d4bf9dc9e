#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "countersign/tlog/tree.hpp"

// How a log's tree is laid out in files, as C2SP tlog-tiles says: tiles of 256 hashes, and bundles of 256
// entries.
namespace countersign::tlog {

inline constexpr int tile_hashes = 256;
inline constexpr int levels_max = 8;  // size_max leaves need no more
inline constexpr std::size_t hash_bytes = 32;
inline constexpr std::size_t entry_bytes_max = 65'535;

// Hash `i` of tile `index` at `level` is the root over the leaves [(256·index + i)·256^level, …+1).
struct TileId {
    int level = 0;  // entries_level: a bundle of entries
    std::int64_t index = 0;
    int width = tile_hashes;  // how many hashes or entries: less than 256 in the last one of a level
    friend auto operator<=>(const TileId&, const TileId&) = default;
};
inline constexpr int entries_level = -1;

// "tile/0/x001/234.p/12" or "tile/entries/000"; nullopt: not the one spelling of such a path.
std::string path_of(const TileId& tile);
std::optional<TileId> parse_tile_path(std::string_view path);
// How wide this tile is in a tree of `size` leaves: 0 where it does not exist.
int width_of(int level, std::int64_t index, std::int64_t size);

// The entries of a bundle: each is two bytes of length, then the entry. nullopt: not that, or not so many.
std::string bundle_of(const std::vector<std::string_view>& entries);
std::optional<std::vector<std::string_view>> entries_in(std::string_view bundle, int width);

// The right edge of a tree, tile by tile: which tiles change when leaves are added.
class TileEdge {
  public:
    TileEdge() = default;
    // `partial`: by level, the last, not full tile of a tree of this size, empty where there is none.
    // nullopt: they have not the width that such a tree has.
    static std::optional<TileEdge> of(std::int64_t size, std::vector<std::vector<Hash>> partial);

    std::int64_t size() const { return size_; }
    Hash root() const;
    TreeHead head() const { return {size_, root()}; }
    void append(const Hash& leaf);
    // What has changed since this was last asked: whole tiles of hashes, the last one as far as it is filled.
    std::map<std::pair<int, std::int64_t>, std::string> take_changed();

  private:
    void push(std::size_t level, const Hash& hash);

    std::int64_t size_ = 0;
    std::vector<std::vector<Hash>> partial_;
    std::map<std::pair<int, std::int64_t>, std::string> changed_;
};

// Reads a tile, at least as wide as asked for; what more it holds is not looked at.
using TileReader = std::function<Result<std::string>(const TileId&)>;
// The hashes of a tree of `size` leaves out of its tiles. Each tile is read once.
SubtreeReader subtrees_in(std::int64_t size, TileReader read);

}  // namespace countersign::tlog
