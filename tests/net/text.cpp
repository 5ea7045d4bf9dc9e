#include <gtest/gtest.h>

#include "countersign/net/http.hpp"
#include "net/http_text.hpp"
#include "net/websocket.hpp"
#include "net/websocket_frames.hpp"

namespace countersign::net {
namespace {

TEST(Url, IsTakenApart) {
    auto url = parse_url("HTTPS://Api.Example.com/a/b?c=d");
    ASSERT_TRUE(url);
    EXPECT_EQ(url->scheme, "https");
    EXPECT_EQ(url->host, "api.example.com");
    EXPECT_EQ(url->port, 443);
    EXPECT_EQ(url->target, "/a/b?c=d");
    EXPECT_EQ(url->authority(), "api.example.com");
    EXPECT_TRUE(url->tls());
    auto bare = parse_url("ws://[::1]:8080?q");
    ASSERT_TRUE(bare);
    EXPECT_EQ(bare->host, "::1");
    EXPECT_EQ(bare->target, "/?q");
    EXPECT_EQ(bare->origin(), "ws://[::1]:8080");
}

TEST(Url, RefusesWhatCouldBeReadInTwoWays) {
    for (std::string text : {"",
                             "/path",
                             "example.com",
                             "ftp://a/",
                             "https://",
                             "https:///x",
                             "https://a b/",
                             "https://user@host/",
                             "https://user:pass@host/",
                             "https://host:0/",
                             "https://host:65536/",
                             "https://host:/",
                             "https://host:8o/",
                             "https://host/#f",
                             "https://host\\@evil/",
                             "https://host/\\x",
                             "https://[::1/",
                             "https://[::1]x/",
                             "https://ho\tst/",
                             "https://h\xc3\xb6st/",
                             "https://a%2fb/",
                             "javascript:alert(1)"})
        EXPECT_FALSE(parse_url(text)) << text;
    EXPECT_FALSE(parse_url("https://host/" + std::string(9000, 'a')));
}

TEST(Form, DecodesAndRefusesBrokenEscapes) {
    auto form = parse_form("a=1&b=%20+x&c&=d&&e=%C3%A9");
    ASSERT_TRUE(form);
    EXPECT_EQ(*form, (std::vector<std::pair<std::string, std::string>>{
                         {"a", "1"}, {"b", "  x"}, {"c", ""}, {"", "d"}, {"e", "é"}}));
    for (std::string text : {"a=%", "a=%2", "a=%zz", "%=1"}) EXPECT_FALSE(parse_form(text)) << text;
    EXPECT_EQ(percent_decode("a+b", false), "a+b");
    EXPECT_EQ(percent_encode("a b/é~"), "a%20b%2F%C3%A9~");
}

TEST(Fields, AreFoundWhateverTheirCase) {
    Fields fields;
    fields.add("Content-Type", "a");
    fields.add("content-type", "b");
    fields.add("Connection", "keep-alive, Upgrade");
    EXPECT_EQ(fields.find("CONTENT-TYPE"), "a");
    EXPECT_EQ(fields.count("Content-type"), 2U);
    EXPECT_FALSE(fields.find("Content"));
    EXPECT_TRUE(list_has(fields, "connection", "upgrade"));
    EXPECT_FALSE(list_has(fields, "connection", "close"));
}

TEST(WebSocketText, AcceptsTheHandshakeOfRfc6455) {
    EXPECT_EQ(websocket_accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST(WebSocketText, FramesAreThoseOfRfc6455) {
    std::string plain;
    append_frame(plain, Opcode::text, "Hello", std::nullopt);
    EXPECT_EQ(plain, "\x81\x05Hello");
    std::string masked;
    append_frame(masked, Opcode::text, "Hello", 0x37fa213d);
    EXPECT_EQ(masked, "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
    for (std::size_t size : {0U, 125U, 126U, 65535U, 65536U}) {
        std::string frame;
        append_frame(frame, Opcode::binary, std::string(size, 'x'), std::nullopt);
        for (std::size_t cut = 0; cut < std::min<std::size_t>(frame.size(), 12); ++cut) {
            auto head = parse_frame_head(std::string_view{frame}.substr(0, cut), false);
            ASSERT_TRUE(head);
            if (*head) EXPECT_EQ((*head)->payload_bytes, size);
        }
    }
}

TEST(WebSocketText, UnmaskingInPiecesIsUnmaskingAtOnce) {
    std::string text(100, '\0');
    for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * 7);
    std::string at_once = text;
    unmask(at_once.data(), at_once.size(), 0x12345678, 0);
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
        std::string pieces = text;
        unmask(pieces.data(), cut, 0x12345678, 0);
        unmask(pieces.data() + cut, pieces.size() - cut, 0x12345678, cut);
        EXPECT_EQ(pieces, at_once);
    }
}

TEST(WebSocketText, BrokenHeadsAreViolations) {
    using namespace std::string_view_literals;
    for (auto bytes : {"\xc1\x00"sv, "\x83\x00"sv, "\x8b\x00"sv, "\x09\x00"sv, "\x89\x7e\x00\x7e"sv,
                       "\x81\x7e\x00\x05"sv, "\x81\x7f\x00\x00\x00\x00\x00\x00\xff\xff"sv,
                       "\x81\x7f\x80\x00\x00\x00\x00\x01\x00\x00"sv, "\x81\x85\x00\x00\x00\x00"sv})
        EXPECT_FALSE(parse_frame_head(bytes, false));
    EXPECT_FALSE(parse_frame_head("\x81\x05"sv, true));
}

}  // namespace
}  // namespace countersign::net
