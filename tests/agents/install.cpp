#include "countersign/agents/install.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "countersign/wire/json.hpp"

namespace countersign::agents {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

HookCommand hook(std::string url = "https://a.example") {
    auto outcome = outcome_command_line({"/usr/bin/countersign", "hook", "--approvals-url", url});
    return {.command = hook_command_line({"/usr/bin/countersign", "hook", "--approvals-url", std::move(url),
                                          "--on-behalf-of", "email:{login}@example.com", "--x", "it's"}),
            .outcome_command = std::move(outcome)};
}

TEST(Install, WhatIsWrittenHasNoWeakPointAndWritingItAgainChangesNothing) {
    for (Host host : all_hosts()) {
        for (bool managed : {true, false}) {
            auto first = with_hook(host, "", hook(), managed);
            ASSERT_TRUE(first) << name_of(host);
            EXPECT_THAT(weak_points(host, *first, managed), IsEmpty()) << name_of(host) << *first;
            auto again = with_hook(host, *first, hook(), managed);
            ASSERT_TRUE(again);
            EXPECT_EQ(*again, *first);
            auto upgraded = with_hook(host, *first, hook("https://b.example"), managed);
            ASSERT_TRUE(upgraded);
            EXPECT_THAT(*upgraded, Not(HasSubstr("https://a.example")));
            EXPECT_THAT(weak_points(host, *upgraded, managed), IsEmpty());
        }
    }
}

TEST(Install, WhatOthersWroteIsKept) {
    const std::string before =
        R"({"model":"opus","hooks":{"PreToolUse":[{"matcher":"Bash","hooks":[{"type":"command","command":"./mine"}]}],)"
        R"("Stop":[{"hooks":[]}]}})";
    auto after = with_hook(Host::claude_code, before, hook(), false);
    ASSERT_TRUE(after);
    auto value = wire::parse_json(*after, {.bytes_max = 1 << 20});
    ASSERT_TRUE(value);
    EXPECT_EQ((*value)["model"].text(), "opus");
    EXPECT_EQ((*value)["hooks"]["PreToolUse"].items()->size(), 2U);
    EXPECT_NE((*value)["hooks"].members()->find("Stop"), nullptr);
    EXPECT_THAT(difference_of(before, *after), HasSubstr("./mine"));
    for (const char* bad : {"[1]", "{", R"({"hooks":[]})", "{// a comment\n}"})
        EXPECT_FALSE(with_hook(Host::claude_code, bad, hook(), false)) << bad;
    EXPECT_FALSE(with_hook(Host::codex, "sandbox = \"none\"\n", hook(), true));
}

TEST(Install, WhatIsWeakIsSaid) {
    auto good = *with_hook(Host::claude_code, "", hook(), true);
    auto without = [&](std::string_view what, std::string_view with) {
        auto text = good;
        auto at = text.rfind(what);  // events stand in the order of their names: PreToolUse is the last one
        EXPECT_NE(at, std::string::npos) << what;
        return weak_points(Host::claude_code, text.replace(at, what.size(), with), true);
    };
    EXPECT_THAT(without("\"block\"", "\"continue\""), testing::ElementsAre(HasSubstr("onFailure")));
    EXPECT_THAT(without("\"matcher\": \"*\"", "\"matcher\": \"Bash\""),
                testing::ElementsAre(HasSubstr("matcher")));
    EXPECT_THAT(without("exit 2", "exit 1"), testing::ElementsAre(HasSubstr("killed")));
    EXPECT_THAT(without("\"allowManagedHooksOnly\": true", "\"allowManagedHooksOnly\": false"),
                testing::ElementsAre(HasSubstr("allowManagedHooksOnly")));
    EXPECT_THAT(weak_points(Host::cursor, "{}", true), testing::SizeIs(8));
    EXPECT_THAT(weak_points(Host::gemini_cli, "nonsense", true), testing::SizeIs(1));
    EXPECT_THAT(ways_round(Host::claude_code,
                           R"({"disableAllHooks":true,"env":{"COUNTERSIGN_URL":"http://x","A":"b"}})"),
                testing::SizeIs(2));
    EXPECT_THAT(ways_round(Host::gemini_cli, R"({"hooksConfig":{"enabled":false}})"), testing::SizeIs(1));
    EXPECT_THAT(ways_round(Host::gemini_cli, R"({"hooksConfig":{"enabled":true}})"), IsEmpty());
}

TEST(Install, AgentsAreNamedAsTheirProgramsToo) {
    EXPECT_EQ(*host_named("claude"), Host::claude_code);
    EXPECT_EQ(*host_named("gemini-cli"), Host::gemini_cli);
    EXPECT_FALSE(host_named("emacs"));
    EXPECT_THAT(host_named("codecs").error().detail, HasSubstr("codex"));
}

}  // namespace
}  // namespace countersign::agents
