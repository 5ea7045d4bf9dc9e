#include "countersign/core/hidden.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/world.hpp"
#include "countersign/core/card_sections.hpp"

namespace countersign::core::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::string salt(32, 'k');

Request with_secrets() {
    Request request = request_of();
    request.parameters =
        Value::object({{"password", "hunter2"},
                       {"env", Value::object({{"B", Value::Array{true, nullptr}}, {"A", "1"}})},
                       {"a/b~", Value::Array{"x", "y"}},
                       {"rows", 3}});
    request.digest = digest_of(request);
    return request;
}

std::string code(const std::vector<std::string>& pointers) {
    Request request = with_secrets();
    const Request before = request;
    auto hidden = hide(request, pointers, salt);
    if (hidden) return "";
    EXPECT_EQ(request, before) << "it is hidden whole or not at all";
    return hidden.error().code + " " + hidden.error().pointer;
}

// The expected value was worked out with Python's hashlib.
TEST(Hidden, ACommitmentIsTheHashOfSaltPointerAndValue) {
    EXPECT_EQ(commitment(salt, "/parameters/password", Value{"hunter2"})["$commit"].text(),
              "a196dadb67ffef3d8e7274271e688bcaf6584ac6752f15067a34be09133d9c6f");
    EXPECT_EQ(commitment(salt, "/parameters/env",
                         Value::object({{"B", Value::Array{true, nullptr}}, {"A", "1"}}))["$commit"]
                  .text(),
              "02edae2527ea5802f7806d6e7c7cc0d104e664724934cc3e2ba9d55c37bbeb6c");
}

TEST(Hidden, CommitmentsTakeThePlaceOfValuesInParametersAndDigest) {
    Request request = with_secrets();
    const std::string open = request.digest;
    ASSERT_TRUE(hide(request, {"/parameters/password", "/parameters/env", "/parameters/a~1b~0/1"}, salt));
    const Value& parameters = *request.parameters;
    EXPECT_EQ(parameters["password"], commitment(salt, "/parameters/password", Value{"hunter2"}));
    EXPECT_TRUE(is_commitment(parameters["env"]));
    EXPECT_EQ(parameters["a/b~"][0].text(), "x");
    EXPECT_TRUE(is_commitment(parameters["a/b~"][1]));
    EXPECT_EQ(parameters["rows"], Value{3});
    EXPECT_NE(request.digest, open);
    EXPECT_EQ(request.digest, digest_of(request));
    EXPECT_THAT(hidden_in(request),
                ElementsAre("/parameters/a~1b~0/1", "/parameters/env", "/parameters/password"));
    EXPECT_THAT(hidden_in(with_secrets()), IsEmpty());
}

TEST(Hidden, TheSameValueElsewhereOrUnderAnotherSaltLooksDifferent) {
    const Value value{"hunter2"};
    EXPECT_NE(commitment(salt, "/parameters/a", value), commitment(salt, "/parameters/b", value));
    EXPECT_NE(commitment(salt, "/parameters/a", value),
              commitment(std::string(32, 'l'), "/parameters/a", value));
}

TEST(Hidden, APointerMustLeadToOneParameter) {
    for (const char* pointer :
         {"", "/", "/parameters", "/parameters/", "/parameters/nothing", "/intent", "password",
          "/parameters/password/x", "/parameters/a~1b~0/2", "/parameters/a~1b~0/01", "/parameters/a~1b~0/-",
          "/parametersX/password", "/parameters/a~2"})
        EXPECT_EQ(code({pointer}), "sensitive_not_found /sensitive/0") << pointer;
    Request bare = request_of();
    EXPECT_FALSE(hide(bare, {"/parameters/password"}, salt));
}

TEST(Hidden, NoValueIsHiddenTwice) {
    EXPECT_EQ(code({"/parameters/password", "/parameters/password"}), "sensitive_overlap /sensitive/1");
    EXPECT_EQ(code({"/parameters/env", "/parameters/env/A"}), "sensitive_overlap /sensitive/1");
    EXPECT_EQ(code({"/parameters/env/A", "/parameters/password", "/parameters/env"}),
              "sensitive_overlap /sensitive/2");
    EXPECT_EQ(code({"/parameters/env/A", "/parameters/env/B"}), "");
}

TEST(Hidden, ACardShowsDotsAndCountsThem) {
    Request request = with_secrets();
    ASSERT_TRUE(hide(request, {"/parameters/password", "/parameters/env"}, salt));
    Applied applied = requires_of({asks({{1, "reviewers"}})});
    applied.hide = {"/parameters/password", "/parameters/env"};
    Play play{applied, request};
    auto view = card(play.c, decide(play.c), play.world.directory(), Surface::slack);
    EXPECT_EQ(view.hidden, 2U);
    std::string shown;
    for (const CardSection& section : full_view_sections(view))
        if (section.part == CardSection::Part::parameters)
            for (const CardLine& line : section.lines) shown += line.front().text + ";";
    EXPECT_EQ(shown, R"("[\"a/b~\"][0]" = x;"[\"a/b~\"][1]" = y;env = ••••;password = ••••;rows = 3;)");
}

}  // namespace
}  // namespace countersign::core::testing
