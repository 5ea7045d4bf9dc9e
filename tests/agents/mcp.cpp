#include "countersign/agents/mcp.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace countersign::agents {
namespace {

std::vector<std::string> cut(McpLines& lines) {
    std::vector<std::string> all;
    while (auto line = lines.next()) all.push_back(line->too_long ? "<too long>" : line->text);
    return all;
}

TEST(McpLines, AreTheSameHoweverTheyAreSplit) {
    const std::string stream = "{\"a\":1}\r\n\n  \n{\"b\":2}\n{\"c\"";
    for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
        McpLines lines;
        for (std::size_t at = 0; at < stream.size(); at += piece)
            lines.add(std::string_view{stream}.substr(at, piece));
        EXPECT_THAT(cut(lines), testing::ElementsAre("{\"a\":1}", "{\"b\":2}")) << piece;
        EXPECT_TRUE(lines.within_line());
    }
}

TEST(McpLines, ALineThatIsTooLongIsDroppedOnceAndTheNextIsWhole) {
    for (std::size_t piece : {1U, 7U, 100U}) {
        McpLines lines{10};
        const std::string stream = std::string(35, 'x') + "\n0123456789\n01234567890\nok\n";
        for (std::size_t at = 0; at < stream.size(); at += piece)
            lines.add(std::string_view{stream}.substr(at, piece));
        EXPECT_THAT(cut(lines), testing::ElementsAre("<too long>", "0123456789", "<too long>", "ok"))
            << piece;
        EXPECT_FALSE(lines.within_line());
    }
}

TEST(Mcp, IdsAreTextsOrWholeNumbersAndNeverEqualAcrossTypes) {
    auto zero = read_mcp(R"({"id":0,"method":"ping"})", true);
    auto text = read_mcp(R"({"id":"0","method":"ping"})", true);
    ASSERT_TRUE(zero && text);
    EXPECT_EQ(zero->kind, McpMessage::Kind::request);
    EXPECT_NE(mcp_id_key(zero->id), mcp_id_key(text->id));
    for (const char* bad : {R"({"id":null,"method":"a"})", R"({"id":1.5,"method":"a"})",
                            R"({"id":{},"method":"a"})", R"([{"id":1,"method":"a"}])", R"({"id":1})",
                            R"({"method":7})", R"({"method":""})", "{}", R"({"result":{}})", "", "null"})
        EXPECT_FALSE(read_mcp(bad, true)) << bad;
    EXPECT_FALSE(read_mcp(R"({"id":1,"id":2,"method":"a"})", true));
    EXPECT_TRUE(read_mcp(R"({"id":1,"id":2,"method":"a"})", false));
}

TEST(Mcp, WhatIsModernSaysSoItself) {
    auto modern = read_mcp(
        R"({"id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",)"
        R"("io.modelcontextprotocol/clientInfo":{"name":"c"}}}})",
        true);
    ASSERT_TRUE(modern);
    EXPECT_TRUE(modern->modern());
    EXPECT_EQ(modern->version(), "2026-07-28");
    EXPECT_EQ(modern->client(), "c");
    auto legacy = read_mcp(R"({"id":1,"method":"initialize","params":{"clientInfo":{"name":"d"}}})", true);
    ASSERT_TRUE(legacy);
    EXPECT_FALSE(legacy->modern());
    EXPECT_EQ(legacy->client(), "d");
    EXPECT_EQ(mcp_result(1, mcp_text("x", true), true),
              "{\"id\":1,\"jsonrpc\":\"2.0\",\"result\":{\"content\":[{\"text\":\"x\",\"type\":\"text\"}],"
              "\"isError\":true,"
              "\"resultType\":\"complete\"}}\n");
}

}  // namespace
}  // namespace countersign::agents
