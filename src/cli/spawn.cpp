#include "cli/spawn.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iterator>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>

#include "cli/outcome.hpp"

extern char** environ;

namespace countersign::cli {
namespace {

constexpr int witness_answers_within_ms = 200;
constexpr std::uint64_t descriptors_max = 1 << 20;  // closed one by one where the kernel has no close_range

// Everything that can wait. Faults of our own cannot.
sigset_t signals_that_wait() {
    sigset_t set;
    sigfillset(&set);
    for (int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT}) sigdelset(&set, number);
    return set;
}

void close_descriptors(int first, int last, unsigned flags) {
    if (first > last) return;
    if (::syscall(SYS_close_range, first, last, flags) == 0) return;
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    auto end =
        std::min({static_cast<std::uint64_t>(last) + 1, std::uint64_t{limit.rlim_cur}, descriptors_max});
    for (auto number = static_cast<int>(first); static_cast<std::uint64_t>(number) < end; ++number)
        flags != 0 ? ::fcntl(number, F_SETFD, FD_CLOEXEC) : ::close(number);
}

constexpr unsigned close_on_exec = 1U << 2;  // CLOSE_RANGE_CLOEXEC
constexpr int descriptor_max = 0x7fffffff;

// A process in our group that knows which signals the whole group was sent. A signal that reached us and not
// it was sent to us alone. The kernel signals the newest process of a group first, so by the time we have a
// signal of the group the witness has it too.
class GroupWitness {
  public:
    GroupWitness();
    ~GroupWitness();
    GroupWitness(const GroupWitness&) = delete;
    GroupWitness& operator=(const GroupWitness&) = delete;

    bool saw(int number);
    // It may have been stopped with the group.
    void wake() const {
        if (pid_ > 0) ::kill(pid_, SIGCONT);
    }
    // Its process id may be another's from now on.
    void reaped(pid_t pid) {
        if (pid == pid_) pid_ = -1;
    }

  private:
    struct Question {
        std::uint32_t count;
        std::int32_t number;
    };
    struct Answer {
        std::uint32_t count;
        bool saw;
    };
    [[noreturn]] static void witness(int socket, pid_t wrapper, std::span<char> command_line);

    pid_t pid_ = -1;
    Descriptor socket_;
    std::uint32_t count_ = 0;
};

// The memory in which the kernel looks for our command line. Empty where /proc does not say.
std::span<char> command_line_memory() {
    constexpr int fields_before =
        45;  // of those behind the name: see proc_pid_stat(5), arg_start and arg_end
    std::ifstream file{"/proc/self/stat"};
    std::string text{std::istreambuf_iterator<char>{file}, {}};
    std::istringstream fields{text.substr(std::min(text.rfind(')') + 1, text.size()))};
    std::string skipped;
    for (int i = 0; i < fields_before; ++i) fields >> skipped;
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
    if (!(fields >> begin >> end) || begin == 0 || end <= begin) return {};
    return {reinterpret_cast<char*>(begin), end - begin};
}

GroupWitness::GroupWitness() {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) return;
    socket_ = Descriptor{ends[0]};
    Descriptor other{ends[1]};
    pid_t wrapper = ::getpid();
    auto command_line = command_line_memory();
    pid_ = ::fork();
    if (pid_ == 0) witness(ends[1], wrapper, command_line);
}

GroupWitness::~GroupWitness() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
}

// Keeps nothing open but its end of the socket, and ends when the wrapper does. It has another name: who
// sends a signal to every process of ours by name (pkill) does not mean the group.
void GroupWitness::witness(int socket, pid_t wrapper, std::span<char> command_line) {
    constexpr std::string_view name = "signal-witness";
    ::prctl(PR_SET_NAME, name.data());
    std::ranges::fill(command_line, '\0');
    if (command_line.size() > name.size()) std::ranges::copy(name, command_line.begin());
    ::dup2(socket, STDIN_FILENO);
    close_descriptors(STDIN_FILENO + 1, descriptor_max, 0);
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, nullptr);
    int arrivals = ::signalfd(-1, &all, SFD_NONBLOCK);
    std::array<bool, 128> seen{};
    Question question{};
    while (::recv(STDIN_FILENO, &question, sizeof question, 0) == static_cast<ssize_t>(sizeof question)) {
        signalfd_siginfo arrival{};
        while (::read(arrivals, &arrival, sizeof arrival) == static_cast<ssize_t>(sizeof arrival))
            if (arrival.ssi_pid != static_cast<std::uint32_t>(wrapper)) seen.at(arrival.ssi_signo) = true;
        Answer answer{.count = question.count,
                      .saw = std::exchange(seen.at(static_cast<std::size_t>(question.number)), false)};
        ::send(STDIN_FILENO, &answer, sizeof answer, MSG_NOSIGNAL);
    }
    ::_exit(0);
}

