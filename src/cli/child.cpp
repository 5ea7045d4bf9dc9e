#include "cli/child.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>
#include <utility>

#include "cli/command.hpp"
#include "cli/outcome.hpp"
#include "countersign/base/text.hpp"

extern char** environ;

namespace countersign::cli {
namespace {

std::vector<char*> without_our_secrets() {
    std::vector<char*> kept;
    for (char** each = environ; *each != nullptr; ++each) {
        std::string_view both = *each;
        if (!withheld(both.substr(0, both.find('=')))) kept.push_back(*each);
    }
    kept.push_back(nullptr);
    return kept;
}

struct PipeEnds {
    Descriptor read;
    Descriptor write;
};

Result<PipeEnds> make_pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0)
        return fail(Trouble::unavailable, fmt::format("no pipe can be made: {}", std::strerror(errno)));
    return PipeEnds{.read = Descriptor{ends[0]}, .write = Descriptor{ends[1]}};
}

// What the child does between fork and exec; nothing in it may allocate.
struct Start {
    const std::vector<char*>& arguments;
    const std::vector<char*>& environment;
    const Inherited& given;
    int in;
    int out;
    int report;
    pid_t parent;

    [[noreturn]] void run() const {
        ::setpgid(0, 0);
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != parent) ::_exit(exit_not_startable);
        ::dup2(in, STDIN_FILENO);
        ::dup2(out, STDOUT_FILENO);
        for (int number : ending_signals) ::signal(number, given.ignores(number) ? SIG_IGN : SIG_DFL);
        ::signal(SIGPIPE, given.ignores(SIGPIPE) ? SIG_IGN : SIG_DFL);
        pthread_sigmask(SIG_SETMASK, &given.blocked, nullptr);
        ::execvpe(arguments.front(), arguments.data(), environment.data());
        int error = errno;
        auto told = ::write(report, &error, sizeof error);
        ::_exit(told > 0 && error == ENOENT ? exit_not_found : exit_not_startable);
    }
};

}  // namespace

Result<Child> Child::start(const std::vector<std::string>& argv, const Inherited& given) {
    auto in = make_pipe();
    auto out = make_pipe();
    auto report = make_pipe();
    if (!in || !out || !report)
        return fail(Trouble::unavailable, "no pipe can be made: too many files are open");
    std::vector<char*> arguments;
    for (const std::string& each : argv) arguments.push_back(const_cast<char*>(each.c_str()));
    arguments.push_back(nullptr);
    auto environment = without_our_secrets();
    Start start{.arguments = arguments,
                .environment = environment,
                .given = given,
                .in = in->read.number(),
                .out = out->write.number(),
                .report = report->write.number(),
                .parent = ::getpid()};
    Child child;
    child.pid_ = ::fork();
    if (child.pid_ == 0) start.run();
    if (child.pid_ < 0)
        return fail(Trouble::unavailable,
                    fmt::format("the server cannot be started: {}", std::strerror(errno)));
    ::setpgid(child.pid_, child.pid_);
    report->write.close();
    int error = 0;
    if (::read(report->read.number(), &error, sizeof error) > 0)
        return fail(Trouble::not_found,
                    fmt::format("{} cannot be started: {}", visible(argv.front()), std::strerror(error)));
    child.input_ = std::move(in->write);
    child.output_ = std::move(out->read);
    return child;
}

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      reaped_(other.reaped_),
      code_(other.code_),
      input_(std::move(other.input_)),
      output_(std::move(other.output_)) {}

Child::~Child() {
    if (pid_ <= 0) return;
    ::kill(-pid_, SIGKILL);
    if (!reaped_) ::waitpid(pid_, nullptr, 0);
}

bool Child::ended() {
    int status = 0;
    if (reaped_ || pid_ <= 0) return true;
    if (::waitpid(pid_, &status, WNOHANG) != pid_) return false;
    reaped_ = true;
    code_ = WIFSIGNALED(status) ? exit_signal_base + WTERMSIG(status) : WEXITSTATUS(status);
    return true;
}

void Child::signal(int number) const {
    if (pid_ > 0) ::kill(-pid_, number);
}

}  // namespace countersign::cli
