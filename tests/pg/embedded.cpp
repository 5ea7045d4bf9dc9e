#include <grp.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "countersign/adapters/pg.hpp"
#include "support/postgres.hpp"

namespace countersign::pg {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class Embedded : public testing::Test {
  protected:
    std::string folder_;
    void SetUp() override { folder_ = support::temporary_folder(); }
    void TearDown() override {
        std::error_code ec;
        fs::remove_all(folder_, ec);
    }
};

// Running, and not a zombie.
bool runs(pid_t pid) {
    std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
    std::string line;
    if (!std::getline(in, line)) return false;
    return line.substr(line.rfind(')') + 2, 1) != "Z";
}

bool gone_within(pid_t pid, std::chrono::seconds at_most) {
    auto until = std::chrono::steady_clock::now() + at_most;
    while (runs(pid)) {
        if (std::chrono::steady_clock::now() > until) return false;
        std::this_thread::sleep_for(20ms);
    }
    return true;
}

// Starts a server in a child process (as `account`, where given), which reports its pid and then stays.
struct Child {
    pid_t pid = -1;
    pid_t postmaster = -1;
    std::string said;
};
Child start_in_child(const std::string& folder, const char* account = nullptr) {
    int ends[2];
    if (pipe(ends) != 0) return {};
    Child child;
    child.pid = fork();
    if (child.pid == 0) {
        ::close(ends[0]);
        const passwd* who = account ? getpwnam(account) : nullptr;
        if (account &&
            (!who || setgroups(0, nullptr) != 0 || setgid(who->pw_gid) != 0 || setuid(who->pw_uid) != 0)) {
            _exit(3);
        }
        std::string line;
        auto server = EmbeddedServer::start(folder);
        if (server)
            line = std::to_string((*server)->process()) + "\n";
        else
            line = "! " + server.error().detail + "\n";
        if (write(ends[1], line.data(), line.size()) < 0) _exit(4);
        pause();
        _exit(0);
    }
    ::close(ends[1]);
    char c = 0;
    while (read(ends[0], &c, 1) == 1 && c != '\n') child.said += c;
    ::close(ends[0]);
    if (!child.said.starts_with('!') && !child.said.empty()) child.postmaster = std::stoi(child.said);
    return child;
}
void kill_hard(Child& child) {
    kill(child.pid, SIGKILL);
    waitpid(child.pid, nullptr, 0);
}

TEST_F(Embedded, ItStartsStopsAndKeepsItsData) {
    pid_t first = 0;
    {
        auto server = EmbeddedServer::start(folder_);
        ASSERT_TRUE(server) << server.error().detail;
        first = (*server)->process();
        EXPECT_EQ(support::sql((*server)->uri(), "SHOW listen_addresses"), "");
        EXPECT_EQ(support::sql((*server)->uri(), "SHOW fsync"), "on");
        support::sql((*server)->uri(), "CREATE TABLE kept AS SELECT 42 AS answer");
    }
    EXPECT_FALSE(runs(first));
    auto again = EmbeddedServer::start(folder_);
    ASSERT_TRUE(again) << again.error().detail;
    EXPECT_EQ(support::sql((*again)->uri(), "SELECT answer FROM kept"), "42");
}

TEST_F(Embedded, AsRootItRunsAsAnotherAccountAndOnlyThatOneMayEnter) {
    if (geteuid() != 0) GTEST_SKIP() << "only root has a choice";
    auto server = EmbeddedServer::start(folder_);
    ASSERT_TRUE(server) << server.error().detail;
    struct stat facts{};
    ASSERT_EQ(stat(("/proc/" + std::to_string((*server)->process())).c_str(), &facts), 0);
    EXPECT_NE(facts.st_uid, 0U);
    for (const char* place : {"/postgres", "/postgres/data", "/postgres/run"}) {
        ASSERT_EQ(stat((folder_ + place).c_str(), &facts), 0) << place;
        EXPECT_NE(facts.st_uid, 0U) << place;
        EXPECT_EQ(facts.st_mode & 077, 0U) << place;
    }
}

TEST_F(Embedded, AnOrdinaryAccountRunsItAsItself) {
    if (geteuid() != 0) GTEST_SKIP() << "the other tests are this one";
    const passwd* nobody = getpwnam("nobody");
    ASSERT_NE(nobody, nullptr);
    ASSERT_EQ(chown(folder_.c_str(), nobody->pw_uid, nobody->pw_gid), 0);
    Child child = start_in_child(folder_, "nobody");
    ASSERT_GT(child.postmaster, 0) << child.said;
    struct stat facts{};
    ASSERT_EQ(stat(("/proc/" + std::to_string(child.postmaster)).c_str(), &facts), 0);
    EXPECT_EQ(facts.st_uid, nobody->pw_uid);
    kill_hard(child);
    EXPECT_TRUE(gone_within(child.postmaster, 10s));
}

TEST_F(Embedded, ItDiesWithAParentThatIsKilledAndItsFolderServesAgain) {
    Child child = start_in_child(folder_);
    ASSERT_GT(child.postmaster, 0) << child.said;
    ASSERT_TRUE(runs(child.postmaster));
    kill_hard(child);
    EXPECT_TRUE(gone_within(child.postmaster, 10s));
    auto again = EmbeddedServer::start(folder_);
    ASSERT_TRUE(again) << again.error().detail;
}

TEST_F(Embedded, ItStartsAfterACrashThatLeftItsPidFile) {
    {
        auto server = EmbeddedServer::start(folder_);
        ASSERT_TRUE(server) << server.error().detail;
        support::sql((*server)->uri(), "CREATE TABLE kept AS SELECT 42 AS answer");
        kill((*server)->process(), SIGKILL);
        ASSERT_TRUE(gone_within((*server)->process(), 5s));
    }
    ASSERT_TRUE(fs::exists(folder_ + "/postgres/data/postmaster.pid"));
    auto again = EmbeddedServer::start(folder_);
    ASSERT_TRUE(again) << again.error().detail;
    EXPECT_EQ(support::sql((*again)->uri(), "SELECT answer FROM kept"), "42");
}

TEST_F(Embedded, ASecondProcessOnTheSameFolderIsToldWhichOneHasIt) {
    auto server = EmbeddedServer::start(folder_);
    ASSERT_TRUE(server) << server.error().detail;
    auto second = EmbeddedServer::start(folder_);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().trouble, Trouble::conflict);
    EXPECT_NE(second.error().detail.find("process " + std::to_string(getpid()) + " "), std::string::npos)
        << second.error().detail;
    EXPECT_TRUE(runs((*server)->process())) << "and the first goes on";
}

TEST_F(Embedded, AFolderItsAccountCannotReachIsNamed) {
    if (geteuid() != 0) GTEST_SKIP() << "only root runs it as another account";
    auto server = EmbeddedServer::start(folder_ + "/inner");
    ASSERT_FALSE(server);
    EXPECT_NE(server.error().detail.find("chmod o+x " + folder_), std::string::npos) << server.error().detail;
}

TEST_F(Embedded, ALongFolderNameIsNoObstacle) {
    ASSERT_EQ(chmod(folder_.c_str(), 0711), 0);
    std::string deep = folder_ + "/" + std::string(60, 'a') + "/" + std::string(60, 'b');
    std::string sockets;
    {
        auto server = EmbeddedServer::start(deep);
        ASSERT_TRUE(server) << server.error().detail;
        EXPECT_EQ(support::sql((*server)->uri(), "SELECT 1"), "1");
        sockets = support::sql((*server)->uri(), "SHOW unix_socket_directories");
    }
    EXPECT_TRUE(sockets.starts_with("/tmp/countersign-")) << sockets;
    EXPECT_FALSE(fs::exists(sockets));
}

}  // namespace
}  // namespace countersign::pg
