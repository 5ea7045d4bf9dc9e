#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <pqxx/pqxx>
#include <string>
#include <utility>
#include <vector>

#include "countersign/adapters/pg.hpp"
#include "countersign/base/log.hpp"
#include "countersign/base/text.hpp"

namespace countersign::pg {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Everything here happens before there is an event loop, on the main thread, which therefore may wait; it
// counts its pauses instead of reading a clock.
constexpr auto start_max = seconds{60};  // crash recovery included
constexpr auto stop_max = seconds{20};   // a fast shutdown writes a checkpoint
constexpr auto poll_every = milliseconds{20};
// Processes of a server that was killed live on for a moment and hold its memory. A new server then ends at
// once and says so: it is started again.
constexpr std::string_view old_processes_hint = "Terminate any old server processes";
constexpr auto old_processes_max = seconds{10};
constexpr std::size_t socket_path_bytes_max = 107;
constexpr std::string_view socket_name = "/.s.PGSQL.5432";
constexpr const char* database_name = "countersign";

// Whom PostgreSQL runs as. It refuses to run as root.
struct Account {
    uid_t user;
    gid_t group;
    bool ours;  // nothing to switch to
};

Result<Account> find_account() {
    if (geteuid() != 0) return Account{geteuid(), getegid(), true};
    // PostgreSQL's package made this one; there is no other reason to prefer it to any unprivileged account.
    const passwd* entry = getpwnam("postgres");
    if (!entry)
        return fail(Trouble::unavailable,
                    "there is no account `postgres` to run PostgreSQL as; "
                    "install the package postgresql-15");
    return Account{entry->pw_uid, entry->pw_gid, false};
}

Result<std::string> find_programs() {
    for (const char* folder :
         {"/usr/lib/postgresql/15/bin", "/usr/lib/postgresql/16/bin", "/usr/lib/postgresql/17/bin"}) {
        if (access((std::string(folder) + "/postgres").c_str(), X_OK) == 0) return std::string(folder);
    }
    return fail(Trouble::unavailable,
                "PostgreSQL 15 is not installed; on Debian 12: apt-get install postgresql-15");
}

void pause_once() {
    static_cast<void>(poll(nullptr, 0, static_cast<int>(poll_every.count())));
}

// Answers whether the condition holds before so much time has gone by.
template <class Condition>
bool holds_within(milliseconds at_most, Condition condition) {
    for (auto waited = milliseconds{0}; !condition(); waited += poll_every) {
        if (waited >= at_most) return false;
        pause_once();
    }
    return true;
}

std::string errno_text() {
    return std::strerror(errno);
}

std::string last_line(const fs::path& file) {
    std::ifstream in(file);
    std::string line;
    std::string last;
    while (std::getline(in, line)) {
        if (!trim(line).empty()) last = line;
    }
    return visible(clip_utf8(last, 400));
}

// Only async-signal-safe calls between fork and exec: the caller may have threads after all.
[[noreturn]] void become(const Account& account, const std::vector<char*>& argv, int log, int death_signal,
                         pid_t parent, const char* folder) {
    setsid();  // a Ctrl-C at our terminal is ours to handle
    if (!account.ours &&
        (setgroups(0, nullptr) != 0 || setgid(account.group) != 0 || setuid(account.user) != 0)) {
        _exit(126);
    }
    // After the change of account, which clears it. If the parent is gone already no signal will come.
    if (death_signal != 0 && prctl(PR_SET_PDEATHSIG, death_signal) != 0) _exit(126);
    if (death_signal != 0 && getppid() != parent) _exit(125);
    umask(077);
    if (chdir(folder) != 0) _exit(126);
    int nothing = open("/dev/null", O_RDONLY);
    if (nothing >= 0) dup2(nothing, STDIN_FILENO);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    for (int signal : {SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGPIPE, SIGUSR1, SIGCHLD}) {
        ::signal(signal, SIG_DFL);
    }
    execv(argv[0], argv.data());
    _exit(127);
}

Result<pid_t> spawn(const Account& account, std::vector<std::string> command, const fs::path& log_file,
                    const fs::path& folder, int death_signal) {
    int log = ::open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log < 0) return fail(Trouble::unavailable, "cannot write " + log_file.string() + ": " + errno_text());
    std::vector<char*> argv;
    for (std::string& word : command) argv.push_back(word.data());
    argv.push_back(nullptr);
    pid_t parent = getpid();
    pid_t child = fork();
    if (child == 0) become(account, argv, log, death_signal, parent, folder.c_str());
    ::close(log);
    if (child < 0) return fail(Trouble::unavailable, "cannot start " + command[0] + ": " + errno_text());
    return child;
}

// nullopt: still running.
std::optional<int> ended(pid_t child, int options) {
    int status = 0;
    pid_t got = 0;
    do {
        got = waitpid(child, &status, options);
    } while (got < 0 && errno == EINTR);
    if (got == 0) return std::nullopt;
    return got == child ? status : 0;
}

bool wait_gone(pid_t child, milliseconds at_most) {
    return holds_within(at_most, [child] { return ended(child, WNOHANG).has_value(); });
}

