#pragma once
#include <csignal>
#include <string>
#include <vector>

#include "cli/command.hpp"
#include "cli/inherited.hpp"

// Runs the command that `run` wraps, so that it notices of the wrapper as little as can be.
namespace countersign::cli {

// While one lives, signals wait instead of ending us.
class HeldSignals {
  public:
    HeldSignals();
    ~HeldSignals();
    HeldSignals(const HeldSignals&) = delete;
    HeldSignals& operator=(const HeldSignals&) = delete;

    // Takes back a signal that waits and would have ended us as we were started; 0: there is none.
    int take_ending(const Inherited& given) const;

  private:
    sigset_t held_{};
    sigset_t before_{};
};

struct Ended {
    int code = 0;              // what a shell would report: its own, or 128 + signal
    int signal = 0;            // that killed it; 0: it ended by itself
    int interrupted = 0;       // a signal that came first: the command was not started
    int exec_error = 0;        // errno: it was not started
    std::string changed = {};  // what was changed since it was looked at: it was not started
};

// Overwrites the values of the variables that no command gets, where the kernel shows them to others
// (/proc/PID/environ), and keeps other processes of this account from looking into this one. To be called
// once the values were read.
void hide_secrets();

// Starts the command and runs it to its end, in our process group, so that what the terminal and `kill` send
// to the group reaches it as if we were not there. What is sent to us alone is handed on to it; when it
// stops, we stop; if we are killed, it is. It starts with what we were started with: signals, mask and
// descriptors, but without our secrets in its environment. Needs a HeldSignals.
Ended run_command(const Facts& facts, const std::vector<std::string>& argv, const HeldSignals& held,
                  const Inherited& given);

}  // namespace countersign::cli
