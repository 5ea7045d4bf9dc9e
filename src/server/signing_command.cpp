#include "server/signing_command.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <string_view>
#include <system_error>
#include <utility>

#include "countersign/base/descriptor.hpp"
#include "countersign/base/log.hpp"
#include "countersign/base/text.hpp"

extern char** environ;

namespace countersign::server {
namespace {

constexpr std::string_view our_variables = "COUNTERSIGN_";
constexpr std::size_t complaint_chars_max = 200;

std::unexpected<Failure> command_trouble(const std::vector<std::string>& command, const std::string& what) {
    return fail(Trouble::unavailable,
                fmt::format("signing_command: `{} {}` {}", visible(command.front()),
                            command.size() < 2 ? "" : visible(command[command.size() - 2]), what),
                "not_signed");
}

// A program that is running, with what it is given and what it writes.
class SigningProcess {
  public:
    ~SigningProcess() {
        if (pid_ <= 0) return;
        // Until it is waited for, the number is no other group's.
        ::kill(-pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    // 0, or errno.
    int start(const std::vector<std::string>& command, std::string_view input);
    // Says what is wrong with how it went; empty: it ended with code 0.
    std::string finish();
    std::string output;
    std::string complaint;

  private:
    int prepare(std::string_view input);
    int spawn(const std::vector<std::string>& command);
    bool read_from(Descriptor& file, std::string& into);
    std::string ended();

    pid_t pid_ = -1;
    Descriptor input_;
    Descriptor out_, out_end_;
    Descriptor err_, err_end_;
    Descriptor process_;
    Descriptor timer_;
};

// The bytes lie in a file in memory, so that a program that does not read them keeps nobody waiting.
int SigningProcess::prepare(std::string_view input) {
    input_ = Descriptor{::memfd_create("to sign", MFD_CLOEXEC)};
    if (!input_.open()) return errno;
    while (!input.empty()) {
        ssize_t count = ::write(input_.number(), input.data(), input.size());
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return errno;
        input.remove_prefix(static_cast<std::size_t>(count));
    }
    if (::lseek(input_.number(), 0, SEEK_SET) != 0) return errno;
    for (auto [ours, its] : {std::pair{&out_, &out_end_}, std::pair{&err_, &err_end_}}) {
        std::array<int, 2> ends{};
        if (::pipe2(ends.data(), O_CLOEXEC) != 0) return errno;
        *ours = Descriptor{ends[0]};
        *its = Descriptor{ends[1]};
        if (::fcntl(ours->number(), F_SETFL, O_NONBLOCK) != 0) return errno;
    }
    timer_ = Descriptor{::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC)};
    itimerspec patience{};
    patience.it_value.tv_sec = signing_command_seconds_max;
    if (!timer_.open() || ::timerfd_settime(timer_.number(), 0, &patience, nullptr) != 0) return errno;
    return 0;
}

int SigningProcess::spawn(const std::vector<std::string>& command) {
    std::vector<char*> arguments;
    for (const auto& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    std::vector<char*> variables;
    for (char** each = environ; each != nullptr && *each != nullptr; ++each)
        if (!std::string_view{*each}.starts_with(our_variables)) variables.push_back(*each);
    variables.push_back(nullptr);
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawnattr_init(&attributes);
    ::posix_spawn_file_actions_adddup2(&files, input_.number(), STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&files, out_end_.number(), STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&files, err_end_.number(), STDERR_FILENO);
    ::posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
    sigset_t none;
    sigset_t all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setsigdefault(&attributes, &all);
    ::posix_spawnattr_setpgroup(&attributes, 0);
    ::posix_spawnattr_setflags(&attributes,
                               POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    int error =
        ::posix_spawn(&pid_, arguments.front(), &files, &attributes, arguments.data(), variables.data());
    ::posix_spawn_file_actions_destroy(&files);
    ::posix_spawnattr_destroy(&attributes);
    if (error != 0) pid_ = -1;
    return error;
}

int SigningProcess::start(const std::vector<std::string>& command, std::string_view input) {
    int error = prepare(input);
    if (error == 0) error = spawn(command);
    if (error != 0) return error;
    out_end_.close();
    err_end_.close();
    process_ = Descriptor{static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0))};
    return process_.open() ? 0 : errno;
}

// Takes what is there. False: it is more than may come.
bool SigningProcess::read_from(Descriptor& file, std::string& into) {
    std::array<char, 4'096> piece{};
    while (file.open()) {
        ssize_t count = ::read(file.number(), piece.data(), piece.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0 && errno == EAGAIN) return true;
        if (count <= 0) {
            file.close();
            return true;
        }
        into.append(piece.data(), static_cast<std::size_t>(count));
        if (into.size() > signing_command_output_max) return false;
    }
    return true;
}

std::string SigningProcess::ended() {
    siginfo_t how{};
    if (::waitid(P_PIDFD, static_cast<id_t>(process_.number()), &how, WEXITED | WNOWAIT) != 0)
        return "ended in a way that is not known";
    if (how.si_code == CLD_EXITED && how.si_status == 0) return {};
    if (how.si_code == CLD_EXITED) return fmt::format("ended with code {}", how.si_status);
    return fmt::format("was killed by signal {}", how.si_status);
}

std::string SigningProcess::finish() {
    for (;;) {
        std::array<pollfd, 4> watched{{{process_.number(), POLLIN, 0},
                                       {timer_.number(), POLLIN, 0},
                                       {out_.number(), POLLIN, 0},
                                       {err_.number(), POLLIN, 0}}};
        if (::poll(watched.data(), watched.size(), -1) < 0) {
            if (errno == EINTR) continue;
            return "cannot be watched";
        }
        bool fits = read_from(out_, output) && read_from(err_, complaint);
        if (!fits) return fmt::format("wrote more than {} bytes", signing_command_output_max);
        // What somebody whom it left behind holds open is not waited for.
        if (watched[0].revents != 0) {
            fits = read_from(out_, output) && read_from(err_, complaint);
            return fits ? ended() : fmt::format("wrote more than {} bytes", signing_command_output_max);
        }
        if (watched[1].revents != 0)
            return fmt::format("did not end within {} s", signing_command_seconds_max);
    }
}

std::string last_line(std::string_view text) {
    text = trim(text);
    auto line = text.rfind('\n');
    if (line != std::string_view::npos) text = text.substr(line + 1);
    return visible(text.substr(0, complaint_chars_max));
}

class CommandSigner final : public Signer {
  public:
    CommandSigner(std::vector<std::string> command, PublicKey key)
        : command_(std::move(command)), public_key_(std::move(key)) {}
    const PublicKey& public_key() const override { return public_key_; }
    bool slow() const override { return true; }
    Result<std::string> sign(std::string_view bytes) const override {
        auto signature = checked(bytes);
        if (signature) return signature;
        // How it is set up here is not for those who ask for a signature.
        log::error("signing", "{}", signature.error().detail);
        return fail(Trouble::unavailable, "no signature could be made; the server's log says why",
                    "not_signed");
    }

