#include "cli/spawn.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <string>
#include <thread>

#include "folder.hpp"

namespace countersign::cli {
namespace {

using testing::HasSubstr;

class SpawnTest : public testing::Test {
  protected:
    static Ended ended(const std::vector<std::string>& argv, const Inherited& given = Inherited::now()) {
        auto facts = facts_of({.argv = argv});
        EXPECT_TRUE(facts) << facts.error().detail;
        if (!facts) return {.code = -1};
        HeldSignals held;
        return run_command(*facts, argv, held, given);
    }
    static Ended shell(const std::string& script, const Inherited& given = Inherited::now()) {
        return ended({"bash", "-c", script}, given);
    }
    std::string text_of(const std::string& name) const {
        std::ifstream file{folder_.path() + "/" + name};
        return {std::istreambuf_iterator<char>{file}, {}};
    }
    // Runs `script` in a child that plays the wrapper in a process group of its own, does `act` to the
    // wrapper once the script has written the file "ready", and gives the wrapper's exit code.
    int wrapped(const std::string& script, const std::function<void(pid_t)>& act) {
        pid_t wrapper = ::fork();
        if (wrapper == 0) {
            ::setpgid(0, 0);
            ::_exit(shell(script).code);
        }
        while (!std::filesystem::exists(folder_.path() + "/ready")) std::this_thread::yield();
        act(wrapper);
        int status = 0;
        ::waitpid(wrapper, &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    }
    // Counts the signals that it gets, and ends with their number when it is told to.
    std::string counting(const char* signal) const {
        return "n=0; trap 'n=$((n+1))' " + std::string{signal} + "; trap 'exit $n' USR2; cd '" +
               folder_.path() + "'; touch ready; while :; do sleep 0.05; done";
    }
    Folder folder_;
};

TEST_F(SpawnTest, TheCommandsOwnCodeIsReported) {
    EXPECT_EQ(shell("exit 0").code, 0);
    EXPECT_EQ(shell("exit 7").code, 7);
}

TEST_F(SpawnTest, DeathBySignalIs128AndItsNumber) {
    EXPECT_EQ(shell("kill -9 $$").code, 128 + SIGKILL);
    EXPECT_EQ(shell("kill -TERM $$").code, 128 + SIGTERM);
    EXPECT_EQ(shell("kill -TERM $$").signal, SIGTERM);
}

TEST_F(SpawnTest, ItStartsWithTheSignalsThatWeStartedWith) {
    Inherited given = Inherited::now();
    std::signal(SIGPIPE, SIG_IGN);  // as `main` does after it has looked
    std::string silent = "set -o pipefail; yes 2>/dev/null | head -1 >/dev/null; exit ${PIPESTATUS[0]}";
    EXPECT_EQ(shell(silent, given).code, 128 + SIGPIPE) << "else yes would complain and end with 1";
    EXPECT_EQ(shell("grep -q '^SigBlk:.0*$' /proc/self/status", given).code, 0);
    sigaddset(&given.ignored, SIGHUP);
    sigaddset(&given.blocked, SIGUSR1);
    EXPECT_EQ(shell("kill -HUP $$; exit 3", given).code, 3) << "what nohup ignores stays ignored";
    EXPECT_EQ(shell("grep -q '^SigBlk:.0*200$' /proc/self/status", given).code, 0) << "the mask is handed on";
    std::signal(SIGPIPE, SIG_DFL);
}

TEST_F(SpawnTest, AnIgnoredSigchldDoesNotLoseTheEnd) {
    std::signal(SIGCHLD, SIG_IGN);
    EXPECT_EQ(shell("exit 6").code, 6);
    std::signal(SIGCHLD, SIG_DFL);
}

TEST_F(SpawnTest, ItInheritsItsStartersDescriptorsAndNoneOfOurs) {
    int theirs = ::open("/dev/null", O_RDONLY);
    Inherited given = Inherited::now();
    int ours = ::open("/dev/null", O_RDONLY);
    auto test = "test -e /proc/self/fd/" + std::to_string(theirs) + " && ! test -e /proc/self/fd/" +
                std::to_string(ours) + " && ls /proc/self/fd | wc -l >'" + folder_.path() + "/count'";
    EXPECT_EQ(shell(test, given).code, 0);
    ::close(theirs);
    ::close(ours);
}

TEST_F(SpawnTest, ItInheritsNoSecretOfOurs) {
    ::setenv("COUNTERSIGN_TOKEN", "csk_secret", 1);
    ::setenv("COUNTERSIGN_SLACK_BOT_TOKEN", "xoxb-secret", 1);
    ::setenv("COUNTERSIGN_URL", "http://127.0.0.1:9", 1);
    EXPECT_EQ(shell("! env | grep -q secret && test \"$COUNTERSIGN_URL\" = http://127.0.0.1:9").code, 0);
    ::unsetenv("COUNTERSIGN_TOKEN");
    ::unsetenv("COUNTERSIGN_SLACK_BOT_TOKEN");
    ::unsetenv("COUNTERSIGN_URL");
}

TEST_F(SpawnTest, ASignalToUsAloneIsHandedOnOnce) {
    EXPECT_EQ(wrapped(counting("TERM"),
                      [](pid_t wrapper) {
                          ::kill(wrapper, SIGTERM);
                          ::usleep(300'000);
                          ::kill(wrapper, SIGUSR2);
                      }),
              1);
}

TEST_F(SpawnTest, ASignalToTheGroupArrivesOnce) {
    EXPECT_EQ(wrapped(counting("TERM"),
                      [](pid_t wrapper) {
                          ::kill(-wrapper, SIGTERM);
                          ::usleep(300'000);
                          ::kill(wrapper, SIGUSR2);
                      }),
              1);
}

TEST_F(SpawnTest, ASignalFromTheCommandItselfDoesNotComeBack) {
    EXPECT_EQ(shell("trap 'exit 9' USR1; kill -USR1 $PPID; sleep 0.2; exit 4").code, 4);
}

TEST_F(SpawnTest, WhenItStopsWeStopAndBothGoOnTogether) {
    int code = wrapped(counting("CONT"), [](pid_t wrapper) {
        ::kill(wrapper, SIGTSTP);  // handed on: the command stops, and then we do
        int status = 0;
        ASSERT_EQ(::waitpid(wrapper, &status, WUNTRACED), wrapper);
        ASSERT_TRUE(WIFSTOPPED(status));
        ::kill(wrapper, SIGCONT);
        ::usleep(300'000);
        ::kill(wrapper, SIGUSR2);
    });
    EXPECT_EQ(code, 1);
}

TEST_F(SpawnTest, WhoKillsUsKillsIt) {
    std::string script = "cd '" + folder_.path() + "'; echo $$ >pid; touch ready; exec sleep 60";
    EXPECT_EQ(wrapped(script, [](pid_t wrapper) { ::kill(wrapper, SIGKILL); }), -SIGKILL);
    pid_t command = std::stoi(text_of("pid"));
    auto gone = [&] {
        std::ifstream status{"/proc/" + std::to_string(command) + "/stat"};
        std::string text{std::istreambuf_iterator<char>{status}, {}};
        return text.empty() || text.find(") Z ") != std::string::npos;
    };
    for (int i = 0; i < 500 && !gone(); ++i) ::usleep(10'000);
    EXPECT_TRUE(gone());
}

TEST_F(SpawnTest, ASignalThatCameBeforeTheStartPreventsIt) {
    std::vector<std::string> argv{"touch", folder_.path() + "/ran"};
    auto facts = facts_of({.argv = argv});
    ASSERT_TRUE(facts);
    Inherited given = Inherited::now();
    HeldSignals held;
    for (int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1}) {
        ::kill(::getpid(), number);
        Ended end = run_command(*facts, argv, held, given);
        EXPECT_EQ(end.interrupted, number);
        EXPECT_EQ(end.code, 128 + number);
    }
    EXPECT_FALSE(std::filesystem::exists(argv[1]));
    sigaddset(&given.ignored, SIGHUP);
    ::kill(::getpid(), SIGHUP);
    EXPECT_EQ(run_command(*facts, argv, held, given).code, 0) << "what nohup ignores prevents nothing";
}

TEST_F(SpawnTest, WhatIsSwappedAfterItWasHashedDoesNotStart) {
    auto swapped = [&](const Command& command, const std::function<void()>& swap) {
        auto facts = facts_of(command);
        EXPECT_TRUE(facts) << facts.error().detail;
        swap();
        HeldSignals held;
        return run_command(*facts, command.argv, held, Inherited::now()).changed;
    };
    std::string job = folder_.script("job", "#!/bin/sh\nexit 0\n");
    std::string other = folder_.script("other", "#!/bin/sh\ntouch '" + folder_.path() + "/ran'\n");
    EXPECT_EQ(swapped({.argv = {job}}, [&] { std::filesystem::rename(other, job); }), "the executable");
    std::string plan = folder_.write("plan", "one");
    EXPECT_EQ(swapped({.argv = {"true", plan}}, [&] { folder_.write("plan", "two"); }), "the file " + plan);
    std::string shell_link = folder_.path() + "/sh";
    std::filesystem::create_symlink("/bin/sh", shell_link);
    std::string linked = folder_.script("linked", "#!" + shell_link + "\nexit 0\n");
    EXPECT_EQ(swapped({.argv = {linked}},
                      [&] {
                          std::filesystem::remove(shell_link);
                          std::filesystem::create_symlink("/bin/true", shell_link);
                      }),
              "the interpreter " + shell_link);
    EXPECT_FALSE(std::filesystem::exists(folder_.path() + "/ran"));
}

TEST_F(SpawnTest, AProgramIsTheOneThatWasHashedWhateverItsNameLeadsToNow) {
    std::string tool = folder_.path() + "/tool";
    std::filesystem::copy_file("/bin/true", tool);
    auto facts = facts_of({.argv = {tool}});
    ASSERT_TRUE(facts);
    std::string other = folder_.path() + "/other";
    std::filesystem::copy_file("/bin/false", other);
    std::filesystem::rename(other, tool);  // the hashed one is open, and is what starts or nothing does
    HeldSignals held;
    Ended end = run_command(*facts, {tool}, held, Inherited::now());
    EXPECT_TRUE(end.code == 0 || end.changed == "the executable") << end.code;
}

TEST_F(SpawnTest, AScriptSeesTheNameThatItWasCalledBy) {
    std::string job = folder_.script("job", "#!/bin/sh\necho \"$0\" >'" + folder_.path() + "/name'\n");
    auto before = std::filesystem::current_path();
    std::filesystem::current_path(folder_.path());
    int code = ended({"./job"}).code;
    std::filesystem::current_path(before);
    EXPECT_EQ(code, 0);
    EXPECT_EQ(text_of("name"), "./job\n");
}

}  // namespace
}  // namespace countersign::cli
