#include "countersign/core/surface.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "core/world.hpp"

namespace countersign::core::testing {
namespace {

using ::testing::HasSubstr;

TEST(Surfaces, EveryChatIsKnownByItsNameAndByItself) {
    std::set<std::string_view> names;
    for (const ChatKind& chat : chat_kinds()) {
        EXPECT_TRUE(names.insert(chat.name).second) << chat.name;
        for (std::string_view key : chat.group_keys)
            if (!key.empty()) EXPECT_TRUE(names.insert(key).second) << key;
        EXPECT_EQ(chat_kind(chat.name), &chat);
        EXPECT_EQ(chat_kind(chat.surface), &chat);
        EXPECT_EQ(parse_surface(name_of(chat.surface)), chat.surface);
    }
}

TEST(Surfaces, TheApiIsASurfaceAndNoChat) {
    EXPECT_EQ(parse_surface("api"), Surface::api);
    EXPECT_EQ(chat_kind("api"), nullptr);
    EXPECT_EQ(chat_kind(Surface::api), nullptr);
    EXPECT_EQ(parse_surface("irc"), std::nullopt);
}

TEST(Surfaces, ARefusalNamesTheCommandOfTheChatItIsReadIn) {
    World world;
    world.policy.people[0].accounts.emplace_back("teams:tenant/8f0c");
    Workspace teams;
    teams.surface = name_of(Surface::teams);
    teams.id = "tenant";
    teams.users.put(ChatUser{"8f0c", AccountClass::member, "Riley", "", start});
    Play play{requires_of({asks({{1, "security"}})}), request_of(), std::move(world)};
    const Directory both{
        std::make_shared<const Policy>(play.world.policy),
        {std::make_shared<const Workspace>(play.world.workspace), std::make_shared<const Workspace>(teams)}};
    auto told = [&](const char* account, Surface via) {
        const Cast cast{AccountId{account}, Verdict::approve, "", via, std::nullopt};
        auto step = advance(play.c, cast, both, start, age_max);
        return step.refusal ? step.refusal->sentence : std::string{};
    };
    EXPECT_THAT(told("slack:T0SIM/U0RILEY", Surface::slack), HasSubstr("`/approvals cancel 1042`"));
    EXPECT_THAT(told("teams:tenant/8f0c", Surface::teams), HasSubstr("`@Countersign cancel 1042`"));
}

}  // namespace
}  // namespace countersign::core::testing
