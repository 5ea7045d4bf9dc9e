#include "countersign/net/html_response.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace countersign::net {
namespace {

using std::chrono_literals::operator""s;
using testing::HasSubstr;
using testing::Not;

TEST(Pages, RunNoScriptStandInNoFrameAndSendFormsNowhereElse) {
    const auto page = html_response(200, "<p>");
    const auto policy = std::string(page.fields.find("Content-Security-Policy").value());
    EXPECT_THAT(policy, HasSubstr("default-src 'none'"));
    EXPECT_THAT(policy, HasSubstr("frame-ancestors 'none'"));
    EXPECT_THAT(policy, HasSubstr("form-action 'self'"));
    EXPECT_THAT(policy, HasSubstr("style-src 'self'"));
    EXPECT_THAT(policy, Not(HasSubstr("unsafe")));
    EXPECT_THAT(policy, Not(HasSubstr("script-src")));
    EXPECT_EQ(page.fields.find("Referrer-Policy"), "no-referrer");
    EXPECT_EQ(page.fields.find("Cache-Control"), "no-store");
    EXPECT_EQ(page.fields.find("X-Content-Type-Options"), "nosniff");
}

TEST(Pages, RunScriptsOfThisServerAloneWhereTheyNeedThem) {
    const auto page = html_response(200, "<p>", {.scripts = true});
    EXPECT_THAT(page.fields.find("Content-Security-Policy").value(), HasSubstr("script-src 'self'"));
}

TEST(Pages, WhoseFormsAreCheckedLetTheBrowserSayItsOrigin) {
    EXPECT_EQ(html_response(200, "<p>", {.origin = true}).fields.find("Referrer-Policy"), "same-origin");
}

TEST(Cookies, OverHttpsBelongToThisVeryHost) {
    HttpResponse response;
    Cookie("session", "https://approvals.example.com").set(response, "abc", 60s);
    EXPECT_EQ(response.fields.find("Set-Cookie"),
              "__Host-session=abc; Path=/; HttpOnly; SameSite=Lax; Max-Age=60; Secure");
}

TEST(Cookies, OneThatComesTwiceIsNone) {
    const Cookie cookie("session", "http://127.0.0.1:8480");
    Fields once;
    once.add("Cookie", "other=1; session=abc;x=y");
    EXPECT_EQ(cookie.read(once), "abc");
    Fields twice = once;
    twice.add("cookie", "session=other");
    EXPECT_EQ(cookie.read(twice), std::nullopt);
    Fields none;
    none.add("Cookie", "sessions=abc; __Host-session=abc");
    EXPECT_EQ(cookie.read(none), std::nullopt);
}

TEST(Forms, AreOursOnlyWhereTheBrowserSaysSo) {
    const std::string ours = "https://approvals.example.com/base";
    auto sent_from = [&](const char* origin) {
        Fields fields;
        if (origin != nullptr) fields.add("Origin", origin);
        return from_own_page(fields, ours);
    };
    EXPECT_TRUE(sent_from("https://approvals.example.com"));
    for (const char* other : {"http://approvals.example.com", "https://approvals.example.com:444",
                              "https://approvals.example.com.evil.example", "null", ""})
        EXPECT_FALSE(sent_from(other)) << other;
    EXPECT_FALSE(sent_from(nullptr));
}

}  // namespace
}  // namespace countersign::net
