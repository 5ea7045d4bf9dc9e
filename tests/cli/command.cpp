#include "cli/command.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "countersign/base/crypto.hpp"
#include "folder.hpp"

namespace countersign::cli {
namespace {

using testing::HasSubstr;

class CommandTest : public testing::Test {
  protected:
    static Facts facts(const Command& command) {
        auto found = facts_of(command);
        EXPECT_TRUE(found) << found.error().detail;
        return found ? std::move(*found) : Facts{};
    }
    static std::string problem(const Command& command) {
        auto found = facts_of(command);
        return found ? "none" : found.error().detail;
    }
    Folder folder_;
};

TEST_F(CommandTest, FilesExactlyWhatWillRun) {
    const std::string text = "#!/bin/sh\nexit 0\n";
    std::string script = folder_.script("job", text);
    std::string plan = folder_.write("plan.txt", "plan");
    ::setenv("WRAPPED_REGION", "eu", 1);
    auto filed = facts({.argv = {script, "--all"}, .attach = {plan}, .env = {"WRAPPED_REGION"}}).parameters;
    EXPECT_EQ(core::canonical(*filed.find("argv")),
              core::canonical(core::Value::array().push(script).push("--all")));
    EXPECT_EQ(*filed.find("cwd"), core::Value{std::filesystem::current_path().string()});
    EXPECT_EQ((*filed.find("executable"))["path"], core::Value{script});
    EXPECT_EQ((*filed.find("executable"))["sha256"], core::Value{sha256_hex(text)});
    EXPECT_EQ((*filed.find("attachments"))[plan], core::Value{sha256_hex("plan")});
    EXPECT_EQ((*filed.find("env"))["WRAPPED_REGION"], core::Value{"eu"});
    EXPECT_EQ(filed.find("attach_arguments"), nullptr);
}

TEST_F(CommandTest, TheInterpreterOfAScriptIsFiled) {
    auto filed = facts({.argv = {folder_.script("job", "#!/bin/sh\n")}}).parameters;
    const auto* interpreters = (*filed.find("executable"))["interpreters"].items();
    ASSERT_NE(interpreters, nullptr);
    ASSERT_EQ(interpreters->size(), 1U);
    EXPECT_EQ(interpreters->front()["path"], core::Value{"/bin/sh"});
    EXPECT_EQ(interpreters->front()["sha256"].text().size(), 64U);
}

TEST_F(CommandTest, VariablesThatSteerOtherProgramsAreFiled) {
    ::setenv("LD_LIBRARY_PATH", "/somewhere", 1);
    ::setenv("BASH_ENV", "/somewhere/rc", 1);
    ::setenv("PYTHONPATH", "/somewhere/python", 1);
    ::setenv("WRAPPED_OTHER", "x", 1);
    auto filed = facts({.argv = {"true"}}).parameters;
    for (const char* name : {"LD_LIBRARY_PATH", "BASH_ENV", "PYTHONPATH"}) ::unsetenv(name);
    const auto& env = *filed.find("env");
    EXPECT_EQ(env["LD_LIBRARY_PATH"], core::Value{"/somewhere"});
    EXPECT_EQ(env["BASH_ENV"], core::Value{"/somewhere/rc"});
    EXPECT_EQ(env["PYTHONPATH"], core::Value{"/somewhere/python"});
    EXPECT_EQ(env["PATH"], core::Value{::getenv("PATH")});
    EXPECT_TRUE(env["WRAPPED_OTHER"].is_null());
}

TEST_F(CommandTest, VariablesThatSteerInterpretersAreFiledInEveryFamily) {
    for (const char* name : {"PS4",
                             "ZDOTDIR",
                             "PYTHONUSERBASE",
                             "PYTHONWARNINGS",
                             "PYTHONBREAKPOINT",
                             "PYTHONINSPECT",
                             "PYTHONPLATLIBDIR",
                             "PYTHONPYCACHEPREFIX",
                             "PERLLIB",
                             "PERL5OPT",
                             "GEM_HOME",
                             "GEM_PATH",
                             "RUBYGEMS_GEMDEPS",
                             "BUNDLE_GEMFILE",
                             "NODE_OPTIONS",
                             "_JAVA_OPTIONS",
                             "JDK_JAVA_OPTIONS",
                             "LUA_INIT_5_4",
                             "LUA_CPATH",
                             "PHPRC",
                             "PHP_INI_SCAN_DIR",
                             "OPENSSL_CONF",
                             "OPENSSL_MODULES"}) {
        ::setenv(name, "x", 1);
        auto filed = facts({.argv = {"true"}}).parameters;
        ::unsetenv(name);
        EXPECT_EQ((*filed.find("env"))[name], core::Value{"x"}) << name;
    }
    for (const char* name : {"PYTHONUNBUFFERED", "NODE_ENV", "GIT_CONFIG_VALUE_0", "MAKEFLAGS"}) {
        ::setenv(name, "x", 1);
        auto filed = facts({.argv = {"true"}}).parameters;
        ::unsetenv(name);
        EXPECT_TRUE((*filed.find("env"))[name].is_null())
            << name << " makes no interpreter run other code, or may hold a secret";
    }
}

TEST_F(CommandTest, AVariableThatIsSetTwiceIsRefusedWhereItsValueIsApproved) {
    std::string one = "WRAPPED_TWICE=one";
    std::string two = "WRAPPED_TWICE=two";
    std::vector<char*> twice{one.data(), two.data()};
    char** before = environ;
    for (char** each = environ; *each != nullptr; ++each) twice.push_back(*each);
    twice.push_back(nullptr);
    environ = twice.data();
    auto named = problem({.argv = {"true"}, .env = {"WRAPPED_TWICE"}});
    auto unnamed = problem({.argv = {"true"}});
    environ = before;
    EXPECT_THAT(named, HasSubstr("WRAPPED_TWICE is set twice"));
    EXPECT_EQ(unnamed, "none");
}

TEST_F(CommandTest, FilesThatArgumentsNameAreAttached) {
    std::string job = folder_.write("job.py", "print()");
    std::string plan = folder_.write("p.plan", "plan");
    std::string body = folder_.write("body", "body");
    Command command{.argv = {"python3", job, "--plan=" + plan, "@" + body, "no-file", folder_.path(),
                             "/proc/self/status"}};
    auto filed = facts(command).parameters;
    EXPECT_EQ(core::canonical(*filed.find("attachments")),
              core::canonical(core::Value::object(
                  {{job, sha256_hex("print()")}, {plan, sha256_hex("plan")}, {body, sha256_hex("body")}})));
    command.attach_arguments = false;
    filed = facts(command).parameters;
    EXPECT_TRUE(filed.find("attachments")->members()->empty());
    EXPECT_EQ(*filed.find("attach_arguments"), core::Value{false});
}

TEST_F(CommandTest, TooManyOrUnreadableFilesOfArgumentsAreRefusedWithTheWayOut) {
    Command command{.argv = {"true"}};
    for (std::size_t i = 0; i <= attached_arguments_max; ++i)
        command.argv.push_back(folder_.write("f" + std::to_string(i), ""));
    EXPECT_THAT(problem(command), HasSubstr("--no-attach-arguments"));
    command.argv.pop_back();
    EXPECT_EQ(problem(command), "none");
    std::string huge = folder_.write("huge", "");
    ASSERT_EQ(::truncate(huge.c_str(), static_cast<off_t>(hashed_bytes_max) + 1), 0);
    EXPECT_THAT(problem({.argv = {"true", huge}}), HasSubstr("--no-attach-arguments"));
    EXPECT_EQ(problem({.argv = {"true", huge}, .attach_arguments = false}), "none");
}

TEST_F(CommandTest, OnlyARegularFileOfBearableSizeCanBeAttached) {
    auto attach = [](const std::string& path) { return problem({.argv = {"true"}, .attach = {path}}); };
    EXPECT_THAT(attach(folder_.path() + "/absent"), HasSubstr("No such file"));
    EXPECT_THAT(attach(folder_.path()), HasSubstr("not a regular file"));
    EXPECT_THAT(attach("/dev/zero"), HasSubstr("not a regular file"));
    std::string fifo = folder_.path() + "/fifo";
    ASSERT_EQ(::mkfifo(fifo.c_str(), 0644), 0);
    EXPECT_THAT(attach(fifo), HasSubstr("not a regular file"));
    std::string huge = folder_.write("huge", "");
    ASSERT_EQ(::truncate(huge.c_str(), static_cast<off_t>(hashed_bytes_max) + 1), 0);
    EXPECT_THAT(attach(huge), HasSubstr("at most 4 GiB"));
}

TEST_F(CommandTest, VariablesMustBeSetAndMustNotBeOurSecrets) {
    EXPECT_THAT(problem({.argv = {"sh"}, .env = {"WRAPPED_NOT_SET"}}), HasSubstr("not set"));
    EXPECT_THAT(problem({.argv = {"sh"}, .env = {"COUNTERSIGN_TOKEN"}}), HasSubstr("no command is given"));
    EXPECT_TRUE(withheld("COUNTERSIGN_SLACK_BOT_TOKEN"));
    EXPECT_TRUE(withheld("COUNTERSIGN_DATABASE"));
    EXPECT_FALSE(withheld("COUNTERSIGN_URL"));
    EXPECT_FALSE(withheld("GITHUB_TOKEN"));
}

TEST_F(CommandTest, TextThatIsNotUtf8IsRefused) {
    EXPECT_THAT(problem({.argv = {"sh", "\xff"}}), HasSubstr("UTF-8"));
    ::setenv("WRAPPED_REGION", "\xff", 1);
    EXPECT_THAT(problem({.argv = {"sh"}, .env = {"WRAPPED_REGION"}}), HasSubstr("UTF-8"));
    EXPECT_THAT(problem({.argv = {"sh"}, .attach = {"\xff"}}), HasSubstr("UTF-8"));
}

TEST_F(CommandTest, WhatChangedIsNamed) {
    std::string script = folder_.script("job", "#!/bin/sh\n");
    std::string plan = folder_.write("plan.txt", "one");
    Command command{.argv = {script, folder_.path() + "/later"}, .attach = {plan}};
    auto before = facts(command);
    EXPECT_EQ(facts(command), before);
    folder_.write("plan.txt", "two");
    EXPECT_EQ(difference(before, facts(command)), "the attachment " + plan);
    folder_.write("plan.txt", "one");
    folder_.script("job", "#!/bin/sh\nrm -rf x\n");
    EXPECT_EQ(difference(before, facts(command)), "the executable");
    folder_.script("job", "#!/bin/sh\n");
    std::string later = folder_.write("later", "");
    EXPECT_EQ(difference(before, facts(command)), "the attachment " + later) << "a file that was not there";
}

TEST_F(CommandTest, ReadingStopsWhenItIsTold) {
    int asked = 0;
    auto found = facts_of({.argv = {"true"}}, [&] { return ++asked > 0; });
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().trouble, Trouble::cancelled);
}

TEST_F(CommandTest, TheExecutableIsLookedAtLast) {
    std::string plan = folder_.write("plan.txt", "plan");
    auto found = facts({.argv = {folder_.script("job", "#!/bin/sh\n"), plan}});
    ASSERT_FALSE(found.files.empty());
    EXPECT_EQ(found.files.back().what, "the executable");
    EXPECT_TRUE(found.program.open());
}

}  // namespace
}  // namespace countersign::cli
