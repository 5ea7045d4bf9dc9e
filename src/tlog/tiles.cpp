#include "countersign/tlog/tiles.hpp"

#include <algorithm>
#include <charconv>
#include <memory>
#include <utility>

#include "countersign/base/check.hpp"
#include "countersign/base/text.hpp"

namespace countersign::tlog {
namespace {

constexpr int level_bits = 8;         // 2^8 hashes a tile
constexpr int path_level_max = 63;    // of the layout, which is more than any tree here has
constexpr std::int64_t group = 1000;  // an index is written in groups of three digits

std::string three_digits(std::int64_t number) {
    std::string digits = std::to_string(number);
    return std::string(3 - digits.size(), '0') + digits;
}

std::string index_path(std::int64_t index) {
    std::string path = three_digits(index % group);
    for (index /= group; index > 0; index /= group) path.insert(0, "x" + three_digits(index % group) + "/");
    return path;
}

// Decimal digits alone, without a zero in front.
std::optional<std::int64_t> number_in(std::string_view text, std::int64_t max) {
    std::int64_t number = 0;
    auto done = std::from_chars(text.data(), text.data() + text.size(), number);
    bool all = done.ec == std::errc{} && done.ptr == text.data() + text.size() && !text.starts_with('-');
    bool plain = text.size() == 1 || !text.starts_with('0');
    if (!all || !plain || number > max) return std::nullopt;
    return number;
}

std::optional<std::int64_t> index_in(const std::vector<std::string>& groups) {
    std::int64_t index = 0;
    for (std::size_t i = 0; i < groups.size(); ++i) {
        std::string_view digits = groups[i];
        bool last = i + 1 == groups.size();
        if (!last && !digits.starts_with('x')) return std::nullopt;
        if (!last) digits.remove_prefix(1);
        bool three =
            digits.size() == 3 && std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; });
        if (!three || index > size_max / group) return std::nullopt;
        index = index * group + (digits[0] - '0') * 100 + (digits[1] - '0') * 10 + (digits[2] - '0');
    }
    return index;
}

}  // namespace

std::string path_of(const TileId& tile) {
    std::string path = "tile/";
    path += tile.level == entries_level ? "entries" : std::to_string(tile.level);
    path += "/" + index_path(tile.index);
    if (tile.width != tile_hashes) path += ".p/" + std::to_string(tile.width);
    return path;
}

std::optional<TileId> parse_tile_path(std::string_view path) {
    constexpr std::size_t path_bytes_max = 64;
    if (path.size() > path_bytes_max) return std::nullopt;
    auto parts = split(path, '/');
    if (parts.size() < 3 || parts[0] != "tile") return std::nullopt;
    TileId tile;
    if (parts[1] == "entries") {
        tile.level = entries_level;
    } else {
        auto level = number_in(parts[1], path_level_max);
        if (!level) return std::nullopt;
        tile.level = static_cast<int>(*level);
    }
    parts.erase(parts.begin(), parts.begin() + 2);
    if (parts.size() >= 2 && parts[parts.size() - 2].ends_with(".p")) {
        auto width = number_in(parts.back(), tile_hashes - 1);
        if (!width || *width == 0) return std::nullopt;
        tile.width = static_cast<int>(*width);
        parts.pop_back();
        parts.back().resize(parts.back().size() - 2);
    }
    auto index = index_in(parts);
    if (!index) return std::nullopt;
    tile.index = *index;
    // One spelling only: "x000/001" is no other name of "001".
    if (path_of(tile) != path) return std::nullopt;
    return tile;
}

int width_of(int level, std::int64_t index, std::int64_t size) {
    int shift = level == entries_level ? 0 : level * level_bits;
    if (shift >= 62 || index < 0 || size < 0) return 0;
    std::int64_t hashes = size >> shift;
    if (index > hashes / tile_hashes) return 0;
    return static_cast<int>(std::min<std::int64_t>(hashes - index * tile_hashes, tile_hashes));
}

std::string bundle_of(const std::vector<std::string_view>& entries) {
    std::string bundle;
    for (std::string_view entry : entries) {
        COUNTERSIGN_CHECK(entry.size() <= entry_bytes_max);
        bundle += static_cast<char>(entry.size() >> 8);
        bundle += static_cast<char>(entry.size() & 0xFF);
        bundle += entry;
    }
    return bundle;
}

