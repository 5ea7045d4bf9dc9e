#include "cli/home.hpp"

#include <pwd.h>
#include <unistd.h>

#include <cstdlib>

namespace countersign::cli {

std::string home_folder() {
    const char* given = std::getenv("COUNTERSIGN_HOME");
    if (given != nullptr && *given != '\0') return given;
    if (::geteuid() == 0) return "/var/lib/countersign";
    const char* home = std::getenv("HOME");
    if (home == nullptr || *home == '\0') {
        const passwd* account = ::getpwuid(::geteuid());
        home = account != nullptr ? account->pw_dir : "/tmp";
    }
    return std::string{home} + "/.local/share/countersign";
}

}  // namespace countersign::cli
