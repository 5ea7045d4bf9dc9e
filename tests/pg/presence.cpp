#include "pg/presence.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace countersign::pg {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(AbsentHolders, AHolderLosesItsLeasesOnlyAfterItsLockWasMissingSeveralTimesInARow) {
    AbsentHolders absent;
    for (int i = 1; i < AbsentHolders::looks_max; ++i) EXPECT_THAT(absent.look({"a"}), IsEmpty());
    EXPECT_THAT(absent.look({"a"}), ElementsAre("a"));
}

TEST(AbsentHolders, WhoIsSeenOnceIsCountedFromTheBeginning) {
    AbsentHolders absent;
    for (int i = 1; i < AbsentHolders::looks_max; ++i) absent.look({"a", "b"});
    EXPECT_THAT(absent.look({"b"}), ElementsAre("b"));
    for (int i = 1; i < AbsentHolders::looks_max; ++i) EXPECT_THAT(absent.look({"a"}), IsEmpty());
    EXPECT_THAT(absent.look({"a"}), ElementsAre("a"));
}

TEST(AbsentHolders, ABrokenConnectionSaysNothingAboutOthers) {
    AbsentHolders absent;
    for (int i = 1; i < AbsentHolders::looks_max; ++i) absent.look({"a"});
    absent.forget();
    EXPECT_THAT(absent.look({"a"}), IsEmpty());
}

}  // namespace
}  // namespace countersign::pg
