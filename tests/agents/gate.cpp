#include "countersign/agents/gate.hpp"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "countersign/wire/json.hpp"

namespace countersign::agents {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* call_write =
    R"({"id":1,  "method":"tools/call","params":{"name":"write","arguments":{"a":1}}})";

class Gate : public testing::Test {
  protected:
    McpGate::Step client(std::string_view text) { return gate.from_client({.text = std::string{text}}); }
    McpGate::Step server(std::string_view text) { return gate.from_server({.text = std::string{text}}); }
    // Answers the gate's own question for the list of tools.
    McpGate::Step list(const McpGate::Step& asked, std::string_view tools) {
        EXPECT_EQ(asked.to_server.size(), 1U);
        auto request = read_mcp(asked.to_server.at(0), true);
        EXPECT_TRUE(request && request->method == "tools/list");
        return server(
            fmt::format(R"({{"id":{},"result":{{"tools":{}}}}})", core::canonical(request->id), tools));
    }
    McpGate gate{{.server = "Files", .pins = {}}};
};

TEST_F(Gate, ACallWaitsForTheListThenForItsAnswerAndPassesByteForByte) {
    auto first = client(call_write);
    EXPECT_THAT(first.ask, IsEmpty());
    auto asked = list(first, R"([{"name":"write","annotations":{"destructiveHint":false}}])");
    ASSERT_EQ(asked.ask.size(), 1U);
    const auto& question = asked.ask[0];
    EXPECT_EQ(question.action, "mcp.files.write");
    EXPECT_THAT(question.resource, testing::StartsWith("mcp:Files/write@"));
    EXPECT_EQ(core::canonical(question.parameters), R"({"a":1})");
    EXPECT_THAT(question.hints, ElementsAre(std::pair<std::string, std::string>{"destructive", "false"}));
    EXPECT_TRUE(asked.pinned);
    auto passed = gate.answered(question.key, {.granted = true});
    EXPECT_THAT(passed.to_server, ElementsAre(std::string{call_write} + "\n"));
    EXPECT_EQ(gate.held(), 0U);
    auto ended = server(R"({"id":1,"result":{"isError":true}})");
    ASSERT_EQ(ended.ended.size(), 1U);
    EXPECT_TRUE(ended.ended[0].failed);
    // A second answer to the same id is nobody's.
    EXPECT_THAT(server(R"({"id":1,"result":{}})").to_client, IsEmpty());
    EXPECT_THAT(gate.answered(question.key, {.granted = true}).to_server, IsEmpty());
}

TEST_F(Gate, AnAnswerThatComesAfterACancellationPassesNothing) {
    auto asked = list(client(call_write), R"([{"name":"write"}])");
    auto cancelled = client(R"({"method":"notifications/cancelled","params":{"requestId":1}})");
    EXPECT_THAT(cancelled.withdraw, ElementsAre(asked.ask.at(0).key));
    EXPECT_THAT(cancelled.to_server, IsEmpty());
    auto late = gate.answered(asked.ask[0].key, {.granted = true});
    EXPECT_THAT(late.to_server, IsEmpty());
    EXPECT_THAT(late.to_client, IsEmpty());
}

TEST_F(Gate, AfterALongWaitTheToolMustStillBeTheSame) {
    auto asked = list(client(call_write), R"([{"name":"write","description":"old"}])");
    auto look = gate.answered(asked.ask.at(0).key, {.granted = true, .waited = true});
    EXPECT_THAT(look.to_server, ElementsAre(HasSubstr("tools/list")));
    auto refused = list(look, R"([{"name":"write","description":"new"}])");
    EXPECT_THAT(refused.to_server, IsEmpty());
    EXPECT_THAT(refused.to_client, ElementsAre(HasSubstr("changed what this tool is")));
    // Asked again, the definition comes first.
    auto again = client(R"({"id":2,"method":"tools/call","params":{"name":"write"}})");
    ASSERT_EQ(again.ask.size(), 1U);
    EXPECT_TRUE(again.ask[0].definition);
    EXPECT_EQ(again.ask[0].action, "mcp-tools.files");
    auto then = gate.answered(again.ask[0].key, {.granted = true});
    EXPECT_TRUE(then.pinned);
    ASSERT_EQ(then.ask.size(), 1U);
    EXPECT_FALSE(then.ask[0].definition);
}

TEST_F(Gate, AChangeOfTheListBeforeTheAnswerIsLookedAt) {
    auto asked = list(client(call_write), R"([{"name":"write"}])");
    (void)server(R"({"method":"notifications/tools/list_changed"})");
    auto look = gate.answered(asked.ask.at(0).key, {.granted = true});
    auto passed = list(look, R"([{"name":"write","icons":[{"src":"x"}]}])");
    EXPECT_THAT(passed.to_server, ElementsAre(HasSubstr("tools/call")));
}

TEST_F(Gate, AToolThatIsListedTwiceOrNotAtAllIsNotCalled) {
    auto refused = list(client(call_write), R"([{"name":"write"},{"name":"write","description":"other"}])");
    EXPECT_THAT(refused.to_client, ElementsAre(HasSubstr("no tool of this name")));
    auto unknown = client(R"({"id":5,"method":"tools/call","params":{"name":"other"}})");
    EXPECT_THAT(unknown.to_client, ElementsAre(HasSubstr("NOT RUN")));
    EXPECT_EQ(gate.held(), 0U);
}

TEST_F(Gate, NobodyImpersonatesTheGatesOwnQuestions) {
    auto refused = client(R"({"id":"countersign-gate-list-1","method":"tools/list"})");
    EXPECT_THAT(refused.to_server, IsEmpty());
    EXPECT_THAT(server(R"({"id":"countersign-gate-list-1","result":{"tools":[]}})").to_client, IsEmpty());
}

TEST_F(Gate, AListWithoutEndRunsNothing) {
    auto step = client(call_write);
    for (int page = 0; page < 100 && !step.to_server.empty(); ++page) {
        auto request = read_mcp(step.to_server.at(0), true);
        step = server(fmt::format(R"({{"id":{},"result":{{"tools":[],"nextCursor":"x"}}}})",
                                  core::canonical(request->id)));
    }
    EXPECT_THAT(step.to_client, ElementsAre(HasSubstr("does not end")));
}

TEST_F(Gate, WhenTheServerEndsEveryRequestHasAnAnswer) {
    (void)client(R"({"id":8,"method":"resources/list"})");
    auto asked = list(client(call_write), R"([{"name":"write"}])");
    auto over = gate.server_ended("it is gone");
    EXPECT_THAT(over.to_client, ElementsAre(HasSubstr("\"id\":8"), HasSubstr("NOT RUN")));
    EXPECT_THAT(over.withdraw, ElementsAre(asked.ask.at(0).key));
}

}  // namespace
}  // namespace countersign::agents
