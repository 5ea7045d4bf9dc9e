#include "countersign/app/seals.hpp"

#include <gtest/gtest.h>

namespace countersign::app {
namespace {

const Secret one_key{std::string(32, 'a')};
const Secret other_key{std::string(32, 'b')};
constexpr std::array<std::byte, 16> here{};

Seals seals_of(std::vector<Secret> keys, std::array<std::byte, 16> instance = here) {
    return Seals{keys, instance};
}
SealInput row() {
    SealInput input("row");
    input.add("owner").add(std::int64_t{7});
    return input;
}

TEST(Seal, HoldsForWhatWasSealedAndNothingElse) {
    auto seals = seals_of({one_key});
    Seal seal = seals.seal(row());
    EXPECT_EQ(seals.check(row(), seal), SealCheck::holds);
    SealInput other("row");
    other.add("owner").add(std::int64_t{8});
    EXPECT_EQ(seals.check(other, seal), SealCheck::broken);
    SealInput another_kind("table");
    another_kind.add("owner").add(std::int64_t{7});
    EXPECT_EQ(seals.check(another_kind, seal), SealCheck::broken);
    seal.back() ^= std::byte{1};
    EXPECT_EQ(seals.check(row(), seal), SealCheck::broken);
    EXPECT_EQ(seals.check(row(), std::span<const std::byte>{seal}.first(8)), SealCheck::broken);
}

TEST(Seal, NamesItsKeyAndItsInstallation) {
    Seal seal = seals_of({one_key}).seal(row());
    EXPECT_EQ(seals_of({other_key}).check(row(), seal), SealCheck::unknown_key);
    EXPECT_EQ(seals_of({other_key, one_key}).check(row(), seal), SealCheck::holds) << "a key of before";
    auto elsewhere = here;
    elsewhere[0] = std::byte{1};
    EXPECT_EQ(seals_of({one_key}, elsewhere).check(row(), seal), SealCheck::broken);
}

TEST(Seal, FieldsThatAreCutDifferentlyAreOtherBytes) {
    SealInput one("row"), two("row"), none("row"), empty("row");
    one.add("ab").add("c");
    two.add("a").add("bc");
    EXPECT_NE(one.bytes(), two.bytes());
    none.add(std::optional<std::string>{});
    empty.add(std::optional<std::string>{""});
    EXPECT_NE(none.bytes(), empty.bytes());
    SealInput lists("row"), list("row");
    lists.add(std::vector<std::string>{"a"}).add(std::vector<std::string>{"b"});
    list.add(std::vector<std::string>{"a", "b"}).add(std::vector<std::string>{});
    EXPECT_NE(lists.bytes(), list.bytes());
}

TEST(Seal, PseudonymsTellKindsApart) {
    auto seals = seals_of({one_key});
    EXPECT_EQ(seals.pseudonym("person", "amy"), seals.pseudonym("person", "amy"));
    EXPECT_NE(seals.pseudonym("person", "amy"), seals.pseudonym("caller", "amy"));
    EXPECT_NE(seals.pseudonym("person", "amy"), seals_of({other_key}).pseudonym("person", "amy"));
}

}  // namespace
}  // namespace countersign::app
