#pragma once
#include <string>
#include <vector>

#include "countersign/base/result.hpp"

namespace countersign::cli {

// The kernel starts these files for the name of a command.
struct Executable {
    std::string name;      // the path that is given to the kernel, as a shell would give it
    std::string path;      // the same, absolute; ".." and symbolic links are left to the kernel
    bool by_name = false;  // it must be started by its path, because an interpreter opens that
    // Lists the programs that run a script, in the order in which they are started. For a script that begins
    // with "#!/usr/bin/env python3" these are env and the python3 that env finds in the PATH.
    std::vector<std::string> interpreters;
};

// The codes of its failures.
inline constexpr const char* command_not_found = "command_not_found";
inline constexpr const char* command_not_startable = "command_not_startable";

// Looks a command up as a shell does, and sees whether the kernel could start it: that it is an executable
// file, a program for this machine whose loader is there, or a script that names an interpreter that is
// there. `folder`: the working directory. Failures have the codes above, and say what to do.
Result<Executable> find_executable(const std::string& name, const std::string& folder);

}  // namespace countersign::cli
