#include <gtest/gtest.h>

#include "countersign/tlog/tiles.hpp"
#include "tlog/vectors.hpp"

namespace countersign::tlog {
namespace {

using namespace testing;

// A tree that is kept whole, in tiles, as a store does.
struct Tiles {
    TileEdge edge;
    std::map<std::pair<int, std::int64_t>, std::string> kept;

    void append(std::string_view entry) { edge.append(leaf_hash(entry)); }
    void store() {
        for (auto& [id, bytes] : edge.take_changed()) kept[id] = bytes;
    }
    SubtreeReader reader(std::int64_t size) const {
        return subtrees_in(size, [this](const TileId& tile) -> Result<std::string> {
            auto found = kept.find({tile.level, tile.index});
            if (found == kept.end()) return fail(Trouble::not_found, path_of(tile));
            return found->second;
        });
    }
};

Tiles three_hundred() {
    Tiles tiles;
    for (int i = 0; i < 300; ++i) tiles.append("entry " + std::to_string(i));
    tiles.store();
    return tiles;
}

TEST(Tree, RootsOfTheReferenceTreeComeOutTheSame) {
    const auto& tree = vectors()["merkle8"];
    Frontier frontier;
    EXPECT_EQ(hex(frontier.root()), tree["roots_by_size"][0].text());
    for (std::size_t i = 0; i < 8; ++i) {
        Hash leaf = leaf_hash(*unhex(tree["leaves_hex"][i].text()));
        EXPECT_EQ(hex(leaf), tree["leaf_hashes"][i].text());
        frontier.append(leaf);
        EXPECT_EQ(hex(frontier.root()), tree["roots_by_size"][i + 1].text());
    }
}

TEST(Tree, EveryReferenceProofIsMadeAndAccepted) {
    const auto& tree = vectors()["merkle8"];
    Tiles tiles;
    for (const auto& leaf : *tree["leaves_hex"].items()) tiles.append(*unhex(leaf.text()));
    tiles.store();
    auto root = [&](std::int64_t size) {
        return hash_of_hex(tree["roots_by_size"][static_cast<std::size_t>(size)].text());
    };
    for (const auto& one : *tree["inclusion"].items()) {
        std::int64_t index = one["index"].whole();
        std::int64_t size = one["size"].whole();
        auto proof = prove_inclusion(index, size, tiles.reader(size));
        ASSERT_TRUE(proof);
        EXPECT_EQ(*proof, hashes_of(one["proof"]));
        Hash leaf = hash_of_hex(tree["leaf_hashes"][static_cast<std::size_t>(index)].text());
        EXPECT_TRUE(verify_inclusion(index, size, leaf, *proof, root(size)));
        if (size > 1) {
            EXPECT_FALSE(verify_inclusion((index + 1) % size, size, leaf, *proof, root(size)));
        }
        Hash other = hash_of_hex(tree["leaf_hashes"][static_cast<std::size_t>((index + 1) % 8)].text());
        EXPECT_FALSE(verify_inclusion(index, size, other, *proof, root(size)));
    }
    for (const auto& one : *tree["consistency"].items()) {
        std::int64_t from = one["from"].whole();
        std::int64_t to = one["to"].whole();
        auto proof = prove_consistency(from, to, tiles.reader(to));
        ASSERT_TRUE(proof);
        EXPECT_EQ(*proof, hashes_of(one["proof"]));
        EXPECT_TRUE(verify_consistency({from, root(from)}, {to, root(to)}, *proof));
        EXPECT_FALSE(verify_consistency({from, root(to)}, {to, root(to)}, *proof)) << from << " " << to;
        EXPECT_FALSE(verify_consistency({from, root(from)}, {to, root(from)}, *proof));
    }
}

TEST(Tree, ALogOfThreeHundredHasTheTilesThatOthersRead) {
    auto tiles = three_hundred();
    const auto& log = vectors()["log300"];
    EXPECT_EQ(hex(tiles.edge.root()), log["root"].text());
    for (const auto& [path, what] : *log["resources"].members()) {
        auto id = parse_tile_path(path);
        ASSERT_TRUE(id) << path;
        EXPECT_EQ(path_of(*id), path);
        EXPECT_EQ(width_of(id->level, id->index, 300), id->width);
        std::string bytes;
        if (id->level == entries_level) {
            std::vector<std::string> entries;
            for (int i = 0; i < id->width; ++i)
                entries.push_back("entry " + std::to_string(id->index * 256 + i));
            bytes = bundle_of({entries.begin(), entries.end()});
            auto again = entries_in(bytes, id->width);
            ASSERT_TRUE(again);
            EXPECT_EQ(again->back(), entries.back());
        } else {
            bytes = tiles.kept[{id->level, id->index}].substr(0, static_cast<std::size_t>(id->width) * 32);
        }
        EXPECT_EQ(sha256_hex(bytes), what["sha256"].text()) << path;
    }
    EXPECT_EQ(*prove_inclusion(299, 300, tiles.reader(300)), hashes_of(log["inclusion_299_300"]));
    EXPECT_EQ(*prove_consistency(256, 300, tiles.reader(300)), hashes_of(log["consistency_256_300"]));
}

TEST(Tree, AnEdgeThatIsReadBackGoesOnAsTheOneThatWasWritten) {
    Tiles tiles;
    Frontier whole;
    for (int i = 0; i < 70'000; ++i) {
        std::string entry = "entry " + std::to_string(i);
        tiles.append(entry);
        whole.append(leaf_hash(entry));
        if (i % 7'919 != 0) continue;
        tiles.store();
        std::vector<std::vector<Hash>> partial(levels_max);
        for (int level = 0; level < levels_max; ++level) {
            std::int64_t hashes = tiles.edge.size() >> (8 * level);
            auto width = static_cast<std::size_t>(hashes % 256);
            for (std::size_t at = 0; at < width; ++at)
                partial[static_cast<std::size_t>(level)].push_back(
                    *hash_from(tiles.kept[{level, hashes / 256}].substr(at * 32, 32)));
        }
        auto again = TileEdge::of(tiles.edge.size(), partial);
        ASSERT_TRUE(again);
        EXPECT_EQ(again->root(), whole.root());
        tiles.edge = *again;
    }
    tiles.store();
    EXPECT_EQ(tiles.edge.head(), whole.head());
    EXPECT_EQ(width_of(0, 273, 70'000), 112);
    EXPECT_EQ(width_of(1, 1, 70'000), 17);
    EXPECT_EQ(width_of(2, 0, 70'000), 1);
    EXPECT_EQ(width_of(3, 0, 70'000), 0);
    auto proof = prove_inclusion(65'535, 70'000, tiles.reader(70'000));
    ASSERT_TRUE(proof);
    EXPECT_TRUE(verify_inclusion(65'535, 70'000, leaf_hash("entry 65535"), *proof, whole.root()));
    EXPECT_EQ(*root_of(70'000, tiles.reader(70'000)), whole.root());
}

TEST(Tree, NoProofReachesBeyondTheTree) {
    auto tiles = three_hundred();
    EXPECT_FALSE(prove_inclusion(300, 300, tiles.reader(300)));
    EXPECT_FALSE(prove_inclusion(-1, 300, tiles.reader(300)));
    EXPECT_FALSE(prove_consistency(301, 300, tiles.reader(300)));
    EXPECT_FALSE(verify_inclusion(300, 300, leaf_hash("x"), {}, tiles.edge.root()));
    auto proof = *prove_inclusion(5, 300, tiles.reader(300));
    proof.push_back(proof.back());
    EXPECT_FALSE(verify_inclusion(5, 300, leaf_hash("entry 5"), proof, tiles.edge.root()));
    EXPECT_TRUE(verify_consistency({0, empty_root()}, {300, tiles.edge.root()}, {}));
    EXPECT_FALSE(verify_consistency({0, empty_root()}, {300, tiles.edge.root()}, proof));
}

TEST(Tree, ATilesPathHasOneSpelling) {
    EXPECT_EQ(path_of({0, 0}), "tile/0/000");
    EXPECT_EQ(path_of({0, 1'000}), "tile/0/x001/000");
    EXPECT_EQ(path_of({2, 1'234'067, 7}), "tile/2/x001/x234/067.p/7");
    for (const char* path :
         {"tile/0/000", "tile/63/999", "tile/entries/x001/x234/067.p/255", "tile/1/x001/000.p/1"})
        EXPECT_EQ(path_of(*parse_tile_path(path)), path);
    for (const char* path : {"",
                             "tile",
                             "tile/0",
                             "tile/00/000",
                             "tile/64/000",
                             "tile/0/0",
                             "tile/0/1000",
                             "tile/0/x000/001",
                             "tile/0/001/000",
                             "tile/0/000.p/256",
                             "tile/0/000.p/0",
                             "tile/0/000.p/01",
                             "tile/0/000.p",
                             "tile/-1/000",
                             "tile/0/000/",
                             "tile/+1/000",
                             "tile/0/x001",
                             "/tile/0/000",
                             "tile/0/00a",
                             "tile/entries/000.p/-1"})
        EXPECT_FALSE(parse_tile_path(path)) << path;
}

TEST(Tree, ABundleHoldsWhatItSaysAndNoMore) {
    std::string bundle = bundle_of({"", "a", "bc"});
    EXPECT_EQ(bundle, std::string("\0\0\0\1a\0\2bc", 9));
    EXPECT_TRUE(entries_in(bundle, 3));
    EXPECT_FALSE(entries_in(bundle, 2));
    EXPECT_FALSE(entries_in(bundle, 4));
    EXPECT_FALSE(entries_in(std::string_view{bundle}.substr(0, 8), 3));
}

}  // namespace
}  // namespace countersign::tlog
