#include "cli/executable.hpp"

#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>
#include <system_error>

#include "countersign/base/descriptor.hpp"
#include "countersign/base/text.hpp"

namespace countersign::cli {
namespace {

constexpr std::size_t first_line_bytes_max = 256;  // what the kernel reads of it (BINPRM_BUF_SIZE)
constexpr unsigned interpreters_in_a_row_max = 5;  // more are ELOOP to the kernel
constexpr std::size_t program_headers_max = 256;
constexpr std::size_t loader_bytes_max = 4096;

std::unexpected<Failure> not_startable(std::string detail) {
    return fail(Trouble::invalid_input, std::move(detail), command_not_startable);
}

std::string_view kind_of(mode_t mode) {
    if (S_ISDIR(mode)) return "a directory";
    if (S_ISFIFO(mode)) return "a FIFO";
    if (S_ISSOCK(mode)) return "a socket";
    if (S_ISCHR(mode) || S_ISBLK(mode)) return "a device";
    return "no regular file";
}

// Checks that a file could be started, apart from what is in it.
Result<Done> may_be_started(const std::string& path) {
    struct stat about{};
    if (::stat(path.c_str(), &about) != 0) {
        int error = errno;
        if (error == ENOENT || error == ENOTDIR)
            return fail(Trouble::not_found, fmt::format("{}: command not found", visible(path)),
                        command_not_found);
        return not_startable(fmt::format("{}: {}", visible(path), std::generic_category().message(error)));
    }
    if (!S_ISREG(about.st_mode))
        return not_startable(fmt::format("{} is {}, not a program", visible(path), kind_of(about.st_mode)));
    if (::faccessat(AT_FDCWD, path.c_str(), X_OK, AT_EACCESS) != 0)
        return not_startable(
            fmt::format("{} is not executable: give it the permission (chmod +x), or start "
                        "it through its interpreter",
                        visible(path)));
    return Done{};
}

std::string in_folder(const std::string& path, const std::string& folder) {
    std::string_view rest = path;
    if (rest.starts_with('/')) return path;
    while (rest.starts_with("./")) {
        rest.remove_prefix(2);
        while (rest.starts_with('/')) rest.remove_prefix(1);
    }
    return folder + (folder.ends_with('/') ? "" : "/") + std::string{rest};
}

// The path that a shell would start for a name: itself where it has a slash, else the first in the PATH.
Result<std::string> look_up(const std::string& name) {
    auto missing =
        fail(Trouble::not_found, fmt::format("{}: command not found", visible(name)), command_not_found);
    if (name.empty()) return missing;
    if (name.find('/') != std::string::npos) {
        auto fine = may_be_started(name);
        if (!fine) return pass(fine);
        return name;
    }
    const char* path = std::getenv("PATH");
    std::optional<Failure> found_but;
    for (const std::string& each : split(path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin", ':')) {
        std::string candidate = (each.empty() ? "." : each) + "/" + name;
        auto fine = may_be_started(candidate);
        if (fine) return candidate;
        if (fine.error().code == command_not_startable && !found_but) found_but = fine.error();
    }
    if (found_but) return std::unexpected(*found_but);
    return missing;
}

// Kernels can be taught other formats (binfmt_misc), with which anything may be a program.
bool kernel_knows_other_formats() {
    DIR* folder = ::opendir("/proc/sys/fs/binfmt_misc");
    if (folder == nullptr) return false;
    bool any = false;
    while (const dirent* each = ::readdir(folder)) {
        std::string_view name = each->d_name;
        any = any || (!name.starts_with('.') && name != "register" && name != "status");
    }
    ::closedir(folder);
    return any;
}

// The loader that a program asks for; nullopt: it is statically linked, or not understood here.
template <class Header, class ProgramHeader>
std::optional<std::string> loader_of(int file) {
    Header header{};
    if (::pread(file, &header, sizeof header, 0) != static_cast<ssize_t>(sizeof header)) return std::nullopt;
    for (std::size_t i = 0; i < std::min<std::size_t>(header.e_phnum, program_headers_max); ++i) {
        ProgramHeader part{};
        auto at = static_cast<off_t>(header.e_phoff + i * header.e_phentsize);
        if (::pread(file, &part, sizeof part, at) != static_cast<ssize_t>(sizeof part)) return std::nullopt;
        if (part.p_type != PT_INTERP || part.p_filesz > loader_bytes_max) continue;
        std::string path(part.p_filesz, '\0');
        if (::pread(file, path.data(), path.size(), static_cast<off_t>(part.p_offset)) !=
            static_cast<ssize_t>(path.size()))
            return std::nullopt;
        return path.substr(0, path.find('\0'));
    }
    return std::nullopt;
}

// The machine that a program is for, e.g. EM_X86_64.
std::optional<unsigned> machine_of(int file) {
    Elf32_Ehdr header{};  // the place of e_machine is the same in both classes
    if (::pread(file, &header, sizeof header, 0) != static_cast<ssize_t>(sizeof header)) return std::nullopt;
    return header.e_machine;
}

bool for_this_machine(unsigned machine) {
    Descriptor own{::open("/proc/self/exe", O_RDONLY | O_CLOEXEC)};
    auto ours = own.open() ? machine_of(own.number()) : std::nullopt;
    if (!ours || machine == *ours) return true;
    return (*ours == EM_X86_64 && machine == EM_386) || (*ours == EM_AARCH64 && machine == EM_ARM);
}

Result<Done> see_program(const std::string& path, int file) {
    auto machine = machine_of(file);
    if (!machine) return not_startable(fmt::format("{} is cut off: no program", visible(path)));
    if (!for_this_machine(*machine)) {
        if (kernel_knows_other_formats()) return Done{};
        return not_startable(fmt::format("{} is a program for another kind of machine", visible(path)));
    }
    unsigned char name[EI_NIDENT]{};
    if (::pread(file, name, sizeof name, 0) != static_cast<ssize_t>(sizeof name)) return Done{};
    auto loader = name[EI_CLASS] == ELFCLASS64 ? loader_of<Elf64_Ehdr, Elf64_Phdr>(file)
                                               : loader_of<Elf32_Ehdr, Elf32_Phdr>(file);
    if (loader && !may_be_started(*loader))
        return not_startable(
            fmt::format("{} needs the loader {}, which is not there: install the C library "
                        "that it was built for",
                        visible(path), visible(*loader)));
    return Done{};
}

constexpr std::string_view env_blanks = " \t\v\f\r";

std::vector<std::string_view> words_of(std::string_view text) {
    std::vector<std::string_view> words;
    while (true) {
        text.remove_prefix(std::min(text.find_first_not_of(env_blanks), text.size()));
        if (text.empty()) return words;
        words.push_back(text.substr(0, text.find_first_of(env_blanks)));
        text.remove_prefix(words.back().size());
    }
}

// Reads the words that `env -S` splits its text into, as far as the program that it starts. Empty: it is not
// known which one that is, because of options, quoting or variables that are not followed here.
std::string_view started_by_words(const std::vector<std::string_view>& words, bool without_path) {
    std::size_t at = 0;
    auto word = [&] { return at < words.size() ? words[at] : std::string_view{}; };
    auto plain = [](std::string_view text) {
        return text.find_first_of("'\"\\$#") == std::string_view::npos;
    };
    for (; word().starts_with('-') && word() != "--"; ++at) {
        if (word() == "-v" || word() == "--debug") continue;
        if (word() == "-i" || word() == "--ignore-environment") {
            without_path = true;
            continue;
        }
        std::string_view name;
        for (std::string_view option : {"--unset=", "-u"})
            if (name.empty() && word().starts_with(option)) name = word().substr(option.size());
        if (word() == "-u" || word() == "--unset") {
            ++at;
            name = word();
        }
        if (name.empty() || name == "PATH" || !plain(name)) return {};
    }
    if (word() == "--") ++at;
    for (; word().find('=') != std::string_view::npos; ++at)
        if (word().starts_with("PATH=") || !plain(word())) return {};
    bool found = plain(word()) && (!without_path || word().find('/') != std::string_view::npos);
    return found ? word() : std::string_view{};
}

// The program that `env` starts, from the rest of a first line such as "#!/usr/bin/env -S python3 -u". Empty
// as above. What has no option -S is one word, however many blanks are in it.
std::string_view started_by_env(std::string_view rest) {
    constexpr std::string_view long_option = "--split-string=";
    if (rest.starts_with(long_option))
        return started_by_words(words_of(rest.substr(long_option.size())), false);
    if (!rest.starts_with('-')) return rest.find('=') == std::string_view::npos ? rest : std::string_view{};
    const auto flags = rest.substr(1, std::min(rest.find('S'), rest.size()) - 1);
    if (flags.size() + 1 >= rest.size() || flags.find_first_not_of("iv") != std::string_view::npos) return {};
    return started_by_words(words_of(rest.substr(flags.size() + 2)),
                            flags.find('i') != std::string_view::npos);
}

Result<Done> see_inside(Executable& executable, const std::string& path, const std::string& folder,
                        unsigned depth);

// Env looks for a program as we do, and starts it as the kernel starts any: a script by its interpreter.
Result<Done> see_env(Executable& executable, const std::string& path, std::string_view rest,
                     const std::string& folder, unsigned depth) {
    std::string wanted{started_by_env(rest)};
    // Without a PATH env looks in places of its own.
    bool lost = std::getenv("PATH") == nullptr && wanted.find('/') == std::string::npos;
    if (wanted.empty() || lost)
        return not_startable(
            fmt::format("{} leaves to env what to start, by `{}`, and nobody could say which program that "
                        "is: begin it with the path of its interpreter, or with #!/usr/bin/env and a name",
                        visible(path), visible(rest)));
    auto found = look_up(wanted);
    if (!found)
        return not_startable(
            fmt::format("{} is run by {}, which the PATH does not lead to", visible(path), visible(wanted)));
    executable.interpreters.push_back(in_folder(*found, folder));
    return see_inside(executable, *found, folder, depth + 1);
}

// `line`: what follows "#!", as far as the kernel reads it; `whole`: to the line's end.
Result<Done> see_script(Executable& executable, const std::string& path, std::string_view line, bool whole,
                        const std::string& folder, unsigned depth) {
    executable.by_name = true;
    constexpr std::string_view blanks{" \t\0", 3};
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    std::string name{line.substr(0, line.find_first_of(blanks))};
    if (name.empty()) return not_startable(fmt::format("{} names no interpreter after #!", visible(path)));
    if (!whole && name.size() == line.size())
        return not_startable(fmt::format("the first line of {} is longer than the kernel reads ({} bytes)",
                                         visible(path), first_line_bytes_max));
    auto there = may_be_started(name);
    if (!there) {
        std::string hint = name.ends_with('\r')
                               ? "its first line ends in a carriage return; save it with Unix line ends"
                               : "install it, or correct the first line";
        return not_startable(fmt::format("{} names the interpreter {}, which cannot be started: {}",
                                         visible(path), visible(name), hint));
    }
    if (depth >= interpreters_in_a_row_max)
        return not_startable(fmt::format("{}: too many interpreters in a row", visible(path)));
    executable.interpreters.push_back(in_folder(name, folder));
    auto interpreter = see_inside(executable, name, folder, depth + 1);
    if (!interpreter || (name != "env" && !name.ends_with("/env"))) return interpreter;
    line.remove_prefix(name.size());
    return see_env(executable, path, trim(line.substr(0, line.find('\0'))), folder, depth);
}

Result<Done> see_inside(Executable& executable, const std::string& path, const std::string& folder,
                        unsigned depth) {
    Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    if (!file.open())
        return not_startable(fmt::format("{} cannot be read ({}), so nobody could say what was approved",
                                         visible(path), std::generic_category().message(errno)));
    std::array<char, first_line_bytes_max> bytes{};
    auto count = ::pread(file.number(), bytes.data(), bytes.size(), 0);
    std::string_view begin{bytes.data(), static_cast<std::size_t>(std::max<ssize_t>(count, 0))};
    if (begin.starts_with(ELFMAG)) return see_program(path, file.number());
    if (begin.starts_with("#!")) {
        auto end = begin.find('\n');
        bool whole = end != std::string_view::npos || begin.size() < first_line_bytes_max;
        return see_script(executable, path, begin.substr(2, whole ? end - 2 : end), whole, folder, depth);
    }
    executable.by_name = true;
    if (kernel_knows_other_formats()) return Done{};
    return not_startable(
        fmt::format("{} is neither a program nor a script that names its interpreter: begin "
                    "it with a line such as #!/bin/sh, or run `sh {}`",
                    visible(path), visible(path)));
}

}  // namespace

Result<Executable> find_executable(const std::string& name, const std::string& folder) {
    auto found = look_up(name);
    if (!found) return pass(found);
    Executable executable{
        .name = *found, .path = in_folder(*found, folder), .by_name = false, .interpreters = {}};
    auto startable = see_inside(executable, *found, folder, 0);
    if (!startable) return pass(startable);
    return executable;
}

}  // namespace countersign::cli
