#pragma once
#include <array>
#include <csignal>
#include <vector>

namespace countersign::cli {

// The signals that end a process unless it says otherwise, apart from faults of its own.
inline constexpr std::array ending_signals{SIGHUP,  SIGINT,  SIGQUIT,   SIGTERM, SIGUSR1, SIGUSR2,
                                           SIGALRM, SIGXCPU, SIGVTALRM, SIGPROF, SIGIO,   SIGPWR};

// What a process was started with: what a command that it starts in its own stead must be started with too.
struct Inherited {
    sigset_t ignored{};            // `nohup` sets SIGHUP here
    sigset_t blocked{};            // the signal mask
    std::vector<int> descriptors;  // those that were open, in rising order

    static Inherited now();
    bool ignores(int number) const { return sigismember(&ignored, number) == 1; }
    bool blocks(int number) const { return sigismember(&blocked, number) == 1; }
    bool has(int descriptor) const;
};

// What this process was started with. `main` calls it before it changes any of it.
const Inherited& inherited();

// Opens /dev/null for each of the standard descriptors that is closed, so that no socket of ours becomes
// somebody's standard output. Writing to a closed output goes on failing.
void occupy_standard_descriptors();

}  // namespace countersign::cli
