#pragma once
#include <csignal>
#include <string>
#include <vector>

#include "countersign/base/result.hpp"
#include "countersign/core/value.hpp"

// The command that `run` wraps: what exactly it is, and running it.
namespace countersign::cli {

struct Command {
    std::vector<std::string> argv;
    std::vector<std::string> attach;  // files whose content is part of what is approved
    std::vector<std::string> env;     // names of variables whose value is
};

struct Facts {
    std::string executable;          // absolute path of what will be executed
    core::Value::Object parameters;  // argv, cwd, executable, attachments, env: what is filed
    friend bool operator==(const Facts&, const Facts&) = default;
};

// Looks at the file system and the environment as they are now. not_found: there is no such command.
// invalid_input: an attachment cannot be read, a variable is not set, something is not UTF-8.
Result<Facts> facts_of(const Command& command);

// In which of the facts two looks differ, for people: "the executable", "the attachment plan.txt".
std::string difference(const Facts& before, const Facts& now);

// While one lives, the signals that `run` forwards wait instead of ending us.
class HeldSignals {
  public:
    HeldSignals();
    ~HeldSignals();
    HeldSignals(const HeldSignals&) = delete;
    HeldSignals& operator=(const HeldSignals&) = delete;

    const sigset_t& before() const { return before_; }

  private:
    sigset_t before_{};
};

struct Ended {
    int code = 0;        // what a shell would report: its own, or 128 + signal
    int signal = 0;      // 0: it ended by itself
    int exec_error = 0;  // errno: it never ran
};
// Runs it to its end in the foreground, forwarding what it would not get from the terminal itself. Needs a
// HeldSignals. The child starts with the signals as they were before that, and with SIGPIPE as usual.
Ended run_command(const Facts& facts, const std::vector<std::string>& argv, const HeldSignals& held);

}  // namespace countersign::cli
