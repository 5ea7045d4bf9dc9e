#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/world.hpp"
#include "countersign/core/advance.hpp"

// Whose approval is still missing, and who is asked for it.
namespace countersign::core::testing {
namespace {

using ::testing::ElementsAre;

// As at a start, and in groups of more people than are kept fresh.
TEST(Lacking, WhomTheChatWasNotAskedAboutYetIsCountedAndNotNamed) {
    World world;
    world.usergroup("S0SEC", {"U0AMY", "U0BEN", "U0NEW1", "U0NEW2", "U0GUEST", "U0GONE", "U0RILEY"});
    Play play{requires_of({asks({{1, "security"}})}), request_of(), world};
    auto lack = lacking(play.c, decide(play.c), play.world.directory())[0][0];
    EXPECT_THAT(lack.could_approve, ElementsAre(PersonId{"amy"}, PersonId{"ben"}));
    EXPECT_EQ(lack.more, 2U);
    EXPECT_FALSE(could_approve(play.c, decide(play.c), play.world.directory(), slack("U0NEW1")))
        << "a vote asks the chat first";
    std::vector<std::string> everybody;
    for (int i = 100; i < 900; ++i) everybody.push_back("U0N" + std::to_string(i));
    play.world.usergroup("S0SEC", everybody);
    lack = lacking(play.c, decide(play.c), play.world.directory())[0][0];
    EXPECT_TRUE(lack.could_approve.empty());
    EXPECT_EQ(lack.more, 800U);
}

}  // namespace
}  // namespace countersign::core::testing
