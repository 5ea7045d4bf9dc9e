#include <gtest/gtest.h>

#include "countersign/net/http.hpp"
#include "countersign/net/url.hpp"
#include "net/http_text.hpp"
#include "net/raw_frames.hpp"

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

TEST(RawFrames, AreThoseOfRfc6455) {
    using test::Opcode;
    EXPECT_EQ(test::accept_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    EXPECT_EQ(test::raw_frame(Opcode::text, "Hello"), "\x81\x05Hello");
    std::string masked = test::raw_frame(Opcode::text, "Hello", 0x37fa213d);
    EXPECT_EQ(masked, "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
    EXPECT_EQ(test::raw_frames_of_client(masked).at(0).payload, "Hello");
}

}  // namespace
}  // namespace countersign::net