  private:
    Result<std::string> checked(std::string_view bytes) const {
        auto said = run_signing_command(command_, bytes);
        if (!said) return pass(said);
        auto signature = unbase64(trim(*said));
        if (!signature) return command_trouble(command_, "wrote no base64");
        if (!verifies(public_key_, bytes, *signature))
            return command_trouble(command_, "wrote what is no signature of its key over what it was given");
        return std::move(*signature);
    }

    std::vector<std::string> command_;
    PublicKey public_key_;
};

}  // namespace

Result<std::string> run_signing_command(const std::vector<std::string>& command, std::string_view input) {
    SigningProcess process;
    int error = process.start(command, input);
    if (error != 0)
        return command_trouble(command, "cannot be started: " + std::generic_category().message(error));
    std::string wrong = process.finish();
    if (wrong.empty()) return std::move(process.output);
    if (!process.complaint.empty()) wrong += ": " + last_line(process.complaint);
    return command_trouble(command, wrong);
}

Result<std::unique_ptr<const Signer>> signer_by_command(std::vector<std::string> command, std::string name) {
    command.insert(command.end(), {"public", std::move(name)});
    auto pem = run_signing_command(command, {});
    if (!pem) return pass(pem);
    auto key = public_key_from_pem(*pem);
    if (!key) return command_trouble(command, "wrote no public key in PEM form, Ed25519 or P-256");
    command[command.size() - 2] = "sign";
    return std::make_unique<CommandSigner>(std::move(command), std::move(*key));
}

}  // namespace countersign::server