Result<Done> make_private_folder(const fs::path& folder, const Account& account) {
    if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
        return fail(Trouble::unavailable, "cannot make " + folder.string() + ": " + errno_text());
    }
    if (chmod(folder.c_str(), 0700) != 0 ||
        (!account.ours && chown(folder.c_str(), account.user, account.group) != 0)) {
        return fail(Trouble::unavailable, "cannot own " + folder.string() + ": " + errno_text());
    }
    return Done{};
}

bool may_pass(const struct stat& facts, const Account& account) {
    if (facts.st_uid == account.user) return (facts.st_mode & S_IXUSR) != 0;
    if (facts.st_gid == account.group) return (facts.st_mode & S_IXGRP) != 0;
    return (facts.st_mode & S_IXOTH) != 0;
}

// As root, the server's account must be able to pass through the folder and all above it.
Result<Done> make_passable(const fs::path& folder, const Account& account) {
    std::error_code ec;
    fs::create_directories(folder, ec);
    if (ec) return fail(Trouble::unavailable, "cannot make " + folder.string() + ": " + ec.message());
    if (account.ours) return Done{};
    for (fs::path place = folder;; place = place.parent_path()) {
        struct stat facts{};
        if (stat(place.c_str(), &facts) != 0) {
            return fail(Trouble::unavailable, "cannot look at " + place.string() + ": " + errno_text());
        }
        if (!may_pass(facts, account)) {
            // Ours to open is only the folder itself.
            bool opened = place == folder && chmod(place.c_str(), (facts.st_mode & 07777) | S_IXOTH) == 0;
            if (!opened) {
                return fail(Trouble::unavailable, "PostgreSQL's account cannot pass through " +
                                                      place.string() + "; run `chmod o+x " + place.string() +
                                                      "`");
            }
        }
        if (place == place.root_path()) return Done{};
    }
}

