#include "cli/command.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <system_error>

#include "cli/outcome.hpp"
#include "countersign/base/check.hpp"
#include "countersign/base/crypto.hpp"
#include "countersign/base/text.hpp"

extern char** environ;

namespace countersign::cli {
namespace {

constexpr std::array forwarded{SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH, SIGCONT};

std::string because(int error) {
    return std::generic_category().message(error);
}

bool executable_file(const std::string& path) {
    struct stat about{};
    return ::stat(path.c_str(), &about) == 0 && S_ISREG(about.st_mode) && ::access(path.c_str(), X_OK) == 0;
}

// As a shell finds it; made absolute, symbolic links left as they are (a name may be what a program goes by).
std::optional<std::string> find_executable(const std::string& name, const std::string& folder) {
    auto absolute = [&](const std::string& path) {
        return path.starts_with('/') ? path
                                     : (std::filesystem::path{folder} / path).lexically_normal().string();
    };
    if (name.empty()) return std::nullopt;
    if (name.find('/') != std::string::npos) {
        if (!executable_file(name)) return std::nullopt;
        return absolute(name);
    }
    const char* path = std::getenv("PATH");
    for (const std::string& each : split(path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin", ':')) {
        std::string candidate = (each.empty() ? "." : each) + "/" + name;
        if (executable_file(candidate)) return absolute(candidate);
    }
    return std::nullopt;
}

Result<std::string> digest_of_file(const std::string& path) {
    int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fail(Trouble::invalid_input, fmt::format("{}: {}", visible(path), because(errno)));
    struct stat about{};
    if (::fstat(fd, &about) != 0 || !S_ISREG(about.st_mode)) {
        ::close(fd);
        return fail(Trouble::invalid_input, fmt::format("{}: not a regular file", visible(path)));
    }
    Hasher hasher;
    std::array<char, 64 * 1024> piece{};
    while (true) {
        ssize_t count = ::read(fd, piece.data(), piece.size());
        if (count < 0 && errno == EINTR) continue;
        int error = errno;
        if (count <= 0) {
            ::close(fd);
            if (count < 0)
                return fail(Trouble::invalid_input, fmt::format("{}: {}", visible(path), because(error)));
            return hex(hasher.finish());
        }
        hasher.add({piece.data(), static_cast<std::size_t>(count)});
    }
}

Result<core::Value> text_value(const std::string& text, std::string_view what) {
    if (!valid_utf8(text)) return fail(Trouble::invalid_input, fmt::format("{} must be UTF-8", what));
    return core::Value{text};
}

sigset_t forwarded_set() {
    sigset_t set;
    sigemptyset(&set);
    for (int number : forwarded) sigaddset(&set, number);
    sigaddset(&set, SIGCHLD);
    return set;
}

[[noreturn]] void become(const Facts& facts, const std::vector<std::string>& argv, const sigset_t& mask,
                         int report_fd) {
    std::vector<char*> arguments;
    for (const std::string& each : argv) arguments.push_back(const_cast<char*>(each.c_str()));
    arguments.push_back(nullptr);
    std::signal(SIGPIPE, SIG_DFL);
    pthread_sigmask(SIG_SETMASK, &mask, nullptr);
    ::execve(facts.executable.c_str(), arguments.data(), environ);
    int error = errno;
    [[maybe_unused]] ssize_t written = ::write(report_fd, &error, sizeof error);
    ::_exit(exit_not_found);
}

Ended ended_with(int status) {
    Ended ended;
    if (WIFSIGNALED(status)) {
        ended.signal = WTERMSIG(status);
        ended.code = exit_signal_base + ended.signal;
    } else {
        ended.code = WEXITSTATUS(status);
    }
    return ended;
}

// Waits for the child, handing it the signals that were meant for it. What the terminal sends (SI_KERNEL)
// reaches the whole foreground group, the child included: twice would be once too often.
int wait_for(pid_t child) {
    sigset_t set = forwarded_set();
    while (true) {
        int status = 0;
        pid_t gone = ::waitpid(child, &status, WNOHANG);
        if (gone == child) return status;
        siginfo_t info{};
        int number = ::sigwaitinfo(&set, &info);
        if (number > 0 && number != SIGCHLD && info.si_code != SI_KERNEL) ::kill(child, number);
    }
}

}  // namespace

HeldSignals::HeldSignals() {
    sigset_t set = forwarded_set();
    pthread_sigmask(SIG_BLOCK, &set, &before_);
}
HeldSignals::~HeldSignals() {
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

Result<Facts> facts_of(const Command& command) {
    std::error_code error;
    std::string folder = std::filesystem::current_path(error).string();
    if (error) return fail(Trouble::invalid_input, fmt::format("working directory: {}", error.message()));
    auto found = find_executable(command.argv.front(), folder);
    if (!found) {
        return fail(Trouble::not_found, fmt::format("{}: command not found", visible(command.argv.front())));
    }
    Facts facts{.executable = *found, .parameters = {}};
    core::Value argv = core::Value::array();
    for (const std::string& each : command.argv) {
        auto text = text_value(each, "the command's arguments");
        if (!text) return pass(text);
        argv.push(std::move(*text));
    }
    auto cwd = text_value(folder, "the working directory");
    if (!cwd) return pass(cwd);
    auto path = text_value(*found, "the command's path");
    if (!path) return pass(path);
    auto digest = digest_of_file(*found);
    if (!digest) return pass(digest);
    core::Value attachments = core::Value::object();
    for (const std::string& file : command.attach) {
        auto name = text_value(file, "--attach");
        if (!name) return pass(name);
        auto sum = digest_of_file(file);
        if (!sum) return pass(sum);
        attachments.set(file, std::move(*sum));
    }
    core::Value env = core::Value::object();
    for (const std::string& name : command.env) {
        const char* value = std::getenv(name.c_str());
        if (value == nullptr) {
            return fail(Trouble::invalid_input,
                        fmt::format("--env {}: this variable is not set", visible(name)));
        }
        auto text = text_value(value, "--env " + visible(name));
        if (!text) return pass(text);
        env.set(name, std::move(*text));
    }
    facts.parameters.set("argv", std::move(argv));
    facts.parameters.set("cwd", std::move(*cwd));
    facts.parameters.set("executable", core::Value::object({{"path", *path}, {"sha256", *digest}}));
    facts.parameters.set("attachments", std::move(attachments));
    facts.parameters.set("env", std::move(env));
    return facts;
}

std::string difference(const Facts& before, const Facts& now) {
    std::vector<std::string> parts;
    for (const auto& [name, value] : before.parameters) {
        const core::Value* other = now.parameters.find(name);
        if (other != nullptr && *other == value) continue;
        if (name != "attachments" || other == nullptr) {
            parts.push_back(name == "cwd" ? "the working directory" : fmt::format("the {}", name));
            continue;
        }
        for (const auto& [file, digest] : *value.members()) {
            if ((*other)[file] != digest) parts.push_back(fmt::format("the attachment {}", visible(file)));
        }
    }
    return join(parts, ", ");
}

Ended run_command(const Facts& facts, const std::vector<std::string>& argv, const HeldSignals& held) {
    std::array<int, 2> report{};
    if (::pipe2(report.data(), O_CLOEXEC) != 0) return Ended{.code = exit_failed, .exec_error = errno};
    pid_t child = ::fork();
    if (child < 0) {
        int error = errno;
        ::close(report[0]);
        ::close(report[1]);
        return Ended{.code = exit_failed, .exec_error = error};
    }
    if (child == 0) become(facts, argv, held.before(), report[1]);
    ::close(report[1]);
    int status = wait_for(child);
    Ended ended = ended_with(status);
    int error = 0;
    if (::read(report[0], &error, sizeof error) == static_cast<ssize_t>(sizeof error))
        ended.exec_error = error;
    ::close(report[0]);
    return ended;
}

}  // namespace countersign::cli
