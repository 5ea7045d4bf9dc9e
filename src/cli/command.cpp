#include "cli/command.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "countersign/base/crypto.hpp"
#include "countersign/base/text.hpp"

extern char** environ;

namespace countersign::cli {
namespace {

constexpr std::size_t piece_bytes = 256 * 1024;

// Variables that make a loader, a shell or an interpreter run other code than the command line says. What
// programs read that are none (git, make) is left out: their variables often hold secrets.
constexpr std::array<std::string_view, 43> steering{"PATH",
                                                    "GLIBC_TUNABLES",
                                                    "GCONV_PATH",
                                                    "OPENSSL_CONF",
                                                    "OPENSSL_MODULES",
                                                    "OPENSSL_ENGINES",
                                                    "BASH_ENV",
                                                    "ENV",
                                                    "SHELLOPTS",
                                                    "BASHOPTS",
                                                    "PS4",
                                                    "ZDOTDIR",
                                                    "FPATH",
                                                    "PYTHONPATH",
                                                    "PYTHONHOME",
                                                    "PYTHONSTARTUP",
                                                    "PYTHONUSERBASE",
                                                    "PYTHONWARNINGS",
                                                    "PYTHONBREAKPOINT",
                                                    "PYTHONINSPECT",
                                                    "PYTHONEXECUTABLE",
                                                    "PYTHONPLATLIBDIR",
                                                    "PYTHONPYCACHEPREFIX",
                                                    "PERLLIB",
                                                    "PERL5LIB",
                                                    "PERL5OPT",
                                                    "PERL5DB",
                                                    "RUBYLIB",
                                                    "RUBYOPT",
                                                    "RUBYSHELL",
                                                    "RUBYGEMS_GEMDEPS",
                                                    "GEM_HOME",
                                                    "GEM_PATH",
                                                    "BUNDLE_GEMFILE",
                                                    "BUNDLE_PATH",
                                                    "NODE_PATH",
                                                    "NODE_OPTIONS",
                                                    "CLASSPATH",
                                                    "JAVA_TOOL_OPTIONS",
                                                    "_JAVA_OPTIONS",
                                                    "JDK_JAVA_OPTIONS",
                                                    "PHPRC",
                                                    "PHP_INI_SCAN_DIR"};
constexpr std::array<std::string_view, 5> steering_families{"LD_", "BASH_FUNC_", "LUA_INIT", "LUA_PATH",
                                                            "LUA_CPATH"};

bool steers(std::string_view name) {
    return std::ranges::any_of(steering_families, [&](auto family) { return name.starts_with(family); }) ||
           std::ranges::find(steering, name) != steering.end();
}

std::unexpected<Failure> cannot_attach(const std::string& path, std::string_view why) {
    return fail(Trouble::invalid_input, fmt::format("{}: {}", visible(path), why));
}

std::unexpected<Failure> cannot_attach(const std::string& path, int error) {
    return cannot_attach(path, std::generic_category().message(error));
}

// Collects what is filed.
class Look {
  public:
    Look(const Command& command, const std::function<bool()>& stop) : command_(command), stop_(stop) {}
    Result<Facts> take();

  private:
    Result<Done> argv_and_cwd();
    Result<Done> environment();
    Result<Done> attachments();
    Result<Done> arguments();
    Result<Done> executable();
    Result<std::string> hash(const std::string& path, std::string what, Descriptor* keep = nullptr);
    Result<std::string> hash_open(const std::string& path, int file);