// A lock that ends with this process, however it ends.
class FolderLock {
  public:
    static Result<FolderLock> take(const fs::path& file) {
        int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0) return fail(Trouble::unavailable, "cannot open " + file.string() + ": " + errno_text());
        FolderLock lock(fd);
        if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
            char text[32] = {};
            ssize_t got = pread(fd, text, sizeof text - 1, 0);
            std::string who = got > 0 ? std::string(trim(text)) : std::string("unknown");
            return fail(Trouble::conflict, "process " + visible(who) + " runs the server in " +
                                               file.parent_path().string() +
                                               " already; stop it, or choose another COUNTERSIGN_HOME");
        }
        std::string pid = std::to_string(getpid()) + "\n";
        if (ftruncate(fd, 0) != 0 || pwrite(fd, pid.data(), pid.size(), 0) < 0) {
            return fail(Trouble::unavailable, "cannot write " + file.string() + ": " + errno_text());
        }
        return lock;
    }
    FolderLock(FolderLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    FolderLock& operator=(FolderLock&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    FolderLock(const FolderLock&) = delete;
    FolderLock& operator=(const FolderLock&) = delete;
    ~FolderLock() {
        if (fd_ >= 0) ::close(fd_);
    }

  private:
    explicit FolderLock(int fd) : fd_(fd) {}
    int fd_;
};

// A postmaster that outlived whoever started it, still on our data: stopped before a new one starts.
Result<Done> stop_leftover(const fs::path& data) {
    std::ifstream in(data / "postmaster.pid");
    pid_t pid = 0;
    if (!(in >> pid) || pid <= 1) return Done{};
    auto alive = [&] {
        std::error_code ec;
        fs::path where = fs::read_symlink("/proc/" + std::to_string(pid) + "/cwd", ec);
        return !ec && where == fs::weakly_canonical(data);
    };
    auto gone = [&] { return !alive(); };
    for (int signal : {SIGINT, SIGQUIT}) {
        if (gone()) return Done{};
        log::warn("postgres", "process {} still runs on {}; stopping it", pid, data.string());
        kill(pid, signal);
        if (holds_within(stop_max, gone)) return Done{};
    }
    return fail(Trouble::conflict, "process " + std::to_string(pid) + " still runs on " + data.string() +
                                       " and does not stop; end it");
}

class Server final : public EmbeddedServer {
  public:
    Server(FolderLock lock, pid_t pid, fs::path sockets, bool sockets_are_temporary)
        : lock_(std::move(lock)),
          pid_(pid),
          sockets_(std::move(sockets)),
          temporary_(sockets_are_temporary) {}
    ~Server() override {
        if (!ended(pid_, WNOHANG)) {
            for (int signal : {SIGINT, SIGQUIT, SIGKILL}) {
                kill(pid_, signal);
                if (wait_gone(pid_, stop_max)) break;
            }
        }
        std::error_code ec;
        if (temporary_) fs::remove_all(sockets_, ec);
    }
    Secret uri() const override { return uri_to(database_name); }
    int process() const override { return pid_; }
    Secret uri_to(std::string_view database) const {
        return Secret{"host='" + sockets_.string() + "' user=countersign dbname=" + std::string(database)};
    }

  private:
    FolderLock lock_;
    pid_t pid_;
    fs::path sockets_;
    bool temporary_;
};

Result<Done> make_cluster(const std::string& programs, const fs::path& home, const Account& account) {
    fs::path data = home / "data";
    std::error_code ec;
    if (fs::exists(data / "PG_VERSION", ec)) return Done{};
    // Made beside its place and moved there whole: an interrupted initdb leaves nothing half-done.
    fs::path fresh = home / "data.new";
    fs::remove_all(fresh, ec);
    std::vector<std::string> command{
        programs + "/initdb", "-D", fresh.string(), "-U", "countersign", "-E", "UTF8",
        "--locale=C",         "-A", "trust"};
    fs::path log = home / "initdb.log";
    auto child = spawn(account, command, log, home, SIGKILL);
    if (!child) return pass(child);
    auto status = ended(*child, 0);
    if (!status || *status != 0) {
        return fail(Trouble::unavailable, "initdb failed: " + last_line(log));
    }
    fs::rename(fresh, data, ec);
    if (ec) return fail(Trouble::unavailable, "cannot rename " + fresh.string() + ": " + ec.message());
    return Done{};
}

// Where the socket goes: inside the folder, unless that path is too long for a socket.
Result<std::pair<fs::path, bool>> make_socket_folder(const fs::path& home, const Account& account) {
    fs::path folder = home / "run";
    if (folder.string().size() + socket_name.size() <= socket_path_bytes_max) {
        auto made = make_private_folder(folder, account);
        if (!made) return pass(made);
        return std::pair{folder, false};
    }
    std::string name = "/tmp/countersign-XXXXXX";
    if (!mkdtemp(name.data()))
        return fail(Trouble::unavailable, "cannot make a folder in /tmp: " + errno_text());
    auto made = make_private_folder(name, account);
    if (!made) return pass(made);
    return std::pair{fs::path(name), true};
}

// Answers once the server takes connections; creates our database on the way.
Result<Done> wait_ready(const Server& server, const fs::path& log) {
    for (auto waited = milliseconds{0}; waited < start_max; waited += poll_every) {
        try {
            pqxx::connection link{std::string(server.uri_to("postgres").reveal())};
            pqxx::nontransaction work{link};
            auto found = work.exec("SELECT FROM pg_database WHERE datname = " + work.quote(database_name));
            if (found.empty()) work.exec(std::string("CREATE DATABASE ") + database_name);
            return Done{};
        } catch (const pqxx::broken_connection&) {
            // Not yet.
        } catch (const pqxx::failure& e) {
            return fail(Trouble::unavailable, std::string("PostgreSQL: ") + visible(e.what()));
        }
        if (kill(server.process(), 0) != 0 || ended(server.process(), WNOHANG)) {
            return fail(Trouble::unavailable, "PostgreSQL did not start: " + last_line(log));
        }
        pause_once();
    }
    return fail(Trouble::timed_out, "PostgreSQL is not ready after 60 s: " + last_line(log));
}

std::vector<std::string> server_command(const std::string& programs, const fs::path& home,
                                        const fs::path& sockets) {
    return {programs + "/postgres",
            "-D",
            (home / "data").string(),
            "-c",
            "listen_addresses=",
            "-c",
            "unix_socket_directories=" + sockets.string(),
            "-c",
            "unix_socket_permissions=0700",
            "-c",
            "jit=off",
            "-c",
            "log_line_prefix=%m [%p] "};
}

}  // namespace

Result<std::unique_ptr<EmbeddedServer>> EmbeddedServer::start(const std::string& folder) {
    auto account = find_account();
    if (!account) return pass(account);
    auto programs = find_programs();
    if (!programs) return pass(programs);
    std::error_code ec;
    fs::path base = fs::absolute(folder, ec).lexically_normal();
    auto passable = make_passable(base, *account);
    if (!passable) return pass(passable);
    fs::path home = base / "postgres";
    auto owned = make_private_folder(home, *account);
    if (!owned) return pass(owned);
    auto lock = FolderLock::take(home / "lock");
    if (!lock) return pass(lock);
    auto stopped = stop_leftover(home / "data");
    if (!stopped) return pass(stopped);
    auto cluster = make_cluster(*programs, home, *account);
    if (!cluster) return pass(cluster);
    fs::path log = home / "postgres.log";
    for (auto waited = milliseconds{0};; waited += poll_every) {
        auto sockets = make_socket_folder(home, *account);
        if (!sockets) return pass(sockets);
        auto child = spawn(*account, server_command(*programs, home, sockets->first), log, home, SIGINT);
        if (!child) return pass(child);
        auto server = std::make_unique<Server>(std::move(*lock), *child, sockets->first, sockets->second);
        auto ready = wait_ready(*server, log);
        if (ready) return server;
        const bool again = ready.error().detail.contains(old_processes_hint) && waited < old_processes_max;
        if (!again) return pass(ready);
        server.reset();
        lock = FolderLock::take(home / "lock");
        if (!lock) return pass(lock);
        pause_once();
    }
}

}  // namespace countersign::pg
