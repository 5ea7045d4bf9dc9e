#include "cli/ask.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

#include "countersign/base/crypto.hpp"
#include "countersign/base/text.hpp"

namespace countersign::cli {
namespace {

using testing::HasSubstr;

TEST(Ask, AValueThatReadsAsJsonIsJson) {
    EXPECT_EQ(parameter_value("120000"), core::Value{120000});
    EXPECT_EQ(parameter_value("true"), core::Value{true});
    EXPECT_EQ(parameter_value("null"), core::Value{});
    EXPECT_EQ(parameter_value("\"12\""), core::Value{"12"});
    EXPECT_EQ(core::canonical(parameter_value("{\"b\":1,\"a\":[2]}")), "{\"a\":[2],\"b\":1}");
}

TEST(Ask, AVersionNumberStaysAText) {
    EXPECT_EQ(parameter_value("1.10"), core::Value{"1.10"});
    EXPECT_EQ(parameter_value("007"), core::Value{"007"});
    EXPECT_EQ(parameter_value("1e3"), core::Value{"1e3"});
    EXPECT_EQ(parameter_value("9007199254740993"), core::Value{"9007199254740993"});
    EXPECT_EQ(parameter_value("s3://exports/x"), core::Value{"s3://exports/x"});
    EXPECT_EQ(parameter_value(""), core::Value{""});
}

TEST(Ask, TheDigestIsWorkedOutHere) {
    AskOptions options;
    options.action = "db.export";
    options.environment = "production";
    options.intent = "not part of it";
    options.params = {"rows=3", "to=x"};
    auto ask = make_ask(options);
    ASSERT_TRUE(ask) << ask.error().detail;
    EXPECT_EQ(ask->digest, "sha256:" + sha256_hex(R"({"action":"db.export","environment":"production",)"
                                                  R"("parameters":{"rows":3,"to":"x"}})"));
    EXPECT_EQ(core::canonical(ask->body), R"({"action":"db.export","environment":"production",)"
                                          R"("intent":"not part of it","parameters":{"rows":3,"to":"x"}})");
}

TEST(Ask, WhatIsAbsentIsLeftOut) {
    AskOptions options;
    options.action = "a";
    auto ask = make_ask(options);
    ASSERT_TRUE(ask);
    EXPECT_EQ(core::canonical(ask->body), R"({"action":"a"})");
    EXPECT_EQ(ask->digest, "sha256:" + sha256_hex(R"({"action":"a"})"));
}

TEST(Ask, ListsAreFiled) {
    AskOptions options;
    options.action = "a";
    options.on_behalf_of = {"riley", "email:x@example.com"};
    options.labels = {"job=nightly"};
    options.links = {"Run=https://ci.example.com/?a=b"};
    options.sensitive = {"/parameters/p"};
    auto ask = make_ask(options);
    ASSERT_TRUE(ask);
    EXPECT_EQ(core::canonical(ask->body),
              R"({"action":"a","labels":{"job":"nightly"},"links":[{"title":"Run",)"
              R"("url":"https://ci.example.com/?a=b"}],"on_behalf_of":["riley","email:x@example.com"],)"
              R"("sensitive":["/parameters/p"]})");
}

TEST(Ask, HiddenValuesEnterTheDigestSaltedAsTheServerSays) {
    AskOptions options;
    options.action = "a";
    options.params = {"p=hunter2"};
    options.sensitive = {"/parameters/p"};
    auto ask = make_ask(options);
    ASSERT_TRUE(ask);
    const std::string salt(32, 'k');
    auto digest = digest_as_filed(*ask, core::Value::object({{"salt", base64(salt)}}));
    ASSERT_TRUE(digest) << digest.error().detail;
    auto commit = sha256_hex(salt + "/parameters/p" + std::string(1, '\0') + "\"hunter2\"");
    EXPECT_EQ(*digest,
              "sha256:" + sha256_hex(R"({"action":"a","parameters":{"p":{"$commit":")" + commit + R"("}}})"));
    EXPECT_FALSE(digest_as_filed(*ask, core::Value::object())) << "no salt";
    EXPECT_FALSE(digest_as_filed(*ask, core::Value::object({{"salt", "c2hvcnQ="}}))) << "short";
    options.sensitive = {"/parameters/q"};
    EXPECT_FALSE(digest_as_filed(make_ask(options).value(), core::Value::object({{"salt", base64(salt)}})));
    options.sensitive.clear();
    EXPECT_EQ(
        digest_as_filed(make_ask(options).value(), core::Value::object({{"salt", base64(salt)}})).value(),
        make_ask(options)->digest);
}

TEST(Ask, AParameterCannotPoseAsWhatRunFiles) {
    AskOptions options;
    options.action = "a";
    options.params = {"argv=[\"true\"]"};
    auto ask = make_ask(options, core::Value::Object{{"argv", "rm"}});
    ASSERT_FALSE(ask);
    EXPECT_THAT(ask.error().detail, HasSubstr("'argv' is filed by `run` itself"));
    // Filed only where it is turned off, so it is `run`'s even where `run` does not file it.
    options.params = {"attach_arguments=false"};
    EXPECT_FALSE(make_ask(options, core::Value::Object{{"argv", "rm"}}));
    EXPECT_TRUE(make_ask(options));
}

TEST(Ask, AParameterNeedsANameAndAValue) {
    AskOptions options;
    options.action = "a";
    options.params = {"rows"};
    auto ask = make_ask(options);
    ASSERT_FALSE(ask);
    EXPECT_THAT(ask.error().detail, HasSubstr("write it as NAME=VALUE"));
}

TEST(Ask, AParametersFileIsReadAndOptionsAreLaidOverIt) {
    std::string path = testing::TempDir() + "countersign-params.json";
    std::ofstream{path} << R"({"rows": 1, "where": {"country": "DE"}})";
    AskOptions options;
    options.action = "a";
    options.params_file = path;
    options.params = {"rows=2"};
    auto ask = make_ask(options);
    std::ofstream{path} << "[1]";
    auto no_object = make_ask(options);
    std::ofstream{path} << R"({"a":1,"a":2})";
    auto twice = make_ask(options);
    std::remove(path.c_str());
    ASSERT_TRUE(ask) << ask.error().detail;
    EXPECT_EQ(core::canonical(ask->body["parameters"]), R"({"rows":2,"where":{"country":"DE"}})");
    ASSERT_FALSE(no_object);
    EXPECT_THAT(no_object.error().detail, HasSubstr("must be a JSON object"));
    EXPECT_FALSE(twice);
}

}  // namespace
}  // namespace countersign::cli
