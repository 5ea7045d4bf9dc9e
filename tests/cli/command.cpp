#include "cli/command.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "countersign/base/crypto.hpp"

namespace countersign::cli {
namespace {

using testing::HasSubstr;

class CommandTest : public testing::Test {
  protected:
    CommandTest() {
        std::string shape = (std::filesystem::temp_directory_path() / "countersign-command-XXXXXX").string();
        folder_ = ::mkdtemp(shape.data());
    }
    ~CommandTest() override { std::filesystem::remove_all(folder_); }
    std::string write(const std::string& name, const std::string& text, bool executable = false) {
        std::string path = folder_ + "/" + name;
        std::ofstream{path} << text;
        if (executable) ::chmod(path.c_str(), 0755);
        return path;
    }
    static int code_of(std::vector<std::string> argv) {
        auto facts = facts_of({.argv = argv, .attach = {}, .env = {}});
        if (!facts) return -1;
        HeldSignals held;
        return run_command(*facts, argv, held).code;
    }
    std::string folder_;
};

TEST_F(CommandTest, FilesExactlyWhatWillRun) {
    std::string script = write("job", "#!/bin/sh\nexit 0\n", true);
    std::string plan = write("plan.txt", "plan");
    ::setenv("COUNTERSIGN_TEST_REGION", "eu", 1);
    auto facts = facts_of({.argv = {script, "--all"}, .attach = {plan}, .env = {"COUNTERSIGN_TEST_REGION"}});
    ASSERT_TRUE(facts) << facts.error().detail;
    core::Value expected = core::Value::object(
        {{"argv", core::Value::array().push(script).push("--all")},
         {"cwd", std::filesystem::current_path().string()},
         {"executable",
          core::Value::object({{"path", script}, {"sha256", sha256_hex("#!/bin/sh\nexit 0\n")}})},
         {"attachments", core::Value::object({{plan, sha256_hex("plan")}})},
         {"env", core::Value::object({{"COUNTERSIGN_TEST_REGION", "eu"}})}});
    EXPECT_EQ(core::canonical(facts->parameters), core::canonical(expected));
}

TEST_F(CommandTest, ACommandThatIsNotThereIsNotFound) {
    auto facts = facts_of({.argv = {"countersign-no-such-command"}, .attach = {}, .env = {}});
    ASSERT_FALSE(facts);
    EXPECT_EQ(facts.error().trouble, Trouble::not_found);
    std::string plain = write("data", "x");
    EXPECT_EQ(facts_of({.argv = {plain}, .attach = {}, .env = {}}).error().trouble, Trouble::not_found);
    EXPECT_EQ(facts_of({.argv = {folder_}, .attach = {}, .env = {}}).error().trouble, Trouble::not_found);
}

TEST_F(CommandTest, ANameIsLookedUpInThePath) {
    auto facts = facts_of({.argv = {"sh"}, .attach = {}, .env = {}});
    ASSERT_TRUE(facts);
    EXPECT_THAT(facts->executable, testing::EndsWith("/sh"));
    EXPECT_EQ(facts->executable.front(), '/');
}

TEST_F(CommandTest, AnAttachmentMustBeAFileThatCanBeRead) {
    EXPECT_EQ(facts_of({.argv = {"sh"}, .attach = {folder_ + "/absent"}, .env = {}}).error().trouble,
              Trouble::invalid_input);
    EXPECT_THAT(facts_of({.argv = {"sh"}, .attach = {folder_}, .env = {}}).error().detail,
                HasSubstr("not a regular file"));
    EXPECT_THAT(facts_of({.argv = {"sh"}, .attach = {}, .env = {"COUNTERSIGN_NOT_SET"}}).error().detail,
                HasSubstr("not set"));
}

TEST_F(CommandTest, TextThatIsNotUtf8IsRefused) {
    EXPECT_THAT(facts_of({.argv = {"sh", "\xff"}, .attach = {}, .env = {}}).error().detail,
                HasSubstr("UTF-8"));
}

TEST_F(CommandTest, WhatChangedIsNamed) {
    std::string script = write("job", "#!/bin/sh\n", true);
    std::string plan = write("plan.txt", "one");
    Command command{.argv = {script}, .attach = {plan}, .env = {}};
    auto before = facts_of(command);
    ASSERT_TRUE(before);
    EXPECT_EQ(*facts_of(command), *before);
    write("plan.txt", "two");
    auto after = facts_of(command);
    ASSERT_TRUE(after);
    EXPECT_NE(*after, *before);
    EXPECT_EQ(difference(*before, *after), "the attachment " + plan);
    write("plan.txt", "one");
    write("job", "#!/bin/sh\nrm -rf x\n", true);
    EXPECT_EQ(difference(*before, *facts_of(command)), "the executable");
}

TEST_F(CommandTest, TheCommandsOwnCodeIsReported) {
    EXPECT_EQ(code_of({"sh", "-c", "exit 0"}), 0);
    EXPECT_EQ(code_of({"sh", "-c", "exit 7"}), 7);
}

TEST_F(CommandTest, DeathBySignalIs128AndItsNumber) {
    EXPECT_EQ(code_of({"sh", "-c", "kill -9 $$"}), 128 + SIGKILL);
    EXPECT_EQ(code_of({"sh", "-c", "kill -TERM $$"}), 128 + SIGTERM);
}

TEST_F(CommandTest, AnExecutableThatCannotStartSaysWhy) {
    std::string broken = write("broken", "#!/no/such/interpreter\n", true);
    auto facts = facts_of({.argv = {broken}, .attach = {}, .env = {}});
    ASSERT_TRUE(facts);
    HeldSignals held;
    Ended ended = run_command(*facts, {broken}, held);
    EXPECT_EQ(ended.exec_error, ENOENT);
}

TEST_F(CommandTest, TheChildStartsWithOrdinarySignals) {
    std::signal(SIGPIPE, SIG_IGN);  // as in main
    // With SIGPIPE ignored, `yes` would complain and end with 1 instead of being killed in silence.
    EXPECT_EQ(code_of({"bash", "-c",
                       "set -o pipefail; yes 2>/dev/null | head -1 >/dev/null; exit ${PIPESTATUS[0]}"}),
              128 + SIGPIPE);
    EXPECT_EQ(code_of({"sh", "-c", "grep -q '^SigBlk:.0*$' /proc/self/status"}), 0);
    std::signal(SIGPIPE, SIG_DFL);
}

TEST_F(CommandTest, SignalsAreForwardedToTheChild) {
    std::string ready = folder_ + "/ready";
    std::vector<std::string> argv{"sh", "-c",
                                  "trap 'exit 42' TERM; touch '" + ready + "'; while :; do sleep 0.05; done"};
    auto facts = facts_of({.argv = argv, .attach = {}, .env = {}});
    ASSERT_TRUE(facts);
    HeldSignals held;
    std::thread sender([&] {
        while (!std::filesystem::exists(ready)) std::this_thread::yield();
        ::kill(::getpid(), SIGTERM);
    });
    EXPECT_EQ(run_command(*facts, argv, held).code, 42);
    sender.join();
}

}  // namespace
}  // namespace countersign::cli
