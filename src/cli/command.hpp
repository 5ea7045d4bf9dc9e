#pragma once
#include <sys/stat.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/executable.hpp"
#include "countersign/base/descriptor.hpp"
#include "countersign/base/result.hpp"
#include "countersign/core/value.hpp"

// What exactly the command is that `run` wraps.
namespace countersign::cli {

// All files that are approved with a command, the executable and its interpreters included.
inline constexpr std::uint64_t hashed_bytes_max = std::uint64_t{4} << 30;
// Arguments that name files; with more of them a list of files should be attached instead.
inline constexpr std::size_t attached_arguments_max = 100;

struct Command {
    std::vector<std::string> argv;
    std::vector<std::string> attach = {};  // files whose content is part of what is approved
    std::vector<std::string> env = {};     // names of variables whose value is
    bool attach_arguments = true;          // so is the content of files that arguments name
};

// A file as it was when its content was hashed. Whoever changes the content changes one of these.
struct FileIdentity {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::int64_t bytes = 0;
    std::int64_t changed_s = 0;  // of the inode: no program can set it back
    std::int64_t changed_ns = 0;
    explicit FileIdentity(const struct stat& about);
    friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};
struct HashedFile {
    std::string path;
    std::string what;  // for people: "the attachment plan.txt"
    FileIdentity identity;
};

struct Facts {
    Executable executable;
    core::Value::Object parameters;  // argv, cwd, executable, attachments, env: what is filed
    std::vector<HashedFile> files;   // everything that was hashed; the executable is the last
    Descriptor program;              // the executable, opened before it was hashed
    // Says whether the same would be filed.
    friend bool operator==(const Facts& a, const Facts& b) { return a.parameters == b.parameters; }
};

// Looks at the file system and the environment as they are now; the executable is hashed last. `stop` is
// asked while files are read: `cancelled` when it says so. Other failures have the codes of
// `find_executable`, or are invalid_input: a file cannot be attached, a variable is not set, something is not
// UTF-8.
Result<Facts> facts_of(const Command& command, const std::function<bool()>& stop = {});

// In which of the facts two looks differ, for people: "the executable", "the attachment plan.txt".
std::string difference(const Facts& before, const Facts& now);

// Says whether a variable of this name may hold a secret of ours, which no command inherits.
bool withheld(std::string_view name);

}  // namespace countersign::cli