bool GroupWitness::saw(int number) {
    if (pid_ <= 0) return false;
    Question question{.count = ++count_, .number = number};
    if (::send(socket_.number(), &question, sizeof question, MSG_NOSIGNAL) < 0) return false;
    pollfd ready{.fd = socket_.number(), .events = POLLIN, .revents = 0};
    while (::poll(&ready, 1, witness_answers_within_ms) == 1) {
        Answer answer{};
        if (::recv(socket_.number(), &answer, sizeof answer, 0) != static_cast<ssize_t>(sizeof answer))
            return false;
        if (answer.count == question.count) return answer.saw;  // else it is late, of an earlier question
    }
    return false;
}

// What a child that could not become the command tells us.
struct Misfortune {
    std::int32_t exec_error = 0;
    std::int32_t changed = -1;  // the place in Facts::files
};

std::vector<char*> environment_without_secrets() {
    std::vector<char*> kept;
    for (char** each = environ; *each != nullptr; ++each) {
        std::string_view both = *each;
        if (!withheld(both.substr(0, both.find('=')))) kept.push_back(*each);
    }
    kept.push_back(nullptr);
    return kept;
}

// Does the child's part. All is prepared before the fork, because afterwards nothing may allocate.
class Start {
  public:
    Start(const Facts& facts, const std::vector<std::string>& argv, const Inherited& given)
        : facts_(facts), given_(given), environment_(environment_without_secrets()), wrapper_(::getpid()) {
        for (const std::string& each : argv) arguments_.push_back(const_cast<char*>(each.c_str()));
        arguments_.push_back(nullptr);
    }
    // Waits at `gate` for a byte; without one it ends.
    [[noreturn]] void become_the_command(int gate, int report) const;

  private:
    std::int32_t changed_file() const;
    void close_what_is_ours() const;
    void restore_signals() const;
    void execute() const;

    const Facts& facts_;
    const Inherited& given_;
    std::vector<char*> environment_;
    std::vector<char*> arguments_;
    pid_t wrapper_;
};

// The last look: paths still lead to the files that were hashed, and nobody has written to them since.
std::int32_t Start::changed_file() const {
    for (std::size_t i = 0; i < facts_.files.size(); ++i) {
        struct stat about{};
        bool by_descriptor = i + 1 == facts_.files.size() && !facts_.executable.by_name;
        int looked = by_descriptor ? ::fstat(facts_.program.number(), &about)
                                   : ::stat(facts_.files[i].path.c_str(), &about);
        if (looked != 0 || FileIdentity{about} != facts_.files[i].identity)
            return static_cast<std::int32_t>(i);
    }
    return -1;
}

void Start::close_what_is_ours() const {
    int first = 0;
    for (int theirs : given_.descriptors) {
        close_descriptors(first, theirs - 1, close_on_exec);
        first = theirs + 1;
    }
    close_descriptors(first, descriptor_max, close_on_exec);
}

void Start::restore_signals() const {
    struct sigaction action{};
    for (int number = 1; number <= SIGRTMAX; ++number) {
        action.sa_handler = given_.ignores(number) ? SIG_IGN : SIG_DFL;
        ::sigaction(number, &action, nullptr);
    }
    pthread_sigmask(SIG_SETMASK, &given_.blocked, nullptr);
}

void Start::execute() const {
    if (facts_.executable.by_name)
        ::execve(facts_.executable.name.c_str(), arguments_.data(), environment_.data());
    else
        ::syscall(SYS_execveat, facts_.program.number(), "", arguments_.data(), environment_.data(),
                  AT_EMPTY_PATH);
}

void Start::become_the_command(int gate, int report) const {
    char go = 0;
    if (::read(gate, &go, 1) != 1) ::_exit(exit_not_found);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != wrapper_) ::_exit(exit_not_found);
    close_what_is_ours();
    restore_signals();
    Misfortune misfortune{.exec_error = 0, .changed = changed_file()};
    if (misfortune.changed < 0) {
        execute();
        misfortune.exec_error = errno;
    }
    [[maybe_unused]] ssize_t written = ::write(report, &misfortune, sizeof misfortune);
    ::_exit(exit_not_found);
}

// Stops us as the command was stopped, until somebody continues us.
void stop_by(int number) {
    sigset_t waiting;
    sigpending(&waiting);
    if (sigismember(&waiting, SIGCONT) == 1) return;  // it was continued already
    struct sigaction usual{};
    struct sigaction before{};
    usual.sa_handler = SIG_DFL;
    ::sigaction(number, &usual, &before);
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, number);
    ::kill(::getpid(), number);
    pthread_sigmask(SIG_UNBLOCK, &one, nullptr);  // here we stand still
    pthread_sigmask(SIG_BLOCK, &one, nullptr);
    ::sigaction(number, &before, nullptr);
}