    const Command& command_;
    const std::function<bool()>& stop_;
    Facts facts_;
    std::string cwd_;
    core::Value attached_ = core::Value::object();
    std::uint64_t bytes_left_ = hashed_bytes_max;
};

Result<core::Value> text_value(const std::string& text, std::string_view what) {
    if (!valid_utf8(text)) return fail(Trouble::invalid_input, fmt::format("{} must be UTF-8", what));
    return core::Value{text};
}

Result<Done> Look::argv_and_cwd() {
    core::Value argv = core::Value::array();
    for (const std::string& each : command_.argv) {
        auto text = text_value(each, "the command's arguments");
        if (!text) return pass(text);
        argv.push(std::move(*text));
    }
    std::error_code ec;
    cwd_ = std::filesystem::current_path(ec).string();
    if (ec) return fail(Trouble::invalid_input, fmt::format("no working directory: {}", ec.message()));
    auto cwd = text_value(cwd_, "the working directory");
    if (!cwd) return pass(cwd);
    facts_.parameters.set("argv", std::move(argv));
    facts_.parameters.set("cwd", std::move(*cwd));
    if (!command_.attach_arguments) facts_.parameters.set("attach_arguments", false);
    return Done{};
}

Result<Done> Look::environment() {
    core::Value env = core::Value::object();
    auto add = [&](const std::string& name, const char* value) -> Result<Done> {
        auto text = text_value(value, fmt::format("the variable {}", visible(name)));
        if (!text) return pass(text);
        env.set(name, std::move(*text));
        return Done{};
    };
    for (const std::string& name : command_.env)
        if (withheld(name))
            return fail(Trouble::invalid_input,
                        fmt::format("--env {}: no command is given this variable", visible(name)));
    for (char** each = environ; *each != nullptr; ++each) {
        std::string_view both = *each;
        std::string name{both.substr(0, both.find('='))};
        const bool named = std::ranges::find(command_.env, name) != command_.env.end();
        if ((!steers(name) && !named) || name.size() == both.size()) continue;
        // Programs differ in which of two they take.
        if (!env[name].is_null())
            return fail(
                Trouble::invalid_input,
                fmt::format("the variable {} is set twice; start from a clean environment", visible(name)));
        auto added = add(name, *each + name.size() + 1);
        if (!added) return pass(added);
    }
    for (const std::string& name : command_.env)
        if (env[name].is_null())
            return fail(Trouble::invalid_input,
                        fmt::format("--env {}: this variable is not set", visible(name)));
    facts_.parameters.set("env", std::move(env));
    return Done{};
}

Result<std::string> Look::hash(const std::string& path, std::string what, Descriptor* keep) {
    struct stat about{};
    if (::stat(path.c_str(), &about) != 0) return cannot_attach(path, errno);
    // Opening anything else could block, or do something.
    if (!S_ISREG(about.st_mode))
        return cannot_attach(path, "not a regular file, so its content cannot be approved");
    Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
    if (!file.open()) return cannot_attach(path, errno);
    struct stat before{};
    if (::fstat(file.number(), &before) != 0) return cannot_attach(path, errno);
    if (!S_ISREG(before.st_mode)) return cannot_attach(path, "not a regular file");
    if (static_cast<std::uint64_t>(before.st_size) > bytes_left_)
        return cannot_attach(path, fmt::format("too large: at most {} GiB of files can be approved with a "
                                               "command; attach a list of digests instead",
                                               hashed_bytes_max >> 30));
    auto digest = hash_open(path, file.number());
    if (!digest) return pass(digest);
    struct stat after{};
    if (::fstat(file.number(), &after) != 0) return cannot_attach(path, errno);
    if (FileIdentity{before} != FileIdentity{after})
        return cannot_attach(path, "it is being written to; try again when it is finished");
    facts_.files.push_back({.path = path, .what = std::move(what), .identity = FileIdentity{after}});
    if (keep != nullptr) *keep = std::move(file);
    return digest;
}

Result<std::string> Look::hash_open(const std::string& path, int file) {
    Hasher hasher;
    std::vector<char> piece(piece_bytes);
    while (true) {
        if (stop_ && stop_()) return fail(Trouble::cancelled, "interrupted");
        ssize_t count = ::read(file, piece.data(), piece.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return cannot_attach(path, errno);
        if (count == 0) return hex(hasher.finish());
        auto bytes = static_cast<std::size_t>(count);
        if (bytes > bytes_left_) return cannot_attach(path, "it grows while it is read");
        bytes_left_ -= bytes;
        hasher.add({piece.data(), bytes});
    }
}

Result<Done> Look::attachments() {
    for (const std::string& file : command_.attach) {
        if (!valid_utf8(file)) return fail(Trouble::invalid_input, "--attach must be UTF-8");
        auto digest = hash(file, fmt::format("the attachment {}", visible(file)));
        if (!digest) {
            digest.error().detail = "--attach " + digest.error().detail;
            return pass(digest);
        }
        attached_.set(file, std::move(*digest));
    }
    return Done{};
}

// What the kernel makes up when it is read (/proc, /sys) has no content that could be approved.
bool made_up_by_the_kernel(const std::string& path) {
    struct statfs system{};
    if (::statfs(path.c_str(), &system) != 0) return false;
    constexpr std::array<long, 4> systems{PROC_SUPER_MAGIC, SYSFS_MAGIC, CGROUP2_SUPER_MAGIC, DEBUGFS_MAGIC};
    return std::ranges::find(systems, static_cast<long>(system.f_type)) != systems.end();
}

// The files that an argument may name: itself, or what follows a first "=" or "@", as in --file=F and @F.
std::vector<std::string> files_named_by(const std::string& argument) {
    std::vector<std::string> candidates{argument};
    auto add_behind = [&](char mark) {
        auto at = argument.find(mark);
        if (at != std::string::npos) candidates.push_back(argument.substr(at + 1));
    };
    add_behind('=');
    add_behind('@');
    std::erase_if(candidates, [](const std::string& path) {
        struct stat about{};
        return path.empty() || ::stat(path.c_str(), &about) != 0 || !S_ISREG(about.st_mode) ||
               made_up_by_the_kernel(path);
    });
    return candidates;
}

Result<Done> Look::arguments() {
    std::size_t found = 0;
    for (std::size_t i = 1; command_.attach_arguments && i < command_.argv.size(); ++i) {
        for (const std::string& file : files_named_by(command_.argv[i])) {
            if (attached_.members()->find(file) != nullptr) continue;
            if (++found > attached_arguments_max)
                return fail(Trouble::invalid_input,
                            fmt::format("more than {} arguments name files, which are approved with the "
                                        "command; with --no-attach-arguments their names alone are",
                                        attached_arguments_max));
            auto digest = hash(file, fmt::format("the file {}", visible(file)));
            if (!digest) {
                if (digest.error().trouble != Trouble::cancelled)
                    digest.error().detail +=
                        "; an argument names it, and with --no-attach-arguments its name alone is approved";
                return pass(digest);
            }
            attached_.set(file, std::move(*digest));
        }
    }
    facts_.parameters.set("attachments", std::move(attached_));
    return Done{};
}

Result<Done> Look::executable() {
    core::Value interpreters = core::Value::array();
    for (const std::string& path : facts_.executable.interpreters) {
        auto digest = hash(path, fmt::format("the interpreter {}", visible(path)));
        if (!digest) return pass(digest);
        interpreters.push(core::Value::object({{"path", path}, {"sha256", std::move(*digest)}}));
    }
    auto digest = hash(facts_.executable.name, "the executable", &facts_.program);
    if (!digest) return pass(digest);
    auto path = text_value(facts_.executable.path, "the executable's path");
    if (!path) return pass(path);
    core::Value filed = core::Value::object({{"path", std::move(*path)}, {"sha256", std::move(*digest)}});
    if (!interpreters.items()->empty()) filed.set("interpreters", std::move(interpreters));
    facts_.parameters.set("executable", std::move(filed));
    return Done{};
}

Result<Facts> Look::take() {
    auto begun = argv_and_cwd();
    if (!begun) return pass(begun);
    auto found = find_executable(command_.argv.empty() ? "" : command_.argv.front(), cwd_);
    if (!found) return pass(found);
    facts_.executable = std::move(*found);
    for (auto part : {&Look::environment, &Look::attachments, &Look::arguments, &Look::executable}) {
        auto done = (this->*part)();
        if (!done) return pass(done);
    }
    return std::move(facts_);
}

void differing_attachments(const core::Value& before, const core::Value& now,
                           std::vector<std::string>& parts) {
    for (const auto& [file, digest] : *before.members())
        if (now[file] != digest) parts.push_back(fmt::format("the attachment {}", visible(file)));
    for (const auto& [file, digest] : *now.members())
        if (before[file].is_null()) parts.push_back(fmt::format("the attachment {}", visible(file)));
}

}  // namespace

FileIdentity::FileIdentity(const struct stat& about)
    : device(about.st_dev),
      inode(about.st_ino),
      bytes(about.st_size),
      changed_s(about.st_ctim.tv_sec),
      changed_ns(about.st_ctim.tv_nsec) {}

bool withheld(std::string_view name) {
    if (!name.starts_with("COUNTERSIGN_")) return false;
    constexpr std::array<std::string_view, 5> secrets{"TOKEN", "SECRET", "PASSWORD", "KEY", "DATABASE"};
    return std::ranges::any_of(secrets, [&](auto word) { return name.find(word) != std::string_view::npos; });
}

Result<Facts> facts_of(const Command& command, const std::function<bool()>& stop) {
    return Look{command, stop}.take();
}

std::string difference(const Facts& before, const Facts& now) {
    std::vector<std::string> parts;
    for (const auto& [name, value] : before.parameters) {
        const core::Value* other = now.parameters.find(name);
        if (other != nullptr && *other == value) continue;
        if (name == "attachments" && other != nullptr)
            differing_attachments(value, *other, parts);
        else
            parts.push_back(name == "cwd" ? "the working directory" : fmt::format("the {}", name));
    }
    return join(parts, ", ");
}

}  // namespace countersign::cli