std::optional<std::vector<std::string_view>> entries_in(std::string_view bundle, int width) {
    std::vector<std::string_view> entries;
    auto byte = [&](std::size_t at) {
        return static_cast<std::size_t>(static_cast<unsigned char>(bundle[at]));
    };
    while (static_cast<int>(entries.size()) < width) {
        if (bundle.size() < 2) return std::nullopt;
        std::size_t length = (byte(0) << 8) + byte(1);
        bundle.remove_prefix(2);
        if (bundle.size() < length) return std::nullopt;
        entries.push_back(bundle.substr(0, length));
        bundle.remove_prefix(length);
    }
    if (!bundle.empty()) return std::nullopt;
    return entries;
}

std::optional<TileEdge> TileEdge::of(std::int64_t size, std::vector<std::vector<Hash>> partial) {
    if (size < 0 || size > size_max || partial.size() > levels_max) return std::nullopt;
    partial.resize(levels_max);
    for (std::size_t level = 0; level < partial.size(); ++level) {
        auto width = static_cast<std::size_t>((size >> (level * level_bits)) % tile_hashes);
        if (partial[level].size() != width) return std::nullopt;
    }
    TileEdge edge;
    edge.size_ = size;
    edge.partial_ = std::move(partial);
    return edge;
}

Hash TileEdge::root() const {
    if (size_ == 0) return empty_root();
    // From the highest level down, each partial tile continues the tree to the right.
    std::vector<Hash> peaks;
    std::int64_t size = 0;
    for (std::size_t level = partial_.size(); level-- > 0;) {
        Frontier tile;
        for (const Hash& hash : partial_[level]) tile.append(hash);
        peaks.insert(peaks.end(), tile.hashes().begin(), tile.hashes().end());
        size += tile.size() << (level * level_bits);
    }
    auto frontier = Frontier::of(size, std::move(peaks));
    COUNTERSIGN_CHECK(frontier && size == size_);
    return frontier->root();
}

void TileEdge::append(const Hash& leaf) {
    if (partial_.empty()) partial_.resize(levels_max);
    push(0, leaf);
    ++size_;
}

void TileEdge::push(std::size_t level, const Hash& hash) {
    COUNTERSIGN_CHECK(level < partial_.size());
    auto& tile = partial_[level];
    tile.push_back(hash);
    std::int64_t index = size_ >> ((level + 1) * level_bits);
    auto& kept = changed_[{static_cast<int>(level), index}];
    if (kept.size() + hash_bytes == tile.size() * hash_bytes) {
        kept += as_text(hash);
    } else {
        kept.clear();
        for (const Hash& one : tile) kept += as_text(one);
    }
    if (tile.size() < tile_hashes) return;
    Frontier full;
    for (const Hash& one : tile) full.append(one);
    tile.clear();
    push(level + 1, full.root());
}

std::map<std::pair<int, std::int64_t>, std::string> TileEdge::take_changed() {
    return std::exchange(changed_, {});
}

SubtreeReader subtrees_in(std::int64_t size, TileReader read) {
    // Shared by the copies of the function, which std::function makes.
    auto known = std::make_shared<std::map<TileId, std::string>>();
    return [size, read = std::move(read), known](std::int64_t first, int height) -> Result<Hash> {
        int level = height / level_bits;
        std::int64_t place = first >> (level * level_bits);
        TileId tile{level, place / tile_hashes, width_of(level, place / tile_hashes, size)};
        auto found = known->find(tile);
        if (found == known->end()) {
            auto bytes = read(tile);
            if (!bytes) return pass(bytes);
            found = known->emplace(tile, std::move(*bytes)).first;
        }
        auto from = static_cast<std::size_t>(place % tile_hashes);
        std::size_t count = std::size_t{1} << (height % level_bits);
        if (from + count > static_cast<std::size_t>(tile.width) ||
            found->second.size() < static_cast<std::size_t>(tile.width) * hash_bytes)
            return fail(Trouble::corrupt, path_of(tile) + " is too short");
        Frontier tree;
        for (std::size_t i = from; i < from + count; ++i)
            tree.append(*hash_from(std::string_view{found->second}.substr(i * hash_bytes, hash_bytes)));
        return tree.root();
    };
}

}  // namespace countersign::tlog