void hand_on(pid_t child, const siginfo_t& info) {
    if (info.si_code == SI_QUEUE)
        ::sigqueue(child, info.si_signo, info.si_value);
    else
        ::kill(child, info.si_signo);
}

// The child's end as waitpid tells it. Other children that we may have been given, as process 1 is, are
// reaped.
int wait_for(pid_t child, GroupWitness& witness) {
    sigset_t set = signals_that_wait();
    while (true) {
        int status = 0;
        pid_t changed = ::waitpid(-1, &status, WNOHANG | WUNTRACED);
        if (changed == child && !WIFSTOPPED(status)) return status;
        if (changed == child) stop_by(WSTOPSIG(status));
        if (changed > 0 && !WIFSTOPPED(status)) witness.reaped(changed);
        if (changed > 0) continue;
        siginfo_t info{};
        int number = ::sigwaitinfo(&set, &info);
        if (number <= 0 || number == SIGCHLD) continue;
        bool from_command = info.si_code <= 0 && info.si_pid == child;
        if (number == SIGCONT) witness.wake();
        if (!witness.saw(number) && !from_command) hand_on(child, info);
    }
}

void forget_waiting_signals() {
    sigset_t set = signals_that_wait();
    timespec at_once{};
    siginfo_t info{};
    while (::sigtimedwait(&set, &info, &at_once) > 0) {}
}

Ended ended_with(int status, int report, const Facts& facts) {
    Ended ended;
    Misfortune misfortune;
    if (::read(report, &misfortune, sizeof misfortune) == static_cast<ssize_t>(sizeof misfortune)) {
        ended.code = exit_not_found;
        ended.exec_error = misfortune.exec_error;
        if (misfortune.changed >= 0)
            ended.changed = facts.files[static_cast<std::size_t>(misfortune.changed)].what;
    } else if (WIFSIGNALED(status)) {
        ended.signal = WTERMSIG(status);
        ended.code = exit_signal_base + ended.signal;
    } else {
        ended.code = WEXITSTATUS(status);
    }
    return ended;
}

struct Pipe {
    Descriptor read_end;
    Descriptor write_end;
    Pipe() {
        std::array<int, 2> ends{-1, -1};
        if (::pipe2(ends.data(), O_CLOEXEC) != 0) return;
        read_end = Descriptor{ends[0]};
        write_end = Descriptor{ends[1]};
    }
};

}  // namespace

void hide_secrets() {
    ::prctl(PR_SET_DUMPABLE, 0);
    for (char** each = environ; *each != nullptr; ++each) {
        std::string_view both = *each;
        auto equals = std::min(both.find('='), both.size());
        if (withheld(both.substr(0, equals))) ::explicit_bzero(*each + equals, both.size() - equals);
    }
}

HeldSignals::HeldSignals() : held_(signals_that_wait()) {
    pthread_sigmask(SIG_BLOCK, &held_, &before_);
}
HeldSignals::~HeldSignals() {
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

int HeldSignals::take_ending(const Inherited& given) const {
    int taken = 0;
    timespec at_once{};
    for (int number : ending_signals) {
        sigset_t one;
        sigemptyset(&one);
        sigaddset(&one, number);
        if (given.ignores(number) || given.blocks(number)) continue;
        if (::sigtimedwait(&one, nullptr, &at_once) == number) taken = number;
    }
    return taken;
}

Ended run_command(const Facts& facts, const std::vector<std::string>& argv, const HeldSignals& held,
                  const Inherited& given) {
    // Whoever started us may have ignored SIGCHLD, and then no child's end would be told.
    struct sigaction usual{};
    usual.sa_handler = SIG_DFL;
    ::sigaction(SIGCHLD, &usual, nullptr);
    Pipe gate;
    Pipe report;
    if (!gate.write_end.open() || !report.write_end.open()) return {.code = exit_failed, .exec_error = errno};
    Start start{facts, argv, given};
    GroupWitness witness;
    pid_t child = ::fork();
    if (child < 0) return {.code = exit_failed, .exec_error = errno};
    if (child == 0) {
        gate.write_end.close();
        start.become_the_command(gate.read_end.number(), report.write_end.number());
    }
    gate.read_end.close();
    report.write_end.close();
    // From here on a signal is the command's affair; one that came before is ours.
    if (int number = held.take_ending(given)) {
        gate.write_end.close();
        ::waitpid(child, nullptr, 0);
        return {.code = exit_signal_base + number, .interrupted = number};
    }
    [[maybe_unused]] ssize_t written = ::write(gate.write_end.number(), "g", 1);
    int status = wait_for(child, witness);
    forget_waiting_signals();
    return ended_with(status, report.read_end.number(), facts);
}

}  // namespace countersign::cli
