#include "cli/inherited.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace countersign::cli {
namespace {

constexpr int descriptors_looked_at_max = 65'536;  // where /proc does not list them

std::vector<int> open_descriptors() {
    std::vector<int> found;
    if (DIR* folder = ::opendir("/proc/self/fd")) {
        while (const dirent* each = ::readdir(folder)) {
            if (each->d_name[0] == '.') continue;
            int number = std::atoi(each->d_name);
            if (number != ::dirfd(folder)) found.push_back(number);
        }
        ::closedir(folder);
    } else {
        auto most = std::min<long>(::sysconf(_SC_OPEN_MAX), descriptors_looked_at_max);
        for (int number = 0; number < most; ++number)
            if (::fcntl(number, F_GETFD) >= 0) found.push_back(number);
    }
    std::ranges::sort(found);
    return found;
}

}  // namespace

Inherited Inherited::now() {
    Inherited given;
    sigemptyset(&given.ignored);
    for (int number = 1; number <= SIGRTMAX; ++number) {
        struct sigaction action{};
        if (::sigaction(number, nullptr, &action) == 0 && action.sa_handler == SIG_IGN)
            sigaddset(&given.ignored, number);
    }
    pthread_sigmask(SIG_BLOCK, nullptr, &given.blocked);
    given.descriptors = open_descriptors();
    return given;
}

bool Inherited::has(int descriptor) const {
    return std::ranges::binary_search(descriptors, descriptor);
}

const Inherited& inherited() {
    static const Inherited given = Inherited::now();
    return given;
}

void occupy_standard_descriptors() {
    for (int number : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        if (::fcntl(number, F_GETFD) >= 0) continue;
        // The lowest free descriptor is this one: those below it are open. Standard input is opened for
        // writing and the outputs for reading, so that using them fails as if they were closed.
        [[maybe_unused]] int opened = ::open("/dev/null", number == STDIN_FILENO ? O_WRONLY : O_RDONLY);
    }
}

}  // namespace countersign::cli
